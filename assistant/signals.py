"""What speaks for and against an answer in what was found: inspectable numbers, each about 0..1, for confidence.py.

Scores alone can't tell absence: a question about a default that no page states finds the page that has the setting. So
the signals also ask whether names and numbers of the question stand in the evidence, whether it says what it is about,
and whether it asks for what pages often lack: an amount, something to come.
"""

from __future__ import annotations

import re

from assistant.candidates import FEATURES
from assistant.conversation import free_pronoun
from assistant.names import short_forms
from assistant.query import Query, asks_for_amount
from assistant.retrieval import Found
from index.passages import Hit
from index.terms import terms

SIGNALS = (
    "bias",
    "score",  # of the best passage, under the passage model
    "part",  # of the best passage: the best cosine of one of its units
    "elsewhere",  # the question names a tool and the best passage is of another
    "names_nowhere",  # names in the question that none of the first five has; 1 at three
    "number_nowhere",  # a number in the question that none of the first five has
    "price_nowhere",  # a price is asked for, and none of the first five has one
    "amount",  # a number is asked for
    "future",  # asks of what is to come
    "how",  # asks how to do something: pages say what there is more often than every way to use it
    "recommend",  # asks what to use
    "bare",  # names nothing: no topic, no name, no identifier, no rare word; and has three words or fewer that mean something
    "pronoun",  # likewise no tool or pattern, but "it" or "one" in its place
    "words",  # number of the question's words, 1 at ten
    "topic",  # names a tool or pattern of the documents
)
SUBJECT = ("bias", "score", "part", "names_nowhere", "recommend", "bare", "pronoun", "words", "topic")
"""Those that tell whether a question is about orchestration at all."""
_LOOKED_AT = 5
_RARE = 4.0  # idf of a word in about 2 % of the passages

_PRICE = re.compile(
    r"\b(prices?|pricing|fees?|discounts?|how expensive|how much (is|are|does|do|would|will)"
    r"|(does|do|would|will) [^?.]+ (cost|charge)(?! (me|us)\b))\b|\bcosts? (of|per|for)\b",
    re.IGNORECASE,
)
_MONEY = re.compile(r"[$€£]\s?\d|\b\d+(\.\d+)?\s?(usd|eur|dollars?|euros?|cents?)\b|\bfree of charge\b", re.IGNORECASE)
_FUTURE = re.compile(
    r"\b(when will|will\b[^?.]{0,40} (bring|raise|add|release|drop|support|ship|reach|come|cost|introduce|remove|deprecate|run|"
    r"be (out|released|added|removed|supported|available|dropped|deprecated))|upcoming|roadmap|"
    r"next (year|major|minor|version|release)|planned|plans? to|release date|"
    r"com(e|ing) (out|soon)|going to (be|release|add)|20(2[7-9]|[3-9]\d))\b",
    re.IGNORECASE,
)
_HOW_TO = re.compile(
    r"\bhow (do|can|could|should|would|must|might) (i|we|you|one)\b|\bhow to\b|\bsteps? to\b", re.IGNORECASE
)
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?!\w)")


def signals_of(found: Found, query: Query) -> dict[str, float]:
    """The signals by the names in SIGNALS. `found` has at least one hit."""
    hits = found.hits[:_LOOKED_AT]
    first = dict(zip(FEATURES, found.features[0], strict=True))
    texts = [_all_words(hit) for hit in hits]
    have = [set(terms(text)) for text in texts]
    everywhere = set().union(*have)
    nameless = not query.entities
    return {
        "bias": 1.0,
        "score": hits[0].score / 10,
        "part": float(first["part"]),
        "elsewhere": float(first["other_site"]),
        "names_nowhere": min(sum(not _is_named(name, everywhere) for name in query.names), 3) / 3,
        "number_nowhere": float(any(number not in "\n".join(texts) for number in _NUMBER.findall(query.own))),
        "price_nowhere": float(bool(_PRICE.search(query.own)) and not any(map(_MONEY.search, texts))),
        "amount": float(asks_for_amount(query.own)),
        "future": float(bool(_FUTURE.search(query.own))),
        "how": float(bool(_HOW_TO.search(query.own))),
        "recommend": float(query.intent == "recommend"),
        "bare": float(nameless and not query.names and len(found.words) <= 3 and not _has_rare_word(found)),
        "pronoun": float(nameless and free_pronoun(query.own) is not None),
        "words": len(found.words) / 10,
        "topic": float(not nameless),
    }


def _is_named(name: str, everywhere: set[str]) -> bool:
    """Whether the evidence has a name of the question, or what that is short for."""
    return any(set(terms(words)) <= everywhere for words in (name, *short_forms(name).values()))


def _has_rare_word(found: Found) -> bool:
    """Whether a word of the question that the corpus has tells what it is about: an identifier, or a rare word."""
    known = {word: rarity for word, rarity in found.words.items() if word not in found.unknown}
    return any(rarity >= _RARE or re.search(r"\w[_.]\w", word) for word, rarity in known.items())


def _all_words(hit: Hit) -> str:
    """A passage with all that says what it is about."""
    passage = hit.passage
    led_by = [f"{resource.label} {resource.section_title}" for resource in passage.resources]
    return "\n".join([passage.title, *passage.headings, passage.text, passage.url, *led_by])
