"""Where the mean of a score can lie, so that no interval passes it."""

import math

from hsokv.reporting.ledger import UNITS


def bounds_of(score: str, *, difference: bool = False) -> tuple[float, float]:
    """The least and the most that the mean of a score, or of a difference of two, can be, where it is one of shares.

    >>> bounds_of("accuracy"), bounds_of("accuracy", difference=True), bounds_of("bwt"), bounds_of("log_loss")
    ((0.0, 1.0), (-1.0, 1.0), (-1.0, 1.0), (-inf, inf))
    """
    share = UNITS.get(score) == "share" and score != "hit_corrected"  # it falls below 0 where hits are under chance
    share |= score == "gate_mean"  # a weight, which is not printed in percent
    apart = UNITS.get(score) == "points" and not score.startswith("excess")  # of two shares; excess is of two of these
    if difference:
        return (-1.0, 1.0) if share else (-math.inf, math.inf)
    return (0.0, 1.0) if share else (-1.0, 1.0) if apart else (-math.inf, math.inf)
