"""The parts of which every figure is made: panels, colours and markers by arm, rows of dots, curves, legends."""

import io
import math
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backend_bases import get_registered_canvas_class
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import NullLocator

from hsokv.analysis.frames import Study
from hsokv.exceptions import ConfigurationError
from hsokv.files import write_bytes
from hsokv.report.findings import CONTROLS, PROPOSED

STYLE = Path(__file__).with_name("hsokv.mplstyle")
TEXT_WIDTH = 7.0  # inches
ROW = 0.15  # inches that a row of dots takes
PER_ROW = 4  # panels beside each other
NAME = 24  # letters of a line of a name beside a panel
DOTTED, DASHED, BROKEN = (0, (2, 2)), "--", (0, (3, 1.2))
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#595959"  # blue and vermillion of Okabe and Ito
ARM_COLOURS = (BLUE, "#E69F00", "#009E73", "#CC79A7", "#56B4E9", ORANGE, "#000000", "#8C6D1F")
ARM_COLOURS += ("#332288", "#7F9A1B", "#AA4499", "#8A8A8A", "#44AA99", "#882255", "#117733", "#B8A038", "#661100")
ARM_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*", "d")  # colours alone do not suffice
KINDS = {"variant": (BLUE, "o"), "baseline": (ORANGE, "s"), "control": (GREY, "D")}
Look = dict[str, object]  # of a line: what Line2D takes
Lines = list[tuple[Look, pd.DataFrame]]  # by arm
Panels = dict[str, list[Axes]]


def frame(study: Study, name: str, **values: str) -> pd.DataFrame:
    """The rows of a frame that have these values, with columns `arm_kind` and `synthetic`.

    A stand-in of a benchmark that ran is left out: it shows nothing that its original does not.
    """
    rows, about = getattr(study, name), study.about["benchmarks"]
    for column, value in values.items():
        rows = rows[rows[column] == value]
    ran = study.scores.loc[study.scores["status"] == "done", "benchmark"].unique()
    rows = rows[rows["benchmark"].isin(set(about) - {f"{benchmark}_synthetic" for benchmark in ran})]
    kinds = [kind_of(study, arm) for arm in rows.get("arm", [""] * len(rows))]
    return rows.assign(arm_kind=kinds, synthetic=[about[benchmark]["synthetic"] for benchmark in rows["benchmark"]])


def kind_of(study: Study, arm: str) -> str:
    """Whether an arm is a `variant`, a `baseline` or a `control` of a benchmark."""
    return "variant" if arm in study.about["variants"] else "baseline" if arm in study.about["arms"] else "control"


def arranged(study: Study, arms: Iterable[str]) -> list[str]:
    """The arms by group: `full`, the controls of its swarm, its ablations, the baselines, other controls."""
    controls = (arm for benchmark in study.about["benchmarks"].values() for arm in benchmark["controls"])
    wanted = set(arms)
    known = (arm for arm in dict.fromkeys([*study.about["arms"], *controls]) if arm in wanted)
    return sorted(known, key=lambda arm: _group(study, arm))


def _group(study: Study, arm: str) -> int:
    if (kind := kind_of(study, arm)) != "variant":
        return 3 + (kind == "control")
    return 0 if arm == PROPOSED else 1 if arm in CONTROLS else 2


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Colour and marker of each name, by its place among them; no two of the first 204 look alike.

    >>> looks(["full", "knn"])["knn"]["marker"]
    's'
    """
    result = {}
    for place, name in enumerate(names):
        colour = ARM_COLOURS[place % len(ARM_COLOURS)]
        marker = ARM_MARKERS[place % len(ARM_MARKERS)]
        # Where points coincide, the first name's is seen.
        result[name] = {"color": colour, "marker": marker, "markerfacecolor": colour, "zorder": 3 - place / 100}
    return result


def arm_looks(study: Study, arms: Iterable[str]) -> dict[str, Look]:
    """The looks of these arms, the same in every figure that tells arms apart by them.

    The controls of the swarm come last: they are drawn with `full` alone, so no arm beside it needs their colours.
    """
    wanted = set(arms)
    order = sorted(arranged(study, study.about["arms"]), key=lambda arm: arm in CONTROLS)
    return {arm: look for arm, look in looks(order).items() if arm in wanted}


def opened(look: Look, synthetic: bool) -> Look:
    """The look with an open marker where it shows a synthetic stand-in."""
    return look | {"markerfacecolor": "white"} if synthetic else look


def grey(linestyle: str | tuple[int, tuple[float, ...]], width: float = 0.7) -> Look:
    """The look of a line that is no arm's."""
    return {"color": GREY, "linestyle": linestyle, "linewidth": width}


def columns(words: str) -> int:
    """Columns that words take on a terminal: two a wide letter, none a combining one."""
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in words if not unicodedata.combining(c))


def fold(words: str, width: int) -> str:
    """Break words into lines of `width` columns, at blanks and after `_`, `-` and `/`, else between two letters.

    >>> fold("kv_random_search", 10)
    'kv_random_\\nsearch'
    """
    lines, part = [""], ""
    words = unicodedata.normalize("NFC", words)
    for letter, following in zip(words, words[1:] + " ", strict=True):
        part += letter
        if unicodedata.combining(following) or (letter not in " _-/" and columns(part) < width and following != " "):
            continue
        if lines[-1] and columns(lines[-1] + part) > width:
            lines.append("")
        lines[-1], part = lines[-1] + part, ""
    return "\n".join(line.strip() for line in lines).replace("$", r"\$")  # no name is a formula


def open_figure(study: Study, height: float) -> Figure:
    """A figure of text width; one of a small run says above its panels that it is one."""
    figure = Figure(figsize=(TEXT_WIDTH, height))
    if study.about["small"]:
        figure.suptitle("small run, not the study", fontsize=8, fontweight="bold", color=ORANGE)
    return figure


def panels(study: Study, titles: Iterable[str], *heights: float, below: float = 0) -> tuple[Figure, Panels]:
    """Open a figure with a column of panels a title; a row of them, `heights` inches high, shares its y axis.

    More than `PER_ROW` columns go on below the first. With `below`, key "" has one more panel of that height.
    Without titles the figure says that it has nothing to draw.
    """
    names = list(titles) or [""]
    across, rows = -(-len(names) // -(-len(names) // PER_ROW)), len(heights)  # rows as even as can be
    ratios = [*heights * -(-len(names) // across), *[below] * bool(below)]
    figure = open_figure(study, sum(ratios))
    spec = figure.add_gridspec(len(ratios), across, height_ratios=ratios)
    grid: Panels = {}
    for place, name in enumerate(names):
        block, column = divmod(place, across)
        shared = next(iter(grid.values()), [None] * rows)
        grid[name] = [figure.add_subplot(spec[block * rows + row, column], sharey=shared[row]) for row in range(rows)]
        for axes in grid[name]:
            axes.tick_params(labelleft=column == 0)
    if below:
        grid[""] = [figure.add_subplot(spec[-1, : -(-across // 2)])]
    if names == [""]:
        sentence(grid[""][0], "not run: nothing of this figure is in the configuration")
    return figure, grid


def nothing(study: Study) -> Figure:
    """The figure of a study that has nothing to draw."""
    figure, grid = panels(study, [], 2.4)
    grid[""][0].set_yticks([])
    return figure


def room(axes: Axes) -> int:
    """How many letters of a title fit beside each other in a panel."""
    spec = axes.get_subplotspec()
    return 92 * len(spec.colspan) // spec.get_gridspec().ncols


def dress(axes: Axes, title: str, rows: pd.DataFrame) -> bool:
    """Give a panel its title, its number of seeds and a stand-in's hatch; return whether there is anything to draw."""
    seeds = sorted(rows.loc[rows["status"] == "done", "seeds"].astype(int).unique())
    count = f"{seeds[0]} to {seeds[-1]} seeds" if len(seeds) > 1 else f"{seeds[0]} seeds" if seeds else "no runs"
    count = "1 seed" if seeds == [1] else count
    if rows["synthetic"].any():
        count = fold(f"synthetic stand-in, {count}", room(axes) + 6)
        hatch(axes)
    axes.set_title(f"{fold(title, room(axes))}\n{count}")
    if len(rows) and not seeds:
        sentence(axes, "not run: " + "; ".join(rows["reason"].unique()))
    return bool(seeds)


def dressed(grid: Panels, rows: pd.DataFrame) -> Iterator[tuple[Axes, pd.DataFrame]]:
    """Dress the first panel of each title; yield the panels that have something to draw, and their rows."""
    for title, (axes, *_) in grid.items():
        here = rows[rows["benchmark"] == title]
        if title and dress(axes, title, here):
            yield axes, here


def hatch(axes: Axes) -> None:
    """Hatch the ground of a panel, as that of every synthetic stand-in is."""
    axes.patch.set(hatch="////", edgecolor="#E4E4E4", linewidth=0)


def sentence(axes: Axes, words: str) -> None:
    """Put words where the points of a panel would stand."""
    words = fold(textwrap.shorten(words, 240, placeholder=" ..."), room(axes))
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    axes.text(0.5, 0.5, words, color=GREY, bbox=ground, transform=axes.transAxes, ha="center", va="center")
    axes.set_xticks([])
    axes.grid(visible=False)


def absent(axes: Axes, rows: pd.DataFrame, column: str = "arm") -> None:
    """Name the arms (or what `column` names) that are not run at the foot of a panel that gives them no row."""
    if names := list(rows.loc[rows["status"] != "done", column].unique()):
        words = fold("not run: " + ", ".join(names), room(axes))
        axes.text(0.98, 0.02, words, transform=axes.transAxes, va="bottom", ha="right", fontsize=6, color=GREY)


def name_left(axes: Axes, label: str) -> None:
    """Name the y axis where a panel is the first of its row."""
    if axes.get_subplotspec().is_first_col():
        axes.set_ylabel(label)


def row_height(arms: Iterable[str]) -> float:
    """Inches that rows of these names take."""
    lines = [1 + fold(arm, NAME).count("\n") for arm in dict.fromkeys(arms)]
    return ROW * max(len(lines), 4) * (0.35 + 0.65 * max(lines, default=1))


def dots(
    study: Study, grid: Panels, rows: pd.DataFrame, label: str, *, row: int = 0, around_zero: bool = False
) -> None:
    """Draw an arm a row with its mean and interval in percent, or the words that say why it is empty.

    It is drawn in the panel `row` of each benchmark's column. A dash stands where a benchmark does not have the arm; a
    light line parts the groups of arms.
    """
    arms = arranged(study, rows["arm"])
    apart = np.flatnonzero(np.diff([_group(study, arm) for arm in arms])) + 0.5
    for benchmark, axes in ((name, column[row]) for name, column in grid.items() if name):
        axes.grid(visible=False, axis="y")
        here = rows[rows["benchmark"] == benchmark]
        if arms:
            axes.set_ylim(len(arms) - 0.4, -0.6)
            axes.set_yticks(range(len(arms)), [fold(arm, NAME) for arm in arms])
        if not (here["status"] == "done").any():
            axes.set_xticks([])
            continue
        side = {"transform": axes.get_yaxis_transform(), "va": "center", "color": GREY}
        for one in here.itertuples():
            colour, marker = KINDS[one.arm_kind]
            if one.status == "done":
                look = opened({"color": colour, "marker": marker, "markerfacecolor": colour}, one.synthetic)
                ends = [[100 * (one.mean - one.low)], [100 * (one.high - one.mean)]]
                axes.errorbar(100 * one.mean, arms.index(one.arm), xerr=ends, **look)
            else:
                words = textwrap.shorten(f"not run: {one.reason}", room(axes) + 8, placeholder=" ...")
                axes.text(0.03, arms.index(one.arm), fold(words, 99), fontsize=6, **side)
        for place in (place for place, arm in enumerate(arms) if arm not in set(here["arm"])):
            axes.text(0.03, place, "\N{EN DASH}", **side)
        for place in apart:
            axes.axhline(place, color="#BBBBBB", linewidth=0.6, zorder=1)
        axes.set(xlabel=label, xlim=(-2, 102))
        if around_zero:
            axes.axvline(0, color="black", linewidth=0.7, zorder=1)
            reach = 110 * max(here[["mean", "low", "high"]].abs().max(axis=None), 0.01)
            axes.set_xlim(-reach, reach)


def whiskers(rows: pd.DataFrame, scale: float = 100) -> list[pd.Series]:
    """The intervals of rows as lengths below and above their means, in points."""
    return [scale * (rows["mean"] - rows["low"]), scale * (rows["high"] - rows["mean"])]


def explain_kinds(figure: Figure, rows: pd.DataFrame, entries: Mapping[str, Look]) -> None:
    """Explain the markers of rows of dots, these `entries`, and open markers."""
    kinds = {kind: look for kind, look in KINDS.items() if (rows["arm_kind"] == kind).any()}
    kinds = {kind: {"color": colour, "marker": marker, "linestyle": ""} for kind, (colour, marker) in kinds.items()}
    open_marker = {"color": GREY, "marker": "o", "markerfacecolor": "white", "linestyle": ""}
    stand_in = {"open: synthetic stand-in": open_marker} if rows["synthetic"].any() else {}
    legend(figure, kinds | entries | stand_in)


Draw = Callable[[Axes, pd.DataFrame, Lines], None]


def by_arm(
    study: Study, rows: pd.DataFrame, height: float, labels: tuple[str, str], draw: Draw,
    entries: Mapping[str, Look],
) -> Figure:  # fmt: skip
    """Draw a panel a benchmark by `draw(axes, its rows that were run, look and rows by arm)`.

    `labels` name its axes. Beneath the panels stand the looks of all arms, then these `entries`.
    """
    figure, grid = panels(study, in_order(study, rows), height)
    arms = arm_looks(study, rows["arm"])
    for axes, here in dressed(grid, rows):
        done, synthetic = here[here["status"] == "done"], here["synthetic"].any()
        draw(axes, done, [(opened(look, synthetic), done[done["arm"] == arm]) for arm, look in arms.items()])
        absent(axes, here)
        axes.set_xlabel(labels[0])
    for (axes,) in grid.values():
        name_left(axes, labels[1])
    legend(figure, arms | entries)
    return figure


def in_order(study: Study, rows: pd.DataFrame) -> list[str]:
    """The benchmarks of rows in the order of the configuration."""
    there = set(rows["benchmark"])
    return [name for name in study.about["benchmarks"] if name in there]


def curve(axes: Axes, x: pd.Series, rows: pd.DataFrame, look: Look, *, scale: float = 100) -> None:
    """Draw a line of means, in percent, with a band for their intervals where there are any."""
    axes.plot(x, scale * rows["mean"], **look)
    step = {"step": "post"} if "drawstyle" in look else {}
    ends = (scale * rows[end] for end in ("low", "high"))
    axes.fill_between(x, *ends, color=look["color"], alpha=0.15, linewidth=0, **step)


def bars(axes: Axes, x: pd.Series, rows: pd.DataFrame, look: Look, *, scale: float = 100, linestyle: str = "") -> None:
    """Draw points of means, in percent, with their intervals as whiskers and, if there is a `linestyle`, a line."""
    look = look | {"linestyle": linestyle}
    axes.errorbar(x, scale * rows["mean"], yerr=whiskers(rows, scale), **look)


def decades(axes: Axes, costs: Iterable[float]) -> None:
    """Set a log scale that begins and ends on a power of ten, and has ticks at those alone."""
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    if costs := [math.log10(cost) for cost in costs if cost > 0]:
        low, high = math.floor(min(costs) - 0.08), math.ceil(max(costs) + 0.08)  # no point on the frame
        axes.set_xlim(10.0**low, 10.0 ** max(high, low + 1))


def label_ends(axes: Axes, at: float, ends: Mapping[str, tuple[float, str]], height: float) -> None:
    """Write each name, in its colour, right of the panel near the end of its line, apart from the others.

    `ends` maps names to the last value of the line, in percent, and its colour; `height` is the panel's, in inches,
    about. A thin line leads from the end to the name.
    """
    order = sorted(ends, key=lambda name: ends[name][0])
    lines = np.array([1 + fold(name, NAME).count("\n") for name in order])
    gaps = lines * min(104 * 7 / (72 * height), 104 / max(lines.sum(), 1))
    middles = np.array([ends[name][0] for name in order])
    for _ in range(200):  # neighbours that overlap move apart, and all stay inside
        overlap = np.maximum((gaps[1:] + gaps[:-1]) / 2 - np.diff(middles), 0) / 2
        middles[:-1] -= overlap
        middles[1:] += overlap
        middles = np.clip(middles, gaps / 2 - 2, 102 - gaps / 2)
    side = {"textcoords": axes.get_yaxis_transform(), "va": "center", "fontsize": 6, "annotation_clip": False}
    for name, middle in zip(order, middles, strict=True):
        value, colour = ends[name]
        lead = {"arrowstyle": "-", "linewidth": 0.4, "color": colour, "shrinkA": 1, "shrinkB": 2, "relpos": (0, 0.5)}
        axes.annotate(fold(name, NAME), (at, value), (1.04, middle), color=colour, arrowprops=lead, **side)


def legend(figure: Figure, entries: Mapping[str, Look]) -> None:
    """Explain looks below the panels, in as many columns as fit the width."""
    handles = [Line2D([], [], label=fold(name, 36), **look) for name, look in entries.items()]
    widest = max((columns(line) for handle in handles for line in handle.get_label().split("\n")), default=1)
    across = max(1, min(len(handles), int(72 * TEXT_WIDTH / (widest * 3.9 + 30))))
    figure.legend(handles=handles, loc="outside lower center", ncols=across)


def save(figure: Figure, targets: Iterable[Path]) -> None:
    """Write the figure to each target, whole or not at all; the same figure gives the same bytes.

    Raises:
        ConfigurationError: no installed font of the style has a letter that the figure is to show.
    """
    words = figure.findobj(Text)
    fonts = _fonts("".join(text.get_text() for text in words))
    for text in words:
        text.set_fontfamily(fonts)
    with matplotlib.rc_context({"font.family": fonts}):
        figure.get_layout_engine().execute(figure)
        figure.set_layout_engine("none")  # laid out once, alike in every format
        for target in map(Path, targets):
            page, form = io.BytesIO(), target.suffix.removeprefix(".")
            undated = {"CreationDate": None} if form == "pdf" else None
            # Not savefig, which draws everything once more beforehand, in case there is a layout to make.
            canvas = get_registered_canvas_class(form)(figure)
            getattr(canvas, f"print_{form}")(page, metadata=undated)
            figure.set_dpi(matplotlib.rcParams["savefig.dpi"])
            write_bytes(target, page.getvalue())


def _fonts(words: str) -> list[str]:
    """The style's first font, and those after it that have letters which all before them lack.

    Every text is looked up in each of its fonts, so that a list of all of them would double the time of drawing.
    """
    installed = {font.name for font in font_manager.fontManager.ttflist}
    wanted, fonts, letters = matplotlib.rcParams["font.sans-serif"], [], {ord(letter) for letter in words} - {10}
    for font in filter(installed.__contains__, wanted):
        if not letters and fonts:
            break
        charmap = font_manager.get_font(font_manager.findfont(font)).get_charmap().keys()
        if letters & charmap or not fonts:
            fonts.append(font)
            letters -= charmap
    if letters:
        letter, place = chr(min(letters)), matplotlib.get_cachedir()
        raise ConfigurationError(
            f"It shows {letter!r} (U+{ord(letter):04X}, {unicodedata.name(letter, 'unnamed')}), which no installed "
            f"font of {STYLE.name} has. Install one (Debian: fonts-noto, fonts-noto-cjk), add its name to "
            f"font.sans-serif in {STYLE}, and delete the list of fonts in {place}."
        )
    return fonts
