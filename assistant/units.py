"""Which sentences, items and rows of the best passages answer the question: a linear model over a few features.

The weights stand in weights.json with how they were fitted (`python -m evals.fit units`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assistant.query import Query
from assistant.retrieval import Found, load_model
from index.chunk import plain_markdown
from index.passages import Hit
from index.terms import terms

UNIT_FEATURES = (
    "coverage",  # share of the question's words, weighted by rarity, in the unit
    "above",  # the same of the headings above it, for words that the unit lacks
    "behind",  # how far its passage's score lies behind the best one's
    "first",  # the first unit of its passage
    "amount",  # it has a number, and the question asks for one
    "short",  # fewer than five words
    "near",  # nearness of the question's words to the unit's, as the encoder reads them, weighted by rarity
    "near_headed",  # likewise, to those of the unit or of its headings
)
_ASKS_AMOUNT = re.compile(
    r"\b(how (many|much|long|often|big|large|old|fast)|default|limit|maximum|minimum|max|min|version|port|number|size)\b"
)


@dataclass(frozen=True)
class Weighed:
    """How well the units of the best hits answer, and what that was judged by; one element a hit."""

    scores: list[list[float]]  # log odds of each unit, so that a difference of 1 makes it 2.7 times as likely
    features: list[NDArray[np.float64]]  # a row a unit, columns as UNIT_FEATURES


def weigh(query: Query, found: Found, most: int) -> Weighed:
    """The units of the first `most` hits, under the fitted model."""
    model = load_model("units")["weights"]
    weights = np.array([model[name] for name in UNIT_FEATURES])
    features = unit_features(query, found, most)
    return Weighed([(row @ weights).tolist() for row in features], features)


def weigh_pieces(query: Query, found: Found, most: int) -> list[list[list[float]]]:
    """Likewise for each part or clause of the question by itself: its scores of the units, a list a hit."""
    return [weigh(replace(query, text=piece.text), found.by(piece), most).scores for piece in found.pieces]


def unit_features(query: Query, found: Found, most: int) -> list[NDArray[np.float64]]:
    """One array for each of the first `most` hits: a row a unit, columns as UNIT_FEATURES."""
    hits = found.hits[:most]
    spoken = [[_spoken(hit, at) for at in range(len(hit.passage.units))] for hit in hits]
    total = sum(found.words.values()) or 1.0
    best = max((hit.score for hit in hits), default=0.0)
    asks_amount = bool(_ASKS_AMOUNT.search(query.text.lower()))
    features = []
    for hit, row, near in zip(hits, spoken, found.nearness, strict=False):  # of the headings first, then of each unit
        # np.dot, not "@": OpenBLAS' kernels may leave a floating-point flag behind that "@" reports as a warning.
        alone, headed = (np.dot(one, found.asked.weights) for one in (near[1:], np.maximum(near[1:], near[0])))
        heading = set(terms(" ".join(hit.passage.headings)))
        words = [set(terms(text)) for text in row]
        coverage = [sum(found.words[word] for word in found.words if word in own) / total for own in words]
        columns = []
        for at, text in enumerate(row):
            above = sum(found.words[word] for word in found.words if word in heading and word not in words[at])
            columns.append(
                (
                    coverage[at],
                    above / total,
                    best - hit.score,
                    at == 0,
                    asks_amount and bool(re.search(r"\d", text)),
                    len(text.split()) < 5,
                    alone[at],
                    headed[at],
                )
            )
        features.append(np.array(columns, np.float64).reshape(-1, len(UNIT_FEATURES)))
    return features


def _spoken(hit: Hit, at: int) -> str:
    words = hit.passage.words(hit.passage.units[at])
    return plain_markdown(words) if hit.passage.source == "document" else words
