import torch

from hsokv.arms.reservoir import HELD_OUT, held_per_class, hold_out, join, thin
from hsokv.data.episode import Shots

from .streams import CLASSES, SHAPE, draw_stream


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(shots):
    return {tuple(row) for row in shots.x.tolist()}


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
    first = Shots(torch.arange(8.0).unsqueeze(1), torch.zeros(8, dtype=torch.int64))
    second = Shots(torch.full((4, 1), 9.0), torch.ones(4, dtype=torch.int64))
    for seed in range(600):
        of = generator(seed)
        kept = thin(join(thin(first, 6, of), second), 4, of)
        counts[kept.x[kept.y == 0].flatten().long()] += 1
    assert counts.sum() == 1200
    assert (counts - 150).abs().max() < 45  # 150 expected, standard deviation 10.6


def test_held_out_examples_are_the_same_number_of_every_class_and_no_part_of_the_rest():
    task = draw_stream().tasks[0]
    rest, held = hold_out(task, SHAPE, generator())
    assert held_per_class(SHAPE) == SHAPE.capacity // (HELD_OUT * CLASSES)
    assert torch.bincount(held.y).tolist() == [held_per_class(SHAPE)] * 2
    assert rows(rest) == rows(task) - rows(held)
    assert len(rest.y) + len(held.y) == len(task.y)


def test_at_most_half_of_a_class_is_held_out():
    few = Shots(torch.eye(5), torch.tensor([0, 0, 1, 1, 1]))
    parts = hold_out(few, SHAPE._replace(capacity=10**4), generator())
    assert [torch.bincount(part.y).tolist() for part in parts] == [[1, 2], [1, 1]]
