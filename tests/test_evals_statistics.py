"""Intervals and tests on numbers whose answer is known."""

import numpy as np
import pytest

from evals.statistics import Difference, compare, estimate, holm, wilson


def test_wilson_as_published() -> None:
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(10, 20) == pytest.approx((0.2993, 0.7007), abs=1e-4)


def test_the_interval_of_independent_values_is_that_of_the_mean() -> None:
    values = list(np.random.default_rng(1).normal(0.5, 0.2, 400))
    found = estimate(values, [str(n) for n in range(400)])
    assert found.mean == pytest.approx(np.mean(values))
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.2 / 20, rel=0.1)


def test_values_of_one_cluster_count_as_little_more_than_one() -> None:
    values = [float(n % 2) for n in range(40) for _ in range(10)]
    alone = estimate(values, [str(n) for n in range(400)])
    together = estimate(values, [str(n // 10) for n in range(400)])
    assert together.high - together.low > 2.5 * (alone.high - alone.low)


def test_a_rate_without_failures_is_not_certain() -> None:
    assert estimate([1.0] * 20, ["c"] * 20).low == pytest.approx(1 - 0.1611, abs=1e-4)


def test_a_difference_is_found_where_there_is_one_and_only_there() -> None:
    drawn = np.random.default_rng(2)
    base = drawn.normal(0.5, 0.1, 200)
    clusters = [str(n) for n in range(200)]
    real = compare(list(base + drawn.normal(0.05, 0.1, 200)), list(base), clusters)
    assert real.p < 0.001 < real.low
    none = compare(list(base + drawn.normal(0, 0.1, 200)), list(base), clusters)
    assert none.p > 0.05
    assert none.low < 0 < none.high
    same = compare(list(base), list(base), clusters)
    assert (same.mean, same.p) == (0.0, 1.0)


def test_holm_stops_at_the_first_that_fails() -> None:
    family = {name: Difference(0.1, 0.0, 0.2, p, 10) for name, p in {"a": 0.01, "b": 0.04, "c": 0.03}.items()}
    assert {name: one.detectable for name, one in holm(family).items()} == {"a": True, "b": False, "c": False}


def test_the_same_values_give_the_same_numbers() -> None:
    values, clusters = [0.1, 0.5, 0.9, 0.3], ["a", "a", "b", "c"]
    assert estimate(values, clusters) == estimate(values, clusters)
    assert compare(values, values[::-1], clusters) == compare(values, values[::-1], clusters)
