"""Every figure of the study, drawn from its frames alone; a new one is a function, a line of `FIGURES` and a caption.

Intervals are the 95 % intervals of the frames. A synthetic stand-in has open markers, a hatched ground and a label.
What was not run is a sentence where its points would stand. The captions are report/captions/{name}.rst.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, MaxNLocator

from hsokv.analysis.frames import Study
from hsokv.analysis.scaling import NODE_NAMES
from hsokv.distributed.swing_up import TARGET
from hsokv.exceptions import ConfigurationError, nearest
from hsokv.report import panels as parts
from hsokv.report.panels import BLUE, BROKEN, DASHED, DOTTED, GREY, ORANGE, Lines, Look, frame, grey, in_order, opened

TASKS_SHOWN = ("full", "ridge", "experience_replay", "joint", "neither", "fine_tune")  # arms drawn task by task
THOUSANDTH = 1e-3  # nats under which the scale of regret is linear
UNCHANGED, COPIED, MOVED = "#BDBDBD", "#000000", ORANGE  # an agent goes on as it was, from its group, from another
WORST = 0.9  # scores above this quantile of the run share one colour
EVENTS = ("add", "correct", "rename, merge", "rename, merge", "withdraw")  # by the number in the curve `event`
NODES = (1, 16, 256, 2048)  # ticks of projections


def architecture(study: Study) -> Figure:
    """Draw the gated memory on the left and the three tiers of the swarm on the right; no number stands in it."""
    figure = parts.open_figure(study, 2.1)
    left, right = figure.subplots(1, 2)
    left.set_title("What predicts: one agent")
    right.set_title("What searches: the swarm")
    memory = {  # the middle of each box, words, colour
        "example": (0.06, 0.5, "example", GREY),
        "encoder": (0.28, 0.5, "encoder\n(frozen)", GREY),
        "head": (0.56, 0.8, "head\n$p_{param}(y\\,|\\,x)$", BLUE),
        "memory": (0.56, 0.2, "memory: keys $k_j$, labels $y_j$\n$p_{mem}(y\\,|\\,x)$", ORANGE),
        "mix": (0.9, 0.5, "gate $g$:\n$(1-g)\\,p_{param}$\n$+\\;g\\,p_{mem}$", GREY),
    }
    reads = [("example", "encoder", ""), ("encoder", "head", "$x$"), ("encoder", "memory", "$q(x)$")]
    _boxes(left, memory, {GREY: [*reads, ("head", "mix", ""), ("memory", "mix", "")]})
    swarm = {"supervisor": (0.5, 0.87, "supervisor: spends the allowance round by round", GREY)}
    swarm |= {f"manager{i}": (x, 0.54, "manager of a group", GREY) for i, x in enumerate((0.25, 0.75))}
    swarm |= {f"agent{i}": (x, 0.18, "agent", BLUE) for i, x in enumerate((0.1, 0.38, 0.62, 0.9))}
    tiers = [("supervisor", f"manager{i}", "") for i in range(2)]
    tiers += [(f"manager{i // 2}", f"agent{i}", "") for i in range(4)]
    _boxes(right, swarm, {GREY: tiers, ORANGE: [("agent0", "agent1", ""), ("agent3", "agent2", "")]})
    right.text(0.5, 0, "inside a group the weaker agents copy the stronger and perturb", ha="center", color=ORANGE)
    return figure


def _boxes(
    axes: Axes, boxes: dict[str, tuple[float, float, str, str]], arrows: dict[str, list[tuple[str, str, str]]]
) -> None:
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    drawn = {}
    for name, (x, y, words, colour) in boxes.items():
        look = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": colour}
        drawn[name] = axes.text(x, y, words, ha="center", va="center", bbox=look).get_bbox_patch()
    for colour, ways in arrows.items():
        for start, end, words in ways:
            ends = {"patchA": drawn[start], "patchB": drawn[end], "shrinkA": 0, "shrinkB": 1}
            look = {"arrowstyle": "-|>", "color": colour, "linewidth": 0.8, **ends}
            axes.annotate("", xy=boxes[end][:2], xytext=boxes[start][:2], arrowprops=look, zorder=4)
            x, y = np.mean([boxes[start][:2], boxes[end][:2]], axis=0)
            axes.text(x - 0.02, y, words, ha="right", va="center")


def accuracy(study: Study) -> Figure:
    """Mean accuracy with its interval: a panel a benchmark, a row an arm; controls carry on as grey lines.

    A benchmark without a control has a line where the memory's hit rate would be by chance.
    """
    rows, chance = (frame(study, "scores", condition="headline", score=name) for name in ("accuracy", "hit_chance"))

    def lines(axes: Axes, here: pd.DataFrame) -> None:
        controls = here[here["arm_kind"] == "control"]
        if controls.empty:
            controls = chance[chance["benchmark"] == here["benchmark"].iloc[0]][:1]
        for mean in controls["mean"].dropna():
            axes.axvline(100 * mean, zorder=1, **grey(DOTTED, 0.5))

    return _rows_of_dots(study, rows, "accuracy (%)", lines, {"a control, or chance": grey(DOTTED, 0.5)})


def contrasts(study: Study) -> Figure:
    """`full` minus every other arm in points of accuracy, with intervals, around the line of no difference."""
    rows = frame(study, "contrasts", a="full", score="accuracy").drop_duplicates(["benchmark", "b"])
    rows = rows[rows["b"].isin(study.about["arms"])].rename(columns={"b": "arm", "difference": "mean"})
    rows = rows.assign(arm_kind=[parts.kind_of(study, arm) for arm in rows["arm"]])
    return _rows_of_dots(study, rows, "full minus the arm (points)", around_zero=True)


def _rows_of_dots(
    study: Study, rows: pd.DataFrame, label: str, lines: Callable[[Axes, pd.DataFrame], None] | None = None,
    entries: Mapping[str, Look] = MappingProxyType({}), *, around_zero: bool = False,
) -> Figure:  # fmt: skip
    figure, grid = parts.panels(study, in_order(study, rows), 1.05 + parts.row_height(rows["arm"]))
    for axes, here in parts.dressed(grid, rows):
        if lines:
            lines(axes, here)
    parts.dots(study, grid, rows, label, around_zero=around_zero)
    parts.explain_kinds(figure, rows, entries)
    return figure


def memory(study: Study) -> Figure:
    """The accuracy lost with the memory zeroed, a panel a benchmark, and below them reads over entries.

    The lower panel shows `full` alone: each share of its reads against the share of entries, the most read first, that
    they go to, and by a broken line those that were right.
    """
    rows = frame(study, "scores", condition="headline", score="accuracy_lost_without_memory")
    reads = frame(study, "memory_reads", arm="full")
    if not (names := in_order(study, pd.concat([rows, reads]))):
        return parts.nothing(study)
    figure, grid = parts.panels(study, names, 0.95 + parts.row_height(rows["arm"]), below=2.4)
    list(parts.dressed(grid, rows))
    parts.dots(study, grid, rows, "accuracy lost (points)", around_zero=True)
    axes, entries = grid[""][0], {}
    if parts.dress(axes, "what is read of the memory of full", reads.assign(synthetic=False)):
        axes.plot([0, 100], [0, 100], zorder=1, **grey(DOTTED, 0.5))
        for name, look in parts.looks(names).items():
            here, synthetic = reads[reads["benchmark"] == name], study.about["benchmarks"][name]["synthetic"]
            look = entries[f"{name} (synthetic stand-in)" if synthetic else name] = opened(look, synthetic)
            line, right = (here[here["kind"] == kind] for kind in ("reads", "right"))
            parts.curve(axes, 100 * line["entries"], line, look | {"markevery": 4})
            axes.plot(100 * right["entries"], 100 * right["mean"], **look, linestyle=BROKEN, markevery=4)
        parts.absent(axes, reads, "benchmark")
        axes.set(xlim=(0, 100), ylim=(0, 102), xlabel="entries, the most read first (%)", ylabel="reads (%)")
    elif reads.empty:
        parts.sentence(axes, "not run: no arm full with a memory")
    entries |= {"all reads": grey("-"), "reads that were right": grey(BROKEN)}
    parts.legend(figure, entries | {"all entries read alike": grey(DOTTED, 0.5)})
    return figure


def learning_curve(study: Study) -> Figure:
    """Accuracy against shots a class (log scale), a panel a benchmark whose conditions differ in it."""
    rows = frame(study, "scores", score="accuracy")
    shots = {(name, c): n for name, about in study.about["benchmarks"].items() for c, n in about["shots"].items()}
    pairs = zip(rows["benchmark"], rows["condition"], strict=True)
    rows = rows.assign(shots=[shots.get(pair) for pair in pairs]).dropna(subset="shots").sort_values("shots")

    def draw(axes: Axes, rows: pd.DataFrame, lines: Lines) -> None:
        points = [int(point) for point in rows["shots"].unique()]
        if len(points) < 2:
            parts.sentence(axes, f"{points[0]} shots a class is the only condition that was run: no curve to draw")
            return
        for place, (look, line) in enumerate(lines):  # moved sideways, so that no interval hides another
            parts.bars(axes, line["shots"] * 2 ** (0.4 * (place / len(lines) - 0.5)), line, look, linestyle="-")
        axes.set_xscale("log", base=2)
        axes.set_xticks(points, map(str, points))

    return parts.by_arm(study, rows, 2.9, ("shots a class", "accuracy (%)"), draw, {})


def streams(study: Study) -> Figure:
    """For each stream, headline class-incremental accuracy after each task, by arm, and by task for some arms.

    Above, accuracy over all classes seen with its interval as a band, named at the end of its line; below, a panel an
    arm, accuracy on each task, numbered where it was learnt, after it and each later task.
    """
    rows, seen = frame(study, "task_accuracy"), frame(study, "curves", condition="headline", curve="accuracy_seen")
    rows = rows[rows["scenario"] != "task_incremental"]
    names, shown = in_order(study, rows), [arm for arm in TASKS_SHOWN if (rows["arm"] == arm).any()]
    if not shown:
        return parts.nothing(study)
    figure = parts.open_figure(study, 4.1 * len(names))
    spec = figure.add_gridspec(2 * len(names), len(shown), height_ratios=[2.6, 1.5] * len(names))
    for block, name in enumerate(names):
        here = rows[rows["benchmark"] == name]
        above = figure.add_subplot(spec[2 * block, :])
        if parts.dress(above, name, here):
            lines = seen[seen["benchmark"] == name]
            last = int(lines["x"].max())
            _curves_by_arm(above, study, lines, 1.75)
            above.set(xlim=(0.9, last + 0.03), ylim=(0, 103), xticks=range(1, last + 1), ylabel="accuracy (%)")
            above.set_xlabel("tasks seen; accuracy is class-incremental, over all classes of these tasks")
            parts.absent(above, here)
        for column, arm in enumerate(shown):
            axes, matrix = figure.add_subplot(spec[2 * block + 1, column]), here[here["arm"] == arm]
            axes.set_title(parts.fold(arm, parts.room(axes)))
            axes.tick_params(labelleft=column == 0)
            parts.name_left(axes, "accuracy (%)")
            if here["synthetic"].any():
                parts.hatch(axes)
            if (matrix["status"] == "done").any():
                _by_task(axes, matrix)
            else:
                parts.sentence(axes, f"not run: {matrix['reason'].iloc[0]}" if len(matrix) else "\N{EN DASH}")
    return figure


def _curves_by_arm(axes: Axes, study: Study, curves: pd.DataFrame, height: float) -> None:
    """A line an arm over x, in percent, with its band and its name at the end; the panel is `height` inches high."""
    ends = {}
    for arm, look in parts.arm_looks(study, curves["arm"]).items():
        line = curves[curves["arm"] == arm].sort_values("x")
        parts.curve(axes, line["x"], line, opened(look, line["synthetic"].any()))
        ends[arm] = (100 * line["mean"].iloc[-1], look["color"])
    parts.label_ends(axes, int(curves["x"].max()), ends, height)


def _by_task(axes: Axes, matrix: pd.DataFrame) -> None:
    """A line a task, from the task itself on; dark is early."""
    tasks = int(matrix["task"].max())
    for task, line in matrix.sort_values("after_task").groupby("task"):
        colour = matplotlib.colormaps["cividis"](0.78 * (task - 1) / max(tasks - 1, 1))
        axes.plot(line["after_task"], 100 * line["mean"], color=colour, marker="o", markersize=2.4)
        first = (line["after_task"].iloc[0], 100 * line["mean"].iloc[0])
        look = {"textcoords": "offset points", "fontsize": 6, "color": colour, "ha": "right"}
        axes.annotate(f"{task:.0f}", first, (-3, 2), **look)
    axes.set(xlim=(0.3, tasks + 0.3), ylim=(0, 103), xticks=range(1, tasks + 1, 1 + tasks // 8), xlabel="tasks seen")


def events(study: Study) -> Figure:
    """For each benchmark of events the accuracy on labels in force and, below, the cost of updates, by step."""
    curves = frame(study, "curves", condition="headline")
    if not (names := in_order(study, curves[curves["curve"] == "event"])):
        return parts.nothing(study)
    figure = parts.open_figure(study, 4.6 * len(names))
    axes = figure.subplots(2 * len(names), 1, squeeze=False, height_ratios=[3, 2] * len(names))[:, 0]
    for name, above, below in zip(names, axes[::2], axes[1::2], strict=True):
        here = dict(iter(curves[curves["benchmark"] == name].sort_values("x").groupby("curve")))
        costs, kinds = here["update_flops"], here["event"].drop_duplicates("x")
        _curves_by_arm(above, study, here["accuracy_in_force"], 2.2)
        for arm, look in parts.arm_looks(study, costs["arm"]).items():
            line = costs[costs["arm"] == arm]
            below.plot(line["x"], line["mean"].clip(lower=1), **look)
        starts = np.flatnonzero(kinds["mean"].diff())  # where other kinds of events begin
        for place, (first, end) in enumerate(itertools.pairwise([*starts, len(kinds)])):
            for panel in (above, below) if place % 2 else ():
                panel.axvspan(first + 0.5, end + 0.5, color="0.94", zorder=0)
            height = 0.02 + 0.05 * (place % 2)  # neighbours may be narrower than their names
            words, side = EVENTS[int(kinds["mean"].iloc[first])], above.get_xaxis_transform()
            above.text((first + end + 1) / 2, height, words, transform=side, ha="center", fontsize=6)
        for panel in (above, below):
            panel.set_xlim(0.5, kinds["x"].max() + 0.3)
        above.set_title(name, loc="left")
        above.set(ylim=(0, 103), ylabel="accuracy on labels in force (%)")
        below.set(yscale="log", ylabel="FLOPs of the update", xlabel="steps of events")
        below.yaxis.set_major_formatter(_OrNone())
    return figure


class _OrNone(LogFormatterSciNotation):
    """Ticks of a log scale on which what takes no operations is drawn at 1."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return "none" if x == 1 else super().__call__(x, pos)


def flops(study: Study) -> Figure:
    """Accuracy against the counted FLOPs a run spent (log scale); the dashed line is what a run was allowed."""
    costs = study.costs[["benchmark", "arm", "flops_allowed", "flops_spent"]]
    rows = frame(study, "scores", condition="headline", score="accuracy").merge(costs, "left", ["benchmark", "arm"])

    def draw(axes: Axes, rows: pd.DataFrame, lines: Lines) -> None:
        for look, line in lines:
            parts.bars(axes, line["flops_spent"], line, look)
        for allowed in rows["flops_allowed"].dropna().unique():
            axes.axvline(allowed, zorder=1, **grey(DASHED))
        parts.decades(axes, [*rows["flops_spent"].dropna(), *rows["flops_allowed"].dropna()])

    spent = rows["flops_spent"].mask(rows["flops_spent"] == 0)  # on no log scale; the table of costs has it
    rows = rows.assign(flops_spent=spent)[rows["arm_kind"] != "control"]
    return parts.by_arm(study, rows, 3.0, ("counted FLOPs a run", "accuracy (%)"), draw, {"allowed": grey(DASHED)})


def regret(study: Study) -> Figure:
    """Regret against counted FLOPs by arm, a panel a benchmark: means with bands, from each arm's first value."""
    rows, spans = frame(study, "regret"), study.regret_spans.set_index("benchmark")
    rows = rows.assign(low=rows["low"].clip(lower=0)).sort_values("flops", kind="stable")  # no regret is under 0

    def draw(axes: Axes, rows: pd.DataFrame, lines: Lines) -> None:
        for look, line in lines:
            steps = look | {"drawstyle": "steps-post", "markevery": [0]}
            if line["mean"].nunique() > 1:
                parts.curve(axes, line["flops"], line, steps, scale=1)
            else:  # whiskers where nothing changes: bands would hide each other
                axes.plot(line["flops"], line["mean"], **steps)
                parts.bars(axes, line["flops"][:1], line[:1], look, scale=1)
        span = spans.loc[rows["benchmark"].iloc[0]]
        axes.axvline(span["start"], zorder=1, **grey(DOTTED))
        axes.axvline(span["allowed"], zorder=1, **grey(DASHED))
        parts.decades(axes, [span["allowed"], *rows["flops"]])
        axes.set_yscale("symlog", linthresh=THOUSANDTH)
        axes.set_ylim(bottom=-THOUSANDTH / 2)

    lines = {"the area begins": grey(DOTTED), "allowed": grey(DASHED)}
    return parts.by_arm(study, rows, 2.8, ("counted FLOPs spent", "regret (nats)"), draw, lines)


def swarm(study: Study) -> Figure:
    """Diversity and the agents copied over or failed by round, a column a benchmark, and the gate of every arm."""
    curves = frame(study, "curves", condition="headline").sort_values("x", kind="stable")
    rows, gates = (frame(study, "scores", condition="headline", score=name) for name in ("diversity", "gate_mean"))
    looks = parts.arm_looks(study, curves.loc[curves["curve"] == "copied", "arm"])
    rows = rows[rows["arm"].isin(set(looks))]
    if rows.empty:
        return parts.nothing(study)
    figure, grid = parts.panels(study, in_order(study, rows), 1.7, 1.1, 0.7 + parts.row_height(gates["arm"]))
    for axes, here in parts.dressed(grid, rows):
        name, synthetic = here["benchmark"].iloc[0], here["synthetic"].any()
        _, agents, gate = grid[name]
        lines = curves[curves["benchmark"] == name]
        for arm, look in looks.items():
            part = dict(iter(lines[lines["arm"] == arm].groupby("curve", observed=True)))
            if (copied := part.get("copied")) is None:
                continue
            look, failed = opened(look, synthetic), part["failed"]
            # Value 1 of diversity is that at initialisation; after the last round nothing is copied.
            diversity = part["diversity"][part["diversity"]["x"] <= copied["x"].max() + 1]
            parts.curve(axes, diversity["x"] - 1, diversity, look, scale=1)
            agents.plot(copied["x"], 100 * copied["mean"], **look)
            agents.plot(failed["x"], 100 * failed["mean"], **look | {"marker": "", "linestyle": BROKEN})
        if wanted := study.about["diversity_wanted"]:
            axes.axhline(wanted, zorder=1, **grey(DASHED))
        for panel in (axes, agents):
            panel.set_xlim(-0.2, 0.2 + max([1, *lines.loc[lines["curve"] == "failed", "x"]]))
            panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        for panel in (agents, gate) if synthetic else ():
            parts.hatch(panel)
    for axes, agents, _ in grid.values():
        if agents.lines:
            agents.set_ymargin(0.15)
        else:
            parts.sentence(agents, "not run")
        axes.set_ylim(-0.02, 1.02)
        agents.set_xlabel("round (before the first: 0)")
        parts.name_left(axes, "diversity")
        parts.name_left(agents, "agents (%)")
    parts.dots(study, grid, gates, "mean gate (%)", row=2)
    lines = {"copied over": grey("-"), "failed": grey(BROKEN), "diversity wanted by the criterion": grey(DASHED)}
    parts.legend(figure, looks | lines)
    return figure


def lineage(study: Study) -> Figure:
    """Every agent of one run by round, coloured by its score, with a line from the agent it goes on from."""
    rows = frame(study, "lineage")
    if not len(rows):
        return parts.nothing(study)
    run = rows.iloc[0]
    stand_in = ", synthetic stand-in" if run["synthetic"] else ""
    title = f"{run['arm']} on {run['benchmark']} {run['condition']}, seed {run['seed']} (one run{stand_in})"
    figure, grid = parts.panels(study, [title], 3.6)
    (axes,) = grid[title]
    axes.set_title(parts.fold(title, parts.room(axes)))
    if run["status"] != "done":
        parts.sentence(axes, f"not run: {run['reason']}")
        return figure
    rows = rows.sort_values(["round", "group", "agent"])
    rounds, managers = rows["round"].nunique(), rows["group"].nunique()
    parents, scores = (rows[column].to_numpy().reshape(rounds, -1) for column in ("parent", "score"))
    group = rows["group"].to_numpy().reshape(rounds, -1)[0]
    place = np.arange(len(group)) + group  # a free row between groups
    averaged = np.argsort(scores[-1], kind="stable")[: study.about["lineage_ensemble_size"]]
    _descent(axes, parents.astype(int), place, group, averaged)
    at = np.broadcast_to(np.arange(1, rounds + 1)[:, None], scores.shape)
    limits = {"vmin": np.nanmin(scores), "vmax": np.nanquantile(scores, WORST)}
    dots = axes.scatter(at, np.broadcast_to(place, scores.shape), c=scores, s=24, cmap="cividis", **limits, zorder=3)
    failed_at, failed = np.nonzero(np.isnan(scores))
    cross = {"marker": "x", "color": ORANGE, "linestyle": "", "markersize": 5}
    ring = {"marker": "o", "color": "black", "linestyle": "", "markersize": 7.5, "fillstyle": "none"}
    axes.plot(failed_at + 1, place[failed], zorder=4, **cross)
    axes.plot(np.full(len(averaged), rounds), place[averaged], **ring)
    figure.colorbar(dots, ax=axes, label="fold log-loss (nats); dark is good", extend="max", pad=0.01)
    axes.set(xticks=range(1, rounds + 1), xlabel="round", ylim=(place[-1] + 0.8, -0.8))
    axes.set_yticks([place[group == g].mean() for g in range(managers)], [f"group {g + 1}" for g in range(managers)])
    axes.grid(visible=False)
    entries = {"goes on as it was": {"color": UNCHANGED}, "copied from its group": {"color": COPIED}}
    entries |= {"copied from another group": {"color": MOVED}}
    entries |= {"thick: leads to an averaged agent": {"color": COPIED, "linewidth": 2}}
    parts.legend(figure, entries | {"averaged at the end": ring, "failed": cross})
    return figure


def _descent(axes: Axes, parents: np.ndarray, place: np.ndarray, group: np.ndarray, averaged: np.ndarray) -> None:
    """Lines from parent to child between rounds; thick where an averaged agent descends from the child."""
    alive = set(averaged.tolist())
    for at in range(len(parents) - 1, 0, -1):
        row = parents[at - 1]
        for agent, parent in enumerate(row.tolist()):
            own = agent == parent
            colour = UNCHANGED if own else COPIED if group[agent] == group[parent] else MOVED
            width, order = (2.0, 2) if agent in alive else (0.7, 1)
            axes.plot([at, at + 1], place[[parent, agent]], color=colour, linewidth=width, zorder=order + (not own) / 2)
        alive = {int(row[agent]) for agent in alive}


def learning(study: Study) -> Figure:
    """The best score so far at equal environment steps by arm, and seconds to the target beside it."""
    sharing, best = study.scaling_sharing, study.scaling_curves
    if sharing.empty:
        return parts.nothing(study)
    figure = parts.open_figure(study, 2.4)
    curves, seconds = figure.subplots(1, 2, width_ratios=[2, 1])
    looks = parts.looks(sharing["arm"])
    if best.empty:
        parts.sentence(curves, "not run: no curves in scaling_curves.csv")
    for place, row in enumerate(sharing.itertuples()):
        line, look = best[best["arm"] == row.arm], looks[row.arm]
        curves.plot(line["steps"] / 1e6, line["mean"], **look | {"marker": ""})
        seconds.errorbar(row.seconds_to_target, place, xerr=_range(row, "seconds_to_target"), **look)
    curves.axhline(TARGET, **grey(DOTTED))
    curves.set(xlabel="environment steps (millions)", ylabel="best score so far", ylim=(0, 1))
    curves.set_title("Swing-up, mean over seeds", loc="left")
    seconds.set_yticks(range(len(sharing)), [parts.fold(arm.replace("_", " "), 24) for arm in looks])
    seconds.set(xlabel="seconds to the target", ylim=(len(sharing) - 0.5, -0.5), xlim=(0, None))
    seconds.set_title("Runs that reached it", loc="left")
    if not sharing["reached"].any():
        parts.sentence(seconds, "no run reached it")
    parts.legend(figure, {arm.replace("_", " "): look for arm, look in looks.items()})
    return figure


def scaling(study: Study) -> Figure:
    """Strong and weak scaling as measured, and throughput and how busy the supervisor is as projected.

    Measured and projected stand in panels of their own and are never joined.
    """
    speed, projected = study.scaling_speed, study.scaling_projection
    if speed.empty:
        return parts.nothing(study)
    figure = parts.open_figure(study, 2.4)
    strong, weak, nodes, busy = figure.subplots(1, 4)
    counts = sorted(speed["workers"].unique())
    strong.plot(counts, counts, **grey(DOTTED))
    for node, single in speed[speed["backend"] == "single"].groupby("node")["throughput"].first().items():
        own = np.sort(speed.loc[speed["node"] == node, "workers"].unique())
        weak.plot(own, single * own / 1e6, **grey(DOTTED))
    shared = speed[speed["backend"] != "single"]
    shared = shared.assign(kind=shared["backend"] + ", " + shared["node"].map(NODE_NAMES))
    looks = parts.looks(shared["kind"].unique())
    for row in shared.itertuples():
        axes, name, unit = (strong, "speed_up", 1) if row.scaling == "strong" else (weak, "throughput", 1e-6)
        axes.errorbar(row.workers, unit * getattr(row, name), yerr=unit * _range(row, name), **looks[row.kind])
    entries = looks | {"as many single processes": grey(DOTTED)}
    latencies = projected.groupby("latency")
    for (latency, line), colour in zip(latencies, parts.ARM_COLOURS[: len(latencies)], strict=True):
        entries[f"latency {1e3 * latency:g} ms"] = {"color": colour}
        nodes.loglog(line["nodes"], line["throughput"] / 1e6, color=colour)
        busy.semilogx(line["nodes"], 100 * line["supervisor_busy"], color=colour)
    for axes, label, title in (
        (strong, "times a single process", "Strong, measured"),
        (weak, "M steps/s", "Weak, measured"),
        (nodes, "M steps/s", "Weak, PROJECTED"),
        (busy, "supervisor busy (%)", "Supervisor, PROJECTED"),
    ):
        axes.set_ylabel(label)
        axes.set_title(title, loc="left")
    for axes in (strong, weak):
        axes.set(xlabel="workers", ylim=(0, None), xticks=counts, xlim=(counts[0] - 0.5, counts[-1] + 0.5))
    for axes in (nodes, busy):
        axes.set(xlabel="nodes", facecolor="#F6F6F6")
        axes.set_xticks(NODES, map(str, NODES))
        axes.minorticks_off()
    parts.legend(figure, entries)
    return figure


def _range(row: object, name: str) -> np.ndarray:
    """The lowest and the highest run, as lengths below and above the median."""
    middle = getattr(row, name)
    return np.array([[middle - getattr(row, f"{name}_low")], [getattr(row, f"{name}_high") - middle]])


_ALL = (architecture, accuracy, contrasts, memory, learning_curve, streams, events, flops, regret)
FIGURES = {function.__name__: function for function in (*_ALL, swarm, lineage, learning, scaling)}


def draw(study: Study | Path, targets: Iterable[Path], processes: int = 1) -> None:
    """Write figures, each whole or not at all, so many at once; the same study gives the same bytes.

    Args:
        study: The study's frames, or the folder that holds them.
        targets: Files to write: a key of `FIGURES` with a suffix that names the format (.pdf, .png).
        processes: Figures drawn at once.

    Raises:
        ConfigurationError: there is no such figure, or a name in it has a letter that no font has.
    """
    study, by_name = study if isinstance(study, Study) else Study.read(study), {}
    for target in map(Path, targets):
        if target.stem not in FIGURES:
            raise ConfigurationError(f"figure: unknown name {target.stem!r}{nearest(target.stem, FIGURES)}")
        by_name.setdefault(target.stem, []).append(target)
    tasks = [(name, study, paths) for name, paths in by_name.items()]
    if processes == 1:
        list(itertools.starmap(_draw, tasks))
    else:  # forked from a process without threads and without Ray, whose state a fork of this one would inherit
        context = get_context("forkserver")
        context.set_forkserver_preload([__name__])
        with ProcessPoolExecutor(processes, context) as pool:
            list(pool.map(_draw, *zip(*tasks, strict=True)))


def _draw(name: str, study: Study, targets: list[Path]) -> None:
    with matplotlib.rc_context(fname=parts.STYLE):
        parts.save(FIGURES[name](study), targets)
