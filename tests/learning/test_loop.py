from functools import partial

import pytest
import torch
from torch.utils._pytree import tree_leaves

from hsokv.data.episode import Shots
from hsokv.exceptions import BudgetError, ConfigurationError
from hsokv.learning.budget import Budget, count_flops
from hsokv.learning.head import Head, loss
from hsokv.learning.loop import (
    Hyperparameters,
    Learners,
    init_learners,
    plan_steps,
    stack_held_out,
    stack_problems,
    train,
    train_managers,
    train_step,
)
from hsokv.learning.optimizers import OPTIMIZERS, UNIT_RATES, OptimizerState

CLASSES = 4


def agents(count):
    return Hyperparameters(torch.arange(count) % 3, torch.linspace(0.02, 0.1, count), torch.linspace(0.0, 0.02, count))


def fit(problems, hyperparameters, steps=6):
    learners = init_learners(hyperparameters.optimizer.shape, problems, CLASSES)
    return train(learners, hyperparameters, problems, steps, Budget(10**12))[0]


@pytest.mark.parametrize("kind", ["shots", "words"])
def test_many_agents_and_problems_equal_each_alone(make_episode, kind):
    problems, hyperparameters = stack_problems(make_episode(kind)), agents(3)
    together = fit(problems, hyperparameters)
    for agent in range(3):
        for p in range(len(problems.x)):
            kept = problems.mask[p].bool()
            x, y = problems.x[p][kept][None], problems.y[p][kept][None]
            single = problems._replace(x=x, y=y, mask=torch.ones(y.shape), examples=problems.examples[p : p + 1])
            alone = fit(single, Hyperparameters(*(part[agent : agent + 1] for part in hyperparameters)))
            torch.testing.assert_close(together.head.weight[agent, p], alone.head.weight[0, 0], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(together.head.bias[agent, p], alone.head.bias[0, 0], rtol=1e-4, atol=1e-5)


def test_padding_changes_nothing(make_episode):
    problems = stack_problems(make_episode("shots"))
    pad = torch.nn.functional.pad
    padded = problems._replace(
        x=pad(problems.x, (0, 0, 0, 3), value=7.0), y=pad(problems.y, (0, 3)), mask=pad(problems.mask, (0, 3))
    )
    one, other = fit(problems, agents(3)), fit(padded, agents(3))
    torch.testing.assert_close(one.head.weight, other.head.weight, rtol=1e-4, atol=1e-5)


def test_training_lowers_the_loss_of_every_agent(make_episode):
    problems = stack_problems(make_episode("shots"))
    after = loss(fit(problems, agents(3)).head, problems.x, problems.y, problems.mask)
    assert (after < torch.tensor(float(CLASSES)).log()).all()


def test_a_step_leaves_its_input_alone(make_episode):
    problems = stack_problems(make_episode("shots"))
    learners = init_learners((2,), problems, CLASSES)
    before = learners.head.weight.clone()
    train_step(learners, problems, plan_steps(learners, agents(2), problems.examples, 1)[0])
    assert torch.equal(learners.head.weight, before)


def test_problems_of_shots_share_dev_and_train(make_episode):
    episode = make_episode("shots")
    problems = stack_problems(episode)
    assert (problems.folds, problems.dev, problems.train, len(problems.x)) == (4, 4, 4, 5)
    assert torch.equal(problems.x[problems.train], episode.train.x)


def test_problems_of_words_keep_dev_and_train_apart(make_episode):
    episode = make_episode("words")
    problems = stack_problems(episode)
    assert (problems.folds, problems.dev, problems.train, len(problems.x)) == (1, 1, 2, 3)
    assert torch.equal(problems.x[problems.dev], episode.dev.fit.x)
    assert torch.equal(problems.x[problems.train], episode.train.x)


def test_scores_are_the_answer_sheets_padded(make_episode):
    episode = make_episode("shots")
    short = episode.folds[0]._replace(score=Shots(*(part[:3] for part in episode.folds[0].score)))
    scores = stack_held_out(episode._replace(folds=(short, *episode.folds[1:])))
    assert scores.mask.sum(-1).tolist() == [3.0, *(len(fold.score.y) for fold in episode.folds[1:])]
    assert torch.equal(scores.x[1], episode.folds[1].score.x)
    assert scores.x[0, 3:].abs().sum() == 0


def test_each_step_is_charged_and_the_steps_stop_at_the_budget(make_episode):
    problems, hyperparameters = stack_problems(make_episode("shots")), agents(2)
    learners = init_learners((2,), problems, CLASSES)
    (numbers,) = plan_steps(learners, hyperparameters, problems.examples, 1)
    cost = count_flops(train_step, learners, problems, numbers)[1]
    budget = Budget(3 * cost + cost // 2)
    stopped, taken = train(learners, hyperparameters, problems, 10, budget)
    assert (taken, budget.spent) == (3, 3 * cost)
    torch.testing.assert_close(stopped.head.weight, fit(problems, hyperparameters, 3).head.weight)


def test_not_one_step_affordable_is_an_error(make_episode):
    problems = stack_problems(make_episode("shots"))
    budget = Budget(1)
    with pytest.raises(BudgetError, match="one training step costs"):
        train(init_learners((2,), problems, CLASSES), agents(2), problems, 1, budget)
    assert budget.spent == 0


def test_an_episode_without_folds_and_training_without_steps_are_refused(make_episode):
    episode = make_episode("shots")
    with pytest.raises(ConfigurationError, match="at least one fold"):
        stack_problems(episode._replace(folds=()))
    problems = stack_problems(episode)
    with pytest.raises(ConfigurationError, match="at least one step, got 0"):
        train(init_learners((2,), problems, CLASSES), agents(2), problems, 0, Budget(10**12))


def test_learners_lead_with_agents_and_problems(make_episode):
    problems = stack_problems(make_episode("words"))
    learners = init_learners((2, 3), problems, CLASSES)
    assert isinstance(learners, Learners)
    assert learners.head.weight.shape == (2, 3, 3, problems.x.shape[-1], CLASSES)
    assert learners.moments[1].steps.shape == (2, 3, 3)


def test_training_is_its_steps_one_after_the_other(make_episode):
    problems = stack_problems(make_episode("shots"))
    learners = init_learners((2,), problems, CLASSES)
    for _ in range(4):
        learners = train_step(learners, problems, plan_steps(learners, agents(2), problems.examples, 1)[0])
    together = fit(problems, agents(2), 4)
    assert torch.equal(together.head.weight, learners.head.weight)
    assert together.moments[0].steps.unique().tolist() == [4.0]


def exactly(problems):
    return problems._replace(x=problems.x.double(), mask=problems.mask.double())


def fit_exactly(problems, hyperparameters, steps=20):
    """Training in float64, from heads that are not at zero, so that nothing is symmetric."""
    learners = init_learners(hyperparameters.optimizer.shape, problems, CLASSES)
    weight, bias = (torch.full_like(part, 0.1, dtype=torch.float64) for part in learners.head)
    weight[..., 0] += torch.linspace(-1, 1, weight.shape[-2], dtype=torch.float64)
    moments = tuple(OptimizerState(m.first.double(), m.second.double(), m.steps) for m in learners.moments)
    learners = Learners(Head(weight, bias), moments)
    return Head(*(part.clone() for part in learners.head)), train(
        learners, hyperparameters, problems, steps, Budget(10**12)
    )[0]


def by_torch(weight, bias, x, y, rule, rate, decay, steps=20):
    """One head by torch's SGD, or by the adaptive rule written out for it alone; then the decay, implicit."""
    parameters = [weight.clone().requires_grad_(), bias.clone().requires_grad_()]
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


@pytest.mark.parametrize("kind", ["shots", "described", "words"])
@pytest.mark.parametrize("shape", [(1,), (3,), (2, 3)])
def test_a_swarm_equals_the_optimizers_of_torch_run_for_each_agent_and_problem(make_episode, kind, shape):
    problems = exactly(stack_problems(make_episode(kind)))
    count = torch.Size(shape).numel()
    drawn = torch.arange(count), torch.linspace(0.5, 1.5, count), torch.linspace(2.0, 0.0, count)
    for shift in range(len(OPTIMIZERS)):
        hyperparameters = Hyperparameters(
            (drawn[0] + shift).remainder(3).view(shape), *(part.double().view(shape) for part in drawn[1:])
        )
        start, learners = fit_exactly(problems, hyperparameters)
        for place in torch.cartesian_prod(*map(torch.arange, (*shape, len(problems.x)))).tolist():
            agent, problem, kept = tuple(place[:-1]), place[-1], problems.mask[place[-1]].bool()
            optimizer = int(hyperparameters.optimizer[agent])
            plain = by_torch(
                *(part[tuple(place)] for part in start),
                problems.x[problem][kept],
                problems.y[problem][kept],
                OPTIMIZERS[optimizer],
                float(hyperparameters.learning_rate[agent]) * UNIT_RATES[optimizer],
                float(hyperparameters.weight_decay[agent]) / int(kept.sum()),
            )
            for found, wanted in zip(learners.head, plain, strict=True):
                torch.testing.assert_close(found[tuple(place)], wanted, rtol=1e-10, atol=1e-10)


def test_the_order_of_the_agents_does_not_matter(make_episode):
    problems, order = exactly(stack_problems(make_episode("shots"))), torch.tensor([4, 0, 3, 1, 5, 2])
    hyperparameters = Hyperparameters(*(part.double() if part.is_floating_point() else part for part in agents(6)))
    _, learners = fit_exactly(problems, hyperparameters)
    _, shuffled = fit_exactly(problems, Hyperparameters(*(part[order] for part in hyperparameters)))
    for found, wanted in zip(shuffled.head, learners.head, strict=True):
        torch.testing.assert_close(found, wanted[order], rtol=1e-10, atol=1e-10)


def test_how_learners_lie_in_memory_does_not_matter(make_episode):
    """A copy of agents may lay them out anew; training puts them back in the order that costs no copy."""
    problems = stack_problems(make_episode("shots"))
    learners = init_learners((2,), problems, CLASSES)
    plain = Learners(
        Head(*(part.contiguous() for part in learners.head)),
        tuple(OptimizerState(*(part.contiguous() for part in moments)) for moments in learners.moments),
    )
    assert plain.head.weight.stride() != learners.head.weight.stride()
    one, other = (train(start, agents(2), problems, 6, Budget(10**12))[0] for start in (learners, plain))
    assert torch.equal(one.head.weight, other.head.weight)
    assert one.head.weight.stride() == other.head.weight.stride() == learners.head.weight.stride()
    stepped = plain
    for numbers in plan_steps(plain, agents(2), problems.examples, 2):
        stepped = train_step(stepped, problems, numbers)
    torch.testing.assert_close(
        stepped.head.weight, train(learners, agents(2), problems, 2, Budget(10**12))[0].head.weight
    )


@pytest.mark.parametrize("allowed", [10**9, 1_300_000])
def test_managers_dealt_out_train_as_they_do_together_and_pay_the_same(make_episode, allowed):
    problems = stack_problems(make_episode("shots"))
    shape = (3, 2)
    drawn = torch.Generator().manual_seed(0)
    hyperparameters = Hyperparameters(
        torch.arange(6).reshape(shape) % len(OPTIMIZERS), 1 + torch.rand(shape, generator=drawn), torch.ones(shape)
    )
    learners, found = init_learners(shape, problems, 4), []
    for way in (train, partial(train_managers, lambda function, parts: [function(part) for part in parts])):
        budget = Budget(allowed)
        trained, taken = way(learners, hyperparameters, problems, 20, budget, reserve=allowed // 4)
        found.append((tree_leaves(trained), taken, budget.spent))
    (together, *counts), (apart, *others) = found
    assert counts == others
    assert counts[0] > 1
    assert (counts[0] == 20) == (allowed == 10**9)
    assert all(torch.equal(a, b) for a, b in zip(together, apart, strict=True))
