"""The arms that stand beside the swarm: they are what their names say."""

import pytest
import torch

from hsokv.arms import flat_population, population, random_search, single, single_agent_equal_flops
from hsokv.learning.budget import Budget

GROUPS = ("head", "memory", "keys", "maps", "swarm")


def fit(module, episode, settings, allowed=2 * 10**7):
    budget = Budget(allowed)
    groups = {name: settings[name] for name in GROUPS}
    return module.fit(episode, groups, budget, torch.Generator().manual_seed(0)), budget


@pytest.fixture(params=["shots", "words"])
def episode(request, make_episode):
    return make_episode(request.param, noise=0.5)


def test_a_flat_population_is_a_swarm_of_one_group(episode, settings):
    flat, _ = fit(flat_population, episode, settings)
    settings["swarm"] |= {"managers": 1, "agents": 6}
    same, _ = fit(population, episode, settings)
    assert torch.equal(flat.predict(episode.test.x).log_probs, same.predict(episode.test.x).log_probs)


def test_random_search_copies_nobody_and_trains_once(episode, settings):
    found, _ = fit(random_search, episode, settings)
    lineage = torch.tensor(found.instruments["lineage"])
    assert lineage.tolist() == [[list(range(6))]]
    assert len(found.instruments["temperature"]) == settings["swarm"]["ensemble_size"]


def test_the_curve_of_a_random_search_is_its_best_so_far(episode, settings):
    found, _ = fit(random_search, episode, settings)
    scores, curve = found.instruments["scores"][0][0], found.curves["fold_log_loss"]
    assert curve == [min(scores[: i + 1]) for i in range(len(scores))]
    assert len(found.curves["spent"]) == len(curve)


def test_one_agent_with_all_the_compute_takes_the_steps_of_the_swarm(episode, settings):
    found, _ = fit(single_agent_equal_flops, episode, settings)
    assert found.instruments["steps"] == 12 * 6
    settings["head"]["steps"] = 12 * 6
    same, _ = fit(single, episode, settings)
    assert torch.equal(found.predict(episode.test.x).log_probs, same.predict(episode.test.x).log_probs)
