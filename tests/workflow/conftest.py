"""One small study, built once; the tests change it and look at what Snakemake makes of it."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from hsokv.data.synthetic import generate_sst2_synthetic

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config.yaml", "config", "rules", "profiles", "envs", "report", "examples", "hsokv")

# Some of the arms and conditions, so that the study is built in a minute: both protocols, every kind of rule.
CONDITIONS = "{shots1: null, shots16_descriptions: null, shots16_semi_supervised: null}"
SMALLER = f"only: [rare_words, sst2, split_cifar10_synthetic]\nbenchmarks: {{sst2: {{conditions: {CONDITIONS}}}}}\n"
VARIANTS = ["full", "kv_only", "single_agent_equal_flops"]
BASELINES = ["ridge", "fine_tune"]


class Study:
    """A copy of the repository's sources in a folder of its own, and Snakemake run in it."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(folder),
            "HSOKV_DATA_DIR": str(data),
            "HSOKV_CACHE_DIR": str(folder.parent / "cache"),
        }
        folder.mkdir()
        for part in PARTS:
            source = REPOSITORY / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, folder / part)

    def start(self, *arguments: str, overlay: str | None = None, cores: int | None = 2) -> subprocess.Popen:
        """Start Snakemake on the small overlay, and on `overlay` (YAML) above it."""
        (self.folder / "arms.yaml").write_text(f"{SMALLER}variants: {VARIANTS}\nbaselines: {BASELINES}\n")
        files = ["config/small.yaml", "arms.yaml"]
        if overlay is not None:
            (self.folder / "overlay.yaml").write_text(overlay)
            files.append("overlay.yaml")
        told = [] if cores is None else ["--cores", str(cores)]  # a cluster has no number of them
        command = [sys.executable, "-m", "snakemake", *told, *arguments, "--configfile", *files]
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, start_new_session=True, **pipe)

    def run(self, *arguments: str, overlay: str | None = None, cores: int | None = 2) -> tuple[int, str]:
        """Run Snakemake to its end: exit code and all it printed."""
        process = self.start(*arguments, overlay=overlay, cores=cores)
        output, _ = process.communicate()
        return process.returncode, output

    def planned(self, overlay: str | None = None) -> Counter:
        """The rules a dry run would run, with their number of jobs, the report's own rule left out.

        Runs of an arm are told apart, as `benchmark: arm`.
        """
        code, output = self.run("--dry-run", "report", overlay=overlay)
        assert code == 0, output
        table = re.findall(r"^(\w+) +(\d+)$", output.partition("Job stats:")[2], flags=re.MULTILINE)
        arms = Counter(re.findall(r"^Job \d+: (\w+: \w+)$", output, flags=re.MULTILINE))
        rules = Counter({rule: int(count) for rule, count in table if rule not in ("total", "report")})
        assert rules.pop("run_arm", 0) == arms.total()
        return rules + arms

    def contents(self) -> dict[str, bytes]:
        """The bytes of every record, table, statistic and page; what tells of time is left out."""
        results = self.folder / "results" / "small"
        kept = ("records", "tables", "statistics", "figures", "report")
        return {
            str(path.relative_to(results)): path.read_bytes()
            for part in kept
            for path in sorted((results / part).rglob("*"))
            if path.is_file() and not path.name.endswith(".cost.jsonl")
        }


@pytest.hookimpl(tryfirst=True)  # before the names of groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that share the small study run one after the other, in one process."""
    for item in items:
        if "built" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("built"))


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """A user's own copy of SST-2 in the official layout, made up."""
    root = tmp_path_factory.mktemp("data")
    folder = root / "glue" / "SST-2"
    folder.mkdir(parents=True)
    for name, examples in zip(("train", "dev"), generate_sst2_synthetic(600, 60, seed=1), strict=True):
        rows = (f"{text}\t{label}" for text, label in zip(examples.inputs, examples.labels, strict=True))
        (folder / f"{name}.tsv").write_text("\n".join(["sentence\tlabel", *rows, ""]))
    return root


@pytest.fixture(scope="session")
def built(tmp_path_factory, data) -> Study:
    """The small study, finished; tests leave it finished."""
    study = Study(tmp_path_factory.mktemp("built") / "study", data)
    code, output = study.run("report")
    assert code == 0, output
    return study
