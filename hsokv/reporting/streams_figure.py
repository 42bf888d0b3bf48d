"""The figure of the streams: accuracy over all classes seen, task after task, and what is kept of each task."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hsokv.reporting import panels as parts
from hsokv.reporting.panels import in_order

KEPT = ("full", "ridge", "experience_replay", "joint", "neither", "fine_tune")  # whose tasks are drawn one by one
SEEN, BY_TASK = 2.3, 1.5  # inches


def streams(statistics: dict) -> Figure:
    """Draw for each stream's headline class-incremental accuracy after each task, by arm, and by task for some arms.

    Above, accuracy over all classes seen with its interval as a band, named at the end of its line; below, a panel an
    arm, accuracy on each task, numbered where it was learnt, after it and each later task.
    """
    rows = statistics["streams"]
    names = in_order(row["benchmark"] for row in rows)
    shown = [arm for arm in KEPT if any(row["arm"] == arm for row in rows)]
    if not names or not shown:
        return parts.row_of_panels(statistics, [], 2.6)[0]
    figure = Figure(figsize=(parts.TEXT_WIDTH, len(names) * (SEEN + BY_TASK)), layout="constrained")
    grid = figure.add_gridspec(2 * len(names), len(shown), height_ratios=[SEEN, BY_TASK] * len(names))
    parts.warn_small(figure, statistics)
    for block, benchmark in enumerate(names):
        synthetic = statistics["study"]["benchmarks"][benchmark]["synthetic"]
        here = [{**row, "synthetic": synthetic} for row in rows if row["benchmark"] == benchmark]
        above = figure.add_subplot(grid[2 * block, :])
        below = [figure.add_subplot(grid[2 * block + 1, place]) for place in range(len(shown))]
        if parts.dress(above, benchmark, here):
            _seen(above, statistics, here)
        for arm, axes in zip(shown, below, strict=True):
            axes.set_title(arm)
            if synthetic:
                parts.hatch(axes)
            row = next((row for row in here if row["arm"] == arm), None)
            if row is None or row["status"] != "done":
                parts.sentence(axes, f"not run: {row['reason']}" if row else "\N{EN DASH}", width=16)
                continue
            _by_task(axes, row["class_incremental"]["mean"])
        for axes in (above, *below):
            parts.name_left(axes, "accuracy (%)")
        for axes in below[1:]:
            axes.tick_params(labelleft=False)
    return figure


def _seen(axes: Axes, statistics: dict, here: list[dict]) -> None:
    arms = parts.arranged(statistics, statistics["study"]["arms"])
    curves = {
        row["arm"]: row
        for row in statistics["curves"]
        if (row["benchmark"], row["condition"], row["curve"]) == (here[0]["benchmark"], "headline", "accuracy_seen")
    }
    ends, last = {}, max((row["x"][-1] for row in curves.values()), default=1)
    for arm in (arm for arm in arms if arm in curves):
        row, look = curves[arm], parts.arm_look(arms, arm, synthetic=here[0]["synthetic"])
        mean, low, high = ([end and 100 * end for end in row[name]] for name in ("mean", "low", "high"))
        axes.plot(row["x"], mean, **look)
        if None not in (*low, *high):
            axes.fill_between(row["x"], low, high, color=look["color"], alpha=0.15, linewidth=0)
        ends[arm] = (mean[-1], look["color"])
    axes.set(xlim=(0.9, last + 0.25 * last), ylim=(0, 103), xticks=range(1, last + 1))
    axes.set_xlabel("tasks seen; accuracy is class-incremental, over all classes of these tasks", x=0.4)
    parts.label_ends(axes, last + 0.04, ends, gap=5.5, top=100)
    parts.absent(axes, here)


def _by_task(axes: Axes, matrix: list[list[float]]) -> None:
    """A line a task, from the task itself on; dark is early."""
    tasks = len(matrix)
    colours = matplotlib.colormaps["cividis"](np.linspace(0, 0.78, tasks))
    for task in range(tasks):
        at = np.arange(task, tasks) + 1
        line = [100 * matrix[later][task] for later in range(task, tasks)]
        axes.plot(at, line, color=colours[task], marker="o", markersize=2.4)
        look = {"textcoords": "offset points", "fontsize": 6, "color": colours[task], "ha": "right"}
        axes.annotate(str(task + 1), (at[0], line[0]), (-3, 2), **look)
    axes.set(xlim=(0.3, tasks + 0.3), ylim=(0, 103), xlabel="tasks seen")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
