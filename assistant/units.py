"""Which sentences, items and rows of the best passages answer the question: a linear model over a few features.

The weights stand in weights.json with how they were fitted (`python -m evals.fit units`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.query import Query
from assistant.retrieval import Found, load_model
from index.chunk import plain_markdown
from index.parts import Parts
from index.passages import Hit, Passage, Unit
from index.terms import terms

UNIT_FEATURES = (
    "cosine",  # of question and unit
    "coverage",  # share of the question's words, weighted by rarity, in the unit
    "above",  # the same of the headings above it, for words that the unit lacks
    "lead",  # the same of the label or the "…:" sentence that introduces the unit
    "behind",  # how far its passage's score lies behind the best one's
    "first",  # the first unit of its passage
    "item",
    "code",
    "row",
    "amount",  # it has a number, and the question asks for one
    "code_asked",  # a code block, and the question asks how
    "short",  # fewer than five words
    "neighbour",  # the better coverage of the units beside it
    "link",  # a resource: a list item of a document that is a link and what it is for
    "link_asked",  # likewise, and the question asks for resources
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
    nearness: list[NDArray[np.float32]]  # rows: the headings, then the units; columns: the question's tokens


def weigh(parts: Parts, query: Query, found: Found, most: int) -> Weighed:
    """The units of the first `most` hits, under the fitted model."""
    model = load_model("units")["weights"]
    weights = np.array([model[name] for name in UNIT_FEATURES])
    nearness = parts.likenesses(found.rows[:most], found.asked.tokens)
    features = unit_features(parts, query, found, most, nearness)
    return Weighed([(row @ weights).tolist() for row in features], features, nearness)


def unit_features(
    parts: Parts, query: Query, found: Found, most: int, nearness: Sequence[NDArray[np.float32]]
) -> list[NDArray[np.float64]]:
    """One array for each of the first `most` hits: a row a unit, columns as UNIT_FEATURES."""
    hits, rows = found.hits[:most], found.rows[:most]
    spoken = [[_spoken(hit, at) for at in range(len(hit.passage.units))] for hit in hits]
    cosines = parts.cosines(rows, found.asked.vector)
    total = sum(found.words.values()) or 1.0
    best = max((hit.score for hit in hits), default=0.0)
    asks_amount = bool(_ASKS_AMOUNT.search(query.text.lower()))
    features = []
    for hit, row, cosine, near in zip(hits, spoken, cosines, nearness, strict=True):
        # np.dot, not "@": OpenBLAS' kernels may leave a floating-point flag behind that "@" reports as a warning.
        alone, headed = (np.dot(one, found.asked.weights) for one in (near[1:], np.maximum(near[1:], near[0])))
        heading = set(terms(" ".join(hit.passage.headings)))
        words = [set(terms(text)) for text in row]
        coverage = [sum(found.words[word] for word in found.words if word in own) / total for own in words]
        leads = _leads(hit.passage)
        columns = []
        for at, (unit, text) in enumerate(zip(hit.passage.units, row, strict=True)):
            above = sum(found.words[word] for word in found.words if word in heading and word not in words[at])
            columns.append(
                (
                    cosine[1 + at],
                    coverage[at],
                    above / total,
                    coverage[lead] if (lead := leads[at]) is not None else 0.0,
                    best - hit.score,
                    at == 0,
                    unit.kind == "item",
                    unit.kind == "code",
                    unit.kind == "row",
                    asks_amount and bool(re.search(r"\d", text)),
                    unit.kind == "code" and query.intent == "how",
                    len(text.split()) < 5,
                    max(coverage[max(0, at - 1) : at] + coverage[at + 1 : at + 2], default=0.0),
                    hit.passage.source == "document" and is_link(hit.passage, unit),
                    hit.passage.source == "document" and is_link(hit.passage, unit) and query.intent == "resource",
                    alone[at],
                    headed[at],
                )
            )
        features.append(np.array(columns, np.float64).reshape(-1, len(UNIT_FEATURES)))
    return features


def _leads(passage: Passage) -> list[int | None]:
    """For each unit the position of the label, term or "…:" sentence that its list, code or table stands under."""
    found: list[int | None] = []
    lead: int | None = None
    for at, unit in enumerate(passage.units):
        introduces = unit.kind in ("label", "term") or passage.words(unit).rstrip().endswith(":")
        found.append(None if introduces or unit.kind == "sentence" else lead)
        if introduces:
            lead = at
        elif unit.kind == "sentence":
            lead = None
    return found


def is_link(passage: Passage, unit: Unit) -> bool:
    """Whether a unit of a document begins with a link: one of its resources."""
    return passage.words(unit).startswith("[")


def _spoken(hit: Hit, at: int) -> str:
    words = hit.passage.words(hit.passage.units[at])
    return plain_markdown(words) if hit.passage.source == "document" else words
