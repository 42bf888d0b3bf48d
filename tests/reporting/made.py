"""The made-up study of tests/reporting/study.py as files: records, statistics, tables and pages below a folder."""

import shutil
from dataclasses import replace
from pathlib import Path

import yaml

from hsokv.records import write_sealed
from hsokv.reporting.pages import write_report
from hsokv.reporting.statistics import write_statistics
from hsokv.reporting.table_files import write_tables
from hsokv.study.wall_time import measure
from tests.reporting import example_scaling
from tests.reporting.study import configuration, records, with_memory
from tests.runs import write_runs

REPOSITORY = Path(__file__).resolve().parents[2]
PAPER = yaml.safe_load((REPOSITORY / "config.yaml").read_text())["paper"]


def make(base: Path, *, measured: bool = False) -> dict:
    """Write it below `base`, without figures, and return its configuration; `measured`: with scaling and a time."""
    shutil.copytree(REPOSITORY / "report", base / "report")
    (base / "Snakefile").write_text("# a study\n")
    results = base / "results"
    study = configuration() | {"results": "results"}
    found = [replace(run, data=run.data | {"kind": "generated", "files": {}}) for run in records(study, with_memory)]
    paths = write_runs(found, results / "records")
    statistics, criteria = (results / "statistics" / f"{name}.json" for name in ("statistics", "criteria"))
    scaling, time = [], []
    if measured:
        study["digest"] = "0f" * 32
        scaling = [results / "scaling" / f"{name}.json" for name in ("measured", "projected")]
        for path, content in zip(scaling, (example_scaling.measured(), example_scaling.projected()), strict=True):
            write_sealed(path, content)
        time = [results / "time" / "study.json"]
        measure(None, 2, study["digest"], *time)
    write_statistics(paths, study, statistics, criteria, scaling, time)
    write_tables(statistics, criteria, [results / "tables" / f"main.{suffix}" for suffix in ("md", "tex", "csv")])
    context = {"study": study, "paper": PAPER, "digest": "0f" * 32, "overlays": [], "versions": {"Python": "3.11"}}
    beside = [[path.relative_to(base).as_posix() for path in places] for places in (scaling, time)]
    names = [path.relative_to(base).as_posix() for path in paths]
    write_report(names, statistics, criteria, context, base / "report", results / "report", base, *beside)
    return study | {"paper": PAPER}
