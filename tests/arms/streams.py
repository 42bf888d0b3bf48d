"""Small generated streams that the tests of the methods on them share."""

import torch

from hsokv.arms.interface import StreamShape
from hsokv.data.episode import Shots
from hsokv.data.stream import Stream, split_stream, standardise_on_first

CLASSES, PER_TASK, KEY_DIM = 6, 2, 12
SHAPE = StreamShape(CLASSES, PER_TASK, KEY_DIM, passes=1, capacity=36)


def draw(generator, per_class, noise):
    """Examples around one direction a class, with a covariance that all classes share, in a shuffled order."""
    means = torch.randn(CLASSES, KEY_DIM, generator=torch.Generator().manual_seed(100))
    y = torch.arange(CLASSES).repeat(per_class)
    y = y[torch.randperm(len(y), generator=generator)]
    mix = torch.eye(KEY_DIM) + 0.3 * torch.ones(KEY_DIM, KEY_DIM)
    return Shots(means[y] + noise * torch.randn(len(y), KEY_DIM, generator=generator) @ mix, y)


def draw_stream(seed=0, per_class=20, noise=0.7) -> Stream:
    generator = torch.Generator().manual_seed(seed)
    parts = (draw(generator, per_class, noise), draw(generator, 10, noise))
    return standardise_on_first(split_stream(*parts, CLASSES, CLASSES // PER_TASK))
