import pytest
import torch

from hsokv.arms.minibatches import BATCH, begin, minibatches, steps_of, train
from hsokv.data.episode import Shots
from hsokv.exceptions import BudgetError
from hsokv.learning.budget import Budget
from hsokv.learning.head import Head
from hsokv.learning.loop import Hyperparameters


def shots(n, classes=2):
    return Shots(torch.arange(float(n)).unsqueeze(1).repeat(1, 3), torch.arange(n) % classes)


def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("n", [1, BATCH, BATCH + 1, 3 * BATCH - 1])
@pytest.mark.parametrize("passes", [1, 3])
def test_every_example_is_seen_once_a_pass(n, passes):
    batches = list(minibatches(shots(n), passes, generator()))
    assert len(batches) == steps_of(shots(n), passes)
    seen = torch.cat([batch.x[0, batch.mask[0] > 0, 0] for batch in batches])
    assert sorted(seen.tolist()) == sorted(passes * list(map(float, range(n))))
    assert all(batch.x.shape == (1, BATCH, 3) for batch in batches)


def test_as_many_old_examples_stand_beside_the_new_ones():
    old = Shots(torch.full((4, 3), -1.0), torch.full((4,), 7))
    for batch in minibatches(shots(40), 1, generator(), old):
        assert batch.x.shape == (1, 2 * BATCH, 3)
        assert (batch.y[0, BATCH:] == 7).all()
        assert (batch.mask[0, BATCH:] == 1).all()
        assert (batch.y[0, :BATCH] != 7).all()


def test_heads_go_on_with_room_for_new_classes():
    old = Head(torch.randn(2, 1, 3, 2, generator=generator()), torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]]]))
    head = begin(old, (2,), 3, 4).head
    assert torch.equal(head.weight[..., :2], old.weight)
    assert torch.equal(head.bias[..., :2], old.bias)
    assert head.weight[..., 2:].abs().max() == head.bias[..., 2:].abs().max() == 0


def test_old_heads_are_left_as_they_are():
    old = begin(None, (1,), 3, 2).head
    head = begin(old, (1,), 3, 4).head
    head.weight.add_(1)
    assert old.weight.abs().max() == 0


def test_all_steps_are_paid_or_none_is_taken():
    learners, default = begin(None, (1,), 3, 2), Hyperparameters(*torch.tensor([[1.0], [0.1], [0.0]]))
    default = default._replace(optimizer=torch.tensor([1]))
    budget = Budget(10**6)
    train(learners, default, minibatches(shots(64), 1, generator()), 2, budget)
    short = Budget(budget.spent - 1)
    with pytest.raises(BudgetError):
        train(learners, default, minibatches(shots(64), 1, generator()), 2, short)
    assert short.spent == 0
