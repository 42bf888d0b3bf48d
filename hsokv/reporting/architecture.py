"""How the parts of the system stand to each other, as a figure: what predicts, and what searches."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hsokv.reporting.panels import BLUE, GREY, ORANGE, TEXT_WIDTH, warn_small

PREDICTS = {  # place of the middle of each box in the panel, words, colour
    "example": (0.08, 0.5, "example", GREY),
    "encoder": (0.29, 0.5, "encoder\n(frozen)", GREY),
    "head": (0.56, 0.8, "head\n$p_{param}(y\\,|\\,x)$", BLUE),
    "memory": (0.56, 0.2, "memory: keys $k_j$, labels $y_j$\n$p_{mem}(y\\,|\\,x)$", ORANGE),
    "mix": (0.9, 0.5, "gate $g$:\n$(1-g)\\,p_{param}$\n$+\\;g\\,p_{mem}$", GREY),
}
READS = (("example", "encoder", ""), ("encoder", "head", "$x$"), ("encoder", "memory", "$q(x)$"))
READS += (("head", "mix", ""), ("memory", "mix", ""))
SEARCHES = {
    "supervisor": (0.5, 0.87, "supervisor: spends the allowance round by round", GREY),
    "manager1": (0.25, 0.54, "manager of a group", GREY),
    "manager2": (0.75, 0.54, "manager of a group", GREY),
    **{f"agent{i}": ((0.1, 0.38, 0.62, 0.9)[i - 1], 0.18, "agent", BLUE) for i in (1, 2, 3, 4)},
}
TIERS = (("supervisor", "manager1", ""), ("supervisor", "manager2", ""))
COPIES = (("agent1", "agent2", ""), ("agent4", "agent3", ""))
TIERS += tuple((f"manager{(i + 1) // 2}", f"agent{i}", "") for i in (1, 2, 3, 4))


def architecture(statistics: dict) -> Figure:
    """Draw the gated memory on the left and the three tiers of the swarm on the right; no number stands in it."""
    figure = Figure(figsize=(TEXT_WIDTH, 2.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    _panel(left, "What predicts: one agent", PREDICTS, {GREY: READS})
    _panel(right, "What searches: the swarm", SEARCHES, {GREY: TIERS, ORANGE: COPIES})
    right.text(0.5, 0.01, "inside a group the weaker agents copy the stronger and perturb", ha="center", color=ORANGE)
    warn_small(figure, statistics)
    return figure


def _panel(axes: Axes, title: str, boxes: dict, arrows: dict[str, tuple]) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1), title=title)
    axes.set_axis_off()
    drawn = {}
    for name, (x, y, words, colour) in boxes.items():
        look = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": colour}
        drawn[name] = axes.text(x, y, words, ha="center", va="center", bbox=look).get_bbox_patch()
    for colour, ways in arrows.items():
        for start, end, words in ways:
            ends = {"patchA": drawn[start], "patchB": drawn[end], "shrinkA": 0, "shrinkB": 1}
            look = {"arrowstyle": "-|>", "color": colour, "linewidth": 0.8, **ends}
            axes.annotate("", xy=boxes[end][:2], xytext=boxes[start][:2], arrowprops=look, zorder=4)
            x, y = ((boxes[start][i] + boxes[end][i]) / 2 for i in (0, 1))
            axes.text(x - 0.02, y, words, ha="right", va="center")
