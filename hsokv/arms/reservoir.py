"""Past examples that a method carries from task to task: a class-balanced sample of all that came."""

import torch

from hsokv.arms.interface import StreamShape
from hsokv.data.episode import Shots

HELD_OUT = 5
"""One in so many of the examples that may be carried is held out: neither trained on nor stored as an entry."""


def join(*parts: Shots) -> Shots:
    """The examples of all, in their order."""
    return Shots(torch.cat([part.x for part in parts]), torch.cat([part.y for part in parts]))


def nothing(key_dim: int) -> Shots:
    """No examples."""
    return Shots(torch.empty(0, key_dim), torch.empty(0, dtype=torch.int64))


def ranks(y: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The rank [n] of each example among those of its class, in an order drawn at random."""
    order = torch.randperm(len(y), generator=generator)
    member = torch.nn.functional.one_hot(y[order])
    rank = (member.cumsum(0) * member).sum(1) - 1
    return torch.empty_like(rank).scatter(0, order, rank)


def thin(shots: Shots, capacity: int, generator: torch.Generator) -> Shots:
    """At most `capacity` examples, as many of each class as there are room and examples for, drawn at random.

    A sample of a sample is a sample: thinning after every task gives each class a uniform draw from all its examples
    (Vitter 1985, one reservoir a class).
    """
    if len(shots.y) <= capacity:
        return shots
    kept = ranks(shots.y, generator).argsort(stable=True)[:capacity].sort().values
    return Shots(shots.x[kept], shots.y[kept])


def held_per_class(shape: StreamShape) -> int:
    """How many examples of a class are held out: its share of a fifth of the cap, and at least one."""
    return max(1, shape.capacity // (HELD_OUT * shape.classes))


def hold_out(shots: Shots, shape: StreamShape, generator: torch.Generator) -> tuple[Shots, Shots]:
    """(rest, held out): of each class as many as `held_per_class`, and at most half of it, drawn at random."""
    half = torch.bincount(shots.y)[shots.y] // 2
    held = ranks(shots.y, generator) < half.clamp_max(held_per_class(shape))
    return Shots(shots.x[~held], shots.y[~held]), Shots(shots.x[held], shots.y[held])
