"""Figures of the study, drawn from statistics.json alone; the same statistics give the same PDF and PNG bytes.

Intervals are the 95 % intervals of the statistics. A synthetic stand-in has open markers, a hatched ground and a label;
what was not run is a sentence in the place where its points would stand. A stand-in of a benchmark that was run is left
out: it shows nothing that its original does not.
"""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hsokv.exceptions import ConfigurationError
from hsokv.files import write_bytes
from hsokv.reporting import panels as parts
from hsokv.reporting.architecture import architecture
from hsokv.reporting.memory_figure import memory
from hsokv.reporting.panels import DASHES, GREY, ROW, STYLE, in_order
from hsokv.reporting.streams_figure import streams
from hsokv.reporting.swarm_figures import lineage, regret, swarm


def accuracy(statistics: dict) -> Figure:
    """Draw mean accuracy with its interval: a panel a benchmark, a row an arm; controls carry on as grey lines.

    A benchmark without a control has a line where the memory's hit rate would be by chance.
    """
    rows = _headline(statistics)
    at = (row for row in statistics["scores"] if (row["condition"], row["score"]) == ("headline", "hit_chance"))
    chance = {row["benchmark"]: row["mean"] for row in at if row["status"] == "done"}
    arms = parts.arranged(statistics, (row["arm"] for row in rows))
    figure, panels = parts.row_of_panels(statistics, _benchmarks(rows), 1.05 + ROW * max(len(arms), 4))
    for benchmark, axes in panels.items():
        here = [row for row in rows if row["benchmark"] == benchmark]
        if not parts.dress(axes, benchmark, here):
            continue
        for row in here:
            if row["kind"] == "control" and row["status"] == "done":
                axes.axvline(100 * row["mean"], color=GREY, linewidth=0.5, linestyle=DASHES, zorder=1)
            parts.dot(axes, arms.index(row["arm"]), row, row["mean"])
        if benchmark in chance and all(row["kind"] != "control" for row in here):
            axes.axvline(100 * chance[benchmark], color=GREY, linewidth=0.5, linestyle=DASHES, zorder=1)
        parts.undefined(axes, arms, {row["arm"] for row in here})
        axes.set_xlim(-2, 102)
    parts.name_rows(statistics, panels, arms, "accuracy (%)")
    parts.explain_kinds(figure, rows)
    return figure


def contrasts(statistics: dict) -> Figure:
    """Draw `full` minus every other arm in points of accuracy, with intervals, around the line of no difference."""
    kinds = parts.kinds_of(statistics)
    synthetic = {name for name, benchmark in statistics["study"]["benchmarks"].items() if benchmark["synthetic"]}
    rows = {}  # one a pair: a contrast of the family is the same difference as the one shown without p
    for row in statistics["contrasts"]:
        compared = (row["a"], row["score"]) == ("full", "accuracy") and row["b"] in kinds
        if compared and row["benchmark"] in statistics["study"]["benchmarks"]:
            look = {"kind": kinds[row["b"]], "synthetic": row["benchmark"] in synthetic}
            rows.setdefault((row["benchmark"], row["b"]), {**row, **look})
    against = {b for _, b in rows}
    arms = parts.arranged(statistics, (row["arm"] for row in _headline(statistics) if row["arm"] in against))
    figure, panels = parts.row_of_panels(statistics, _benchmarks(rows.values()), 1.05 + ROW * max(len(arms), 4))
    for benchmark, axes in panels.items():
        here = [row for row in rows.values() if row["benchmark"] == benchmark]
        if not parts.dress(axes, benchmark, here):
            continue
        axes.axvline(0, color="black", linewidth=0.7, zorder=1)
        for row in here:
            parts.dot(axes, arms.index(row["b"]), row, row["difference"])
        parts.undefined(axes, arms, {row["b"] for row in here})
        ends = [row[end] for row in here if row["status"] == "done" for end in ("difference", "low", "high")]
        reach = 110 * max(abs(end) for end in [0.01, *ends] if end is not None)
        axes.set_xlim(-reach, reach)
    parts.name_rows(statistics, panels, arms, "full minus the arm (points)")
    parts.explain_kinds(figure, list(rows.values()))
    return figure


def rare_words_levels(statistics: dict) -> Figure:
    """Draw accuracy on `rare_words` by level of difficulty, a panel a number of senses; controls are grey lines."""
    rows = [row for row in _accuracies(statistics) if row["benchmark"] == "rare_words"]
    rows = [{**row, **_level(row["condition"])} for row in rows if "_level" in row["condition"]]
    arms = parts.arranged(statistics, statistics["study"]["arms"])
    lines = {row["arm"]: "-" if row["kind"] == "variant" else "--" for row in rows}
    figure, panels = parts.row_of_panels(statistics, in_order(row["senses"] for row in rows), 3.1)
    for senses, axes in panels.items():
        here = [row for row in rows if row["senses"] == senses]
        if parts.dress(axes, senses, here):
            _draw_levels(axes, [row for row in here if row["status"] == "done"], arms, lines)
            parts.absent(axes, here)
            axes.set_xlabel("level of difficulty")
    next(iter(panels.values())).set_ylabel("accuracy (%)")
    drawn = [arm for arm in arms if arm in lines]
    handles = [Line2D([], [], label=arm, linestyle=lines[arm], **parts.arm_look(arms, arm)) for arm in drawn]
    figure.legend(handles=handles, loc="outside right center", handlelength=3.2)
    return figure


def learning_curve(statistics: dict) -> Figure:
    """Draw accuracy against shots a class (log scale), a panel a benchmark whose conditions differ in it."""
    shots = {name: b["shots"] for name, b in statistics["study"]["benchmarks"].items() if b["shots"]}
    rows = [row for row in _accuracies(statistics) if row["condition"] in shots.get(row["benchmark"], ())]
    rows = [{**row, "shots": shots[row["benchmark"]][row["condition"]]} for row in rows]
    arms = parts.arranged(statistics, statistics["study"]["arms"])
    figure, panels = parts.row_of_panels(statistics, list(shots), 2.9)
    for benchmark, axes in panels.items():
        here = [row for row in rows if row["benchmark"] == benchmark]
        if not parts.dress(axes, benchmark, here):
            continue
        points = sorted({row["shots"] for row in here if row["status"] == "done"})
        if len(points) < 2:
            parts.sentence(axes, f"{points[0]} shots a class is the only condition that was run: no curve to draw")
            continue
        _draw_curves(axes, [row for row in here if row["status"] == "done"], arms)
        parts.absent(axes, here, right=True)
        axes.set_xscale("log", base=2)
        axes.set_xticks(points, [str(point) for point in points])
        axes.set_xlabel("shots a class")
        parts.name_left(axes, "accuracy (%)")
    drawn = [arm for arm in arms if any(row["arm"] == arm for row in rows)]
    handles = [Line2D([], [], label=arm, **parts.arm_look(arms, arm)) for arm in drawn]
    figure.legend(handles=handles, loc="outside lower center", ncols=6, columnspacing=1.4, handletextpad=0.5)
    return figure


def flops(statistics: dict) -> Figure:
    """Draw accuracy against the counted FLOPs a run spent (log scale); the dashed line is what a run was allowed."""
    costs = {(row["benchmark"], row["arm"]): row for row in statistics["costs"]}
    rows = [row for row in _headline(statistics) if row["kind"] != "control"]
    arms = parts.arranged(statistics, statistics["study"]["arms"])
    figure, panels = parts.row_of_panels(statistics, _benchmarks(rows), 3.0)
    for benchmark, axes in panels.items():
        here = [row for row in rows if row["benchmark"] == benchmark]
        if not parts.dress(axes, benchmark, here):
            continue
        allowed = {row["flops_allowed"] for key, row in costs.items() if key[0] == benchmark and row["flops_allowed"]}
        drawn = [row for row in here if row["status"] == "done" and costs[benchmark, row["arm"]]["flops_spent"]]
        for row in drawn:  # a cost of nothing has no place on a log scale; the table of costs has it
            look = parts.arm_look(arms, row["arm"], synthetic=row["synthetic"])
            spent = costs[benchmark, row["arm"]]["flops_spent"]
            axes.errorbar(spent, 100 * row["mean"], yerr=parts.whiskers(row, row["mean"]), **look)
        for line in sorted(allowed):
            axes.axvline(line, color=GREY, linewidth=0.7, linestyle="--", zorder=1)
        parts.decades(axes, [costs[benchmark, row["arm"]]["flops_spent"] for row in drawn] + sorted(allowed))
        parts.absent(axes, here)
        axes.set_xlabel("counted FLOPs a run")
        parts.name_left(axes, "accuracy (%)")
    drawn = [arm for arm in arms if any(row["arm"] == arm for row in rows)]
    handles = [Line2D([], [], linestyle="", label=arm, **parts.arm_look(arms, arm)) for arm in drawn]
    handles.append(Line2D([], [], color=GREY, linestyle="--", linewidth=0.7, label="allowed"))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, columnspacing=1.4, handletextpad=0.3)
    return figure


FIGURES: dict[str, Callable[[dict], Figure]] = {
    "architecture": architecture,
    "accuracy": accuracy,
    "contrasts": contrasts,
    "memory": memory,
    "rare_words_levels": rare_words_levels,
    "learning_curve": learning_curve,
    "streams": streams,
    "flops": flops,
    "regret": regret,
    "swarm": swarm,
    "lineage": lineage,
}


def draw(name: str, statistics: dict, *targets: Path) -> None:
    """Write the figure `name` to each target, whole or not at all; the suffix (.pdf, .png) names the format.

    Raises:
        ConfigurationError: `name` is not in `FIGURES`.
    """
    if name not in FIGURES:
        raise ConfigurationError(f"figure: wanted one of {', '.join(FIGURES)}; came {name!r}; correct the name")
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "backend": "agg", **STYLE}):
        figure = FIGURES[name](without_stand_ins(statistics))
        for target in targets:
            page = io.BytesIO()
            undated = {"CreationDate": None} if target.suffix == ".pdf" else {}  # a date would change the bytes
            figure.savefig(page, format=target.suffix.removeprefix("."), metadata=undated)
            write_bytes(target, page.getvalue())


def without_stand_ins(statistics: dict) -> dict:
    """The statistics without the stand-ins (by their name, `<benchmark>_synthetic`) of benchmarks that were run.

    >>> rows = [{"benchmark": name, "status": "done"} for name in ("a", "a_synthetic", "b_synthetic")]
    >>> [row["benchmark"] for row in without_stand_ins({"scores": rows})["scores"]]
    ['a', 'b_synthetic']
    """
    spare = {f"{row['benchmark']}_synthetic" for row in statistics["scores"] if row["status"] == "done"}

    def kept(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: kept(value) for key, value in part.items() if key not in spare}
        if isinstance(part, list):
            return [kept(row) for row in part if not (isinstance(row, dict) and row.get("benchmark") in spare)]
        return part

    return kept(statistics)


def _accuracies(statistics: dict) -> list[dict]:
    kinds = parts.kinds_of(statistics)
    return [{**row, "kind": kinds[row["arm"]]} for row in statistics["scores"] if row["score"] == "accuracy"]


def _headline(statistics: dict) -> list[dict]:
    return [row for row in _accuracies(statistics) if row["condition"] == "headline"]


def _benchmarks(rows: Iterable[dict]) -> list[str]:
    return in_order(row["benchmark"] for row in rows)


def _level(condition: str) -> dict:
    senses, level = condition.rsplit("_level", 1)
    return {"senses": senses.replace("_", " ") + " a word", "level": int(level)}


def _draw_curves(axes: Axes, rows: list[dict], arms: list[str]) -> None:
    """Draw a line an arm over shots, moved sideways so that intervals do not hide each other."""
    for arm in in_order(row["arm"] for row in rows):
        line = sorted((row for row in rows if row["arm"] == arm), key=lambda row: row["shots"])
        aside = 2 ** (0.4 * (arms.index(arm) / max(len(arms) - 1, 1) - 0.5))
        look = parts.arm_look(arms, arm, synthetic=line[0]["synthetic"])
        at = [row["shots"] * aside for row in line]
        axes.plot(at, [100 * row["mean"] for row in line], **look)
        for row, place in zip(line, at, strict=True):
            axes.errorbar(place, 100 * row["mean"], yerr=parts.whiskers(row, row["mean"]), color=look["color"])


def _draw_levels(axes: Axes, rows: list[dict], arms: list[str], lines: dict[str, str]) -> None:
    """Draw a line an arm, moved sideways so that intervals do not hide each other, and a named grey line a control."""
    levels = sorted({row["level"] for row in rows})
    ends = {}
    for arm in in_order(row["arm"] for row in rows):
        line = sorted((row for row in rows if row["arm"] == arm), key=lambda row: row["level"])
        at, means = [row["level"] for row in line], [100 * row["mean"] for row in line]
        if arm not in arms:
            axes.plot(at, means, color=GREY, linewidth=0.6, linestyle=DASHES)
            ends[arm] = means[-1]
            continue
        look = parts.arm_look(arms, arm)
        aside = 0.4 * (arms.index(arm) / max(len(arms) - 1, 1) - 0.5)
        axes.plot([level + aside for level in at], means, linestyle=lines[arm], **look)
        for row, level, mean in zip(line, at, means, strict=True):
            axes.errorbar(level + aside, mean, yerr=parts.whiskers(row, row["mean"]), color=look["color"])
    axes.set_xticks(levels)
    axes.set_xlim(levels[0] - 0.35, levels[-1] + 0.35 + 1.0 * bool(ends))
    axes.set_ylim(-2, 102)
    parts.label_ends(axes, levels[-1] + 0.25, {arm: (end, GREY) for arm, end in ends.items()}, gap=5, top=102)
