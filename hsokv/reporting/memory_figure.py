"""The figure of the memory: what is lost without it, and how its reads are spread over its entries."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hsokv.reporting import panels as parts
from hsokv.reporting.panels import GREY, ROW, in_order

LOST = "accuracy_lost_without_memory"
SPREAD = "what is read of the memory of full"
RIGHT = (0, (3, 1.2))  # the broken line of reads that were right
LOWER = 2.5  # inches of the panel below


def memory(statistics: dict) -> Figure:
    """Draw the accuracy lost with the memory zeroed, a panel a benchmark, and below them reads over entries.

    The lower panel gives each benchmark a colour and draws `full` alone, each share of its reads against the share of
    entries, the most read first, that they go to, and by a broken line those that were right.
    """
    kinds = parts.kinds_of(statistics)
    rows = [
        {**row, "kind": kinds[row["arm"]]}
        for row in statistics["scores"]
        if (row["condition"], row["score"]) == ("headline", LOST)
    ]
    curves = [row for row in statistics["memory"]["reads_by_rank"] if row["arm"] == "full"]
    benchmarks = in_order(row["benchmark"] for row in [*rows, *curves])
    if not benchmarks:
        figure, _ = parts.row_of_panels(statistics, [], 2.6)
        return figure
    synthetic = {name: statistics["study"]["benchmarks"][name]["synthetic"] for name in benchmarks}
    looks = {name: parts.arm_look(benchmarks, name, synthetic=synthetic[name]) for name in benchmarks}
    arms = parts.arranged(statistics, (row["arm"] for row in rows))
    figure, panels, below = parts.panels_above_one(statistics, benchmarks, 0.95 + ROW * max(len(arms), 4), LOWER)
    for benchmark, axes in panels.items():
        _worth(axes, benchmark, [row for row in rows if row["benchmark"] == benchmark], arms)
    parts.name_rows(statistics, panels, arms, "accuracy lost (points)")
    _spread(below, curves, looks)
    _explain(below, looks, synthetic)
    return figure


def _worth(axes: Axes, benchmark: str, rows: list[dict], arms: list[str]) -> None:
    if not parts.dress(axes, benchmark, rows):
        return
    axes.axvline(0, color="black", linewidth=0.7, zorder=1)
    for row in rows:
        parts.dot(axes, arms.index(row["arm"]), row, row["mean"])
    parts.undefined(axes, arms, {row["arm"] for row in rows})
    ends = [row[end] for row in rows if row["status"] == "done" for end in ("mean", "low", "high")]
    reach = 110 * max(abs(end) for end in [0.01, *ends] if end is not None)
    axes.set_xlim(-reach, reach)


def _spread(axes: Axes, rows: list[dict], looks: dict[str, dict]) -> None:
    """For each benchmark the share of reads, with its interval as a band, and by a broken line the right ones."""
    done = [row for row in rows if row["status"] == "done"]
    axes.set_title(f"{SPREAD}\n{parts.count_seeds(sorted({row['seeds'] for row in done}))}")
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


def _explain(axes: Axes, looks: dict[str, dict], synthetic: dict[str, bool]) -> None:
    handles = [
        Line2D([], [], label=f"{name} (synthetic stand-in)" if synthetic[name] else name, **look)
        for name, look in looks.items()
    ]
    handles.append(Line2D([], [], color=GREY, label="all reads"))
    handles.append(Line2D([], [], color=GREY, linestyle=RIGHT, label="reads that were right"))
    handles.append(Line2D([], [], color=GREY, linewidth=0.5, linestyle=parts.DASHES, label="all entries read alike"))
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.04, 0.5))
