"""The figure of the memory: what is lost without it, and how its reads are spread over its entries."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hsokv.reporting import panels as parts
from hsokv.reporting.panels import GREY, ROW, in_order

LOST = "accuracy_lost_without_memory"
WORTH, SPREAD = "what zeroing the memory costs", "what is read of the memory of full"
RIGHT = (0, (3, 1.2))  # the broken line of reads that were right


def memory(statistics: dict) -> Figure:
    """Draw the accuracy lost with the memory zeroed, a row an arm, and beside it reads over entries, most read first.

    Both panels give a benchmark one colour and marker; the right one draws `full` alone, each share of its reads
    against the share of entries that they go to, and by a broken line those that were right.
    """
    rows = [row for row in statistics["scores"] if (row["condition"], row["score"]) == ("headline", LOST)]
    curves = [row for row in statistics["memory"]["reads_by_rank"] if row["arm"] == "full"]
    benchmarks = in_order(row["benchmark"] for row in [*rows, *curves])
    if not benchmarks:
        figure, _ = parts.row_of_panels(statistics, [], 2.6)
        return figure
    synthetic = {name: statistics["study"]["benchmarks"][name]["synthetic"] for name in benchmarks}
    looks = {name: parts.arm_look(benchmarks, name, synthetic=synthetic[name]) for name in benchmarks}
    height = max(2.8, 1.1 + ROW * (len(rows) + len(benchmarks)))
    figure, panels = parts.row_of_panels(statistics, [WORTH, SPREAD], height, sharey=False)
    _worth(panels[WORTH], rows, looks, synthetic)
    _spread(panels[SPREAD], curves, looks)
    _explain(figure, looks, synthetic)
    return figure


def _worth(axes: Axes, rows: list[dict], looks: dict[str, dict], synthetic: dict[str, bool]) -> None:
    """A line with the benchmark's name, then a row an arm; the ground of a stand-in is hatched."""
    axes.set_title(f"{WORTH}\n{parts.count_seeds(_seeds(rows))}")
    names, places, reach = [], [], [0.01]
    for benchmark in in_order(row["benchmark"] for row in rows):
        top = len(names)
        names.append(benchmark)
        for row in (row for row in rows if row["benchmark"] == benchmark):
            places.append(len(names))
            names.append(row["arm"])
            if row["status"] != "done":
                parts.missing(axes, places[-1], row["reason"])
                continue
            reach += [abs(row[end]) for end in ("mean", "low", "high") if row[end] is not None]
            axes.errorbar(100 * row["mean"], places[-1], xerr=parts.whiskers(row, row["mean"]), **looks[benchmark])
        if synthetic[benchmark]:
            axes.axhspan(top - 0.5, len(names) - 0.5, facecolor="none", edgecolor="#E4E4E4", hatch="////", linewidth=0)
    axes.axvline(0, color="black", linewidth=0.7, zorder=1)
    axes.set_yticks(range(len(names)), names)
    for place, label in enumerate(axes.get_yticklabels()):
        label.set_fontweight("normal" if place in places else "bold")
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(-110 * max(reach), 110 * max(reach))
    axes.set_xlabel("accuracy lost (points)")


def _spread(axes: Axes, rows: list[dict], looks: dict[str, dict]) -> None:
    """For each benchmark the share of reads, with its interval as a band, and by a broken line the right ones."""
    done = [row for row in rows if row["status"] == "done"]
    axes.set_title(f"{SPREAD}\n{parts.count_seeds(_seeds(rows))}")
    if not done:
        reasons = "; ".join(in_order(row["reason"] for row in rows)) or "no arm full with a memory"
        parts.sentence(axes, f"not run: {reasons}")
        return
    axes.plot([0, 100], [0, 100], color=GREY, linewidth=0.5, linestyle=parts.DASHES, zorder=1)
    for row in done:
        at, look = [100 * share for share in row["entries"]], looks[row["benchmark"]]
        for kind, style in (("reads", "-"), ("right", RIGHT)):
            axes.plot(at, [100 * share for share in row[kind]["mean"]], linestyle=style, markevery=4, **look)
        low, high = ([end and 100 * end for end in row["reads"][name]] for name in ("low", "high"))
        if None not in (*low, *high):
            axes.fill_between(at, low, high, color=look["color"], alpha=0.15, linewidth=0)
    parts.absent(axes, rows, "benchmark", right=True)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 102)
    axes.set_xlabel("entries, the most read first (%)")
    axes.set_ylabel("reads (%)")


def _seeds(rows: list[dict]) -> list[int]:
    return sorted({row["seeds"] for row in rows if row["status"] == "done"})


def _explain(figure: Figure, looks: dict[str, dict], synthetic: dict[str, bool]) -> None:
    handles = [
        Line2D([], [], label=f"{name} (synthetic stand-in)" if synthetic[name] else name, **look)
        for name, look in looks.items()
    ]
    handles.append(Line2D([], [], color=GREY, label="all reads"))
    handles.append(Line2D([], [], color=GREY, linestyle=RIGHT, label="reads that were right"))
    handles.append(Line2D([], [], color=GREY, linewidth=0.5, linestyle=parts.DASHES, label="all entries read alike"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, columnspacing=1.4, handletextpad=0.5)
