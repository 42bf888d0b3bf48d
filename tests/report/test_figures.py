"""Laws of the figures, on a made-up study with every kind of thing; no run stands behind any number here."""

import itertools
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.collections import LineCollection
from matplotlib.text import Text

from hsokv.analysis.frames import FORMAT, Study
from hsokv.exceptions import ConfigurationError
from hsokv.report import panels
from hsokv.report.figures import FIGURES, draw

CAPTIONS = Path(__file__).parents[2] / "report" / "captions"
NO_DATA = "SST-2 is not in the data folder and it could not be fetched"
LONG = "an_arm_of_the_user_with_a_name_of_sixty_letters_and_no_blanks_"
FONTS = {font.name for font in font_manager.fontManager.ttflist}
CHINESE = ("情感分类数据集" if "Noto Sans CJK SC" in FONTS else "Phân_loại_cảm_xúc_") * 3  # where a font draws it
NAMES = ["rare_words", "sst2", "cảm_xúc_tiếng_Việt", CHINESE, "costs $5 and $6", "sst2_synthetic", "split"]
VARIANTS, BASELINES = ["full", "kv_closed_form", "kv_only", "neither"], ["knn", LONG, "joint"]
LEVELS = [f"{senses}_level{level}" for senses in ("two_senses", "one_sense") for level in (1, 2, 3)]


def made_up(*, small=False, seeds=3, contrasts=True, memory=True) -> Study:
    """`sst2` is not run, its stand-in is; `split` is a stream; rare_words has controls and levels."""
    number = np.random.default_rng(0).random
    benchmarks = {
        name: {"arms": VARIANTS + BASELINES, "controls": ["chance", "oracle"] if name == "rare_words" else []}
        | {"conditions": LEVELS if name == "rare_words" else ["shots1", "shots16"], "stream": name == "split"}
        | {"shots": {} if name in ("rare_words", "split") else {"shots1": 1, "shots16": 16}}
        | {"synthetic": name.endswith("_synthetic")}
        for name in NAMES
    }
    about = {"small": small, "arms": VARIANTS + BASELINES, "variants": VARIANTS, "baselines": BASELINES}
    about |= {
        "benchmarks": benchmarks,
        "diversity_wanted": 0.8,
        "lineage_ensemble_size": 2,
        "format": FORMAT,
    }

    def row(status="done", **values):
        mean, ends = number(), seeds > 1 and status == "done"
        values |= {"mean": mean, "low": mean - 0.1 * ends, "high": mean + 0.1} if status == "done" else {}
        values |= {} if ends else {"low": np.nan, "high": np.nan}
        return values | {"status": status, "reason": "" if status == "done" else NO_DATA, "seeds": seeds}

    rows = {name: [] for name in ("scores", "contrasts", "costs", "curves", "regret", "task_accuracy", "memory_reads")}
    for name, benchmark in benchmarks.items():
        status = "not run" if name == "sst2" else "done"
        for arm in benchmark["arms"] + benchmark["controls"]:
            here = {"benchmark": name, "arm": arm}
            scores = [
                "accuracy",
                *["gate_mean", "accuracy_lost_without_memory"] * (memory and arm in ("full", "kv_only")),
            ]
            for condition in [*benchmark["conditions"], "headline"]:
                made = [*scores, *["diversity"] * (arm == "full"), "hit_chance"]
                rows["scores"] += [row(status, **here, condition=condition, score=score) for score in made]
            if arm in benchmark["controls"]:
                continue
            spent = {"flops_allowed": 3e10, "flops_spent": 0 if arm == "knn" else 1e9 * number()}
            rows["costs"].append(here | spent | {"status": status})
            if arm != "full":
                made = row(status, benchmark=name, a="full", b=arm, score="accuracy")
                rows["contrasts"].append(made | {"difference": made.get("mean")})
            if arm in VARIANTS and name != "split":
                rows["regret"] += [row(status, **here, flops=flops) for flops in (1e8, 1e9, 2e10)]
            if arm in VARIANTS and status == "done" and name != "split":
                made = {"diversity": 4, "failed": 3} | {"copied": 2 if arm == "full" else 0}
                rows["curves"] += [
                    row(**here, condition="headline", curve=curve, x=x + 1)
                    for curve in made
                    for x in range(made[curve])
                ]
            if name == "split":
                rows["curves"] += [row(**here, condition="headline", curve="accuracy_seen", x=x) for x in (1, 2, 3)]
                tasks = [(after, task) for after in (1, 2, 3) for task in range(1, after + 1)]
                rows["task_accuracy"] += [
                    row(**here, scenario="class_incremental", after_task=after, task=task) for after, task in tasks
                ]
        if memory:
            kinds = ("reads", "right") if status == "done" else ("",)
            rows["memory_reads"] += [
                row(status, benchmark=name, arm="full", kind=kind, entries=share)
                for kind in kinds
                for share in (0, 0.5, 1)
            ]
    # A configured contrast may name an arm, or a benchmark, that an overlay left out.
    absent = {"status": "not run", "reason": "it is not in this study's configuration"}
    first = {**rows["contrasts"][0], **absent}
    rows["contrasts"] += [first | {"b": "left_out"}, first | {"benchmark": "left_out"}]
    if not contrasts:
        rows["contrasts"] = []
    rows["regret_spans"] = [{"benchmark": name, "start": 5e8, "allowed": 3e10} for name in NAMES]
    run = {"benchmark": "rare_words", "condition": LEVELS[0], "arm": "full", "seed": 7, "status": "done"}
    rows["lineage"] = [
        run | {"round": r, "group": g, "agent": a, "parent": (3 * g, 3 * g + 1, 0)[a]}
        | {"score": np.nan if (r, g, a) == (2, 0, 2) else number()}
        for r in (1, 2, 3) for g in (0, 1) for a in (0, 1, 2)
    ]  # fmt: skip
    ways = ["one_search", "population", "random_search"]
    seconds = dict.fromkeys(["seconds_to_target", "seconds_to_target_low", "seconds_to_target_high"], 2.0)
    rows["scaling_sharing"] = [{"arm": way, "reached": 2, **seconds} for way in ways]
    rows["scaling_curves"] = [{"arm": way, "steps": 1e6 * step, "mean": number()} for way in ways for step in range(5)]
    ends = {f"{name}{end}": 1.5 for name in ("throughput", "speed_up") for end in ("", "_low", "_high")}
    kinds = [("strong", "single", 1), *((kind, "processes", n) for kind in ("strong", "weak") for n in (1, 2))]
    rows["scaling_speed"] = [
        {"scaling": k, "backend": b, "node": "cores", "workers": n, "candidates": 16, **ends} for k, b, n in kinds
    ]
    rows["scaling_projection"] = [
        {"nodes": nodes, "latency": latency, "throughput": 1e6 * nodes, "supervisor_busy": nodes / 2048}
        for latency in (0.0, 0.1) for nodes in (1, 64, 2048)
    ]  # fmt: skip
    return Study.of(about, rows)


def figure_of(name, study):
    with matplotlib.rc_context(fname=panels.STYLE):
        return FIGURES[name](study)


def words(figure) -> str:
    return " ".join(" ".join(text.get_text().replace("\n", "") for text in figure.findobj(Text)).split())


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


@pytest.mark.parametrize("name", ["accuracy", "lineage"])
def test_the_same_study_gives_the_same_bytes(name, tmp_path):
    made_up().write(tmp_path / "statistics")
    for study, folder in ((made_up(), "first"), (tmp_path / "statistics", "second")):
        draw(study, [tmp_path / folder / f"{name}.{suffix}" for suffix in ("pdf", "png")])
    for page in (f"{name}.pdf", f"{name}.png"):
        assert (tmp_path / "first" / page).read_bytes() == (tmp_path / "second" / page).read_bytes()
    # Nor do the other formats, other figures and other processes matter.
    draw(made_up(), [tmp_path / f"{name}.png", tmp_path / "flops.pdf"], processes=2)
    assert (tmp_path / f"{name}.png").read_bytes() == (tmp_path / "first" / f"{name}.png").read_bytes()


def test_each_figure_has_a_caption():
    assert {path.stem for path in CAPTIONS.glob("*.rst")} == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_a_small_run_says_so_and_one_seed_or_an_empty_study_is_drawn(name):
    assert "small run" in words(figure_of(name, made_up(small=True, seeds=1)))
    if name != "architecture":
        about = made_up().about | {"benchmarks": {}}
        assert "not run" in words(figure_of(name, Study.of(about, {})))


@pytest.mark.parametrize("name", ["accuracy", "contrasts", "memory", "learning_curve", "flops", "regret", "swarm"])
def test_names_stand_ins_and_missing_runs_are_said(name):
    text = words(figure_of(name, made_up())).replace(" ", "")
    for benchmark in NAMES[2:4]:
        assert benchmark in text
    assert r"costs\$5and\$6" in text  # no formula
    assert "syntheticstand-in,3seeds" in text
    assert "notrun:SST-2isnotinthedata" in text


def test_without_contrasts_or_memory_the_figures_say_so():
    study = made_up(contrasts=False, memory=False)
    for name in ("contrasts", "memory"):
        assert "not run: nothing of this figure" in words(figure_of(name, study))


def test_intervals_are_those_of_the_frame_and_arms_stand_in_groups():
    study = made_up()
    axes = figure_of("accuracy", study).axes[0]
    scores = study.scores
    rows = scores[(scores.benchmark == "rare_words") & (scores.condition == "headline") & (scores.score == "accuracy")]
    drawn = [sorted(part.get_segments()[0][:, 0]) for part in axes.collections if isinstance(part, LineCollection)]
    assert np.array(drawn) == pytest.approx(100 * rows[["low", "high"]].to_numpy())
    labels = [label.get_text().replace("\n", "") for label in axes.get_yticklabels()]
    assert labels == [*VARIANTS, *BASELINES, "chance", "oracle"]
    ruled = [line.get_ydata()[0] for line in axes.lines if len({*line.get_ydata()}) == 1 and line.get_ydata()[0] % 1]
    assert ruled == [0.5, 1.5, 3.5, 6.5]


def test_stand_ins_have_open_markers_on_a_hatched_ground():
    axes = {axes.get_title().split("\n")[0]: axes for axes in figure_of("accuracy", made_up()).axes}
    for name, faces in (("sst2_synthetic", {"white"}), ("rare_words", {panels.BLUE, panels.ORANGE, panels.GREY})):
        drawn = {line.get_markerfacecolor() for line in axes[name].lines if line.get_marker() in ("o", "s", "D")}
        assert drawn == faces
        assert bool(axes[name].patch.get_hatch()) == (name == "sst2_synthetic")


def test_no_two_arms_look_alike():
    looks = panels.looks(f"arm{place}" for place in range(204)).values()
    assert len({(look["marker"], look["color"]) for look in looks}) == 204


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="accuracy"):
        draw(made_up(), [tmp_path / "acuracy.pdf"])
    study = made_up()
    study.about["benchmarks"]["rare_words"]["controls"] = ["chance", "oracle\U000e0fff"]
    study.scores["arm"] = study.scores["arm"].cat.rename_categories({"oracle": "oracle\U000e0fff"})
    with pytest.raises(ConfigurationError, match=r"U\+E0FFF"):
        draw(study, [tmp_path / "accuracy.pdf"])
    assert not (tmp_path / "accuracy.pdf").exists()
