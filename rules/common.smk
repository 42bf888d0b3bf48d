# Input: config.yaml and overlays, and nothing else. Output: nothing.
# Checks the configuration before any rule can run; names and input functions that the other files share.
import os
import re
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

from snakemake.exceptions import WorkflowError

import hsokv
from hsokv.analysis.scores import check_scores
from hsokv.exceptions import HsokvError
from hsokv.files import checksum
from hsokv.machine import check_machine, device
from hsokv.report.paper import check_paper
from hsokv.study.benchmarks import arms_of as defined_arms
from hsokv.study.benchmarks import described_study, manifest_of, module_of, settings_of, source_of, task_of
from hsokv.study.config import KINDS, check_configuration, check_files, selected
from hsokv.study.digest import code_digest, files_digest, value_digest
from hsokv.study.conditions import encoding_of
from hsokv.study.encoders import encoders_of
from hsokv.study.encodings import described, encodings_of
from hsokv.study.runs import PROTOCOLS
from hsokv.study.wall_time import mark_start

BASE = Path(workflow.basedir)
ENVIRONMENT = str(BASE / "envs" / "study.yaml")

# Beside this file, so that `snakemake -s CLONE/Snakefile --configfile own.yaml` works from any folder.
CONFIGURATION = str(BASE / "config.yaml")
try:
    check_files([CONFIGURATION, *workflow.overwrite_configfiles])
except HsokvError as error:
    raise WorkflowError(str(error))


configfile: CONFIGURATION


try:
    if BASE not in Path(hsokv.__file__).parents:
        raise HsokvError(
            f"the package in use is {hsokv.__file__}, not the one of this study in {BASE}; "
            "run `make environment`, or `pip install -e .` in your own"
        )
    check_configuration(config)
    check_scores(config["criteria"])
    study, LEFT_OUT = selected(config)
    config.clear()
    config.update(study)
    contrasts = [contrast["name"] for contrast in config["contrasts"]]
    check_paper(
        config["paper"],
        {"study", "cartpole", "criteria", *contrasts},
        config["benchmarks"],
        [*config["variants"], *config["baselines"]],
    )
    check_machine(Path(config["results"]))
except HsokvError as error:
    raise WorkflowError(str(error))

R = config["results"]
# What was asked for, benchmarks that were taken out included: an overlay of this says all of it.
IN_FORCE = {
    **config,
    "benchmarks": config["benchmarks"] | dict.fromkeys(LEFT_OUT),
}
config["arms"] = [*config["variants"], *config["baselines"]]
BENCHMARKS = config["benchmarks"]
DEVICE = device()
ENCODERS = encoders_of(config)
ENCODINGS = {benchmark: encodings_of(config, benchmark) for benchmark in BENCHMARKS}

# Overlays by name, those of the repository with their folder.
OVERLAYS = [
    path.relative_to(BASE).as_posix() if BASE in path.parents else path.name
    for path in map(Path, workflow.overwrite_configfiles)
]


wildcard_constraints:
    benchmark="|".join(BENCHMARKS),


def script_path(name):
    return BASE / "rules" / "scripts" / f"{name}.py"


def code_of(script, *modules):
    """The digest of a rule's code as a parameter that is made when a job asks for it.

    Made at once, the digests of all rules would cost every start a second, one that asks for a single target too.
    """
    return lambda wildcards: code_digest(modules, [script_path(script)])


def print_summary():
    """Tell how the study stands, once it stands."""
    from hsokv.analysis.verdicts import summary

    if all(Path(path).exists() for path in STATISTICS):
        print(summary(Path(R), pdf=bool(TEX)), file=sys.stderr)


def arms_of(benchmark):
    """The study's arms that are defined for a benchmark."""
    return defined_arms(BENCHMARKS[benchmark], config["arms"])


def watched_files(wildcards):
    """A user's own files of a source: Snakemake compares their times, and their checksums where a time is newer.

    Where one is replaced by an older one `content_of` tells.
    """
    from hsokv.study.data_manifest import own_files

    encoder = ENCODERS.get(wildcards.source.removeprefix("encoder_"), {})
    source = DATA_SOURCES.get(wildcards.source, {"source": wildcards.source})
    return own_files(source, encoder.get("folder"))


def content_of(wildcards):
    """What tells a file of a user's own from an older one in its place: its content, of the many images their sizes.

    Snakemake would not compare a parameter that is made from `input`.
    """
    sizes = "folder" in DATA_SOURCES.get(wildcards.source, {})
    readable = (Path(path) for path in watched_files(wildcards) if os.access(path, os.R_OK))
    return value_digest([path.stat().st_size if sizes else checksum(path) for path in readable])


def asked_of(wildcards):
    """What benchmarks ask of a source, for the check that it has enough."""
    unasked = ("seeds", "headline", "folds", "flops_allowed")
    return {key: config[key] for key in ("split", "data")} | {
        "benchmarks": {
            name: {key: definition[key] for key in definition if key not in unasked}
            for name, definition in BENCHMARKS.items()
            if manifest_of(name, definition) == wildcards.source
        }
    }


def encoding_in(wildcards):
    if found := ENCODINGS[wildcards.benchmark].get(wildcards.encoding):
        return found
    raise WorkflowError(f"{wildcards.benchmark} has no features {wildcards.encoding}")


def headline_encoding(benchmark):
    """The encoding of a benchmark's headline."""
    headline, conditions = (BENCHMARKS[benchmark][key] for key in ("headline", "conditions"))
    return ENCODINGS[benchmark][encoding_of(headline[0], conditions[headline[0]])]


def features_of(benchmark, arm, seed=None):
    """The features that an arm reads on a benchmark, for a seed where one is named, and what says they are complete."""
    seeds = BENCHMARKS[benchmark]["seeds"]
    if seed is not None and int(seed) not in seeds:
        raise WorkflowError(f"{benchmark} has no seed {seed}, only {seeds}")
    if arm not in arms_of(benchmark):
        raise WorkflowError(f"{arm} is not defined on {benchmark}")
    folder = f"{R}/features/{benchmark}"
    return expand(
        [f"{folder}/{{name}}", f"{folder}/.{{name}}.complete"],
        name=ENCODINGS[benchmark],
    )


def code_of_arm(wildcards):
    """The digest of what runs an arm under the protocol of a benchmark."""
    definition = BENCHMARKS[wildcards.benchmark]
    protocol = KINDS[definition["kind"]].protocol
    arm = module_of(wildcards.arm, protocol)
    modules = ["hsokv.study.runs", PROTOCOLS[protocol].module, arm]
    return code_digest(modules, [script_path("run_arm")])


# What the study is, wherever it lies and whatever is said of it.
ASIDE = "expected_failures arms distributed data encoder paper results"
DIGEST = value_digest(
    {key: config[key] for key in config if key not in ASIDE.split()}
    | {key: config["data"][key] for key in ("validation_rows", "validation_images")}
    | {"benchmarks": {name: {**definition, "published": None} for name, definition in BENCHMARKS.items()}}
)
CONTROLS = {control for definition in BENCHMARKS.values() for control in definition.get("controls", [])}
SEEDS = {str(seed) for each in BENCHMARKS.values() for seed in each["seeds"]}
RECORDS = [
    f"{R}/records/{benchmark}/{arm}.jsonl"
    for benchmark, definition in BENCHMARKS.items()
    for arm in (*arms_of(benchmark), *definition.get("controls", []))
]
# Made last by every job of records: see rules/training.smk.
COMPLETE = [re.sub(r"([^/]+)\.jsonl$", r".\1.complete", path) for path in RECORDS]
FEATURES = [
    f"{R}/features/{benchmark}/.{encoding}.complete"
    for benchmark, encodings in ENCODINGS.items()
    for encoding in encodings
]


def is_artifact():
    """Whether the study is an unpacked artifact under its own configuration: what it holds is current."""
    from hsokv.archive.artifact import CONFIGURATION
    from hsokv.archive.arxiv import configuration_text

    packed = BASE / CONFIGURATION
    return packed.exists() and packed.read_text(encoding="utf-8") == configuration_text(IN_FORCE)


def look_again(markers):
    """Take away the markers of jobs that Snakemake keeps no parameters of; these run, and keep what still fits.

    Results that were copied or moved here, or whose `.snakemake` was deleted, are current to Snakemake whatever the
    configuration says.
    """

    def kept(path):
        parts = re.findall(".{1,254}", urlsafe_b64encode(path.encode()).decode())
        return Path(".snakemake", "metadata", *(f"@{part}" for part in parts[:-1]), parts[-1]).exists()

    unknown = [path for path in markers if Path(path).exists() and not kept(path)]
    locked = any(Path(".snakemake", "locks").glob("*"))  # another run makes them now
    if unknown and workflow.is_main_process and not locked and not is_artifact():
        print(f"{R} was not made from this folder: what it holds is checked, and kept where it fits", file=sys.stderr)
        try:
            for path in unknown:
                Path(path).unlink()
        except OSError as error:
            raise WorkflowError(f"{error}: copy the results to where you may write, or run where they were made")
