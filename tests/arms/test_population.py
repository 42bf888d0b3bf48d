import math
from contextlib import suppress

import pytest
import torch

from hsokv.arms import population, single
from hsokv.arms.members import fold_log_loss, write_memories
from hsokv.exceptions import BudgetError, ConfigurationError, SwarmCollapsedError
from hsokv.learning.budget import Budget
from hsokv.learning.calibration import GATES, TEMPERATURES, fit_gate
from hsokv.learning.loop import Hyperparameters, init_learners, stack_held_out, stack_problems, train
from hsokv.learning.optimizers import OPTIMIZERS
from hsokv.memory import functional as kv

ALLOWED = 10**9


def groups(settings, *names):
    return {name: settings[name] for name in names}


def fit(module, episode, settings, budget=None, seed=0):
    return module.fit(episode, settings, budget or Budget(ALLOWED), torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", ["shots", "words"])
@pytest.mark.parametrize("names", [("head", "memory"), ("head",)])
def test_one_manager_one_agent_one_round_is_the_single_agent(make_episode, settings, kind, names):
    settings["swarm"] |= {"managers": 1, "agents": 1, "rounds": 1, "ensemble_size": 1}
    episode = make_episode(kind)
    swarm = fit(population, episode, groups(settings, "swarm", *names))
    alone = fit(single, episode, groups(settings, *names))
    queries = episode.test.x
    torch.testing.assert_close(swarm.predict(queries).log_probs, alone.predict(queries).log_probs, rtol=1e-3, atol=1e-3)


def test_the_memory_axis_is_searched_only_where_there_is_a_memory(settings):
    with_memory = population.search_space_of(settings)
    without = population.search_space_of(groups(settings, "head", "swarm"))
    assert [axis.name for axis in with_memory.axes] == ["learning_rate", "weight_decay", "inverse_temperature"]
    assert [axis.name for axis in without.axes] == ["learning_rate", "weight_decay"]
    defaults = with_memory.values(with_memory.default_point())
    assert float(defaults["inverse_temperature"]) == pytest.approx(settings["memory"]["inverse_temperature"], rel=1e-5)


def trained(episode, agents=3):
    problems = stack_problems(episode)
    hyperparameters = Hyperparameters(
        torch.zeros(1, agents, dtype=torch.int64), torch.linspace(0.01, 0.2, agents)[None], torch.zeros(1, agents)
    )
    learners = init_learners((1, agents), problems, episode.classes)
    return train(learners, hyperparameters, problems, 10, Budget(ALLOWED))[0], problems


@pytest.mark.parametrize("kind", ["shots", "words"])
@pytest.mark.parametrize("memory", [True, False])
def test_fold_log_loss_equals_a_plain_loop(make_episode, kind, memory):
    episode = make_episode(kind, noise=0.5)
    learners, problems = trained(episode)
    inverse_temperature = torch.tensor([[2.0, 10.0, 30.0]])
    reader = write_memories(episode, problems, {"memory": {"capacity": 100, "k": 5}})
    held_out = stack_held_out(episode)
    retrieval = reader.read(slice(problems.folds), held_out.x) if memory else None
    found = fold_log_loss(learners, problems, held_out, inverse_temperature, retrieval)
    for agent in range(3):
        logits, recalled, labels = [], [], []
        for f, fold in enumerate(episode.folds):
            logits.append(fold.score.x @ learners.head.weight[0, agent, f] + learners.head.bias[0, agent, f])
            own = kv.read(reader.state(f), fold.score.x, 5)
            recalled.append(kv.label_distribution(own, float(inverse_temperature[0, agent]), episode.classes))
            labels.append(fold.score.y)
        logits, recalled, labels = torch.cat(logits), torch.cat(recalled), torch.cat(labels)
        rows = torch.arange(len(labels))

        def with_one_more(t, logits=logits, labels=labels):
            """The sum over examples, and over one of unknown label: how the temperature is chosen."""
            unknown = -(logits / t).log_softmax(-1).mean()
            return float(torch.nn.functional.cross_entropy(logits / t, labels, reduction="sum") + unknown)

        t = min(TEMPERATURES, key=with_one_more)
        best = float(torch.nn.functional.cross_entropy(logits / t, labels))
        if memory:
            p = (logits / t).softmax(-1)[rows, labels]
            best = min(float(-((1 - g) * p + g * recalled[rows, labels]).log().mean()) for g in GATES)
        assert float(found[0, agent]) == pytest.approx(best, rel=1e-4, abs=1e-5)


def test_every_read_of_the_folds_is_paid(make_episode, settings):
    """With a memory the swarm spends at least the products of that read more than without."""
    episode = make_episode("shots")
    held_out, problems = stack_held_out(episode), stack_problems(episode)
    settings["swarm"]["rounds"] = 1
    spent = []
    for names in (("head", "swarm", "memory"), ("head", "swarm")):
        budget = Budget(ALLOWED)
        fit(population, episode, groups(settings, *names), budget)
        spent.append(budget.spent)
    folds, queries, key_dim = held_out.x.shape
    dev = 2 * len(episode.dev.score.y) * problems.x.shape[1] * key_dim
    assert spent[0] - spent[1] >= 2 * folds * queries * problems.x.shape[1] * key_dim + dev


def test_history_goes_into_the_record(make_episode, settings):
    fitted = fit(population, make_episode("words"), settings)
    rounds = settings["swarm"]["rounds"]
    assert {name: len(curve) for name, curve in fitted.curves.items()} == {
        "fold_log_loss": rounds,
        "spent": rounds,
        "diversity": rounds + 1,
        "failed_agents": rounds,
    }
    assert fitted.instruments["diversity_initial"] == fitted.curves["diversity"][0]
    assert fitted.instruments["diversity"] == fitted.curves["diversity"][1]
    assert len(fitted.instruments["members"]["learning_rate"]) == settings["swarm"]["ensemble_size"]
    assert len(fitted.instruments["lineage"]) == rounds
    assert fitted.curves["spent"] == sorted(set(fitted.curves["spent"]))
    assert [min(map(min, step)) for step in fitted.instruments["scores"]] == fitted.curves["fold_log_loss"]


def test_points_and_optimizers_in_the_record_are_those_that_were_trained(make_episode, settings):
    """The place of the best agent of the last round gives the best member's hyperparameters."""
    fitted = fit(population, make_episode("words"), settings)
    told, search_space = fitted.instruments, population.search_space_of(settings)
    points, last = torch.tensor(told["points"]), torch.tensor(told["scores"][-1])
    assert points.shape == (settings["swarm"]["rounds"], 2, 3, len(search_space.axes))
    assert torch.tensor(told["optimizers"]).shape == points.shape[:-1]
    for name, value in search_space.values(points[-1].flatten(0, 1)[last.argmin()]).items():
        assert float(value) == pytest.approx(told["members"][name][0], rel=1e-3)
    torch.testing.assert_close(points[0, 0, 0], search_space.default_point(), atol=1e-4, rtol=0)


def test_more_rounds_than_steps_are_refused(make_episode, settings):
    settings["head"]["steps"] = settings["swarm"]["rounds"] - 1
    with pytest.raises(ConfigurationError, match="at least one step, got 0; raise head"):
        fit(population, make_episode("shots"), settings)


@pytest.mark.parametrize("names", [("head", "swarm", "memory"), ("head", "swarm")])
def test_agents_that_overflow_are_counted_and_left_out(make_episode, settings, names):
    """SGD at rates near the largest float fails; the default agent and its like do not."""
    settings["head"] |= {"optimizer": "adam_norm", "steps": 6}
    settings["swarm"] |= {"rounds": 1, "ensemble_size": 6}
    settings["swarm"]["search_space"]["learning_rate"] = [0.02, 1e38]
    episode = make_episode("shots")
    fitted = fit(population, episode, groups(settings, *names))
    failed = fitted.curves["failed_agents"][0]
    assert 0 < failed < 6
    assert len(fitted.instruments["members"]["learning_rate"]) == 6 - failed
    assert math.isfinite(fitted.curves["fold_log_loss"][0])
    assert torch.isfinite(fitted.predict(episode.test.x).log_probs.exp()).all()


@pytest.mark.parametrize("names", [("head", "swarm", "memory"), ("head", "swarm")])
def test_a_swarm_that_fails_whole_is_an_error(make_episode, settings, names):
    settings["head"] |= {"optimizer": "sgd", "learning_rate": 2e38, "weight_decay": 1e-40}
    settings["swarm"] |= {"managers": 1, "agents": 1, "rounds": 1, "ensemble_size": 1}
    settings["swarm"]["search_space"] |= {
        "learning_rate": [1e38, 3e38],
        "weight_decay": [1e-41, 1e-39],
    }  # stronger ones hold it
    with pytest.raises(SwarmCollapsedError, match="lower the learning rates"):
        fit(population, make_episode("shots"), groups(settings, *names))


def test_a_default_outside_the_box_is_refused(make_episode, settings):
    settings["head"]["learning_rate"] = 9.0
    with pytest.raises(ConfigurationError, match=r"learning_rate: the default 9.0 lies outside \[0.4, 2.5\]"):
        fit(population, make_episode("shots"), settings)


@pytest.mark.parametrize("allowed", [10**5, 3 * 10**5, 10**6])
def test_a_small_budget_is_never_exceeded(make_episode, settings, allowed):
    budget = Budget(allowed)
    with suppress(BudgetError):
        fit(population, make_episode("shots"), settings, budget)
    assert 0 < budget.spent <= allowed


def test_more_members_than_agents_are_all_agents(make_episode, settings):
    settings["swarm"]["ensemble_size"] = 50
    assert len(fit(population, make_episode("shots"), settings).instruments["temperature"]) == 6


@pytest.mark.parametrize("kind", ["shots", "words"])
def test_the_gate_is_fitted_on_dev_with_what_dev_was_learnt_from_and_mixes_the_test(make_episode, settings, kind):
    """The single agent by hand: p = (1 - g) softmax(z / T) + g p_mem, g fitted on the dev shots."""
    episode = make_episode(kind, noise=0.6)
    fitted = fit(single, episode, groups(settings, "head", "memory"))
    problems = stack_problems(episode)
    learners = init_learners((1,), problems, episode.classes)
    sgd = torch.tensor([OPTIMIZERS.index("sgd")])
    default = Hyperparameters(sgd, torch.tensor([1.0]), torch.tensor([1.0]))
    head = train(learners, default, problems, settings["head"]["steps"], Budget(ALLOWED))[0].head

    def branches(problem, shots, x):
        z = x @ head.weight[0, problem] + head.bias[0, problem]
        state = kv.write(kv.init(len(shots.y), x.shape[1]), *shots)
        memory = kv.label_distribution(kv.read(state, x, settings["memory"]["k"]), 10.0, episode.classes)
        return (z / fitted.instruments["temperature"][0]).softmax(-1), memory

    query, answer = episode.dev.score
    param, memory = (p[torch.arange(len(answer)), answer] for p in branches(problems.dev, episode.dev.fit, query))
    gate = fitted.instruments["gate"]
    assert gate == pytest.approx(float(fit_gate(param.log(), memory)))
    param, memory = branches(problems.train, episode.train, episode.test.x)
    prediction = fitted.predict(episode.test.x)
    torch.testing.assert_close(prediction.log_probs.exp(), (1 - gate) * param + gate * memory, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(prediction.without_memory.exp(), param, rtol=1e-4, atol=1e-5)
