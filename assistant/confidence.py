"""Does the corpus answer the question at all? One probability from inspectable features, decided before any fusion.

A logistic model; its weights stand in weights.json with how they were fitted (`python -m evals fit`).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from assistant.query import Query, is_small_talk
from assistant.retrieval import FEATURES, Found, load_model
from index.terms import terms

SIGNALS = (
    "bias",
    "score",  # of the best passage, under the passage model
    "gap",  # between the first and the fifth
    "cosine",  # best of the first five, bodies
    "cosine_headed",  # likewise, headings and bodies
    "body",  # best BM25 share of the first five
    "coverage",  # best of the first five
    "together",  # share of the question's words that the first five have between them
    "rarest",  # whether the rarest known word is in the best passage
    "unknown",  # share of the question's words, by rarity, that the corpus doesn't have
    "unknown_name",  # a name in the question that the corpus doesn't have
    "elsewhere",  # the question names a tool and the best passage is of another
    "no_amount",  # a price, date or number is asked for and the first five have none near
    "future",  # asks of what is to come, or of the newest
    "words",  # number of the question's words, 1 at ten
)
_LOOKED_AT = 5
_RELATED = 0.45
"""Cosine from which the best passage is near enough to be named: questions about bread stay below 0.3."""


@dataclass(frozen=True)
class Verdict:
    """`confidence` is the probability, 0..1; `reason` is None for an answer, else why there is none."""

    confidence: float
    reason: str | None
    missing: tuple[str, ...] = ()  # words of the question that the sources don't have


def decide(found: Found, query: Query) -> Verdict:
    """Answer where the probability reaches the bar that was fitted with the weights."""
    if is_small_talk(query.text):
        return Verdict(0.0, "out_of_scope")
    missing = tuple(
        word
        for word in re.findall(r"\w[\w./-]*\w", query.text)
        if (own := terms(word)) and set(own) <= set(found.unknown)
    )
    if not found.hits:
        return Verdict(0.0, "nothing_relevant", missing)
    model = load_model("answerable")
    signals = signals_of(found, query)
    odds = sum(model["weights"][name] * value for name, value in signals.items())
    confidence = 1 / (1 + math.exp(-odds))
    if confidence >= model["bar"]:
        return Verdict(round(confidence, 4), None)
    related = bool(query.entities) or signals["cosine"] >= _RELATED
    return Verdict(round(confidence, 4), "not_stated" if related else "nothing_relevant", missing)


def signals_of(found: Found, query: Query) -> dict[str, float]:
    """The features of the decision, by the names in SIGNALS."""
    best = found.features[:_LOOKED_AT]
    column = {name: best[:, at] for at, name in enumerate(FEATURES)}
    hits = found.hits[:_LOOKED_AT]
    total = sum(found.words.values()) or 1.0
    texts = [f"{' '.join(hit.passage.headings)}\n{hit.passage.text}" for hit in hits]
    had = {word for text in texts for word in terms(text)}
    low = query.text.lower()
    evidence = "\n".join(texts[:3])
    asked = [proof for question, proof in _PROOFS if re.search(question, low)]
    names = {word for name in _NAME.findall(query.text[1:]) for word in terms(name)}
    return {
        "bias": 1.0,
        "score": hits[0].score / 10,
        "gap": (hits[0].score - hits[-1].score) / 10,
        "cosine": float(column["cosine"].max()),
        "cosine_headed": float(column["cosine_headed"].max()),
        "body": float(column["body"].max()),
        "coverage": float(column["coverage"].max()),
        "together": sum(rarity for word, rarity in found.words.items() if word in had) / total,
        "rarest": float(column["rarest"][0]),
        "unknown": sum(found.words[word] for word in found.unknown) / total,
        "unknown_name": float(bool(names & set(found.unknown))),
        "elsewhere": float(column["other_site"][0]),
        "no_amount": float(any(not re.search(proof, evidence, re.IGNORECASE) for proof in asked)),
        "future": float(bool(_FUTURE.search(low))),
        "words": len(found.words) / 10,
    }


_NAME = re.compile(r"(?<=[\s(\"'])[A-Z][\w.+-]+")
_FUTURE = re.compile(
    r"\b(will|upcoming|roadmap|next (major )?(version|release)|planned|latest|newest|release date|20(2[6-9]|[3-9]\d))\b"
)
_PROOFS = (  # what is asked for, and what a passage that says it has
    (
        r"\b(price|pricing|cost|costs|cheap\w*|expensive|fee|fees|bill|dollars?|usd|per month|licen[cs]e fee)\b",
        r"[$€£]\s?\d|\b(usd|eur|cents?|price|pric(es|ing)|cost|free)\b",
    ),
    (
        r"\b(when (was|were|did|will)|what year|which year|release date|released|founded|since when|how old|birthday)\b",
        r"\b(1[89]|20)\d\d\b",
    ),
    (r"\b(how many|how much|benchmark|throughput|per second|percent\w*|market share|how fast)\b", r"\d"),
    (
        r"\b(who (founded|created|invented|wrote|is|was|maintains|owns)|ceo|author|phone|email|e-mail|address)\b",
        r"\b[A-Z][a-z]+ [A-Z][a-z]+\b",
    ),
)
