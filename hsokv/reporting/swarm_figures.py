"""The figures of the swarm: regret against operations, what it did by round, and who was copied in one run."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hsokv.reporting import panels as parts
from hsokv.reporting.panels import DASHES, GREY, ROW, in_order

THOUSANDTH = 1e-3  # nats under which the scale of regret is linear
BROKEN = (0, (3, 1.2))
KEPT, COPIED, MOVED = "#BDBDBD", "#000000", parts.ORANGE  # who goes on as it was, from its group, from another
BAD = 0.9  # scores above this quantile of the run share one colour


def regret(statistics: dict) -> Figure:
    """Draw regret against counted FLOPs by arm, a panel a benchmark: means with bands, from each arm's first value."""
    rows = [{**row, "synthetic": _synthetic(statistics, row["benchmark"])} for row in statistics["swarm"]["regret"]]
    arms = parts.arranged(statistics, statistics["study"]["arms"])
    figure, panels = parts.row_of_panels(statistics, in_order(row["benchmark"] for row in rows), 2.8)
    for benchmark, axes in panels.items():
        here = [row for row in rows if row["benchmark"] == benchmark]
        if not parts.dress(axes, benchmark, here):
            continue
        for row in (row for row in here if row["status"] == "done"):
            _regret_of(axes, row, parts.arm_look(arms, row["arm"], synthetic=row["synthetic"]))
        span = statistics["swarm"]["spans"][benchmark]
        for end, style in (("start", DASHES), ("allowed", "--")):
            axes.axvline(span[end], color=GREY, linewidth=0.7, linestyle=style, zorder=1)
        parts.decades(axes, [span["allowed"], *(flops for row in here for flops in row["flops"])])
        axes.set_xlabel("counted FLOPs spent")
        parts.name_left(axes, "regret (nats)")
        parts.absent(axes, here, right=True)
    for axes in panels.values() if rows else ():
        axes.set_yscale("symlog", linthresh=THOUSANDTH)
        axes.set_ylim(bottom=-THOUSANDTH / 2)
    drawn = [arm for arm in arms if any(row["arm"] == arm for row in rows)]
    handles = [Line2D([], [], label=arm, **parts.arm_look(arms, arm)) for arm in drawn]
    for label, style in (("the area begins", DASHES), ("allowed", "--")):
        handles.append(Line2D([], [], color=GREY, linewidth=0.7, linestyle=style, label=label))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, columnspacing=1.4, handletextpad=0.5)
    return figure


def swarm(statistics: dict) -> Figure:
    """Draw diversity and the agents copied over or failed by round, a column a benchmark, and the gate of every arm."""
    curves = [row for row in statistics["curves"] if row["condition"] == "headline"]
    arms = parts.arranged(statistics, statistics["study"]["arms"])
    swarms = {row["arm"] for row in curves if row["curve"] == "copied"}
    scores = [row for row in statistics["scores"] if row["condition"] == "headline"]
    rows = [row for row in scores if row["arm"] in swarms and row["score"] == "diversity"]
    gates = [row for row in scores if row["score"] == "gate_mean"]
    gated, kinds = parts.arranged(statistics, (row["arm"] for row in gates)), parts.kinds_of(statistics)
    names = in_order(row["benchmark"] for row in rows)
    figure, grid = parts.grid_of_panels(statistics, names, [1.7, 1.1, 0.7 + ROW * len(gated)] if names else [2.6])
    for column, benchmark in zip(grid.T, names, strict=False):
        if not parts.dress(column[0], benchmark, [row for row in rows if row["benchmark"] == benchmark]):
            for axes in column[1:]:
                parts.sentence(axes, "not run")
            continue
        here = [row for row in curves if row["benchmark"] == benchmark]
        copying = {row["arm"] for row in here if row["curve"] == "copied"}
        here = [row for row in here if row["arm"] in copying]
        _by_round(column, here, arms, synthetic=_synthetic(statistics, benchmark))
        if wanted := statistics["swarm"]["diversity_wanted"]:
            column[0].axhline(wanted, color=GREY, linewidth=0.7, linestyle="--", zorder=1)
        for row in (row for row in gates if row["benchmark"] == benchmark):
            parts.dot(column[2], gated.index(row["arm"]), {**row, "kind": kinds[row["arm"]]}, row["mean"])
        column[2].set_xlim(-2, 102)
    for column in grid.T if names else ():
        column[0].set_ylim(-0.02, 1.02)
        column[1].set_ymargin(0.15)
        parts.name_left(column[0], "diversity")
        parts.name_left(column[1], "agents (%)")
    if names:
        parts.name_rows(statistics, dict(zip(names, grid[2], strict=True)), gated, "mean gate (%)")
    handles = [Line2D([], [], label=arm, **parts.arm_look(arms, arm)) for arm in arms if arm in swarms]
    for label, style in (("copied over", "-"), ("failed", BROKEN), ("diversity wanted by the criterion", "--")):
        handles.append(Line2D([], [], color=GREY, linewidth=0.7, linestyle=style, label=label))
    figure.legend(handles=handles, loc="outside lower center", ncols=6, columnspacing=1.4, handletextpad=0.5)
    return figure


def lineage(statistics: dict) -> Figure:
    """Draw every agent of one run by round, coloured by its score, with a line from the agent it goes on from."""
    run = statistics["swarm"]["lineage"]
    if run is None:
        return parts.row_of_panels(statistics, [], 2.6)[0]
    figure, panels = parts.row_of_panels(statistics, [""], 3.6)
    axes = panels[""]
    stand_in = ", synthetic stand-in" if _synthetic(statistics, run["benchmark"]) else ""
    axes.set_title(f"{run['arm']} on {run['benchmark']} {run['condition']}, seed {run['seed']} (one run{stand_in})")
    if run["status"] != "done":
        parts.sentence(axes, f"not run: {run['reason']}")
        return figure
    parents = np.array(run["parents"])
    rounds, managers, agents = parents.shape
    scores = np.array(run["scores"], dtype=float).reshape(rounds, -1)  # NaN where an agent failed
    group = np.arange(managers * agents) // agents
    place = np.arange(managers * agents) + group  # a free row between groups
    averaged = np.argsort(scores[-1], kind="stable")[: run["averaged"]]
    _descent(axes, parents.reshape(rounds, -1), place, group, averaged)
    at = np.broadcast_to(np.arange(1, rounds + 1)[:, None], scores.shape)
    limits = {"vmin": np.nanmin(scores), "vmax": np.nanquantile(scores, BAD)}
    dots = axes.scatter(at, np.broadcast_to(place, scores.shape), c=scores, s=24, cmap="cividis", **limits, zorder=3)
    failed_at, failed = np.nonzero(np.isnan(scores))
    axes.plot(failed_at + 1, place[failed], "x", color=parts.ORANGE, markersize=5, zorder=4)
    axes.plot(np.full(len(averaged), rounds), place[averaged], "o", color="black", markersize=7.5, fillstyle="none")
    figure.colorbar(dots, ax=axes, label="fold log-loss (nats); dark is good", extend="max", pad=0.01)
    axes.set(xticks=range(1, rounds + 1), xlabel="round", ylim=(place[-1] + 0.8, -0.8))
    axes.set_yticks([place[group == g].mean() for g in range(managers)], [f"group {g + 1}" for g in range(managers)])
    axes.grid(visible=False)
    handles = [
        Line2D([], [], color=colour, linewidth=width, label=label)
        for colour, width, label in (
            (KEPT, 0.7, "goes on as it was"),
            (COPIED, 0.7, "copied from its group"),
            (MOVED, 0.7, "copied from another group"),
            (COPIED, 2.0, "thick: leads to an averaged agent"),
        )
    ]
    ring = {"marker": "o", "fillstyle": "none", "markersize": 7.5, "color": "black", "linestyle": ""}
    handles.append(Line2D([], [], label="averaged at the end", **ring))
    handles.append(Line2D([], [], label="failed", marker="x", color=parts.ORANGE, linestyle=""))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, columnspacing=1.4, handletextpad=0.5)
    return figure


def _regret_of(axes: Axes, row: dict, look: dict) -> None:
    """Steps from the first value on, with a band; where nothing changes, whiskers at the first value in its place."""
    axes.plot(row["flops"], row["mean"], drawstyle="steps-post", markevery=[0], **look)
    if None in (*row["low"], *row["high"]):
        return
    low = [max(end, 0) for end in row["low"]]  # no regret is under 0
    if len(set(row["mean"])) > 1:
        axes.fill_between(row["flops"], low, row["high"], step="post", color=look["color"], alpha=0.15, linewidth=0)
    else:
        ends = [[row["mean"][0] - low[0]], [row["high"][0] - row["mean"][0]]]
        axes.errorbar(row["flops"][0], row["mean"][0], yerr=ends, color=look["color"])


def _by_round(column: np.ndarray, rows: list[dict], arms: list[str], *, synthetic: bool) -> None:
    """Diversity from its value at first on, to the last round after which agents are copied; below it, shares."""
    for row in rows:
        look = parts.arm_look(arms, row["arm"], synthetic=synthetic)
        copies = len(next(r["x"] for r in rows if (r["arm"], r["curve"]) == (row["arm"], "copied")))
        if row["curve"] == "diversity":
            mean, low, high = (row[end][: copies + 1] for end in ("mean", "low", "high"))
            column[0].plot(range(len(mean)), mean, **look)
            if None not in (*low, *high):
                column[0].fill_between(range(len(mean)), low, high, color=look["color"], alpha=0.15, linewidth=0)
        elif row["curve"] in ("copied", "failed"):
            shares = [100 * share for share in row["mean"]]
            style = "-" if row["curve"] == "copied" else BROKEN
            column[1].plot(row["x"], shares, **look | ({} if style == "-" else {"marker": ""}), linestyle=style)
    for axes in column:
        if synthetic:
            parts.hatch(axes)
    for axes in column[:2]:
        axes.set_xlim(-0.2, 0.2 + max((row["x"][-1] for row in rows if row["curve"] == "failed"), default=1))
        axes.xaxis.get_major_locator().set_params(integer=True)
    column[1].set_xlabel("round (before the first: 0)")


def _descent(axes: Axes, parents: np.ndarray, place: np.ndarray, group: np.ndarray, averaged: np.ndarray) -> None:
    """Lines from parent to child between rounds; thick where an averaged agent descends from the child."""
    alive = set(averaged.tolist())
    for at in range(len(parents) - 1, 0, -1):
        row = parents[at - 1]
        for agent, parent in enumerate(row.tolist()):
            own = agent == parent
            colour = KEPT if own else COPIED if group[agent] == group[parent] else MOVED
            width, order = (2.0, 2) if agent in alive else (0.7, 1)
            axes.plot([at, at + 1], place[[parent, agent]], color=colour, linewidth=width, zorder=order + (not own) / 2)
        alive = {int(row[agent]) for agent in alive}


def _synthetic(statistics: dict, benchmark: str) -> bool:
    return statistics["study"]["benchmarks"][benchmark]["synthetic"]
