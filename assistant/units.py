"""Which sentences, items and rows of the best passages answer the question: a linear model over a few features.

The weights stand in weights.json with how they were fitted (`python -m evals.fit units`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assistant.candidates import weighted
from assistant.query import Query, find_intent
from assistant.retrieval import Found, load_model

UNIT_FEATURES = (
    "behind",  # how far its passage's score lies behind the best one's
    "place",  # where it stands in its passage: 0 is the first, towards 1 the last
    "near_headed",  # nearness of the question's words to those of the unit or its headings, weighted by rarity
    "near_apart",  # likewise, without the names of tools; see Asked.apart
    "neighbours",  # likewise, of the unit or those before and behind it, without the headings
    "item",  # an item or a row, and the question asks for a list
)


def weigh(query: Query, found: Found, most: int) -> list[list[float]]:
    """How well each unit of the first `most` hits answers, a list a hit: log odds under the fitted model, so that a
    difference of 1 makes it 2.7 times as likely."""
    model = load_model("units")["weights"]
    weights = np.array([model[name] for name in UNIT_FEATURES])
    return [(row @ weights).tolist() for row in unit_features(query, found, most)]


def weigh_pieces(query: Query, found: Found, most: int) -> list[list[list[float]]]:
    """Likewise for each part or clause of the question by itself: its scores of the units, a list a hit."""
    return [
        weigh(replace(query, text=piece.text, intent=find_intent(piece.text)), found.by(piece), most)
        for piece in found.pieces
    ]


def unit_features(query: Query, found: Found, most: int) -> list[NDArray[np.float64]]:
    """One array for each of the first `most` hits: a row a unit, columns as UNIT_FEATURES."""
    best = max((hit.score for hit in found.hits[:most]), default=0.0)
    features = []
    for hit, near in zip(found.hits[:most], found.nearness, strict=False):  # of the headings first, then of each unit
        own, heading = near[1:], near[0]
        around = own.copy()
        around[:-1] = np.maximum(around[:-1], own[1:])
        around[1:] = np.maximum(around[1:], own[:-1])
        headed = np.maximum(own, heading)
        count = len(own)
        columns = (
            np.full(count, best - hit.score),
            np.arange(count) / max(count, 1),
            weighted(headed, found.asked.weights),
            weighted(headed, found.asked.apart),
            weighted(around, found.asked.apart),
            [query.intent == "list" and unit.kind in ("item", "row") for unit in hit.passage.units],
        )
        features.append(np.stack([np.asarray(column, np.float64) for column in columns], axis=1))
    return features
