"""What a swarm did, round by round: diversity, lineage, members; the same for every task that it drives."""

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from hsokv.swarm.diversity import diversity
from hsokv.swarm.state import SwarmState
from hsokv.swarm.supervisor import Round


def describe(initial: SwarmState, history: Sequence[Round], optimizers: int) -> dict[str, Any]:
    """Instruments of a run as JSON has them, [rounds, managers, agents] where not said otherwise.

    diversity          after the first round's copying, in [0, 1]; diversity_initial: before; diversity_by_round: all
    lineage            the flat index of the agent that each was copied from, else its own
    points, optimizers what each round trained with; points in unit coordinates [..., axes]
    scores             None for an agent that failed
    """
    trained = [initial, *history[:-1]]  # a round trains what the one before left
    by_round = [_diversity(step.optimizer, step.point, optimizers) for step in (initial, *history)]
    return {
        "diversity": by_round[1],
        "diversity_initial": by_round[0],
        "diversity_by_round": by_round,
        "lineage": [step.parent.tolist() for step in history],
        "points": [of.point.double().round(decimals=4).tolist() for of in trained],
        "optimizers": [of.optimizer.tolist() for of in trained],
        "scores": [_finite(step.score) for step in history],
    }


def _finite(scores: Tensor) -> list[list[float | None]]:
    return [[score if math.isfinite(score) else None for score in group] for group in scores.tolist()]


def _diversity(optimizer: Tensor, point: Tensor, optimizers: int) -> float:
    return float(diversity(optimizer.flatten().numpy(), optimizers, point.flatten(0, 1).numpy()))
