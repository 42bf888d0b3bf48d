"""The made-up study of tests/analysis/study.py as files: records, frames, tables, figures and pages below a folder."""

import contextlib
import shutil
from dataclasses import replace
from pathlib import Path

import yaml

from hsokv.analysis.statistics import compute
from hsokv.records import write_sealed
from hsokv.report.document import write_report, write_tables
from hsokv.report.figures import FIGURES, draw
from hsokv.report.provenance import Context
from hsokv.study.wall_time import measure
from tests.analysis import example_scaling
from tests.analysis.study import configuration, records, with_memory
from tests.runs import write_runs

REPOSITORY = Path(__file__).resolve().parents[1]
PAPER = yaml.safe_load((REPOSITORY / "config.yaml").read_text())["paper"]
DIGEST = "0f" * 32


def make(base: Path) -> dict:
    """Write it below `base` and return its configuration."""
    shutil.copytree(REPOSITORY / "report", base / "report")
    (base / "Snakefile").write_text("# a study\n")
    study = configuration(results="results", digest=DIGEST)
    with contextlib.chdir(base):  # records are named as Snakemake names them
        results = Path("results")
        runs = records(study, with_memory)
        runs = [replace(run, data=run.data | {"kind": "generated", "files": {}}) for run in runs]
        files = write_runs(runs, results / "records")
        scaling = [results / "scaling" / f"{name}.json" for name in ("measured", "projected")]
        for path, content in zip(scaling, (example_scaling.measured(), example_scaling.projected()), strict=True):
            write_sealed(path, content)
        time = [results / "time" / "study.json"]
        measure(DIGEST, *time)
        statistics = results / "statistics"
        compute(files, study, statistics, scaling, time)
        write_tables(statistics, [results / "tables" / f"main.{suffix}" for suffix in ("md", "tex", "csv")])
        draw(statistics, [results / "figures" / f"{name}.{suffix}" for name in FIGURES for suffix in ("pdf", "png")])
        write_report(
            statistics=statistics,
            records=[path.as_posix() for path in files],
            templates=Path("report"),
            figures=results / "figures",
            output=results / "report",
            context=Context(study, PAPER, DIGEST, [], {"Python": "3.11"}),
            measured=[path.as_posix() for path in (*scaling, *time)],
        )
    return study | {"paper": PAPER}
