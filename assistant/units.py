"""Which sentences, items and rows of the best passages answer the question: a linear model over a few features.

The weights stand in weights.json with how they were fitted (`python -m evals.fit units`).
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assistant.candidates import weighted
from assistant.query import Query, asks_for_amount, find_intent
from assistant.retrieval import Found, load_model

UNIT_FEATURES = (
    "behind",  # how far its passage's score lies behind the best one's
    "rank",  # log(1 + rank) of its passage by that score, from 0
    "place",  # where it stands in its passage: 0 is the first, towards 1 the last
    "near",  # nearness of the question's words to those of the unit or its headings, without names; see Asked.apart
    "neighbours",  # likewise, of the unit or those before and behind it, without the headings
    "item",  # an item or a row, and the question asks for a list
    "long",  # log of its words over 30, from 0: the more words, the nearer some of them come to any question
    "number",  # it has a figure, and the question asks for one
    "default",  # it speaks of a default, and so does the question
)
_LONG = 30  # words; nine in ten of the linked pages' sentences have fewer
_NUMBER = re.compile(r"\d")
_DEFAULT = re.compile(r"\bdefaults?\b", re.IGNORECASE)
_ASKS_FOR_A_DEFAULT = re.compile(
    r"\bdefaults?\b|\bout of the box\b|\bunless\b|\bby itself\b|\bnot set\b", re.IGNORECASE
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
    scores = [hit.score for hit in found.hits[:most]]
    best = max(scores, default=0.0)
    asks_number = asks_for_amount(query.text)
    asks_default = bool(_ASKS_FOR_A_DEFAULT.search(query.text))
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
            np.full(count, np.log1p(sum(score > hit.score for score in scores))),
            np.arange(count) / max(count, 1),
            weighted(headed, found.asked.apart),
            weighted(around, found.asked.apart),
            [query.intent == "list" and unit.kind in ("item", "row") for unit in hit.passage.units],
            [_longer(hit.passage.words(unit)) for unit in hit.passage.units],
            [asks_number and bool(_NUMBER.search(hit.passage.words(unit))) for unit in hit.passage.units],
            [asks_default and bool(_DEFAULT.search(hit.passage.words(unit))) for unit in hit.passage.units],
        )
        features.append(np.stack([np.asarray(column, np.float64) for column in columns], axis=1))
    return features


def _longer(words: str) -> float:
    return max(0.0, math.log(max(1, len(words.split())) / _LONG))
