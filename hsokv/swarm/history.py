"""What a swarm did, round by round: diversity, lineage, members; the same for every task that it drives."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from hsokv.swarm.diversity import diversity
from hsokv.swarm.state import SwarmState
from hsokv.swarm.supervisor import Round


class History(NamedTuple):
    """Instruments of a run as JSON has them, [rounds, managers, agents] where not said otherwise.

    diversity          [1 + rounds] in [0, 1]: before the first round, then after the copying of each
    lineage            the flat index of the agent that each was copied from, else its own
    points, optimizers what each round trained with; points in unit coordinates [..., axes]
    scores             None for an agent that failed
    """

    diversity: list[float]
    lineage: list[list[list[int]]]
    points: list[list[list[list[float]]]]
    optimizers: list[list[list[int]]]
    scores: list[list[list[float | None]]]


def describe(initial: SwarmState[object], history: Sequence[Round], optimizers: int) -> History:
    """What a swarm with so many update rules did, from its state before the first round and its rounds."""
    trained = [initial, *history[:-1]]  # a round trains what the one before left
    return History(
        [
            diversity(of.optimizer.flatten().numpy(), optimizers, of.point.flatten(0, 1).numpy())
            for of in (initial, *history)
        ],
        [step.parent.tolist() for step in history],
        [of.point.double().round(decimals=4).tolist() for of in trained],
        [of.optimizer.tolist() for of in trained],
        [
            [[score if math.isfinite(score) else None for score in group] for group in step.score.tolist()]
            for step in history
        ],
    )
