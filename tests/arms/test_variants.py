"""The four variants and what they differ in, by known answers."""

import pytest
import torch
from torch.nn.functional import normalize

from hsokv.arms import experience_replay, joint, population, random_search, single
from hsokv.arms.reservoir import held_per_class, hold_out
from hsokv.arms.stream_memory import StreamMemory
from hsokv.exceptions import DataError, SwarmCollapsedError
from hsokv.learning.budget import Budget

from .streams import CLASSES, PER_TASK, SHAPE, draw_stream

CAPACITY = SHAPE.capacity - CLASSES * held_per_class(SHAPE)


def learn(module, settings, *names, tasks=None, shape=SHAPE, seed=0):
    tasks = draw_stream().tasks if tasks is None else tasks
    groups = {name: settings[name] for name in names}
    return list(module.learn(iter(tasks), shape, groups, Budget(10**10), torch.Generator().manual_seed(seed)))


def log_probs(answers, stream=None):
    return [fitted.predict((stream or draw_stream()).test.x).log_probs for fitted in answers]


def test_joint_is_the_single_agent_as_long_as_there_is_one_task(settings):
    one, other = (log_probs(learn(module, settings, "head")) for module in (joint, single))
    assert torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])


def test_replay_is_the_single_agent_as_long_as_there_is_nothing_to_replay(settings):
    one, other = (log_probs(learn(module, settings, "head")) for module in (experience_replay, single))
    assert torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])


def test_a_memory_changes_nothing_of_the_head(settings):
    """kv_only is neither and a memory beside it; only temperatures differ, which are fitted on more examples."""
    stream = draw_stream()
    alone = learn(single, settings, "head")
    beside = learn(single, settings, "head", "memory")
    for one, other in zip(alone, beside, strict=True):
        one, other = one.predict(stream.test.x).log_probs, other.predict(stream.test.x).without_memory
        assert torch.equal(one.argmax(-1), other.argmax(-1))


@pytest.mark.parametrize("names", [("head", "memory"), ("head", "memory", "keys")])
def test_a_swarm_of_one_is_the_single_agent(settings, names, monkeypatch):
    settings["swarm"] |= {"managers": 1, "agents": 1, "rounds": 1, "ensemble_size": 1}
    stream = draw_stream()
    # The swarm takes one number from the generator before its first task.
    alone = torch.Generator().manual_seed(0)
    torch.randint(2**62, (), generator=alone)
    one = single.learn(iter(stream.tasks), SHAPE, {name: settings[name] for name in names}, Budget(10**10), alone)
    other = learn(population, settings, "swarm", *names)
    for a, b in zip(log_probs(one), log_probs(other), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_agents_go_on_with_their_hyperparameters(settings):
    """Random search never moves them, so the members of every task are among the agents of the first draw."""
    names = ("head", "memory", "keys", "swarm")
    settings["swarm"]["ensemble_size"] = 6
    answers = learn(random_search, settings, *names)
    drawn = [sorted(fitted.instruments["members"]["learning_rate"]) for fitted in answers]
    assert drawn[0] == drawn[1] == drawn[2]
    assert len(set(drawn[0])) == 6


def test_the_history_is_that_of_the_whole_stream(settings):
    *_, fitted = learn(population, settings, "head", "swarm")
    rounds = len(draw_stream().tasks) * settings["swarm"]["rounds"]
    assert {name: len(curve) for name, curve in fitted.curves.items()} == {
        "held_out_log_loss": rounds,
        "spent": rounds,
        "diversity": rounds + 1,
        "failed_agents": rounds,
    }
    assert fitted.curves["spent"] == sorted(fitted.curves["spent"])


def test_a_swarm_that_fails_whole_is_an_error(settings):
    settings["head"] |= {"optimizer": "sgd", "learning_rate": 2e38, "weight_decay": 1e-40}
    settings["swarm"] |= {"managers": 1, "agents": 1, "rounds": 1, "ensemble_size": 1}
    settings["swarm"]["search_space"] |= {
        "learning_rate": [1e38, 3e38],
        "weight_decay": [1e-41, 1e-39],
    }  # stronger ones hold it
    with pytest.raises(SwarmCollapsedError, match="lower the learning rates"):
        learn(population, settings, "head", "swarm")


def test_every_class_keeps_its_share_of_the_entries(settings):
    stream = draw_stream(per_class=40)
    for task, fitted in enumerate(learn(single, settings, "head", "memory", tasks=stream.tasks)):
        held = torch.tensor(fitted.instruments["memory"]["labels"])
        counts = torch.bincount(held)
        assert len(held) == CAPACITY
        assert len(counts) == (task + 1) * PER_TASK
        assert counts.max() - counts.min() <= 1
        stood_for = (task + 1) * PER_TASK * (40 - held_per_class(SHAPE))
        assert sum(fitted.instruments["memory"]["counts"]) == stood_for


def test_held_out_examples_are_neither_entries_nor_in_the_statistics(settings):
    stream = draw_stream()
    empty = StreamMemory.empty(SHAPE, settings)
    rest, held = hold_out(stream.tasks[0], SHAPE, torch.Generator().manual_seed(0))
    written = empty.write(rest, PER_TASK)
    assert int(written.moments.count.sum()) == len(rest.y)
    keys = written.entries.keys[written.entries.occupied]
    assert (held.x @ keys.mT).max() < 1 - 1e-4


def test_keys_are_made_anew_from_the_centre_of_the_classes_and_none_goes_stale(settings):
    """By hand: the projection of now, of the entries and of the query alike."""
    stream = draw_stream()
    written = StreamMemory.empty(SHAPE, settings)
    for task, shots in enumerate(stream.tasks):
        written = written.write(shots, (task + 1) * PER_TASK)
        reader = written.reader(settings)
        entries = written.entries.keys[written.entries.occupied]
        keys = normalize((entries - reader.centre) @ reader.projection, dim=-1)
        torch.testing.assert_close(reader.states.keys[0], keys)
        means = torch.stack(
            [shots.x[shots.y == c].mean(0) for shots in stream.tasks[: task + 1] for c in shots.y.unique()]
        )
        torch.testing.assert_close(reader.centre, means.mean(0), rtol=1e-4, atol=1e-5)
        assert reader.projection.shape[1] == min(settings["keys"]["directions"], (task + 1) * PER_TASK - 1)
        assert reader.k == len(entries)
    raw = written._replace(moments=None).reader(settings)
    assert torch.equal(raw.states.keys[0], entries)


def test_a_key_of_zero_is_refused(settings):
    tasks = [
        shots._replace(x=shots.x.masked_fill(torch.arange(len(shots.y)).unsqueeze(1) < 20, 0))
        for shots in draw_stream().tasks
    ]
    with pytest.raises(DataError, match="keys that are not zero"):
        learn(single, settings, "head", "memory", tasks=tasks)
