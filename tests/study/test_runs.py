import json

import numpy as np
import pytest

from hsokv.analysis.classification import outcomes
from hsokv.methods import knn
from hsokv.records import read_cost, read_record, record_path
from hsokv.study.features import done, load_episode, not_run, write_features
from hsokv.study.runs import run_arm

DATA = {"name": "d", "kind": "generated", "synthetic": True, "evaluate_on": "generated", "files": {}}
DONE = done("s", 2, True, DATA, {"name": "e"})
TASK = {
    "conditions": {"easy": {"shots": 4}, "hard": {"shots": 4}},
    "protocol": "episode",
    "folds": 2,
    "flops_allowed": 10**8,
}
SEEDS = [1, 2]


def labelled(count, noise, seed):
    y = np.arange(count) % 2
    x = np.eye(2, 5)[y] + noise * np.random.default_rng(seed).normal(size=(count, 5))
    return x.astype(np.float32), y


def write_seed(folder, seed, provenance=DONE):
    arrays = {}
    for condition, noise in (("easy", 0.05), ("hard", 1.0)):
        for part in ("train", "dev"):
            x, y = labelled(8, noise, seed + len(part))
            arrays |= {f"{condition}/{part}/x": x, f"{condition}/{part}/y": y}
        arrays[f"{condition}/train/text"] = np.array([f"text {i}" for i in range(8)])
    write_features(folder / f"seed{seed}.npz", provenance, arrays)


@pytest.fixture
def study(tmp_path, settings):
    """Runs an arm on small feature files; returns what was reported, one line a run."""
    features, records = tmp_path / "features", tmp_path / "records"
    x, y = labelled(20, 0.5, 99)
    write_features(features / "evaluation.npz", DONE, {"test/x": x, "test/y": y})
    for seed in SEEDS:
        write_seed(features, seed)

    class Study:
        folder = features

        def run(self, arm="knn", module="hsokv.methods.knn", groups=("knn",), code="c", seeds=SEEDS, task=TASK):
            lines = []
            chosen = {name: settings[name] for name in groups}
            run_arm("b", arm, module, chosen, task, list(seeds), features, records, code, lines.append)
            return lines

        def path(self, condition, seed, arm="knn"):
            return record_path("b", condition, arm, seed, records)

        def paths(self):
            return [self.path(condition, seed) for seed in SEEDS for condition in TASK["conditions"]]

    return Study()


@pytest.fixture
def fitted(monkeypatch):
    """How often knn was fitted."""
    calls, fit = [], knn.fit
    monkeypatch.setattr(knn, "fit", lambda *arguments: calls.append(1) or fit(*arguments))
    return calls


def test_one_record_and_one_cost_a_run(study, fitted):
    assert len(study.run()) == len(fitted) == 4
    for path in study.paths():
        assert read_record(path).status == "done"
        assert read_cost(path).threads == 1


def test_the_record_says_what_came_out(study):
    study.run()
    record = read_record(study.path("hard", 2))
    episode = load_episode(study.folder, 2, "hard", 2, 2)
    nearest = (episode.test.x @ episode.train.x.mT).argmax(1)
    assert record.outcomes == outcomes(episode.train.y[nearest].numpy(), episode.test.y.numpy())
    assert record.scores["accuracy"] == record.outcomes.count("1") / 20
    assert record.flops == {"allowed": 10**8, "spent": 0}
    assert record.shared_test
    assert record.data == {**DATA, "encoder": {"name": "e"}}
    assert record.configuration["settings"] == {"knn": {"k": 1}}
    assert record.stamp["code"] == "c"


def test_arms_with_a_memory_and_a_swarm_say_more(study):
    study.run("full", "hsokv.methods.population", ("head", "memory", "swarm"), seeds=[1])
    scores = read_record(study.path("easy", 1, "full")).scores
    expected = {"accuracy", "log_loss", "accuracy_without_memory", "hit_rate", "hit_chance", "gate_mean"}
    expected |= {f"similarity_{end}" for end in ("min", "mean", "max")}
    assert set(scores) == expected | {"gate_entropy", "diversity", "diversity_initial", "disagreement"}
    assert scores["hit_chance"] == 0.5


def test_a_memory_says_what_it_holds_and_what_was_read(study, settings):
    study.run("kv_only", "hsokv.methods.single", ("head", "memory"), seeds=[1])
    record = read_record(study.path("easy", 1, "kv_only"))
    inside = record.instruments["memory"]
    assert inside["labels"] == [0, 1] * 4
    assert inside["texts"] == [f"text {i}" for i in range(8)]
    assert sum(inside["reads"]) == len(record.outcomes)
    assert sum(inside["right"]) == round(record.scores["hit_rate"] * len(record.outcomes))
    assert record.scores["similarity_min"] <= record.scores["similarity_mean"] <= record.scores["similarity_max"]


def test_what_is_done_is_kept(study, fitted):
    study.run()
    before = [path.stat().st_mtime_ns for path in study.paths()]
    lines = study.run()
    assert len(fitted) == 4
    assert all(line.endswith(": kept") for line in lines)
    assert before == [path.stat().st_mtime_ns for path in study.paths()]


def test_a_second_run_gives_the_same_bytes(study):
    groups = ("head", "memory", "swarm")
    study.run("full", "hsokv.methods.population", groups, seeds=[1])
    path = study.path("hard", 1, "full")
    before = path.read_bytes()
    path.unlink()
    study.run("full", "hsokv.methods.population", groups, seeds=[1])
    assert path.read_bytes() == before


def test_new_code_makes_all_records_again(study, fitted):
    study.run()
    study.run(code="other")
    assert len(fitted) == 8
    assert read_record(study.paths()[0]).stamp["code"] == "other"


def test_new_features_of_one_seed_make_its_records_again(study, fitted):
    study.run()
    write_seed(study.folder, 2, DONE | {"stamp": "new"})
    lines = study.run()
    assert len(fitted) == 6
    assert [line.endswith("kept") for line in lines] == [True, True, False, False]


def test_a_new_allowance_makes_all_records_again(study, fitted):
    study.run()
    study.run(task=TASK | {"flops_allowed": 10**7})
    assert len(fitted) == 8


@pytest.mark.parametrize("damage", ["", "{", "[]", "\x00\xff", json.dumps({"format": "hsokv-record/1"})])
def test_a_corrupt_record_among_good_ones_is_made_again(study, fitted, damage):
    study.run()
    path = study.path("hard", 1)
    whole = path.read_bytes()
    path.write_text(damage)
    lines = study.run()
    assert len(fitted) == 5
    assert [line.endswith("kept") for line in lines] == [True, False, True, True]
    assert path.read_bytes() == whole


def test_a_missing_record_alone_is_made(study, fitted):
    study.run()
    study.path("easy", 2).unlink()
    study.run()
    assert len(fitted) == 5
    assert study.path("easy", 2).exists()


def test_features_that_were_not_made_give_records_that_say_so(study, fitted):
    write_features(study.folder / "seed2.npz", not_run("no data here", DATA), {})
    lines = study.run()
    assert len(fitted) == 2
    assert [line.endswith("not run: no data here") for line in lines] == [False, False, True, True]
    record = read_record(study.path("easy", 2))
    assert (record.status, record.reason) == ("not run", "no data here")
    assert (record.scores, record.outcomes, record.flops["spent"]) == ({}, "", 0)
    assert [line.endswith("kept") for line in study.run()] == [True] * 4


def test_a_run_follows_when_the_features_are_there_at_last(study, fitted):
    write_features(study.folder / "seed2.npz", not_run("no data here", DATA), {})
    study.run()
    write_seed(study.folder, 2)
    study.run()
    assert len(fitted) == 4
    assert read_record(study.path("easy", 2)).status == "done"
