"""Means with intervals, and paired comparisons. Whole clusters are drawn: questions of one source aren't independent.

Seeds are fixed, so the same outcomes give the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000
_SEED = 20_240_731


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` questions with its 95 % interval; for all-equal 0/1 values the interval of a rate (Wilson)."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Difference:
    """Ours minus theirs over the same questions. `p` is two-sided; `detectable` after Holm's correction."""

    mean: float
    low: float
    high: float
    p: float
    n: int
    detectable: bool = False


def estimate(values: Sequence[float], clusters: Sequence[str]) -> Estimate:
    """The mean of values, resampling clusters. ValueError where there are none."""
    if not values:
        raise ValueError("no values")
    sums, sizes = _by_cluster(values, clusters)
    mean = float(sums.sum() / sizes.sum())
    if len(set(values)) == 1 and values[0] in (0.0, 1.0):  # resampling can't tell how sure a rate of 0 or 1 is
        return Estimate(mean, *wilson(int(sum(values)), len(values)), len(values))
    low, high = np.quantile(_resampled(sums, sizes), [0.025, 0.975])
    return Estimate(mean, float(low), float(high), len(values))


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a rate."""
    z = 1.959964
    share = successes / n
    centre, spread = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, (centre - spread) / (1 + z * z / n)), min(1.0, (centre + spread) / (1 + z * z / n))


def compare(ours: Sequence[float], theirs: Sequence[float], clusters: Sequence[str]) -> Difference:
    """Bootstrap interval and permutation test of the mean difference: each cluster's sign is flipped as one."""
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    if not differences:
        raise ValueError("no values")
    sums, sizes = _by_cluster(differences, clusters)
    low, high = np.quantile(_resampled(sums, sizes), [0.025, 0.975])
    seen = abs(float(sums.sum()))
    flipped = np.abs(_signs(len(sums)) @ sums)
    p = (1 + int((flipped >= seen - 1e-9).sum())) / (DRAWS + 1)
    return Difference(float(sums.sum() / sizes.sum()), float(low), float(high), p, len(differences))


def holm(differences: Mapping[str, Difference], level: float = 0.05) -> dict[str, Difference]:
    """Marks as detectable what stays so when all of a family are tested at once."""
    marked: dict[str, Difference] = {}
    still = True
    for place, name in enumerate(sorted(differences, key=lambda name: (differences[name].p, name))):
        one = differences[name]
        still = still and one.p <= level / (len(differences) - place)
        marked[name] = Difference(one.mean, one.low, one.high, one.p, one.n, still)
    return {name: marked[name] for name in differences}


def _by_cluster(values: Sequence[float], clusters: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    names = {name: number for number, name in enumerate(sorted(set(clusters)))}
    places = [names[cluster] for cluster in clusters]
    sums, sizes = np.zeros(len(names)), np.zeros(len(names))
    np.add.at(sums, places, values)
    np.add.at(sizes, places, 1)
    return sums, sizes


def _resampled(sums: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    counts = _counts(len(sums))
    means: NDArray[np.float64] = (counts @ sums) / (counts @ sizes)
    return means


@lru_cache(maxsize=8)
def _counts(clusters: int) -> NDArray[np.float64]:
    """How often each draw has each cluster."""
    rng = np.random.default_rng(_SEED)
    return rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=DRAWS).astype(np.float64)


@lru_cache(maxsize=8)
def _signs(clusters: int) -> NDArray[np.float64]:
    return np.random.default_rng(_SEED + 1).choice([-1.0, 1.0], size=(DRAWS, clusters))
