"""The one look of every figure: sizes, colours that colour-blind readers can tell apart, and the parts of a panel."""

import math
import textwrap
from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecBase
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from hsokv.reporting.headline import CONTROLS, SUBJECT

SMALL = "small run, not the study"
TEXT_WIDTH = 7.0  # inches
ROW = 0.15  # inches a row of a dot-and-interval panel takes
PER_ROW = 4  # panels beside each other
DASHES = (0, (2, 2))

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#595959"  # blue and vermillion of Okabe and Ito
ARM_COLOURS = (BLUE, "#E69F00", "#009E73", "#CC79A7", "#56B4E9", ORANGE, "#000000", "#8C6D1F")
ARM_COLOURS += ("#332288", "#7F9A1B", "#AA4499", "#8A8A8A")
ARM_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*", "d")  # colours alone would not do for so many
KINDS = {"variant": (BLUE, "o"), "baseline": (ORANGE, "s"), "control": (GREY, "D")}

STYLE = {
    "font.family": "DejaVu Sans",  # shipped with matplotlib, so the same on every machine
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.linewidth": 0.4,
    "grid.color": "#DDDDDD",
    "hatch.linewidth": 0.4,
    "lines.linewidth": 0.8,
    "lines.markersize": 3.4,
    "errorbar.capsize": 1.6,
    "legend.frameon": False,
    "figure.dpi": 200,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "svg.hashsalt": "hsokv",
}


def in_order(names: Iterable[str]) -> list[str]:
    """Return the names without repeats, in the order of their first appearance."""
    return list(dict.fromkeys(names))


def row_of_panels(statistics: dict, titles: list[str], height: float) -> tuple[Figure, dict[str, Axes]]:
    """Open a figure of text width with a panel a title, all sharing the y axis; a small run says so above them."""
    figure, grid = grid_of_panels(statistics, titles, [height])
    return figure, dict(zip(titles or [""], grid[0], strict=True))


def grid_of_panels(statistics: dict, titles: list[str], heights: list[float]) -> tuple[Figure, np.ndarray]:
    """Open a figure of text width with a column a title and a row a height in inches; a row shares its y axis.

    More than `PER_ROW` columns go on below the first ones.
    """
    columns, blocks = _shape(titles)
    figure = Figure(figsize=(TEXT_WIDTH, blocks * sum(heights)), layout="constrained")
    spec = figure.add_gridspec(blocks * len(heights), columns, height_ratios=heights * blocks)
    grid = np.array([_row(figure, spec, titles, row, len(heights)) for row in range(len(heights))])
    warn_small(figure, statistics)
    if not titles:
        sentence(grid[0, 0], "not run: nothing of this figure is in the configuration")
    return figure, grid


def panels_above_one(
    statistics: dict, titles: list[str], height: float, below: float
) -> tuple[Figure, dict[str, Axes], Axes]:
    """Open a figure as `row_of_panels` does, with one more panel, half as wide as the text, below the others."""
    columns, blocks = _shape(titles)
    figure = Figure(figsize=(TEXT_WIDTH, blocks * height + below), layout="constrained")
    above, last = figure.add_gridspec(2, 1, height_ratios=[blocks * height, below])
    row = _row(figure, above.subgridspec(blocks, columns), titles, 0, 1)
    warn_small(figure, statistics)
    return figure, dict(zip(titles, row, strict=True)), figure.add_subplot(last.subgridspec(1, 2)[0, 0])


def _shape(titles: list[str]) -> tuple[int, int]:
    """Columns beside each other, and blocks of them below each other."""
    columns = min(max(len(titles), 1), PER_ROW)
    return columns, -(-max(len(titles), 1) // columns)


def _row(figure: Figure, spec: GridSpecBase, titles: list[str], row: int, rows: int) -> list[Axes]:
    """The panels of one row of every block of `rows` rows; the shared y axis has its numbers in the first column."""
    columns, _ = _shape(titles)
    panels: list[Axes] = []
    for place in range(max(len(titles), 1)):
        block, column = divmod(place, columns)
        axes = figure.add_subplot(spec[block * rows + row, column], sharey=panels[0] if panels else None)
        axes.tick_params(labelleft=column == 0)
        panels.append(axes)
    return panels


def warn_small(figure: Figure, statistics: dict) -> None:
    """Say above the panels of a small run that it is one."""
    if statistics["small"]:
        figure.suptitle(SMALL, fontsize=8, fontweight="bold", color=ORANGE)


def dress(axes: Axes, title: str, rows: list[dict]) -> bool:
    """Give a panel its title, its number of seeds and a stand-in's hatch; return whether there is anything to draw."""
    seeds = sorted({row["seeds"] for row in rows if row["status"] == "done"})
    count = count_seeds(seeds)
    if any(row["synthetic"] for row in rows):
        count = f"synthetic stand-in, {count}"
        hatch(axes)
    axes.set_title(f"{title}\n{count}")
    if rows and not seeds:
        sentence(axes, "not run: " + "; ".join(in_order(row["reason"] for row in rows)))
    return bool(seeds)


def hatch(axes: Axes) -> None:
    """Hatch the ground of a panel, as that of every synthetic stand-in is."""
    axes.patch.set(hatch="////", edgecolor="#E4E4E4", linewidth=0)


def decades(axes: Axes, costs: Iterable[float]) -> None:
    """Set a log scale that begins and ends on a power of ten, with those alone labelled."""
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    if costs := list(costs):
        low, high = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)))
        axes.set_xlim(10.0**low, 10.0 ** max(high, low + 1))


def count_seeds(seeds: list[int]) -> str:
    """Say the numbers of seeds, in ascending order, behind what a panel shows."""
    count = f"{seeds[0]} to {seeds[-1]} seeds" if len(seeds) > 1 else f"{seeds[0]} seeds" if seeds else "no runs"
    return "1 seed" if seeds == [1] else count


def sentence(axes: Axes, words: str, width: int = 30) -> None:
    """Put words, in lines of `width` characters, where the points of a panel would stand."""
    words = textwrap.shorten(words, 240, placeholder=" ...")
    place = {"transform": axes.transAxes, "ha": "center", "va": "center"}
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    axes.text(0.5, 0.5, textwrap.fill(words, width), color=GREY, bbox=ground, **place)
    axes.set_xticks([])
    axes.grid(False)


def absent(axes: Axes, rows: list[dict], name: str = "arm", *, right: bool = False) -> None:
    """Name the arms (or what `name` names) that are not run at the foot of a panel that gives them no row."""
    names = in_order(row[name] for row in rows if row["status"] != "done")
    if names:
        words = textwrap.fill("not run: " + ", ".join(names), 40)
        place = {"x": 0.98, "ha": "right"} if right else {"x": 0.02}
        axes.text(y=0.02, s=words, transform=axes.transAxes, va="bottom", fontsize=5.5, color=GREY, **place)


def kinds_of(statistics: dict) -> dict[str, str]:
    """Return for each arm whether it is a `variant`, a `baseline` or a `control`."""
    study = statistics["study"]
    kinds = {arm: "control" for benchmark in study["benchmarks"].values() for arm in benchmark["controls"]}
    return kinds | dict.fromkeys(study["arms"], "baseline") | dict.fromkeys(study["variants"], "variant")


def arranged(statistics: dict, arms: Iterable[str]) -> list[str]:
    """Return the arms without repeats, by group: `full`, its controls, its ablations, the baselines, other controls."""
    kinds = kinds_of(statistics)
    return sorted(in_order(arms), key=lambda arm: _group(arm, kinds[arm]))


def _group(arm: str, kind: str) -> int:
    if kind != "variant":
        return 3 + (kind == "control")
    return 0 if arm == SUBJECT else 1 if arm in CONTROLS else 2


def whiskers(row: dict, middle: float) -> list[list[float]] | None:
    """Return the interval as lengths below and above `middle`, in points; None where there is no interval."""
    if row["low"] is None or row["high"] is None:
        return None
    return [[100 * (middle - row["low"])], [100 * (row["high"] - middle)]]


def dot(axes: Axes, place: int, row: dict, middle: float | None) -> None:
    """Draw one row of a dot-and-interval panel, or the words that say why it is empty."""
    if row["status"] != "done":
        missing(axes, place, row["reason"])
        return
    colour, marker = KINDS[row["kind"]]
    look = {"color": colour, "marker": marker, "markerfacecolor": "white" if row["synthetic"] else colour}
    axes.errorbar(100 * middle, place, xerr=whiskers(row, middle), **look)


def missing(axes: Axes, place: int, reason: str) -> None:
    """Say in a row of a panel why it has no point."""
    words = textwrap.shorten(f"not run: {reason}", 40, placeholder=" ...")
    axes.text(0.03, place, words, transform=axes.get_yaxis_transform(), va="center", fontsize=5.5, color=GREY)


def undefined(axes: Axes, arms: list[str], shown: set[str]) -> None:
    """Put a dash in the rows of the arms that a panel's benchmark does not have."""
    for arm in (arm for arm in arms if arm not in shown):  # in order: a set's order would change the bytes
        axes.text(0.03, arms.index(arm), "\N{EN DASH}", transform=axes.get_yaxis_transform(), va="center", color=GREY)


def name_left(axes: Axes, label: str) -> None:
    """Name the y axis where a panel is the first of its row."""
    if axes.get_subplotspec().is_first_col():
        axes.set_ylabel(label)


def name_rows(statistics: dict, panels: dict[str, Axes], arms: list[str], label: str) -> None:
    """Name the rows of all panels once, at the left, the first arm at the top, with a light line between groups."""
    kinds = kinds_of(statistics)
    groups = [_group(arm, kinds[arm]) for arm in arms]
    for axes in panels.values():
        for place in np.flatnonzero(np.diff(groups)) + 1:
            axes.axhline(place - 0.5, color="#BBBBBB", linewidth=0.6, zorder=1)
        axes.grid(visible=False, axis="y")
        axes.set_ylim(len(arms) - 0.4, -0.6)
        if axes.get_xticks().size:
            axes.set_xlabel(label)
    next(iter(panels.values())).set_yticks(range(len(arms)), arms)


def explain_kinds(figure: Figure, rows: list[dict]) -> None:
    """Explain the markers of dot-and-interval panels below them; a row has its kind and `synthetic`."""
    kinds = {row["kind"] for row in rows}
    handles = [
        Line2D([], [], linestyle="", color=colour, marker=marker, label=kind)
        for kind, (colour, marker) in KINDS.items()
        if kind in kinds
    ]
    if "control" in kinds:
        handles.append(Line2D([], [], color=GREY, linewidth=0.5, linestyle=DASHES, label="a control, or chance"))
    if any(row["synthetic"] for row in rows):
        open_marker = {"color": GREY, "marker": "o", "markerfacecolor": "white"}
        handles.append(Line2D([], [], linestyle="", label="open: synthetic stand-in", **open_marker))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, columnspacing=1.4, handletextpad=0.4)


def label_ends(axes: Axes, at: float, ends: dict[str, tuple[float, str]], gap: float, top: float) -> None:
    """Write each name, in its colour, to the right of `at`, near the end of its line; `gap` apart, under `top`.

    `ends` maps names to the line's last value and its colour; a thin line leads to a name that stands elsewhere.
    """
    order = sorted(ends, key=lambda name: ends[name][0])
    places: list[float] = []
    for name in order:
        places.append(max(ends[name][0], places[-1] + gap if places else -math.inf))
    for index in reversed(range(len(order))):
        places[index] = min(places[index], top - gap * (len(order) - 1 - index))
    reach = 0.02 * (axes.get_xlim()[1] - axes.get_xlim()[0])
    for name, place in zip(order, places, strict=True):
        value, colour = ends[name]
        axes.plot([at, at + reach], [value, place], color=colour, linewidth=0.4, clip_on=False)
        axes.text(at + 1.3 * reach, place, name, fontsize=5.5, color=colour, va="center")


def arm_look(arms: list[str], arm: str, *, synthetic: bool = False) -> dict:
    """Return colour and marker of an arm, the same in every figure that tells arms apart by them."""
    place = arms.index(arm)
    colour = ARM_COLOURS[place % len(ARM_COLOURS)]
    marker = ARM_MARKERS[(place + 5 * (place // len(ARM_COLOURS))) % len(ARM_MARKERS)]  # no pair comes twice
    look = {"color": colour, "marker": marker, "markerfacecolor": "white" if synthetic else colour}
    return look | {"zorder": 3 - place / 100}  # of points that coincide the first arm's is seen
