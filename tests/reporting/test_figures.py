"""Laws of the figures: the same bytes, nothing left out, intervals where the statistics put them."""

import copy

import pytest
from matplotlib.collections import LineCollection
from matplotlib.text import Text

from hsokv.exceptions import ConfigurationError
from hsokv.reporting.figures import (
    FIGURES,
    accuracy,
    contrasts,
    draw,
    flops,
    lineage,
    memory,
    rare_words_levels,
    regret,
    swarm,
)
from hsokv.reporting.memory_figure import LOST
from hsokv.reporting.panels import arm_look
from hsokv.reporting.swarm_figures import COPIED, MOVED
from tests.reporting.example_statistics import BASELINES, CONTROLS, NO_DATA, VARIANTS, example_statistics


def texts(figure) -> str:
    return "\n".join(" ".join(text.get_text().split()) for text in figure.findobj(Text))


def intervals(axes) -> list[list[float]]:
    """The ends of the intervals of a panel, in the order in which they were drawn."""
    segments = [part.get_segments()[0] for part in axes.collections if isinstance(part, LineCollection)]
    return [sorted(float(value) for value in segment[:, 0]) for segment in segments]


def rows(statistics, benchmark) -> list[dict]:
    return [
        row
        for row in statistics["scores"]
        if (row["benchmark"], row["condition"], row["score"]) == (benchmark, "headline", "accuracy")
    ]


@pytest.mark.parametrize("name", ["contrasts", "lineage"])
def test_the_same_statistics_give_the_same_bytes(name, tmp_path):
    for folder in ("first", "second"):
        draw(name, example_statistics(), tmp_path / folder / "x.pdf", tmp_path / folder / "x.png")
    for page in ("x.pdf", "x.png"):
        assert (tmp_path / "first" / page).read_bytes() == (tmp_path / "second" / page).read_bytes()
    assert b"CreationDate" not in (tmp_path / "first" / "x.pdf").read_bytes()
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == ["x.pdf", "x.png"]


@pytest.mark.parametrize("figure", [accuracy, contrasts, flops, regret, swarm])
def test_stand_ins_seeds_and_missing_runs_are_said_in_words(figure):
    words = texts(figure(example_statistics()))
    assert "sst2_synthetic synthetic stand-in, 4 seeds" in words
    assert f"not run: {NO_DATA}" in words


@pytest.mark.parametrize("figure", FIGURES.values())
def test_a_small_run_says_so(figure):
    assert "small run, not the study" in texts(figure(example_statistics(small=True)))


@pytest.mark.parametrize(("figure", "names"), [(accuracy, [*CONTROLS]), (rare_words_levels, [*CONTROLS]), (flops, [])])
def test_every_arm_and_control_is_named(figure, names):
    words = texts(figure(example_statistics())).splitlines()
    assert "small run, not the study" not in words
    assert set(VARIANTS + (BASELINES if figure is not rare_words_levels else BASELINES[:4]) + names) <= set(words)


def test_intervals_of_accuracy_are_those_of_the_statistics():
    statistics = example_statistics()
    panel = accuracy(statistics).axes[0]
    wanted = [[100 * row["low"], 100 * row["high"]] for row in rows(statistics, "rare_words")]
    for drawn, ends in zip(intervals(panel), wanted, strict=True):
        assert drawn == pytest.approx(ends)


def test_contrasts_are_full_minus_the_arm_once_each():
    statistics = example_statistics()
    panel = contrasts(statistics).axes[0]
    wanted = [row for row in statistics["contrasts"] if row["benchmark"] == "rare_words"]
    assert [label.get_text() for label in panel.get_yticklabels()] == [*VARIANTS[1:], *BASELINES]
    for drawn, row in zip(intervals(panel), wanted, strict=True):
        assert drawn == pytest.approx([100 * row["low"], 100 * row["high"]])
    low, high = panel.get_xlim()
    assert low == -high


def test_stand_ins_have_open_markers_on_a_hatched_ground():
    real, _, stand_in, *_ = accuracy(example_statistics()).axes
    faces = {
        name: {line.get_markerfacecolor() for line in axes.lines if line.get_marker() in ("o", "s", "D")}
        for name, axes in (("real", real), ("stand-in", stand_in))
    }
    assert faces["stand-in"] == {"white"}
    assert "white" not in faces["real"]
    assert stand_in.patch.get_hatch()
    assert not real.patch.get_hatch()


def test_the_memory_is_drawn_by_arm_and_by_rank():
    statistics = example_statistics()
    *worth, spread = memory(statistics).axes
    assert [label.get_text() for label in worth[0].get_yticklabels()] == ["full", "kv_only"]
    lost = [r for r in statistics["scores"] if (r["condition"], r["score"]) == ("headline", LOST)]
    for axes, benchmark in zip(worth, statistics["study"]["benchmarks"], strict=True):
        here = [row for row in lost if row["benchmark"] == benchmark and row["low"] is not None]
        for drawn, row in zip(intervals(axes), here, strict=True):
            assert drawn == pytest.approx([100 * row["low"], 100 * row["high"]])
    words = " ".join(texts(memory(statistics)).splitlines())
    assert "not run: SST-2 is not in the data" in words
    assert "not run: sst2" in words
    assert "sst2_synthetic (synthetic stand-in)" in words
    curves = {row["benchmark"]: row for row in statistics["memory"]["reads_by_rank"] if row["arm"] == "full"}
    drawn = [line.get_ydata().tolist() for line in spread.lines[1:]]
    wanted = [row[kind]["mean"] for name, row in curves.items() if name != "sst2" for kind in ("reads", "right")]
    assert drawn == [pytest.approx([100 * share for share in line]) for line in wanted]


def test_without_memories_the_figure_says_so():
    statistics = copy.deepcopy(example_statistics()) | {"memory": {"reads_by_rank": [], "most_read": []}}
    assert "not run: no arm full with a memory" in " ".join(texts(memory(statistics)).split())
    statistics["scores"] = [row for row in statistics["scores"] if row["score"] != LOST]
    assert "not run: nothing of this figure" in " ".join(texts(memory(statistics)).split())


def test_groups_of_arms_are_set_apart():
    panel = accuracy(example_statistics()).axes[0]
    lines = [line.get_ydata()[0] for line in panel.lines if len({*line.get_ydata()}) == 1 and line.get_ydata()[0] % 1]
    assert lines == [0.5, 2.5, 5.5, 11.5]  # full, its controls, its ablations, baselines, the benchmark's controls


def test_no_two_arms_look_alike():
    arms = [f"arm{place}" for place in range(24)]
    looks = [arm_look(arms, arm) for arm in arms]
    assert len({look["marker"] for look in looks[:12]}) == len({look["color"] for look in looks[:12]}) == 12
    assert len({(look["marker"], look["color"]) for look in looks}) == len(arms)


def test_regret_begins_with_the_arm_and_ends_at_what_the_statistics_say():
    statistics = example_statistics()
    panel = regret(statistics).axes[0]
    rows = {row["arm"]: row for row in statistics["swarm"]["regret"] if row["benchmark"] == "rare_words"}
    drawn = [line for line in panel.lines if len(line.get_xdata()) > 2]
    assert [line.get_xdata()[0] for line in drawn] == [row["flops"][0] for row in rows.values()]
    assert [line.get_ydata()[-1] for line in drawn] == [row["mean"][-1] for row in rows.values()]
    assert {"full", "kv_random_search", "neither"} <= set(texts(regret(statistics)).splitlines())
    assert "knn" not in texts(regret(statistics)).splitlines()


def test_the_swarm_is_drawn_by_round():
    statistics = example_statistics()
    figure = swarm(statistics)
    diversity, agents, gate = (figure.axes[place] for place in (0, 4, 8))  # of four benchmarks
    assert diversity.lines[0].get_ydata().tolist() == pytest.approx([0.95, 0.85, 0.6])
    assert diversity.lines[-1].get_ydata()[0] == 0.8  # what the criterion wants
    drawn = [list(line.get_ydata()) for line in agents.lines]
    assert pytest.approx([100 / 3, 100 / 3]) in drawn
    assert pytest.approx([0, 100 / 6, 0]) in drawn
    words = texts(figure).splitlines()
    assert {"full", "swarm_only"} <= set(words)
    assert [label.get_text() for label in gate.get_yticklabels()] == ["full", "kv_only"]


def test_the_lineage_of_one_named_run():
    statistics = example_statistics()
    axes = lineage(statistics).axes[0]
    assert axes.get_title() == "full on rare_words two_senses_level1, seed 13 (one run)"
    edges = {tuple(map(float, line.get_ydata())): line for line in axes.lines if list(line.get_xdata()) == [1, 2]}
    assert set(edges) == {(0, 0), (1, 1), (1, 2), (4, 4), (0, 5), (6, 6)}  # place 3 is the gap between the groups
    assert edges[0, 5].get_color() == MOVED
    assert edges[1, 2].get_color() == COPIED
    (failed,) = [line for line in axes.lines if line.get_marker() == "x"]
    assert (failed.get_xdata().tolist(), failed.get_ydata().tolist()) == ([2], [2])
    (averaged,) = [line for line in axes.lines if line.get_fillstyle() == "none"]
    last = [score for group in statistics["swarm"]["lineage"]["scores"][-1] for score in group]
    best = sorted(range(6), key=last.__getitem__)[:2]
    assert averaged.get_ydata().tolist() == [agent + agent // 3 for agent in best]


def test_a_lineage_that_no_record_tells_of_is_not_run():
    statistics = copy.deepcopy(example_statistics())
    place = {"benchmark": "rare_words", "condition": "two_senses_level1", "arm": "full", "seed": 13}
    statistics["swarm"]["lineage"] = place | {"status": "not run", "reason": "no record"}
    assert "not run: no record" in texts(lineage(statistics))
    statistics["swarm"]["lineage"] = None
    assert "not run: nothing of this figure" in texts(lineage(statistics))


def test_one_seed_is_drawn_without_an_interval():
    statistics = copy.deepcopy(example_statistics())
    for row in statistics["scores"] + statistics["contrasts"]:
        row |= {"low": None, "high": None, "seeds": min(row["seeds"], 1)}
    for row in statistics["curves"] + statistics["swarm"]["regret"]:
        row |= {end: [None] * len(row["mean"]) for end in ("low", "high") if "mean" in row}
    assert not [axes.collections for figure in (regret, swarm) for axes in figure(statistics).axes if axes.collections]
    for name in ("low", "high"):
        for row in statistics["memory"]["reads_by_rank"]:
            if row["status"] == "done":
                row["reads"][name] = [None] * len(row["entries"])
    assert not memory(statistics).axes[-1].collections
    for figure in (accuracy, contrasts):
        panel = figure(statistics).axes[0]
        assert intervals(panel) == []
        assert panel.get_title() == "rare_words\n1 seed"


def test_an_arm_that_spent_nothing_stands_on_no_log_scale():
    statistics = copy.deepcopy(example_statistics())
    for row in statistics["costs"]:
        row["flops_spent"] = 0 if row["arm"] == "knn" else row["flops_spent"]
    before, after = (len(flops(s).axes[0].collections) for s in (example_statistics(), statistics))
    assert after == before - 1


def test_an_unknown_figure_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"wanted one of .*accuracy.*came 'acuracy'"):
        draw("acuracy", example_statistics(), tmp_path / "x.pdf")
