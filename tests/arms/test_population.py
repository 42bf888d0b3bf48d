"""The single agent, the swarm and its controls on episodes: they are what their names say."""

import math

import pytest
import torch

from hsokv.arms import flat_population, population, random_search, single, single_agent_equal_flops
from hsokv.arms.members import fold_log_loss, write_memories
from hsokv.learning.budget import Budget
from hsokv.learning.calibration import fit_gate, fit_temperature, least_log_loss
from hsokv.learning.loop import Hyperparameters, init_learners, stack_held_out, stack_problems, train
from hsokv.learning.optimizers import OPTIMIZERS
from hsokv.memory import functional as kv

ALLOWED = 10**9
ALL = ("head", "memory", "keys", "maps", "swarm")
HEADS = [("head", "swarm", "memory"), ("head", "swarm")]


def fit(module, episode, settings, names=ALL, budget=None):
    groups = {name: settings[name] for name in names}
    return module.fit(episode, groups, budget or Budget(ALLOWED), torch.Generator().manual_seed(0))


def answers(fitted, episode):
    return fitted.predict(episode.test.x).log_probs


@pytest.fixture(params=["shots", "words"])
def episode(request, make_episode):
    return make_episode(request.param, noise=0.5)


@pytest.mark.parametrize("names", HEADS)
def test_one_manager_one_agent_one_round_is_the_single_agent(episode, settings, names):
    settings["swarm"] |= {"managers": 1, "agents": 1, "rounds": 1, "ensemble_size": 1}
    swarm, alone = (answers(fit(module, episode, settings, names), episode) for module in (population, single))
    torch.testing.assert_close(swarm, alone, rtol=1e-3, atol=1e-3)


def test_a_flat_population_is_a_swarm_of_one_group(episode, settings):
    flat = fit(flat_population, episode, settings)
    settings["swarm"] |= {"managers": 1, "agents": 6}
    assert torch.equal(answers(flat, episode), answers(fit(population, episode, settings), episode))


def test_random_search_copies_nobody_trains_once_and_tells_its_best_so_far(episode, settings):
    found = fit(random_search, episode, settings)
    assert found.instruments["lineage"] == [[list(range(6))]]
    assert len(found.instruments["temperature"]) == settings["swarm"]["ensemble_size"]
    scores = found.instruments["scores"][0][0]
    assert found.curves["fold_log_loss"] == [min(scores[: i + 1]) for i in range(6)]
    assert len(found.curves["spent"]) == 6


def test_one_agent_with_all_the_compute_takes_the_steps_of_the_swarm(episode, settings):
    found = fit(single_agent_equal_flops, episode, settings)
    settings["head"]["steps"] *= 6
    assert found.instruments["steps"] == settings["head"]["steps"]
    assert torch.equal(answers(found, episode), answers(fit(single, episode, settings), episode))


def test_the_memory_axis_is_searched_only_where_there_is_a_memory(settings):
    with_memory = population.search_space_of(settings)
    without = population.search_space_of({name: settings[name] for name in ("head", "swarm")})
    assert [axis.name for axis in with_memory.axes] == ["learning_rate", "weight_decay", "inverse_temperature"]
    assert without.axes == with_memory.axes[:2]
    assert with_memory.axes[2].default == settings["memory"]["inverse_temperature"]


@pytest.mark.parametrize("memory", [True, False])
def test_fold_log_loss_equals_a_plain_loop(episode, memory):
    problems, held_out, found = stack_problems(episode), stack_held_out(episode), []
    drawn = torch.zeros(1, 3, dtype=torch.int64), torch.tensor([[0.01, 0.1, 0.2]]), torch.zeros(1, 3)
    learners = init_learners((1, 3), problems, episode.classes)
    learners, _ = train(learners, Hyperparameters(*drawn), problems, 10, Budget(ALLOWED))
    inverse_temperature = torch.tensor([[2.0, 10.0, 30.0]])
    reader = write_memories(episode, problems, {"memory": {"capacity": 100, "k": 5}})
    y = torch.cat([fold.score.y for fold in episode.folds])
    rows = torch.arange(len(y))
    for agent in range(3):
        z, recalled = [], []
        for f, fold in enumerate(episode.folds):
            z.append(fold.score.x @ learners.head.weight[0, agent, f] + learners.head.bias[0, agent, f])
            own = kv.read(reader.state(f), fold.score.x, 5)
            recalled.append(kv.label_distribution(own, float(inverse_temperature[0, agent]), episode.classes))
        z = torch.cat(z)
        at_label = (z / fit_temperature(z, y)).log_softmax(-1)[rows, y]
        found.append(least_log_loss(at_label, torch.cat(recalled)[rows, y]) if memory else -at_label.mean())
    retrieval = reader.read(slice(problems.folds), held_out.x) if memory else None
    expected = fold_log_loss(learners, problems, held_out, inverse_temperature, retrieval)
    torch.testing.assert_close(torch.stack(found), expected[0], rtol=1e-4, atol=1e-5)


def test_every_read_of_the_memory_is_paid(make_episode, settings):
    """With a memory the swarm spends at least the products of a read of the folds and one of dev more than without."""
    episode, budgets = make_episode("shots"), [Budget(ALLOWED), Budget(ALLOWED)]
    settings["swarm"]["rounds"] = 1
    for names, budget in zip(HEADS, budgets, strict=True):
        fit(population, episode, settings, names, budget)
    queries, problems = stack_held_out(episode).y.numel() + len(episode.dev.score.y), stack_problems(episode)
    assert budgets[0].spent - budgets[1].spent >= 2 * queries * problems.x[0].numel()


def test_history_goes_into_the_record(make_episode, settings):
    """The place of the best agent of the last round gives the best member's hyperparameters."""
    fitted, rounds = fit(population, make_episode("words"), settings), settings["swarm"]["rounds"]
    told, search_space, curves = fitted.instruments, population.search_space_of(settings), fitted.curves
    lengths = {"fold_log_loss": rounds, "spent": rounds, "diversity": rounds + 1, "failed_agents": rounds}
    assert {name: len(curve) for name, curve in curves.items()} == lengths
    assert [told["diversity_initial"], told["diversity"]] == curves["diversity"][:2]
    assert len(told["lineage"]) == rounds
    assert curves["spent"] == sorted(set(curves["spent"]))
    assert [min(map(min, step)) for step in told["scores"]] == curves["fold_log_loss"]
    assert len(told["members"]["learning_rate"]) == settings["swarm"]["ensemble_size"]
    points, last = torch.tensor(told["points"]), torch.tensor(told["scores"][-1])
    assert points.shape == (rounds, 2, 3, len(search_space.axes))
    assert torch.tensor(told["optimizers"]).shape == points.shape[:-1]
    for name, value in search_space.values(points[-1].flatten(0, 1)[last.argmin()]).items():
        assert float(value) == pytest.approx(told["members"][name][0], rel=1e-3)
    torch.testing.assert_close(points[0, 0, 0], search_space.default_point(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("names", HEADS)
def test_agents_that_overflow_are_counted_and_left_out(make_episode, settings, names):
    """SGD at rates near the largest float fails; the default agent and its like do not."""
    settings["head"] |= {"optimizer": "adam_norm", "steps": 6}
    settings["swarm"] |= {"rounds": 1, "ensemble_size": 50}
    settings["swarm"]["search_space"]["learning_rate"] = [0.02, 1e38]
    episode = make_episode("shots")
    fitted = fit(population, episode, settings, names)
    failed = fitted.curves["failed_agents"][0]
    assert 0 < failed < 6
    assert len(fitted.instruments["members"]["learning_rate"]) == 6 - failed
    assert math.isfinite(fitted.curves["fold_log_loss"][0])
    assert torch.isfinite(answers(fitted, episode).exp()).all()


@pytest.mark.parametrize("kind", ["shots", "words"])
def test_the_gate_is_fitted_on_dev_with_what_dev_was_learnt_from_and_mixes_the_test(make_episode, kind, settings):
    """The single agent by hand: p = (1 - g) softmax(z / T) + g p_mem, g fitted on the dev shots."""
    episode = make_episode(kind, noise=0.6)
    fitted = fit(single, episode, settings, ("head", "memory"))
    problems = stack_problems(episode)
    default = Hyperparameters(torch.tensor([OPTIMIZERS.index("sgd")]), torch.tensor([1.0]), torch.tensor([1.0]))
    learners = init_learners((1,), problems, episode.classes)
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
