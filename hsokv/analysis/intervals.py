"""Intervals and tests over seeds and, where seeds share a test set, over its examples."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

LEVEL = 0.95
RESAMPLES = 2000
PART = 40_000  # draws at once: what fits the processor's cache is many times as fast as all resamples together
LEAST_BASE = 0.05  # a lift over an accuracy that may lie under 5 points says nothing


class Interval(NamedTuple):
    """A mean and the ends of its 95 % interval, NaN with fewer than two seeds or examples; lists for several points."""

    mean: float
    low: float
    high: float


def interval(
    values: ArrayLike, examples: ArrayLike | None = None, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> Interval:
    """mean +- t(n-1) sqrt(s2_seeds / n + s2_examples / N), the 95 % interval of a mean or of a paired difference.

    s2_seeds is the variance of the n seeds' values, s2_examples that of the N examples' values averaged over seeds.
    Seeds that share a test set err together: more seeds do not make that error smaller, so it is added.

    Args:
        values: [seeds], a score, or the difference of two arms' scores, per seed; or [seeds, points], each by itself.
        examples: [seeds, examples], the same per test example; None where each seed has a test set of its own.
        bounds: the least and the most that the true mean can be; cut there, the interval covers as often as before.

    >>> [round(end, 3) for end in interval([0.1, 0.2, 0.3])]
    [0.2, -0.048, 0.448]
    """
    values = np.ascontiguousarray(_by_seed(values).T)
    seeds, mean = values.shape[-1], values.mean(axis=-1)
    half = np.full_like(mean, np.nan)
    if seeds > 1:
        variance = values.var(axis=-1, ddof=1) / seeds
        if examples is not None:
            per_example = _by_example(examples, seeds).mean(axis=0)
            variance += per_example.var(ddof=1) / per_example.size if per_example.size > 1 else np.nan
        half = _quantile(seeds) * np.sqrt(variance)
    low, high = np.maximum(mean - half, bounds[0]), np.minimum(mean + half, bounds[1])
    return Interval(mean.tolist(), low.tolist(), high.tolist())


def lift(a: ArrayLike, b: ArrayLike, generator: np.random.Generator, *examples: ArrayLike | None) -> Interval | None:
    """(mean a - mean b) / mean b over the same seeds; None where the interval of b reaches under 5 points.

    The interval is lift +- t(n-1) sqrt(n / (n-1)) s, s the standard deviation of the lift over a bootstrap that draws
    seeds and, where they share a test set, examples together. (A percentile bootstrap is too narrow at 10 seeds;
    the root undoes its n instead of n - 1.)

    Args:
        a, b: [seeds], the two arms' scores, the same seeds in the same order.
        generator: the source of the resamples.
        examples: outcomes [seeds, examples] of a and of b; they count where both are given.

    >>> lift([0.6, 0.6], [0.5, 0.5], np.random.default_rng(0)).mean.__round__(3)
    0.2
    """
    a, b = _by_seed(a), _by_seed(b)
    n, (examples_a, examples_b) = a.size, examples or (None, None)
    if n != b.size:
        raise ValueError(f"The arms have {n} and {b.size} values. Give both the same seeds.")
    base = interval(b, examples_b)
    alone = np.isnan(base.low)
    if (base.mean if alone else base.low) < LEAST_BASE:
        return None
    estimate = float(a.mean() / b.mean() - 1)
    if alone:
        return Interval(estimate, np.nan, np.nan)
    of_seeds = _counts(generator, n, RESAMPLES)
    if examples_a is None or examples_b is None:
        sum_a, sum_b = of_seeds @ a, of_seeds @ b
    else:
        both = np.stack([_by_example(examples_a, n), _by_example(examples_b, n)])
        size = both.shape[-1]
        parts = np.diff([*range(0, RESAMPLES, max(1, PART // size)), RESAMPLES])
        sums = np.concatenate([both @ _counts(generator, size, part).T for part in parts], axis=-1)
        sum_a, sum_b = (sums * of_seeds.T).sum(axis=1)
        sum_b = np.maximum(sum_b, 1.0)  # counts of right answers: no resample divides by 0
    half = float(_quantile(n) * np.sqrt(n / (n - 1)) * (sum_a / sum_b - 1).std())
    return Interval(estimate, estimate - half, estimate + half)


def sign_flip(differences: ArrayLike) -> float:
    """The exact two-sided sign-flip test: the share of the 2^n sign patterns whose sum is as far from 0 as ours.

    Ten seeds have 1024 patterns, so p is at least 2/1024. Patterns of the two halves of the seeds are listed apart and
    their pairs counted in sorted order, so 32 seeds need 2^16 sums a half and no sampling.

    Args:
        differences: [seeds], 1 to 32 of them.

    >>> sign_flip([1.0, 2.0, 3.0])
    0.25
    """
    differences = _by_seed(differences)
    if differences.size > 32:
        raise ValueError(f"{differences.size} seeds have 2^{differences.size} sign patterns. Give at most 32 seeds.")
    rounding = 1e-9 * np.abs(differences).sum()  # patterns with the same sum must count as equal
    far = abs(differences.sum()) - rounding
    if far <= 0:
        return 1.0
    half = differences.size // 2
    left, right = _signed_sums(differences[:half]), np.sort(_signed_sums(differences[half:]))
    beyond = (right.size - np.searchsorted(right, far - left)).sum()
    return float(2 * beyond / 2**differences.size)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p values: p'_(k) = max over i <= k of min(1, (m - i + 1) p_(i)), in the order given.

    Reference: S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order, adjusted = np.argsort(p, kind="stable"), np.empty(len(p))
    factors = np.arange(len(p), 0, -1)
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, factors * np.asarray(p, float)[order]))
    return adjusted.tolist()


@cache
def _quantile(seeds: int) -> float:
    from scipy.special import stdtrit  # here, since what only reads frames needs no scipy

    return float(stdtrit(seeds - 1, (1 + LEVEL) / 2))


def _counts(generator: np.random.Generator, size: int, resamples: int) -> np.ndarray:
    """How often each of `size` units is drawn in each resample, [resamples, size]."""
    drawn = generator.integers(size, size=(resamples, size))
    return np.array([np.bincount(row, minlength=size) for row in drawn], dtype=np.float64)


def _signed_sums(values: np.ndarray) -> np.ndarray:
    """Every sum of +-values, [2^len(values)]."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _by_seed(values: ArrayLike) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim == 0 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"Values of shape {values.shape} are empty or not finite. Give a finite value a seed.")
    return values


def _by_example(examples: ArrayLike, seeds: int) -> np.ndarray:
    examples = np.asarray(examples, dtype=np.float64)
    if examples.ndim != 2 or len(examples) != seeds or not examples.size:
        raise ValueError(f"Examples have the shape {examples.shape}. Give [{seeds} seeds, examples].")
    return examples
