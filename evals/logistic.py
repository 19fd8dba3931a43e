"""Fitting linear models with an L2 penalty, and cross-validating them over clusters: the mathematics of fit.py."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
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


# ---------------------------------------------------------------- the three models


def standardised(
    groups: Sequence[Group], importance: Sequence[float], penalty: float
) -> Callable[[Sequence[Group]], Array]:
    """A fit of some of the groups, one question each, to signals of one scale; its weights are of the signals as they are."""
    rows = np.concatenate([group.rows for group in groups])
    centre, spread = rows.mean(axis=0), rows.std(axis=0)
    centre[0], spread[0] = 0.0, 1.0
    spread[spread == 0] = 1.0
    weight_of = dict(zip(map(id, groups), importance, strict=True))

    def fitted(part: Sequence[Group]) -> Array:
        x = (np.concatenate([group.rows for group in part]) - centre) / spread
        truth = np.concatenate([group.right for group in part]).astype(np.float64)
        w = fit_logistic(x, truth, np.array([weight_of[id(group)] for group in part]), penalty, free=[0])
        w = np.asarray(w / spread)
        w[0] -= float(centre[1:] @ w[1:])
        return w

    return fitted


def held_out(
    groups: Sequence[Group], fit: Callable[[Sequence[Group]], Array], score: Callable[[Group, Array], float]
) -> list[float]:
    """Each group's score under weights that were fitted without its cluster."""
    fold = folds([group.cluster for group in groups])
    weights = [fit([g for g, f in zip(groups, fold, strict=True) if f != left_out]) for left_out in range(5)]
    return [score(group, weights[f]) for group, f in zip(groups, fold, strict=True)]
