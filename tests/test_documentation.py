"""The code that README and docs show runs, and does what they say."""

import inspect
import re
import sys
import textwrap
import types
from pathlib import Path

import pytest
import torch
import yaml

from hsokv.arms.registry import METHODS
from hsokv.cli import app
from hsokv.hub import HSOKVForSequenceClassification, make_model
from hsokv.learning.budget import Budget
from hsokv.report import figures
from hsokv.study.config import check_configuration, selected

from .conformance import test_methods as laws
from .report.test_figures import FIGURES, figure_of, made_up
from .study.test_configuration import merge

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ABSENT = {"docs/what-did-not-help.md", "hsokv/arms/shrunken_means.py"}  # of another commit; to be written by the reader


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_paths_and_commands_exist(page):
    text = page.read_text()
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    folders = "benchmarks|config|docs|envs|examples|hsokv|profiles|report|rules|tests"
    paths = set(re.findall(rf"(?<![\w/.-])(?:{folders})/[\w./-]*\w\.\w+", text))
    assert [path for path in sorted(paths - ABSENT) if not (ROOT / path).exists()] == []
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    commands |= {group.name for group in app.registered_groups}
    assert set(re.findall(r"^ *hsokv ([a-z]+)", text, re.MULTILINE)) <= commands


def test_every_page_is_linked_from_another():
    linked = {
        (page.parent / link).resolve() for page in PAGES for link in re.findall(r"\]\(([^)#\s:]+)", page.read_text())
    }
    assert [page.name for page in PAGES[1:] if page.resolve() not in linked] == []


def test_what_contributing_names_is_where_it_says():
    for path, name in re.findall(r"`([\w/.]+)::(\w+)`", (ROOT / "CONTRIBUTING.md").read_text()):
        assert re.search(rf"^(?:def |class )?{name}\b", (ROOT / path).read_text(), re.MULTILINE), f"{path}::{name}"


def blocks(page, language):
    """The blocks of code in a language of a page of docs/."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.DOTALL | re.MULTILINE)


def python_of(page):
    return blocks(page, "python")


def indented(section):
    """The first block of code of a section of the README."""
    text = README.split(f"## {section}\n")[1].split("\n## ")[0]
    return textwrap.dedent(re.search(r"(?:^    .*\n|^\n(?=    ))+", text, re.MULTILINE)[0])


def test_the_model_of_the_readme_goes_on_learning(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = indented("A model that goes on learning")
    assert len([line for line in code.splitlines() if line.startswith("model")]) == 9
    names = {}
    exec(code, names)
    model = names["model"]
    assert next(iter(model.predict(["the delivery of my parcel"])[0])) == "delivery"
    assert {entry["text"] for entry in model.entries.values()} == {"my parcel is late", "what a lovely shop"}
    assert model.labels == ["billing", "delivery", "praise"]


def test_the_training_of_the_docs_trains_and_its_swarm_finds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    training, swarm = python_of("training.md")
    exec(training, names)
    trained = HSOKVForSequenceClassification.from_pretrained("tickets/trained")
    assert len(trained) == 8
    assert next(iter(trained.predict(["a parcel has not come"])[0])) == "delivery"
    exec(swarm, names)
    assert names["found"].score == pytest.approx(float(names["found"].swarm.history[-1].score.min()))
    assert names["model"].gate == pytest.approx(names["found"].hyperparameters["gate"])


def test_the_tutorials_do_what_they_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home, loop, texts, vectors = ({} for _ in range(4))
    exec(*python_of("index.md"), home)
    assert home["probabilities"].argmax() == 0
    assert home["read"].labels[0, 0] == 0
    exec(*python_of("memory.md"), loop)
    assert loop["accuracy"] > 0.9
    with_texts, with_vectors = python_of("classifier.md")
    exec(with_texts, texts)
    assert texts["best"] == "delivery"
    assert [entry["text"] for entry in texts["again"].entries.values()] == ["my parcel is late", "what a lovely shop"]
    exec(with_vectors, vectors)
    assert vectors["new"] == "a class that was not there"


def test_the_search_of_the_docs_runs_on_two_workers(capsys):
    names = {"__name__": "__main__"}
    exec(*python_of("distributed.md"), names)
    assert len(names["outcome"].events) == 3
    assert capsys.readouterr().out.splitlines()[-1] == str(names["outcome"].score)


@pytest.fixture
def own_arm(monkeypatch):
    """The arm of docs/own-arm.md, among those of the study."""
    code, line = python_of("own-arm.md")
    module = types.ModuleType("hsokv.arms.shrunken_means")
    exec(code, module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    from hsokv.arms import registry

    added = eval("{" + line + "}", {"Method": registry.Method})  # noqa: S307 - our own documentation
    for name, method in added.items():
        monkeypatch.setitem(METHODS, name, method)
    return module


def test_the_arm_of_the_docs_keeps_the_laws_and_can_be_saved(own_arm, make_episode, tmp_path):
    settings = {"shrunken_means": {"share": 0.3}}

    def fit(episode, budget=None, seed=0):
        return own_arm.fit(episode, settings, budget or Budget(laws.ALLOWED), torch.Generator().manual_seed(seed))

    episode, budget = make_episode("shots"), Budget(laws.ALLOWED)
    fitted = fit(episode, budget)
    given = {"fit": fit, "done": laws.Done(episode, settings, budget, fitted), "make_episode": make_episode}
    given |= {"arm": "shrunken_means", "kind": "shots"}
    for law in (
        laws.test_rows_are_distributions,
        laws.test_same_inputs_and_seed_give_the_same_bits_and_a_record_of_json,
        laws.test_the_test_set_is_not_looked_at,
        laws.test_a_separable_problem_is_solved,
        laws.test_what_is_learnt_is_paid_within_the_allowance,
    ):
        law(**{name: given[name] for name in inspect.signature(law).parameters})
    make_model(fitted.predict, ["a", "b", "c", "d"]).save_pretrained(tmp_path)
    loaded = HSOKVForSequenceClassification.from_pretrained(tmp_path)
    with torch.no_grad():
        assert torch.equal(loaded(features=episode.test.x).logits, fitted.predict(episode.test.x).log_probs)


def test_the_figure_of_the_docs_is_drawn(monkeypatch):
    names = dict(vars(figures))
    exec(*python_of("own-figure.md"), names)
    monkeypatch.setitem(FIGURES, "hit_rate", names["hit_rate"])
    assert figure_of("hit_rate", made_up()).axes


def test_the_configurations_of_the_docs_are_allowed():
    study = yaml.safe_load((ROOT / "config.yaml").read_text())
    (overlay,) = map(yaml.safe_load, blocks("own-benchmark.md", "yaml"))
    check_configuration(merge(study, overlay))
    check_configuration(merge(study, yaml.safe_load(blocks("own-encoder.md", "yaml")[0])))
    assert list(selected(merge(study, overlay))[0]["benchmarks"]) == overlay["only"]
    methods, line = blocks("own-arm.md", "yaml")[0].splitlines()[1:]
    assert yaml.safe_load(line)["baselines"] == [*study["baselines"], "shrunken_means"]
    assert yaml.safe_load(methods).keys() == {"shrunken_means"}
