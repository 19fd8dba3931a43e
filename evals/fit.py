"""Fits the linear models of assistant/weights.json on the dev split: `python -m evals.fit passages|units|answerable`.

All are logistic models over features that the product computes itself, with an L2 penalty, fitted by Newton's method and
checked by five-fold cross-validation over clusters. The test split is never read. Run it again when the corpus, the
encoder, a feature or the questions change; weights and how they came about are written together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """The rows of one question: features, which of them are right, and the question's cluster."""

    cluster: str
    rows: Array  # shape (candidates, features)
    right: NDArray[np.bool_]  # shape (candidates,)


def fit_pairs(groups: Sequence[Group], penalty: float) -> Array:
    """Weights under which right rows score above wrong ones of the same question; each question weighs the same."""
    differences, weights = [], []
    for group in groups:
        right, wrong = group.rows[group.right], group.rows[~group.right]
        if len(right) and len(wrong):
            pairs = (right[:, None, :] - wrong[None, :, :]).reshape(-1, group.rows.shape[1])
            differences.append(pairs)
            weights.append(np.full(len(pairs), 1 / len(pairs)))
    x = np.concatenate(differences)
    return fit_logistic(x, np.ones(len(x)), np.concatenate(weights), penalty)


def fit_logistic(x: Array, y: Array, weights: Array, penalty: float, free: Sequence[int] = ()) -> Array:
    """Weights of a logistic model for y in 0..1, by Newton's method; columns in `free` are not penalised."""
    w = np.zeros(x.shape[1])
    ridge = np.full(x.shape[1], penalty)
    ridge[list(free)] = 1e-6
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        gradient = x.T @ (weights * (p - y)) + ridge * w
        curvature = (x * (weights * p * (1 - p))[:, None]).T @ x + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        w -= step
        if np.abs(step).max() < 1e-8:
            break
    return w


def reciprocal_rank(group: Group, w: Array) -> float:
    """1 / rank of the best right row; ties count against it."""
    if not group.right.any():
        return 0.0
    scores = group.rows @ w
    return 1.0 / (1 + int((scores[~group.right] >= scores[group.right].max()).sum()))


def folds(clusters: Sequence[str], count: int = 5) -> list[int]:
    """The fold of each cluster, by its hash: the same in every run."""
    return [int(hashlib.sha256(cluster.encode()).hexdigest(), 16) % count for cluster in clusters]
