"""What speaks for and against an answer in what was found: inspectable numbers, each about 0..1, for confidence.py.

Scores alone can't tell absence: a question about a default that no page states finds the page that has the setting. So
the signals also ask whether the words of the question stand in the evidence, its names and numbers above all, and
whether what is asked for (an amount, a price, something to come) is there.
"""

from __future__ import annotations

import re

from assistant.conversation import free_pronoun
from assistant.query import Query
from assistant.retrieval import FEATURES, Found
from assistant.units import UNIT_FEATURES, Weighed
from index.passages import Hit
from index.terms import terms

SIGNALS = (
    "bias",
    "score",  # of the best passage, under the passage model
    "part",  # of the best passage: the best cosine of one of its units
    "near",  # best unit of the first five, with its headings, see units.UNIT_FEATURES
    "nowhere",  # share of the question's words, by rarity, that are in none of the first five
    "elsewhere",  # the question names a tool and the best passage is of another
    "unknown",  # share of the question's words, by rarity, that the corpus doesn't have
    "name_not_first",  # a name in the question that the best passage doesn't have
    "names_nowhere",  # names in the question that none of the first five has; 1 at three
    "number_nowhere",  # a number in the question that none of the first five has
    "amount",  # a number is asked for
    "amount_nowhere",  # likewise, and the three best units have none
    "price_nowhere",  # a price is asked for, and the eight best units have none
    "future",  # asks of what is to come
    "bare",  # names nothing: no topic, no name, no identifier, no rare word; and has three words or fewer that mean something
    "pronoun",  # likewise no tool or pattern, but "it" or "one" in its place
    "words",  # number of the question's words, 1 at ten
)
_LOOKED_AT = 5
_RARE = 4.0  # idf of a word in about 2 % of the passages

_AMOUNT = re.compile(
    r"\b(how (many|much|long|often|big|large|deep|high|fast|far|old|few)|number of|percent\w*|"
    r"what (size|port|version|value|share|limit)|max(imum)?|min(imum)?|largest|biggest|smallest|default|limit|cost|price|"
    r"charge|fee|discount|per (month|hour|second|minute|year|day))\b",
    re.IGNORECASE,
)
_A_NUMBER = re.compile(
    r"\d|\b(one|two|three|four|five|six|seven|eight|nine|ten|half|single|unlimited|no limit)\b", re.IGNORECASE
)
_PRICE = re.compile(
    r"\b(pric(e|es|ing)|costs?|charges?|fees?|discount|bill(ed)?|dollars?|usd|eur|cheap\w*|seat)\b", re.IGNORECASE
)
_A_PRICE = re.compile(r"[$€£]\s?\d|\d\s?(usd|eur|dollars?|cents?)\b|\b(free|pay-per-use|pay per)\b", re.IGNORECASE)
_FUTURE = re.compile(
    r"\b(will|upcoming|roadmap|next (year|major|minor|version|release)|planned|plans? to|release date|"
    r"com(e|ing) (out|soon)|going to (be|release|add)|20(2[7-9]|[3-9]\d))\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?!\w)")


def signals_of(found: Found, query: Query, weighed: Weighed) -> dict[str, float]:
    """The signals by the names in SIGNALS. `found` has at least one hit."""
    hits = found.hits[:_LOOKED_AT]
    first = dict(zip(FEATURES, found.features[0], strict=True))
    texts = [_all_words(hit) for hit in hits]
    have = [set(terms(text)) for text in texts]
    everywhere = set().union(*have)
    total = sum(found.words.values()) or 1.0
    names = [set(terms(name)) for name in query.names]
    units = sorted(
        ((-score, rank, at) for rank, row in enumerate(weighed.scores[: len(hits)]) for at, score in enumerate(row)),
    )
    spoken = [hits[rank].passage.words(hits[rank].passage.units[at]) for _, rank, at in units[:8]]
    near = [row[:, UNIT_FEATURES.index("near_headed")].max(initial=0.0) for row in weighed.features[: len(hits)]]
    amount = bool(_AMOUNT.search(query.text))
    nameless = not query.entities
    return {
        "bias": 1.0,
        "score": hits[0].score / 10,
        "part": float(first["part"]),
        "near": float(max(near, default=0.0)),
        "nowhere": sum(rarity for word, rarity in found.words.items() if word not in everywhere) / total,
        "elsewhere": float(first["other_site"]),
        "unknown": sum(found.words[word] for word in found.unknown) / total,
        "name_not_first": float(any(not name <= have[0] for name in names)),
        "names_nowhere": min(sum(not name <= everywhere for name in names), 3) / 3,
        "number_nowhere": float(any(number not in "\n".join(texts) for number in _NUMBER.findall(query.text))),
        "amount": float(amount),
        "amount_nowhere": float(amount and not any(_A_NUMBER.search(words) for words in spoken[:3])),
        "price_nowhere": float(bool(_PRICE.search(query.text)) and not any(_A_PRICE.search(words) for words in spoken)),
        "future": float(bool(_FUTURE.search(query.text))),
        "bare": float(nameless and not query.names and len(found.words) <= 3 and not _has_rare_word(found)),
        "pronoun": float(nameless and free_pronoun(query.text) is not None),
        "words": len(found.words) / 10,
    }


def _has_rare_word(found: Found) -> bool:
    """Whether a word of the question that the corpus has tells what it is about: an identifier, or a rare word."""
    known = {word: rarity for word, rarity in found.words.items() if word not in found.unknown}
    return any(rarity >= _RARE or re.search(r"\w[_.]\w", word) for word, rarity in known.items())


def _all_words(hit: Hit) -> str:
    """A passage with all that says what it is about."""
    passage = hit.passage
    led_by = [f"{resource.label} {resource.section_title}" for resource in passage.resources]
    return "\n".join([passage.title, *passage.headings, passage.text, passage.url, *led_by])
