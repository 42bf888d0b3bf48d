"""`hsokv train` and `hsokv export`: single runs of the study and their models, through its own Snakefile."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

import hsokv
from hsokv.arms.registry import METHODS
from hsokv.cli.common import Json, print_json, tell
from hsokv.definitions import Configuration, Definition
from hsokv.exceptions import ConfigurationError, HsokvError, check_known
from hsokv.files import write_json
from hsokv.machine import device as find_device
from hsokv.records import read_records, records_path

STUDY = Path(hsokv.__file__).resolve().parents[1]

ABLATED = {
    frozenset(): "full",
    frozenset({"swarm"}): "kv_learnt_maps",
    frozenset({"swarm", "maps"}): "kv_closed_form",
    frozenset({"swarm", "maps", "keys"}): "kv_only",
    frozenset({"memory"}): "swarm_only",
    frozenset({"memory", "swarm"}): "neither",
}
"""The arm that is left of `full` without some of its parts."""

Benchmark = Annotated[str, typer.Option(metavar="NAME", help="A benchmark of the study, such as rare_words.")]
Arm = Annotated[str, typer.Option(metavar="NAME", help="An arm of the study.")]
Seed = Annotated[
    int | None, typer.Option(metavar="NUMBER", help="Of the shots, the world or the order (default: the first).")
]
Condition = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Of the benchmark, such as shots16_descriptions (default: its headline)."),
]
Cores = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="Cores to use.")]
Overlays = Annotated[
    list[Path] | None, typer.Option("--configfile", metavar="FILE", help="An overlay of config.yaml; the last wins.")
]
Model = Annotated[Path | None, typer.Option("--save-pretrained", metavar="FOLDER", help="Save the model here, too.")]


def train(
    benchmark: Benchmark,
    arm: Arm = "full",
    ablate: Annotated[
        list[str] | None,
        typer.Option(metavar="PART", help="Leave a part of `full` out: swarm, memory, maps or keys; again for more."),
    ] = None,
    seed: Seed = None,
    condition: Condition = None,
    shots: Annotated[int | None, typer.Option(metavar="NUMBER", min=1, help="Shots a class, of texts.")] = None,
    iterations: Annotated[int | None, typer.Option(metavar="NUMBER", min=1, help="Gradient steps of a head.")] = None,
    device: Annotated[str | None, typer.Option(metavar="DEVICE", help="Of encoders: cpu or cuda.")] = None,
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Of the results.")] = Path("results/train"),
    save_pretrained: Model = None,
    configfile: Overlays = None,
    cores: Cores = 1,
    as_json: Json = False,
) -> None:
    """Run one arm on one seed of a benchmark, by the study's own rules; 1 where it could not be run.

    All arms, seeds and the report: `snakemake --cores 4 report`.
    """
    _check_target(save_pretrained)
    configuration = _configuration(configfile)
    chosen = _ablated(arm, ablate or [])
    definition, seed = _find(configuration, benchmark, chosen, seed)
    condition, changed = only(benchmark, definition, condition, shots)
    overlay = {
        "results": str(output.resolve()),
        "only": [benchmark],
        "benchmarks": {benchmark: {"seeds": [seed], **changed}},
        "variants": [chosen],
        "baselines": ["knn" if chosen != "knn" else "ridge"],  # not run
        **({"methods": {"head": {"steps": iterations}}} if iterations else {}),
    }
    path = records_path(benchmark, chosen, output.resolve() / "records")
    model = output.resolve() / "models" / benchmark / chosen / f"seed{seed}"
    complete = path.with_name(f".{chosen}.complete")  # absent where a job of it failed
    environment = os.environ | {"HSOKV_DEVICE": find_device(device, "--device" if device else "HSOKV_DEVICE")}
    _snakemake([path, complete, *([model] if save_pretrained else [])], configfile, overlay, cores, environment)
    record = next(run for run in read_records(path) if (run.condition, run.seed) == (condition, seed))
    if save_pretrained:
        _copy(model, save_pretrained)
    if as_json:
        result = {key: getattr(record, key) for key in ("status", "reason", "scores", "flops")}
        print_json(result | {"record": str(path), "model": str(save_pretrained) if save_pretrained else None})
    else:
        typer.echo(f"{benchmark}/{condition}: {chosen}, seed {seed}: {record.reason or record.status}")
        flops = f"{record.flops['spent']:.3g} of {record.flops['allowed']:.3g}"
        tell(record.scores, False, {**record.scores, "FLOPs spent, of allowed": flops})
        typer.echo(f"record: {path}" + (f"\nmodel: {save_pretrained}" if save_pretrained else ""))
    if record.status != "done":
        raise typer.Exit(1)


def export(
    benchmark: Benchmark,
    save_pretrained: Annotated[Path, typer.Option("--save-pretrained", metavar="FOLDER", help="Where the model goes.")],
    arm: Arm = "full",
    seed: Seed = None,
    condition: Condition = None,
    configfile: Overlays = None,
    cores: Cores = 1,
    as_json: Json = False,
) -> None:
    """Save a run of the study as a model for `from_pretrained`, what is missing of the run made first.

    The same as `snakemake results/models/<benchmark>/<arm>/seed<seed>`.
    """
    _check_target(save_pretrained)
    configuration = _configuration(configfile)
    definition, seed = _find(configuration, benchmark, arm, seed)
    overlay: dict[str, object] = {"only": [benchmark]}
    if condition is not None:
        check_known("--condition", condition, definition["conditions"])
        overlay["benchmarks"] = {benchmark: {"headline": [condition]}}
    model = Path(configuration["results"]) / "models" / benchmark / arm / f"seed{seed}"
    _snakemake([model], configfile, overlay, cores, os.environ)
    _copy(STUDY / model, save_pretrained)
    if as_json:
        print_json({"model": str(save_pretrained)})
    else:
        typer.echo(f"model: {save_pretrained}")


def only(
    benchmark: str, definition: Definition, condition: str | None, shots: int | None
) -> tuple[str, dict[str, object]]:
    """The condition that is run, by its name or of so many `shots` where said, and what makes it the only one."""
    if condition is not None and shots is not None:
        raise ConfigurationError("wanted --condition or --shots, came both: a condition has its own shots")
    check_known("--condition", condition or definition["headline"][0], definition["conditions"])
    name = (condition or definition["headline"][0]) if shots is None else f"shots{shots}"
    if shots is not None and definition["kind"] not in ("texts", "images"):
        raise ConfigurationError(
            f"--shots: wanted for benchmarks of texts or images, {benchmark} is one of kind {definition['kind']}"
        )
    conditions: dict[str, dict[str, int] | None] = {other: None for other in definition["conditions"] if other != name}
    if shots is not None:
        conditions[name] = {"shots": shots}
    return name, {"headline": [name], "conditions": conditions}


def _configuration(overlays: list[Path] | None) -> Configuration:
    if not (STUDY / "Snakefile").is_file():
        raise HsokvError(
            f"{STUDY} holds no Snakefile: train and export follow the study's rules; clone the repository and "
            "`pip install -e .` it"
        )
    from snakemake.common.configfile import load_configfile
    from snakemake.exceptions import WorkflowError
    from snakemake.utils import update_config

    from hsokv.study.config import check_configuration, check_files

    configuration: Configuration = {}
    for path in [STUDY / "config.yaml", *(overlays or [])]:
        check_files([path])
        try:
            update_config(configuration, load_configfile(path))
        except (ValueError, RecursionError, WorkflowError) as error:
            raise ConfigurationError(f"{path}: no configuration that can be read ({error})") from error
    check_configuration(configuration)
    return configuration


def _ablated(arm: str, parts: list[str]) -> str:
    for part in parts:
        check_known("--ablate", part, {"swarm", "memory", "maps", "keys"})
    if parts and arm != "full":
        raise ConfigurationError(f"--ablate: wanted with --arm full, whose parts these are, came with {arm}")
    if (left := ABLATED.get(frozenset(parts))) is None and parts:
        raise ConfigurationError(f"--ablate {' '.join(parts)}: no arm is `full` without these alone; see docs/study.md")
    return left if parts else arm


def _find(configuration: Configuration, benchmark: str, arm: str, seed: int | None) -> tuple[Definition, int]:
    """The definition of a benchmark, and the seed; refuses a benchmark or arm that is not there."""
    from hsokv.study.benchmarks import arms_of

    known = {name: definition for name, definition in configuration["benchmarks"].items() if definition}
    check_known("--benchmark", benchmark, known)
    check_known("--arm", arm, METHODS)
    if not arms_of(known[benchmark], [arm]):
        defined = ", ".join(arms_of(known[benchmark], list(METHODS)))
        raise ConfigurationError(f"--arm {arm}: not defined on {benchmark}, where there are {defined}")
    conditions = {
        name: condition for name, condition in known[benchmark]["conditions"].items() if condition is not None
    }
    return known[benchmark] | {"conditions": conditions}, known[benchmark]["seeds"][0] if seed is None else seed


def _snakemake(
    targets: list[Path],
    overlays: list[Path] | None,
    overlay: Mapping[str, object],
    cores: int,
    environment: Mapping[str, str],
) -> None:
    """Make targets by the study's rules; what Snakemake says goes to stderr. Raises HsokvError where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        files = [path.resolve() for path in overlays or []]
        files.append(Path(folder) / "overlay.yaml")
        write_json(files[-1], overlay)  # JSON is YAML
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--quiet", "progress", "host", "reason"]
        command += ["--configfile", *map(str, files)]
        command += ["--", *map(str, targets)]
        done = subprocess.run(command, cwd=STUDY, env=environment, stdout=sys.stderr, check=False)
    if done.returncode:
        raise HsokvError("Snakemake stopped with an error: see its messages above")


def _check_target(folder: Path | None) -> None:
    if folder and folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"--save-pretrained: {folder} is a file; name a folder")


def _copy(model: Path, folder: Path) -> None:
    """Copy a model as `save_pretrained` saves it: whole, beside files of the user's."""
    from hsokv.hub.saving import staging

    with staging(folder) as stage:
        shutil.copytree(model, stage, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".snakemake*"))
