"""Laws of the figures."""

import itertools
from copy import deepcopy

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.text import Text

from hsokv.analysis.frames import Study
from hsokv.exceptions import ConfigurationError
from hsokv.report import panels
from hsokv.report.figures import FIGURES, draw

from .made import BASELINES, NO_DATA, TEMPLATES, VARIANTS, made_up

OF_BENCHMARKS = ["accuracy", "contrasts", "memory", "learning_curve", "flops", "regret", "swarm"]


def figure_of(name, study):
    with matplotlib.rc_context(fname=panels.STYLE):
        return FIGURES[name](study)


def words(figure) -> str:
    """All that is written in it, without blanks: lines are broken where there was one."""
    return "".join("".join(text.get_text() for text in figure.findobj(Text)).split())


def with_reason(reason):
    study = deepcopy(made_up())
    study.scores["reason"] = study.scores["reason"].replace(NO_DATA, reason)
    return study


@pytest.mark.parametrize("name", FIGURES)
def test_every_text_is_inside_the_canvas_and_no_panel_is_crushed(name):
    with matplotlib.rc_context(fname=panels.STYLE):
        figure = FIGURES[name](made_up())
        panels.save(figure, [])  # laid out, with its fonts
    drawn = figure.get_tightbbox()
    assert drawn.x0 > -0.01 and drawn.x1 < figure.get_figwidth() + 0.01  # noqa: PT018
    assert drawn.y0 > -0.01 and drawn.y1 < figure.get_figheight() + 0.01  # noqa: PT018
    titles = [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(titles, 2))
    assert all(axes.get_position().width > 0.05 for axes in figure.axes if axes.get_label() != "<colorbar>")


def test_the_same_study_gives_the_same_bytes_whatever_else_is_drawn_with_it(tmp_path):
    made_up().write(tmp_path / "statistics")
    names = ["lineage.pdf", "lineage.png"]
    draw(tmp_path / "statistics", [tmp_path / name for name in names])
    draw(made_up(), [tmp_path / "again" / name for name in (*names[::-1], "regret.png")], processes=2)
    assert all((tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)


def test_each_figure_has_a_caption():
    assert {path.stem for path in (TEMPLATES / "captions").glob("*.rst")} == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_a_small_run_says_so_and_one_seed_or_an_empty_study_is_drawn(name):
    assert "smallrun" in words(figure_of(name, made_up(small=True, seeds=1)))
    if name != "architecture":
        assert "notrun" in words(figure_of(name, Study.of(made_up().about | {"benchmarks": {}}, {})))


@pytest.mark.parametrize("name", OF_BENCHMARKS)
def test_names_stand_ins_and_missing_runs_are_said(name):
    text = words(figure_of(name, made_up()))
    assert "sst2_syntheticsyntheticstand-in,3seeds" in text
    assert "notrun:SST-2isnotinthedata" in text


def test_a_reason_in_any_script_is_no_formula_and_one_that_no_font_draws_is_refused(tmp_path):
    assert r"costs\$5and\$6" in words(figure_of("accuracy", with_reason("Ảnh costs $5 and $6")))
    with pytest.raises(ConfigurationError, match=r"U\+E0FFF"):
        draw(with_reason("\U000e0fff"), [tmp_path / "accuracy.pdf"])
    assert not (tmp_path / "accuracy.pdf").exists()
    with pytest.raises(ConfigurationError, match="accuracy"):
        draw(made_up(), [tmp_path / "acuracy.pdf"])


def test_intervals_are_those_of_the_frame_and_arms_stand_in_groups():
    axes, scores = figure_of("accuracy", made_up()).axes[0], made_up().scores
    rows = scores[(scores.benchmark == "rare_words") & (scores.condition == "headline") & (scores.score == "accuracy")]
    drawn = [sorted(part.get_segments()[0][:, 0]) for part in axes.collections if isinstance(part, LineCollection)]
    assert np.array(drawn) == pytest.approx(100 * rows[["low", "high"]].to_numpy())
    labels = [label.get_text().replace("\n", "") for label in axes.get_yticklabels()]
    assert labels == [*VARIANTS, *BASELINES, "chance", "oracle"]
    ruled = [line.get_ydata()[0] for line in axes.lines if len({*line.get_ydata()}) == 1 and line.get_ydata()[0] % 1]
    assert ruled == [0.5, 1.5, 2.5, 6.5]


def test_stand_ins_have_open_markers_on_a_hatched_ground():
    axes = {axes.get_title().split("\n")[0]: axes for axes in figure_of("accuracy", made_up()).axes}
    for name, faces in (("sst2_synthetic", {"white"}), ("rare_words", {panels.BLUE, panels.ORANGE, panels.GREY})):
        drawn = {line.get_markerfacecolor() for line in axes[name].lines if line.get_marker() in ("o", "s", "D")}
        assert drawn == faces
        assert bool(axes[name].patch.get_hatch()) == (name == "sst2_synthetic")


def test_no_two_arms_look_alike():
    looks = panels.looks(f"arm{place}" for place in range(204)).values()
    assert len({(look["marker"], look["color"]) for look in looks}) == 204
