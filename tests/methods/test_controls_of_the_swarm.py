"""The arms that stand beside the swarm: they are what their names say."""

import pytest
import torch

from hsokv.methods import flat_population, population, random_search, single, single_all_compute
from hsokv.training.budget import Budget

GROUPS = ("head", "memory", "keys", "swarm")


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
    found, budget = fit(random_search, episode, settings)
    lineage = torch.tensor(found.instruments["lineage"])
    assert lineage.shape[:2] == (1, 1)
    assert torch.equal(lineage.flatten(), torch.arange(lineage.numel()))
    assert len(found.instruments["temperature"]) == settings["swarm"]["averaged"]
    assert budget.spent > budget.allowed / 3


def test_the_curve_of_a_random_search_is_its_best_so_far(episode, settings):
    found, _ = fit(random_search, episode, settings)
    scores, curve = found.instruments["scores"][0][0], found.curves["fold_log_loss"]
    assert curve == [min(scores[: i + 1]) for i in range(len(scores))]
    assert len(found.curves["spent"]) == len(curve)


def test_random_search_takes_more_agents_where_it_may_spend_more(episode, settings):
    counts = [len(fit(random_search, episode, settings, n * 10**7)[0].instruments["lineage"][0][0]) for n in (2, 4)]
    assert counts[1] == pytest.approx(2 * counts[0], abs=2)


def test_one_agent_with_all_the_compute_is_the_single_agent_with_more_steps(episode, settings):
    found, budget = fit(single_all_compute, episode, settings, 5 * 10**6)
    steps = found.instruments["steps"]
    assert steps > settings["head"]["steps"]
    assert budget.spent > budget.allowed / 2
    settings["head"]["steps"] = steps
    same, _ = fit(single, episode, settings)
    assert torch.equal(found.predict(episode.test.x).log_probs, same.predict(episode.test.x).log_probs)
