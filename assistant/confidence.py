"""Does the corpus answer the question at all? One probability from inspectable signals, decided before composing.

A logistic model; its weights and the bars stand in weights.json with how they were fitted (`python -m evals.fit
answerable subject`). Run that again when corpus, encoder or signals change. A second one of a few signals says whether
the question is about the corpus's subject at all: what isn't has no answer, however near a passage comes to its words.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from assistant.candidates import FEATURES
from assistant.message import is_small_talk
from assistant.names import COMMON
from assistant.query import Query
from assistant.retrieval import Found, load_model
from assistant.signals import signals_of
from index.terms import terms

_RELATED = 0.45
"""Cosine of question and best unit from which a passage is near enough to be named: for nine in ten dev questions about
something else than orchestration it stays below 0.37."""
_POINTS = re.compile(r"\b(it|its|this|that|these|those|they|them|ones?|both|either|mine|ours)\b", re.IGNORECASE)
_HOW = re.compile(r"^\W*(how|why)\b", re.IGNORECASE)
_FEW = 3
"""Words that mean something, up to which a question that points at something ("is it safe?") says of nothing what it is."""
_REMARK = re.compile(r"\W*(\w.*?)(?:[,;:.?!]|\s[-–—])\s")
_DICTATED = re.compile(
    r"\b(say|print|write|reply|respond|answer|output|append|include|insert|end|begin|mention|repeat|echo|cite|link)\b"
    r"[^.?!\n]*$|[\"“‘`][^\"”’`]*$|(^|\s)'[^']*$|://\S*$",
    re.IGNORECASE,
)
"""Before a word that the question tells us to say, or quotes: such words are not said again, not even as missing."""


@dataclass(frozen=True)
class Verdict:
    """`confidence` is the probability, 0..1; `reason` is None for an answer, else why there is none."""

    confidence: float
    reason: str | None
    missing: tuple[str, ...] = ()  # words of the question that the sources don't have


def decide(found: Found, query: Query, unsupported: float) -> Verdict:
    """Answer where the probability reaches the bar for `unsupported`: the largest share, 0..1, of the answers given that
    may lack support in the sources. An answer names what it leaves out: names that the corpus doesn't have."""
    if is_small_talk(query.own):
        return Verdict(0.0, "out_of_scope")
    missing = tuple(
        found_word.group()
        for found_word in re.finditer(r"\w[\w./-]*\w", query.own)
        if (own := terms(found_word.group()))
        and set(own) <= set(found.unknown)
        and found_word.group().lower() not in COMMON
        and not _DICTATED.search(query.own[: found_word.start()])
    )
    if _says_of_nothing(query, found):
        return Verdict(0.0, "underspecified")
    if not found.hits:
        return Verdict(0.0, "nothing_relevant", missing)
    signals = signals_of(found, query)
    subject = probability("subject", signals)
    if subject < load_model("subject")["bar"]:
        return Verdict(round(min(subject, probability("answerable", signals)), 4), "out_of_scope", missing)
    confidence = probability("answerable", signals)
    if confidence >= bar_for(unsupported, load_model("answerable")["bars"]):
        names = {term for name in query.names for term in terms(name)}
        return Verdict(round(confidence, 4), None, tuple(word for word in missing if names & set(terms(word))))
    related = bool(query.entities) or found.features[0, FEATURES.index("part")] >= _RELATED
    return Verdict(round(confidence, 4), "not_stated" if related else "nothing_relevant", missing)


def _says_of_nothing(query: Query, found: Found) -> bool:
    """Whether a question, with no other before it, doesn't tell what it is about: "which one is better?", "how do we
    migrate?". Whatever is found for it is found by chance."""
    told = [word for word in found.words if word not in ("mani", "much")]
    if query.carried or query.entities or query.names or any(re.search(r"\w[_.]\w", word) for word in told):
        return False
    points = _POINTS.search(query.own)
    if points and _names_before(query.own[: points.start()], found):
        return False
    return len(told) <= _FEW if points else len(told) <= 1 and bool(_HOW.match(query.own))


def _names_before(said: str, found: Found) -> bool:
    """Whether a remark before the pronoun says what that points at: "Dead letter queue - what is it for?"."""
    remark = _REMARK.match(said)
    return bool(remark and not set(terms(remark[1])) <= set(found.unknown))


def probability(model: str, signals: dict[str, float]) -> float:
    """What a fitted model makes of the signals, 0..1."""
    odds = sum(weight * signals[name] for name, weight in load_model(model)["weights"].items())
    return 1 / (1 + math.exp(-float(odds)))


def bar_for(unsupported: float, bars: dict[str, float]) -> float:
    """The confidence to reach: the fitted bar of the largest share that is allowed; above all where none is."""
    allowed = [float(share) for share in bars if float(share) <= unsupported]
    return bars[str(max(allowed))] if allowed else 1.0
