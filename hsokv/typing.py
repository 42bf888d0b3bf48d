"""Types that several layers agree on, so that none has to import another.

Axis vocabulary, used in every docstring: batch capacity key_dim value_dim classes managers agents seeds tasks.
"""

from typing import Protocol


class FlopBudget(Protocol):
    """What is left to spend, in floating-point operations (see learning/budget.py)."""

    spent: int

    def affords(self, flops: int) -> bool:
        """Whether another `flops` operations stay within the allowance."""
        ...
