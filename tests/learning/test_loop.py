from functools import partial

import pytest
import torch
from torch.utils._pytree import tree_leaves, tree_map_only

from hsokv.data.episode import Shots
from hsokv.exceptions import BudgetError, ConfigurationError
from hsokv.learning.budget import Budget, count_flops
from hsokv.learning.loop import (
    Hyperparameters,
    init_learners,
    plan_steps,
    stack_held_out,
    stack_problems,
    train,
    train_managers,
    train_step,
)
from hsokv.learning.optimizers import OPTIMIZERS, UNIT_RATES

CLASSES = 4


def agents(*shape):
    """Agents whose optimizers, rates and decays differ."""
    count = torch.Size(shape).numel()
    drawn = torch.arange(count) % 3, torch.linspace(0.5, 1.5, count), torch.linspace(2.0, 0.0, count)
    return Hyperparameters(*(part.reshape(shape) for part in drawn))


def fit(problems, hyperparameters, steps=6, learners=None):
    learners = learners or init_learners(hyperparameters.optimizer.shape, problems, CLASSES)
    return train(learners, hyperparameters, problems, steps, Budget(10**12))[0]


def doubled(nest):
    return tree_map_only(torch.Tensor, lambda part: part.double() if part.is_floating_point() else part, nest)


def by_torch(parameters, x, y, rule, rate, decay, steps=20):
    """One head by torch's SGD, or by the adaptive rule written out for it alone; then the decay, implicit."""
    parameters = [parameter.clone().requires_grad_() for parameter in parameters]
    sgd = torch.optim.SGD(parameters, rate, momentum=0.9)
    square, means = 0.0, [torch.zeros_like(parameter) for parameter in parameters]
    for t in range(1, steps + 1):
        sgd.zero_grad()
        torch.nn.functional.cross_entropy(x @ parameters[0] + parameters[1], y).backward()
        if rule == "sgd":
            sgd.step()
        square = 0.999 * square + 0.001 * float(parameters[0].grad.square().mean())
        with torch.no_grad():
            for i, parameter in enumerate(parameters):
                means[i] = 0.9 * means[i] + 0.1 * parameter.grad
                scale = (square / (1 - 0.999**t)) ** 0.5 + 1e-8
                if rule != "sgd":
                    parameter -= rate * (means[i] / (1 - 0.9**t) if rule == "adam_norm" else parameter.grad) / scale
                parameter /= 1 + rate * decay
    return [parameter.detach() for parameter in parameters]


@pytest.mark.parametrize("kind", ["shots", "words"])
@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_a_swarm_equals_the_optimizers_of_torch_run_for_each_agent_and_problem(make_episode, kind, shape):
    """In float64, from heads that are not at zero, so that nothing is symmetric; problems are padded to one length."""
    problems, hyperparameters = doubled((stack_problems(make_episode(kind)), agents(*shape)))
    start = doubled(init_learners(shape, problems, CLASSES))
    start.head.weight[..., 0] += torch.linspace(-1, 1, start.head.weight.shape[-2], dtype=torch.float64)
    trained = fit(problems, hyperparameters, 20, start)
    for place in torch.cartesian_prod(*map(torch.arange, (*shape, len(problems.x)))).tolist():
        *agent, problem = place
        kept, optimizer = problems.mask[problem].bool(), int(hyperparameters.optimizer[tuple(agent)])
        plain = by_torch(
            [part[tuple(place)] for part in start.head],
            problems.x[problem][kept],
            problems.y[problem][kept],
            OPTIMIZERS[optimizer],
            float(hyperparameters.learning_rate[tuple(agent)]) * UNIT_RATES[optimizer],
            float(hyperparameters.weight_decay[tuple(agent)]) / int(kept.sum()),
        )
        for found, wanted in zip(trained.head, plain, strict=True):
            torch.testing.assert_close(found[tuple(place)], wanted, rtol=1e-10, atol=1e-10)


def test_training_is_its_steps_one_after_the_other_and_each_leaves_its_input_alone(make_episode):
    problems = stack_problems(make_episode("shots"))
    start = learners = init_learners((2,), problems, CLASSES)
    for _ in range(4):
        learners = train_step(learners, problems, plan_steps(learners, agents(2), problems.examples, 1)[0])
    together = fit(problems, agents(2), 4)
    assert torch.equal(together.head.weight, learners.head.weight)
    assert together.moments[0].steps.unique().tolist() == [4.0]
    assert not any(part.any() for part in tree_leaves(start))


@pytest.mark.parametrize(("kind", "folds", "dev", "train"), [("shots", 4, 4, 4), ("words", 1, 1, 2)])
def test_problems_are_the_folds_then_dev_and_train_which_shots_share(make_episode, kind, folds, dev, train):
    episode = make_episode(kind)
    problems = stack_problems(episode)
    assert (problems.folds, problems.dev, problems.train, len(problems.x)) == (folds, dev, train, train + 1)
    for place, shots in ((0, episode.folds[0].fit), (dev, episode.dev.fit), (train, episode.train)):
        kept = problems.mask[place].bool()
        assert torch.equal(problems.x[place][kept], shots.x)
        assert torch.equal(problems.y[place][kept], shots.y)


def test_scores_are_the_answer_sheets_padded(make_episode):
    episode = make_episode("shots")
    short = episode.folds[0]._replace(score=Shots(*(part[:3] for part in episode.folds[0].score)))
    scores = stack_held_out(episode._replace(folds=(short, *episode.folds[1:])))
    assert scores.mask.sum(-1).tolist() == [3.0, *(len(fold.score.y) for fold in episode.folds[1:])]
    assert torch.equal(scores.x[1], episode.folds[1].score.x)
    assert scores.x[0, 3:].abs().sum() == 0


def test_each_step_is_charged_and_the_steps_stop_at_the_budget(make_episode):
    problems = stack_problems(make_episode("shots"))
    learners = init_learners((2,), problems, CLASSES)
    (numbers,) = plan_steps(learners, agents(2), problems.examples, 1)
    cost = count_flops(train_step, learners, problems, numbers)[1]
    budget, small = Budget(3 * cost + cost // 2), Budget(1)
    stopped, taken = train(learners, agents(2), problems, 10, budget)
    assert (taken, budget.spent) == (3, 3 * cost)
    torch.testing.assert_close(stopped.head.weight, fit(problems, agents(2), 3).head.weight)
    with pytest.raises(BudgetError, match="one training step costs"):
        train(learners, agents(2), problems, 1, small)
    assert small.spent == 0


def test_training_without_steps_is_refused(make_episode):
    episode = make_episode("shots")
    with pytest.raises(ConfigurationError, match="at least one step, got 0; raise head"):
        fit(stack_problems(episode), agents(2), 0)


@pytest.mark.parametrize("allowed", [10**9, 1_300_000])
def test_managers_dealt_out_train_as_they_do_together_and_pay_the_same(make_episode, allowed):
    problems, found = stack_problems(make_episode("shots")), []
    learners = init_learners((3, 2), problems, CLASSES)
    for way in (train, partial(train_managers, map)):
        budget = Budget(allowed)
        trained, taken = way(learners, agents(3, 2), problems, 20, budget, reserve=allowed // 4)
        found.append((tree_leaves(trained), taken, budget.spent))
    (together, *counts), (apart, *others) = found
    assert counts == others
    assert counts[0] > 1
    assert (counts[0] == 20) == (allowed == 10**9)
    assert all(torch.equal(a, b) for a, b in zip(together, apart, strict=True))
