"""Two lists of scores to one: the weighted sum of lexical and dense scores; rank fusion only to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Weights:
    """How fields and lists count. Scores are brought to 0..1 before they are added."""

    headings: float = 1.0  # BM25 of the headings beside BM25 of the body
    body: float = 1.0
    dense: float = 0.5  # share of the cosine in the sum; the rest is lexical
    floor: float = 0.0  # the cosine that counts as nothing in common


DEFAULT = Weights()


def convex(
    headings: NDArray[np.float32], body: NDArray[np.float32], cosine: NDArray[np.float32], weights: Weights
) -> NDArray[np.float32]:
    """The score of every row, 0..1, higher is better.

    The lexical part is divided by its best score: it says how near a row comes to the best. The cosine has a scale of
    its own and is only cut off at the floor. Without any word in common the lexical part is 0 for all.
    """
    words = weights.headings * headings + weights.body * body
    best = float(words.max(initial=0.0))
    if best > 0:
        words = words / best
    meaning = np.clip((cosine - weights.floor) / (1 - weights.floor), 0.0, 1.0)
    found: NDArray[np.float32] = (weights.dense * meaning + (1 - weights.dense) * words).astype(np.float32)
    return found


def reciprocal_ranks(rankings: Sequence[Sequence[int]], k: int = 60) -> list[tuple[int, float]]:
    """Rank fusion of several rankings of rows, best first: the baseline that `convex` has to beat."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking, start=1):
            scores[row] = scores.get(row, 0.0) + 1 / (k + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
