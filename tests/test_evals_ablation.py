"""A part that tells right from wrong costs when it is left out; one that tells nothing doesn't."""

from __future__ import annotations

import numpy as np

from assistant.candidates import FEATURES
from assistant.units import UNIT_FEATURES
from evals.ablation import PARTS, UNIT_PARTS, ablated
from evals.logistic import Group


def test_what_tells_costs_and_what_tells_nothing_does_not() -> None:
    chance = np.random.default_rng(3)
    groups = []
    for number in range(80):
        right = np.arange(8) == number % 8
        rows = np.stack([right + chance.normal(0, 0.2, 8), chance.normal(0, 1, 8)], axis=1)
        groups.append(Group(f"cluster {number}", rows, right))
    whole, telling, noise = (
        [cell.strip() for cell in row.split("|")]
        for row in ablated(groups, ("telling", "noise"), {"telling": ("telling",), "noise": ("noise",)}, 0.1)
    )
    assert float(whole[2]) > 0.95
    assert float(telling[2]) < 0.6
    assert telling[5] == "yes"
    assert abs(float(noise[2]) - float(whole[2])) < 0.05
    assert noise[5] == "no"


def test_every_feature_is_in_a_part() -> None:
    assert {name for part in PARTS.values() for name in part} == set(FEATURES)
    assert {name for part in UNIT_PARTS.values() for name in part} == set(UNIT_FEATURES)
