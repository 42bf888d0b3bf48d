import pytest
import torch

from hsokv.data.episode import Shots
from hsokv.exceptions import BudgetError
from hsokv.model.head import loss
from hsokv.training.budget import Budget, count_flops
from hsokv.training.loop import (
    Hyperparameters,
    Learners,
    init_learners,
    stack_problems,
    stack_scores,
    train,
    train_step,
)

CLASSES = 4


def agents(count):
    return Hyperparameters(torch.arange(count) % 3, torch.linspace(0.02, 0.1, count), torch.linspace(0.0, 0.02, count))


def fit(problems, hyperparameters, steps=6):
    learners = init_learners(hyperparameters.strategy.shape, problems, CLASSES)
    return train(learners, hyperparameters, problems, steps, Budget(10**12))[0]


@pytest.mark.parametrize("kind", ["shots", "words"])
def test_many_agents_and_problems_equal_each_alone(make_episode, kind):
    problems, hyperparameters = stack_problems(make_episode(kind)), agents(3)
    together = fit(problems, hyperparameters)
    for agent in range(3):
        for p in range(len(problems.x)):
            kept = problems.mask[p].bool()
            x, y = problems.x[p][kept][None], problems.y[p][kept][None]
            single = problems._replace(x=x, y=y, mask=torch.ones(y.shape))
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
    train_step(learners, agents(2), problems)
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
    scores = stack_scores(episode._replace(folds=(short, *episode.folds[1:])))
    assert scores.mask.sum(-1).tolist() == [3.0, *(len(fold.score.y) for fold in episode.folds[1:])]
    assert torch.equal(scores.x[1], episode.folds[1].score.x)
    assert scores.x[0, 3:].abs().sum() == 0


def test_each_step_is_charged_and_the_steps_stop_at_the_budget(make_episode):
    problems, hyperparameters = stack_problems(make_episode("shots")), agents(2)
    learners = init_learners((2,), problems, CLASSES)
    cost = count_flops(train_step, learners, hyperparameters, problems)[1]
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
        learners = train_step(learners, agents(2), problems)
    together = fit(problems, agents(2), 4)
    assert torch.equal(together.head.weight, learners.head.weight)
    assert together.moments[0].steps.unique().tolist() == [4.0]
