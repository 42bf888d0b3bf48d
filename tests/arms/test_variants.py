"""The four variants and their controls on a stream, and what they differ in, by known answers."""

import pytest
import torch
from torch.nn.functional import normalize

from hsokv.arms import experience_replay, joint, population, random_search, single
from hsokv.arms.reservoir import hold_out
from hsokv.arms.stream_memory import StreamMemory
from hsokv.exceptions import DataError
from hsokv.learning.budget import Budget

from .streams import PER_TASK, SHAPE, draw_stream

STREAM = draw_stream()


def learn(module, settings, *names, tasks=STREAM.tasks, generator=None):
    groups = {name: settings[name] for name in names}
    generator = generator or torch.Generator().manual_seed(0)
    return list(module.learn(iter(tasks), SHAPE, groups, Budget(10**10), generator))


def log_probs(answers):
    return [fitted.predict(STREAM.test.x).log_probs for fitted in answers]


@pytest.mark.parametrize("module", [joint, experience_replay])
def test_until_there_is_a_past_joint_and_replay_are_the_single_agent(settings, module):
    one, other = (log_probs(learn(each, settings, "head")) for each in (module, single))
    assert torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])


def test_a_memory_changes_nothing_of_the_head(settings):
    """kv_only is neither and a memory beside it; only temperatures differ, which are fitted on more examples."""
    alone, beside = learn(single, settings, "head"), learn(single, settings, "head", "memory")
    for one, other in zip(log_probs(alone), beside, strict=True):
        assert torch.equal(one.argmax(-1), other.predict(STREAM.test.x).without_memory.argmax(-1))


@pytest.mark.parametrize("names", [("head", "memory"), ("head", "memory", "keys")])
def test_a_swarm_of_one_is_the_single_agent(settings, names):
    settings["swarm"] |= {"managers": 1, "agents": 1, "rounds": 1, "ensemble_size": 1}
    generator = torch.Generator().manual_seed(0)
    torch.randint(2**62, (), generator=generator)  # which the swarm takes before its first task
    one = learn(single, settings, *names, generator=generator)
    other = learn(population, settings, "swarm", *names)
    for a, b in zip(log_probs(one), log_probs(other), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_agents_go_on_with_their_hyperparameters(settings):
    """Random search never moves them, so the members of every task are among the agents of the first draw."""
    settings["swarm"]["ensemble_size"] = 6
    answers = learn(random_search, settings, "head", "memory", "keys", "swarm")
    drawn = [sorted(fitted.instruments["members"]["learning_rate"]) for fitted in answers]
    assert drawn[0] == drawn[1] == drawn[2]
    assert len(set(drawn[0])) == 6


def test_the_history_is_that_of_the_whole_stream(settings):
    *_, fitted = learn(population, settings, "head", "swarm")
    rounds = len(STREAM.tasks) * settings["swarm"]["rounds"]
    lengths = {"held_out_log_loss": rounds, "spent": rounds, "diversity": rounds + 1, "failed_agents": rounds}
    assert {name: len(curve) for name, curve in fitted.curves.items()} == lengths
    assert fitted.curves["spent"] == sorted(fitted.curves["spent"])


def test_held_out_examples_are_neither_entries_nor_in_the_statistics(settings):
    rest, held = hold_out(STREAM.tasks[0], SHAPE, torch.Generator().manual_seed(0))
    written = StreamMemory.empty(SHAPE, settings).write(rest, PER_TASK)
    assert int(written.moments.count.sum()) == len(rest.y)
    keys = written.entries.keys[written.entries.occupied]
    assert (held.x @ keys.mT).max() < 1 - 1e-4


def test_keys_are_made_anew_from_the_centre_of_the_classes_and_none_goes_stale(settings):
    """By hand: the projection of now, of the entries and of the query alike."""
    written, means = StreamMemory.empty(SHAPE, settings), []
    for task, shots in enumerate(STREAM.tasks):
        written = written.write(shots, (task + 1) * PER_TASK)
        reader = written.reader(settings)
        entries = written.entries.keys[written.entries.occupied]
        keys = normalize((entries - reader.centre) @ reader.projection, dim=-1)
        torch.testing.assert_close(reader.states.keys[0], keys)
        means += [shots.x[shots.y == c].mean(0) for c in shots.y.unique()]
        torch.testing.assert_close(reader.centre, torch.stack(means).mean(0), rtol=1e-4, atol=1e-5)
        assert reader.projection.shape[1] == min(settings["keys"]["directions"], len(means) - 1)
        assert reader.k == len(entries)
    assert torch.equal(written._replace(moments=None).reader(settings).states.keys[0], entries)


def test_a_key_of_zero_is_refused(settings):
    tasks = [shots._replace(x=torch.cat([torch.zeros_like(shots.x[:20]), shots.x[20:]])) for shots in STREAM.tasks]
    with pytest.raises(DataError, match="keys that are not zero"):
        learn(single, settings, "head", "memory", tasks=tasks)
