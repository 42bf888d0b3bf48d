import pytest
import torch

from hsokv.arms.minibatches import BATCH, begin, minibatches, steps_of
from hsokv.data.episode import Shots
from hsokv.learning.head import Head


def batches_of(n, passes=1, replayed=None):
    shots = Shots(torch.arange(float(n)).unsqueeze(1).repeat(1, 3), torch.arange(n) % 2)
    assert steps_of(shots, passes) == passes * -(-n // BATCH)
    return minibatches(shots, passes, torch.Generator().manual_seed(0), replayed)


@pytest.mark.parametrize(("n", "passes"), [(1, 3), (BATCH, 1), (BATCH + 1, 3), (3 * BATCH - 1, 1)])
def test_every_example_is_seen_once_a_pass(n, passes):
    batches = list(batches_of(n, passes))
    assert len(batches) == passes * -(-n // BATCH)
    seen = torch.cat([batch.x[0, batch.mask[0] > 0, 0] for batch in batches])
    assert sorted(seen.tolist()) == sorted(passes * list(map(float, range(n))))
    assert all(batch.x.shape == (1, BATCH, 3) for batch in batches)


def test_as_many_old_examples_stand_beside_the_new_ones():
    for batch in batches_of(40, replayed=Shots(torch.full((4, 3), -1.0), torch.full((4,), 7))):
        assert batch.x.shape == (1, 2 * BATCH, 3)
        assert ((batch.y[0] == 7) == (torch.arange(2 * BATCH) >= BATCH)).all()
        assert (batch.mask[0, BATCH:] == 1).all()


def test_heads_go_on_with_room_for_new_classes_and_old_ones_are_left_as_they_are():
    old = Head(torch.ones(2, 1, 3, 2), torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]]]))
    for before, after in zip(old, begin(old, (2,), 3, 4).head, strict=True):
        assert torch.equal(after[..., :2], before)
        assert after[..., 2:].abs().max() == 0
        after.add_(1)
    assert torch.equal(old.weight, torch.ones(2, 1, 3, 2))
