import numpy as np
import pytest
import torch

from hsokv.exceptions import DataError
from hsokv.study.features import is_current, load_episode, not_run, read_provenance, read_texts, write_features

DONE = {"status": "done", "reason": None, "stamp": "s", "data": {"name": "d"}, "encoder": {}}


def vectors(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 5)).astype(np.float32)


def shots(folder, seed=1, test=None, **more):
    """Files of a condition `c`; the arrays of its seed."""
    arrays = {"c/train/text": np.array([f"shot {i}" for i in range(8)])} | more
    for part in ("train", "dev"):
        arrays |= {f"c/{part}/x": vectors(8, len(part)), f"c/{part}/y": np.arange(8) % 2}
    write_features(folder / f"seed{seed}.npz", DONE, arrays)
    test = vectors(6) if test is None else test
    write_features(folder / "evaluation.npz", DONE, {"test/x": test, "test/y": np.arange(6) % 2})
    return arrays


def test_the_same_content_comes_back_and_gives_the_same_bytes(tmp_path):
    write_features(tmp_path / "a.npz", DONE, {"x": np.arange(3), "y": np.ones(2)})
    write_features(tmp_path / "b.npz", dict(reversed(DONE.items())), {"y": np.ones(2), "x": np.arange(3)})
    assert read_provenance(tmp_path / "a.npz") == DONE
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("kept", [0, 300, -5, None])
def test_a_cut_file_or_one_of_something_else_is_damaged_and_not_current(tmp_path, kept):
    path = tmp_path / "a.npz"
    write_features(path, DONE, {"x": np.arange(1000)})
    path.write_bytes(path.read_bytes()[:kept])
    if kept is None:
        np.savez(path, x=np.arange(3))
    assert not is_current(path, "s")
    with pytest.raises(DataError, match=r"a\.npz: not a whole feature file .*delete it and run again"):
        read_provenance(path)


def test_current_means_there_done_and_of_the_same_stamp(tmp_path):
    path = tmp_path / "a.npz"
    assert not is_current(path, "s")
    write_features(path, DONE, {})
    assert is_current(path, "s")
    assert not is_current(path, "other")
    write_features(path, not_run("no data", {"name": "d"}), {})
    assert not is_current(path, "s")
    found = read_provenance(path)
    assert (found["status"], found["reason"], found["data"]) == ("not run", "no data", {"name": "d"})


def test_an_episode_of_shots_is_centred_on_them_and_of_unit_length(tmp_path):
    arrays = shots(tmp_path)
    episode = load_episode(tmp_path, 1, "c", classes=2, folds=2)
    assert len(episode.folds) == 2
    assert episode.dev.fit is episode.train
    assert episode.test.y.tolist() == [0, 1, 0, 1, 0, 1]
    assert episode.background is None
    centred = vectors(6) - arrays["c/train/x"].mean(0)
    expected = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(episode.test.x.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_an_episode_of_words(tmp_path):
    arrays = {f"background/{name}": np.eye(5, dtype=np.float32) for name in ("within", "key_map", "query_map")}
    arrays |= {"background/degrees": np.array(7), "background/map_flops": np.array(11)}
    arrays["background/between"] = 2 * np.eye(5, dtype=np.float32)
    for i, split in enumerate(("fold", "dev", "test")):
        arrays |= {f"one/{split}/support/x": vectors(2, i), f"one/{split}/support/y": np.arange(2)}
        arrays |= {f"one/{split}/query/x": vectors(4, i + 9), f"one/{split}/query/y": np.arange(4) % 2}
    write_features(tmp_path / "seed3.npz", DONE, arrays)
    episode = load_episode(tmp_path, 3, "one", classes=2, folds=None)
    assert len(episode.folds) == 1
    assert torch.equal(episode.train.x, torch.from_numpy(vectors(2, 2)))
    assert torch.equal(episode.dev.fit.x, torch.from_numpy(vectors(2, 1)))
    assert (episode.background.degrees, episode.background.map_flops) == (7, 11)
    assert episode.background.between.trace() == 10


def test_features_that_are_not_finite_are_refused(tmp_path):
    shots(tmp_path, test=np.where(np.arange(6)[:, None] == 2, np.nan, vectors(6)))
    with pytest.raises(DataError, match=r"test: .* 1 feature rows that are not finite"):
        load_episode(tmp_path, 1, "c", classes=2, folds=2)


def test_descriptions_stand_before_the_shots_wherever_shots_are_learnt_from(tmp_path):
    described = {"c/descriptions/x": vectors(3, 1), "c/descriptions/y": np.array([0, 0, 1])}
    shots(tmp_path, 1)
    shots(tmp_path, 2, **described, **{"c/descriptions/text": np.array(["bad", "dull", "good"])})
    plain, found = (load_episode(tmp_path, seed, "c", classes=2, folds=2) for seed in (1, 2))
    assert (plain.described, found.described) == (0, 3)
    fits = [(each.train, each.dev.fit, each.folds[1].fit) for each in (plain, found)]
    for one, other in zip(*fits, strict=True):
        assert torch.equal(other.x[3:], one.x)
        assert other.y[:3].tolist() == [0, 0, 1]
        np.testing.assert_allclose(other.x[:3].norm(dim=1), 1, rtol=1e-5)
    assert torch.equal(plain.dev.score.x, found.dev.score.x)
    assert torch.equal(plain.test.x, found.test.x)
    assert read_texts(tmp_path, 2, "c") == ["bad", "dull", "good", *read_texts(tmp_path, 1, "c")]
