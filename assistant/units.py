"""Which sentences, items and rows of the best passages answer the question: a linear model over a few features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assistant.retrieval import Found, load_model
from index.chunk import plain_markdown
from index.embed import Embedder
from index.passages import Hit
from index.terms import terms


def score_units(embedder: Embedder, found: Found, hits: Sequence[Hit]) -> list[list[float]]:
    """One score a unit of each hit, 0..1 or a little more, higher is better."""
    weights = load_model("units")["weights"]
    spoken = [[_spoken(hit, at) for at in range(len(hit.passage.units))] for hit in hits]
    vectors = embedder.encode([text for row in spoken for text in row])
    cosines = iter(np.clip(vectors @ found.vector, 0.0, 1.0).tolist())
    total = sum(found.words.values()) or 1.0
    best = max((hit.score for hit in hits), default=1.0) or 1.0
    scores: list[list[float]] = []
    for hit, row in zip(hits, spoken, strict=True):
        heading = set(terms(" ".join(hit.passage.headings)))
        scored = []
        for unit, text in zip(hit.passage.units, row, strict=True):
            words = set(terms(text))
            here = sum(found.words[word] for word in found.words if word in words)
            above = sum(found.words[word] for word in found.words if word in heading and word not in words)
            features = {
                "cosine": next(cosines),
                "coverage": (here + 0.5 * above) / total,
                "hit": max(hit.score, 0.0) / best,
                "first": float(unit == hit.passage.units[0]),
                "code": float(unit.kind == "code"),
            }
            scored.append(sum(weights[name] * value for name, value in features.items()))
        scores.append(scored)
    return scores


def _spoken(hit: Hit, at: int) -> str:
    words = hit.passage.words(hit.passage.units[at])
    return plain_markdown(words) if hit.passage.source == "document" else words
