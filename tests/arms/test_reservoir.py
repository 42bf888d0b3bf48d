import torch

from hsokv.arms.reservoir import HELD_OUT, held_per_class, hold_out, join, ranks, thin
from hsokv.data.episode import Shots

from .streams import CLASSES, SHAPE, draw_stream


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_ranks_number_the_examples_of_each_class():
    y = torch.tensor([0, 2, 0, 2, 2, 5])
    place = ranks(y, generator())
    assert [sorted(place[y == c].tolist()) for c in (0, 2, 5)] == [[0, 1], [0, 1, 2], [0]]


def test_a_thinned_sample_is_balanced_and_keeps_its_order():
    shots = Shots(torch.arange(10.0).unsqueeze(1), torch.tensor([0] * 7 + [1] * 3))
    kept = thin(shots, 6, generator())
    assert torch.bincount(kept.y).tolist() == [3, 3]
    assert kept.x.flatten().tolist() == sorted(kept.x.flatten().tolist())
    assert torch.bincount(thin(shots, 9, generator()).y).tolist() == [6, 3]
    assert thin(shots, 10, generator()) is shots


def test_every_example_of_a_class_is_kept_as_often():
    """Thinned after each of two tasks, as a method does: a sample of a sample is a sample."""
    counts = torch.zeros(8)
    for seed in range(600):
        of = generator(seed)
        first = Shots(torch.arange(8.0).unsqueeze(1), torch.zeros(8, dtype=torch.int64))
        kept = thin(join(thin(first, 6, of), Shots(torch.full((4, 1), 9.0), torch.ones(4, dtype=torch.int64))), 4, of)
        counts[kept.x[kept.y == 0].flatten().long()] += 1
    assert counts.sum() == 1200
    assert (counts - 150).abs().max() < 45  # 150 expected, standard deviation 10.6


def test_held_out_examples_are_the_same_number_of_every_class_and_no_part_of_the_rest():
    task = draw_stream().tasks[0]
    rest, held = hold_out(task, SHAPE, generator())
    assert torch.bincount(held.y).tolist() == [held_per_class(SHAPE)] * 2
    assert held_per_class(SHAPE) == SHAPE.capacity // (HELD_OUT * CLASSES)
    rows = {tuple(row) for row in task.x.tolist()}
    assert {tuple(row) for row in rest.x.tolist()} == rows - {tuple(row) for row in held.x.tolist()}
    assert len(rest.y) + len(held.y) == len(task.y)


def test_at_most_half_of_a_class_is_held_out():
    few = Shots(torch.eye(5), torch.tensor([0, 0, 1, 1, 1]))
    rest, held = hold_out(few, SHAPE._replace(capacity=10**4), generator())
    assert torch.bincount(held.y).tolist() == [1, 1]
    assert torch.bincount(rest.y).tolist() == [1, 2]
