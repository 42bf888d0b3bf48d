import numpy as np
import pytest

from hsokv.arms import knn
from hsokv.exceptions import RecordError
from hsokv.metrics.classification import outcomes
from hsokv.records import CostRecord, RunRecord, costs_path, read_costs, read_records, records_path, unfinished_path
from hsokv.study.features import done, load_episode, not_run, write_features
from hsokv.study.runs import complete_records, run_arm
from tests.runs import read_run

DATA = {"name": "d", "kind": "generated", "synthetic": True, "split": "generated", "files": {}}
DONE = done("s", 2, True, DATA, {"name": "e"})
HARD = {"hard": {"shots": 4}}
TASK = {"conditions": {"easy": {"shots": 4}} | HARD, "protocol": "episode", "folds": 2, "flops_allowed": 10**8}
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
    write_features(features / "default" / "evaluation.npz", DONE, {"test/x": x, "test/y": y})
    for seed in SEEDS:
        write_seed(features / "default", seed)

    class Study:
        folder = features / "default"

        def run(self, arm="knn", module="hsokv.arms.knn", groups=("knn",), code="c", seeds=SEEDS, task=TASK):
            lines = []
            chosen = {name: settings[name] for name in groups}
            run_arm("b", arm, module, chosen, task, list(seeds), features, records, code, lines.append)
            return lines

        path = records_path("b", "knn", records)

        def read(self, condition, seed, arm="knn"):
            return read_run("b", condition, arm, seed, records)

    return Study()


@pytest.fixture
def fitted(monkeypatch):
    """How often knn was fitted."""
    calls, fit = [], knn.fit
    monkeypatch.setattr(knn, "fit", lambda *arguments: calls.append(1) or fit(*arguments))
    return calls


def test_one_record_and_one_cost_a_run_in_the_order_of_the_configuration(study, fitted):
    assert len(study.run()) == len(fitted) == 4
    wanted = [(condition, seed) for condition in TASK["conditions"] for seed in SEEDS]
    for entries in (read_records(study.path), read_costs(study.path)):
        assert [(entry.condition, entry.seed) for entry in entries] == wanted
    assert sorted(path.name for path in study.path.parent.iterdir()) == ["knn.cost.jsonl", "knn.jsonl"]


def test_the_record_says_what_came_out(study):
    study.run()
    record = study.read("hard", 2)
    episode = load_episode(study.folder, 2, "hard", 2, 2)
    nearest = (episode.test.x @ episode.train.x.mT).argmax(1)
    assert record.outcomes == outcomes(episode.train.y[nearest].numpy(), episode.test.y.numpy())
    assert record.scores["accuracy"] == record.outcomes.count("1") / 20
    assert record.flops == {"allowed": 10**8, "spent": 0}
    assert record.shared_test
    assert record.data == {**DATA, "encoder": {"name": "e"}}
    assert record.configuration["settings"] == {"knn": {"k": 1}}
    assert record.stamp["code"] == "c"


def test_a_memory_says_what_it_holds_and_what_was_read(study, settings):
    study.run("kv_only", "hsokv.arms.single", ("head", "memory"), seeds=[1])
    record = study.read("easy", 1, "kv_only")
    inside = record.instruments["memory"]
    assert inside["labels"] == [0, 1] * 4
    assert inside["texts"] == [f"text {i}" for i in range(8)]
    assert sum(inside["reads"]) == len(record.outcomes)
    assert record.scores["hit_chance"] == 0.5
    assert sum(inside["right"]) == round(record.scores["hit_rate"] * len(record.outcomes))
    assert record.scores["similarity_min"] <= record.scores["similarity_mean"] <= record.scores["similarity_max"]


def test_a_swarm_says_how_diverse_it_is_and_runs_to_the_same_bytes(study):
    path = study.path.with_stem("full")
    study.run("full", "hsokv.arms.population", ("head", "memory", "swarm"), seeds=[1])
    before = path.read_bytes()
    assert {"gate_entropy", "diversity", "disagreement", "hit_rate"} < study.read("easy", 1, "full").scores.keys()
    path.unlink()
    study.run("full", "hsokv.arms.population", ("head", "memory", "swarm"), seeds=[1])
    assert path.read_bytes() == before


def test_what_is_done_is_kept_and_what_is_stale_is_made_again(study, fitted):
    study.run()
    before = study.path.read_bytes(), costs_path(study.path).read_bytes()
    assert all(line.endswith(": kept") for line in study.run())
    assert before == (study.path.read_bytes(), costs_path(study.path).read_bytes())
    assert len(fitted) == 4
    write_seed(study.folder, 2, DONE | {"stamp": "new"})
    assert [line.endswith("kept") for line in study.run()] == [True, False, True, False]
    study.run(task=TASK | {"flops_allowed": 10**7})
    assert len(fitted) == 10
    study.run(code="other")
    assert len(fitted) == 14
    assert {record.stamp["code"] for record in read_records(study.path)} == {"other"}


def test_a_new_seed_and_a_new_condition_add_lines_and_one_left_out_takes_them_away(study, fitted):
    study.run(seeds=[2], task=TASK | {"conditions": HARD})
    one = study.path.read_bytes()
    study.run()
    assert len(fitted) == 4
    assert one in study.path.read_bytes()
    study.run(seeds=[2], task=TASK | {"conditions": HARD})
    assert (len(fitted), len(read_costs(study.path))) == (4, 1)
    assert study.path.read_bytes() == one


def made_up(condition, seed, code="c"):
    stamp = {"configuration": "a", "code": code, "data": "d"}
    return RunRecord(
        *("b", condition, "knn", seed, "done", None, {}, stamp, "1", {"synthetic": False, "split": "test"}),
        *({"allowed": 1, "spent": 1}, {"accuracy": 0.5}, "10", True, {}, {}),
    )


class Job:
    """Completes a file of two conditions and two seeds with made-up records, and may be killed before a run."""

    def __init__(self, path):
        self.path, self.lines = path, []

    def run(self, killed_before=9, seeds=SEEDS, code="c"):
        """How many runs it made."""
        made = []

        def make(condition, seed):
            if len(made) == killed_before:
                raise KeyboardInterrupt
            made.append(seed)
            return made_up(condition, seed, code), CostRecord(condition, seed, 0.5, 1, "h", "cpu", 1)

        planned = {(name, seed): made_up(name, seed, code).stamp for name in ("easy", "hard") for seed in seeds}
        try:
            complete_records(self.path, planned, make, self.lines.append)
        except KeyboardInterrupt:
            assert killed_before < 9
        return len(made)


@pytest.fixture
def job(tmp_path):
    return Job(records_path("b", "knn", tmp_path))


@pytest.mark.parametrize("before", [[], [2, 3]])
@pytest.mark.parametrize("killed", [0, 1, 3])
@pytest.mark.parametrize("torn", [0, 40])
def test_a_job_that_was_killed_goes_on_to_the_same_bytes(job, before, killed, torn):
    """So many runs were made and appended, and so many bytes of the last line are missing."""
    job.run()
    whole, costs = job.path.read_bytes(), costs_path(job.path).read_bytes()
    job.path.unlink()
    costs_path(job.path).unlink()
    if before:
        job.run(seeds=before)
    stands = job.path.read_bytes() if before else None
    missing = 4 - 2 * (len({*before} & {*SEEDS}))
    made = job.run(killed_before=killed)
    if made < missing:
        assert (job.path.read_bytes() if before else None) == stands  # whole, as Snakemake would put it back
        for path in (unfinished_path(job.path), costs_path(job.path)):
            path.write_bytes(path.read_bytes()[: -torn or None])
        lost = bool(torn) and bool(made or missing < 4)
        assert job.run() == missing - made + bool(torn and made)  # what stood before stands in the file, too
        assert any("cut off" in line for line in job.lines) == lost
    assert job.path.read_bytes() == whole
    assert costs_path(job.path).read_bytes().count(b"\n") >= costs.count(b"\n") - bool(torn)
    assert not unfinished_path(job.path).exists()


def test_a_kill_leaves_the_file_that_stood_and_a_half_restored_one_is_completed(job):
    job.run()
    whole = job.path.read_bytes()
    job.run(killed_before=2, code="new")
    assert job.path.read_bytes() == whole
    job.path.write_bytes(whole[:50])
    assert job.run(code="new") == 2
    assert {record.stamp["code"] for record in read_records(job.path)} == {"new"}


def test_a_damaged_line_stops_the_job_by_name_and_nothing_is_written(job):
    job.run()
    lines = job.path.read_bytes().splitlines()
    content = b"\n".join([lines[0], b"{}", *lines[2:], b""])
    job.path.write_bytes(content)
    with pytest.raises(RecordError, match=r"knn\.jsonl, line 2: "):
        job.run()
    assert job.path.read_bytes() == content


def test_features_that_were_not_made_give_records_that_say_so_until_they_are(study, fitted):
    write_features(study.folder / "seed2.npz", not_run("no data here", DATA), {})
    assert [line.endswith("not run: no data here") for line in study.run()] == [False, True, False, True]
    record = study.read("easy", 2)
    assert (record.status, record.reason) == ("not run", "no data here")
    assert (record.scores, record.outcomes, record.flops["spent"]) == ({}, "", 0)
    assert [line.endswith("kept") for line in study.run()] == [True] * 4
    write_seed(study.folder, 2)
    study.run()
    assert len(fitted) == 4
    assert study.read("easy", 2).status == "done"
