"""Does the corpus answer the question at all? One probability from inspectable features, decided before any fusion.

A logistic model; its weights stand in weights.json with how they were fitted (`python -m evals fit`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from assistant.query import Query
from assistant.retrieval import FEATURES, Found, load_model

SIGNALS = (
    "bias",
    "score",  # of the best passage
    "gap",  # between the first and the fifth
    "cosine",  # best of the first five
    "body",  # best of the first five
    "coverage",  # best of the first five
    "rarest",  # whether the rarest known word is in the best passage
    "unknown",  # share of the question's words, by rarity, that the corpus doesn't have
    "words",  # number of the question's words, 1 at ten
)
_LOOKED_AT = 5


@dataclass(frozen=True)
class Verdict:
    """`confidence` is the probability, 0..1; `reason` is None for an answer, else why there is none."""

    confidence: float
    reason: str | None
    missing: tuple[str, ...] = ()  # words of the question that the sources don't have


def decide(found: Found, query: Query) -> Verdict:
    """Answer where the probability reaches the bar that was fitted with the weights."""
    if not found.hits:
        return Verdict(0.0, "nothing_relevant", found.unknown)
    weights = load_model("answerable")["weights"]
    signals = signals_of(found, query)
    confidence = 1 / (1 + math.exp(-sum(weights[name] * value for name, value in signals.items())))
    if confidence >= load_model("answerable")["bar"]:
        return Verdict(round(confidence, 4), None)
    related = signals["coverage"] > 0.5 and signals["cosine"] > 0.4
    return Verdict(round(confidence, 4), "not_stated" if related else "nothing_relevant", found.unknown)


def signals_of(found: Found, query: Query) -> dict[str, float]:
    """The features of the decision, by the names in SIGNALS."""
    best = found.features[:_LOOKED_AT]
    column = {name: best[:, at] for at, name in enumerate(FEATURES)}
    scores = [hit.score for hit in found.hits[:_LOOKED_AT]]
    total = sum(found.words.values()) or 1.0
    return {
        "bias": 1.0,
        "score": scores[0],
        "gap": scores[0] - scores[-1],
        "cosine": float(max(column["cosine"].max(), column["cosine_headed"].max())),
        "body": float(column["body"].max()),
        "coverage": float(column["coverage"].max()),
        "rarest": float(column["rarest"][0]),
        "unknown": sum(found.words[word] for word in found.unknown) / total,
        "words": len(found.words) / 10,
    }
