"""Where the time of a study went, from what Snakemake measured of every job; never part of a record or a page."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

REST = "rest"  # everything that serves all benchmarks: finding data, statistics, tables, figures, report


class Stage(NamedTuple):
    """Jobs of one benchmark's features or runs: how many, and their wall and CPU time in minutes, summed."""

    benchmark: str
    stage: str
    jobs: int
    minutes: float
    cpu_minutes: float


def stages(folder: Path, benchmarks: Mapping[str, Any]) -> list[Stage]:
    """Stages in the order of the configuration, from the files `{folder}/<rule>/<name>.jsonl`.

    A file tells of the last time its job ran, so after a partial rerun the sums are those of the jobs that made what
    stands, not of one run. Files that are cut off or of another kind are left out.
    """
    sums: dict[tuple[str, str], list[float]] = {}
    for path in sorted(folder.rglob("*.jsonl")):
        if measured := _last_line(path):
            parts = path.relative_to(folder).parts
            benchmark = parts[1].split(".")[0] if len(parts) > 1 else REST
            place = (benchmark, parts[0]) if benchmark in benchmarks else (REST, REST)
            entry = sums.setdefault(place, [0, 0.0, 0.0])
            entry[0] += 1
            entry[1] += measured["s"] / 60
            entry[2] += (measured["cpu_time"] or 0) / 60
    order = {name: place for place, name in enumerate([*benchmarks, REST])}
    return [
        Stage(benchmark, stage, int(jobs), minutes, cpu)
        for (benchmark, stage), (jobs, minutes, cpu) in sorted(sums.items(), key=lambda item: order[item[0][0]])
    ]


def timings_page(found: list[Stage], budgets: Mapping[str, float], cores: int | None, minutes: float) -> str:
    """A page in Markdown: minutes of every stage, and of each benchmark beside its budget on two cores.

    `budgets` in wall minutes by benchmark and for the rest; `minutes` is the wall time of the run that just ended, with
    so many `cores`, None for those of a cluster.
    """
    had = "the cores of a cluster" if cores is None else f"{cores} cores"
    lines = ["# Where the time went", "", f"The run that just ended took {minutes:.1f} minutes with {had}.", ""]
    lines += ["| benchmark | stage | jobs | minutes | CPU minutes |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {s.benchmark} | {s.stage} | {s.jobs} | {s.minutes:.1f} | {s.cpu_minutes:.1f} |" for s in found]
    lines += ["", "| benchmark | CPU minutes on two cores | budget (minutes) |", "| --- | --- | --- |"]
    for name in dict.fromkeys(stage.benchmark for stage in found):
        spent = sum(stage.cpu_minutes for stage in found if stage.benchmark == name) / 2
        lines.append(f"| {name} | {spent:.1f} | {budgets.get(name, 'none')} |")
    lines += ["", "Minutes: jobs side by side, summed. A job that was not run again counts as when it last was."]
    return "\n".join(lines) + "\n"


def _last_line(path: Path) -> dict[str, Any] | None:
    try:
        measured = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
    except (OSError, ValueError, IndexError):
        return None
    return measured if isinstance(measured, dict) and {"s", "cpu_time"} <= measured.keys() else None
