"""A definition begins with what the thing is: sentences "X is a …" go ahead where X is asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from assistant.conversation import free_pronoun
from assistant.names import short_forms
from assistant.query import Query
from index.chunk import plain_markdown
from index.passages import Hit
from index.terms import terms

_DEFINES = 1.0
"""What a sentence "X is …" gains, in log odds, where it is asked what X is."""
_NAMES_IT = 1.5
"""What it gains more where an article follows, or the kind behind a dash: "X is a service" says what X is, "X is used for …"
what it is good for."""
_QUALIFIED = 1.0
"""What it loses where it has more words than X: "A local X is …" says what one kind of X is."""
_NAMES_A_KIND = re.compile(
    r"(?:(?!\b(?:is|are)\b).)*?"
    r"(?:\b(?:is|are)\s+(?:an?|the|one)\b|\b(?:refers? to|means|stands? for|represents?)\b|\s[-–—]\s)",
    re.IGNORECASE,
)
_ENTRY = 2
"""How many units under a heading or term that is X, an identifier, tell what it is: "Default: off. Tasks are acknowledged late." """
_AHEAD = 1.0
"""How far ahead of all else the best of them is put: what is as near to the question and says something else of X is left
out, see choosing.py's margin."""
_FIRST = 0.01
"""Likewise where more is asked for than what it is: it comes first, and the rest is said too."""

_ANEW = re.compile(r"^\W*what (?:is|are) an? [\w-]+(?: [\w-]+)?\W*$", re.IGNORECASE)
_EXPLAIN = re.compile(r"\b(explain|tell me (more )?about|how\b.*\bworks?)\b", re.IGNORECASE)
"""Asks for more than what it is."""
_NO_NAME = re.compile(
    r"(from|in|with|when|if|as|for|since|while|by|after|before|to|on|at|using|it|this|that|these|those|they"
    r"|such)\b",
    re.IGNORECASE,
)
_WITHIN = re.compile(r"(?:(?:in|at) [^.;:]*?|conceptually|essentially|basically|simply put), (?=[^,]*$)", re.IGNORECASE)
"""A field of knowledge in which something is called so: "In databases and networks, a two-phase commit is …", "At its core, …"."""
_ALSO_CALLED = re.compile(
    r"\s*\([^()]*\)|,\s+(?:also|or|often|sometimes|formerly|originally|commonly|abbreviated|called|named|known|short for)\b.*$",
    re.IGNORECASE,
)
_LONGER = 3
"""Words that the name of X has more, at most, as it stands before "is"."""
_KINDS = frozenset(terms("algorithm framework library pattern platform principle project protocol theorem tool"))
"""What may follow a name without naming something else: "the saga pattern is …" says what a saga is."""
_IS = re.compile(
    r"\b(is|are|refers? to|means?|stands? for|describes?|represents?|states? that)\b|\s[-–—]\s", re.IGNORECASE
)
_SUBJECT = re.compile(
    r"^\W*(?:what|who)(?: exactly)?(?:'s|’s| is| are| was| does)? (?:exactly )?(?:meant by |is |are )?(?:an? "
    r"|the )?(?P<what>.+?)(?: mean| do| stand for|,? exactly|,? in (?:one|a|a few|two|simple|short|plain)\b[\w ]*)?\W*$"
    r"|\b(?:define|explain|definition of|meaning of)\s+(?:an? |the )?(?P<other>.+?)\W*$",
    re.IGNORECASE,
)
_AND_MORE = re.compile(r",? and (?:its|their|why|how|when|what|where)\b.*$", re.IGNORECASE)
_WHERE = re.compile(r" (?:in|within|for|at) ", re.IGNORECASE)
"""Between what is to be defined and what it belongs to: "a span in OpenTelemetry"."""


def defines(query: Query, hit: Hit, clearly: bool = False) -> bool:
    """Whether a passage has a sentence "X is a …" for the X that is asked for, if one is; with `clearly` not "A local X is
    a …"."""
    if query.intent != "define":
        return False
    found = max(gains(_asked_for(query.own), hit), default=0.0)
    return found >= _DEFINES + _NAMES_IT if clearly else found > _DEFINES


def begins_anew(question: str) -> bool:
    """Whether it asks what a thing is that it names: "What is a workflow?", but not "What is the default?"."""
    return bool(_ANEW.match(question)) and not free_pronoun(question)


def gains(names: Sequence[str], hit: Hit) -> list[float]:
    """What each unit of a passage gains by defining what has these names. A link says what a page is about, not what a
    thing is."""
    passage = hit.passage
    site = set(terms(urlsplit(passage.url).netloc))
    headed = site.union(terms(" ".join((*passage.headings, passage.title))))
    subjects = [set(terms(name)) for name in names]
    identifiers = [term for subject in subjects for term in subject if re.search(r"\w[_.]\w", term)]
    left = _ENTRY * bool(passage.headings and _is_entry(passage.headings[-1], identifiers))
    found = []
    for unit in passage.units:
        words = plain_markdown(passage.words(unit))
        gain = 0.0
        if unit.kind in ("sentence", "item") and not (unit.kind == "item" and passage.words(unit).startswith("[")):
            gain = max(_gain(words, subject, headed, site) for subject in subjects)
        led_by = words.partition(": ")[0] if unit.kind == "item" else ""
        is_led = bool(led_by) and (set(terms(led_by)) in subjects or _is_entry(led_by, identifiers))
        if is_led or (left and unit.kind == "sentence"):
            gain = gain or _DEFINES + _NAMES_IT
        left = _ENTRY * _is_entry(words, identifiers) if unit.kind == "term" else max(0, left - 1)
        found.append(gain)
    return found


def with_definitions(query: Query, hits: Sequence[Hit], scores: Sequence[Sequence[float]]) -> list[list[float]]:
    """The scores, with what begins "X is …" ahead, where X is asked for, or else what answers best; where that stands in a
    section of a document, with all that the section says of X close behind."""
    names = _asked_for(query.own)
    raised = [list(row) for row in scores]
    top = max((max(row) for row in scores), default=0.0)
    defining: list[tuple[bool, float, int, int]] = []
    for at, hit in enumerate(hits):
        for number, gain in enumerate(gains(names, hit)):
            raised[at][number] += gain
            if gain and scores[at][number] > float("-inf"):  # what says of X itself what it is comes before all others
                defining.append((gain >= _DEFINES + _NAMES_IT, raised[at][number], -at, number))
    if defining:
        *_, behind, number = max(defining)
        leads, first = -behind, max(map(max, raised)) + (_FIRST if _EXPLAIN.search(query.own) else _AHEAD)
        raised[leads][number] = first
    else:
        leads, first = next((at for at, row in enumerate(scores) if max(row) == top), 0), top
    if hits and hits[leads].passage.source == "document":
        raised[leads] = [max(score, first - _AHEAD) for score in raised[leads]]
    return raised


def _gain(words: str, subject: set[str], headed: set[str], site: set[str]) -> float:
    """What a sentence gains that begins "X is …", for an X of these terms; some of them may stand in headings and title
    instead: "Pub/Sub is …" on a page of Google Cloud defines Google Cloud Pub/Sub."""
    verb = _IS.search(words)
    before = words[: verb.start()].strip() if verb else ""
    name = _WITHIN.sub("", _ALSO_CALLED.sub("", before))
    named = terms(name)
    if (
        subject.isdisjoint(named)
        # "The disadvantage of X is …" doesn't define X, nor does "Copies of data. X is …", whose subject is data.
        or re.search(r"\b(of|for|about|with|to|in|as|by)\b|[.!?]\s", name, re.IGNORECASE)
        or _NO_NAME.match(name)
        or named[-1] not in subject | _KINDS  # "A Temporal SDK is …" defines something else than Temporal
        or not subject <= {*terms(before), *headed}
        or len(named) > len(subject) + _LONGER
    ):
        return 0.0
    qualified = not subject.union(_KINDS, site).issuperset(named)  # "The RabbitMQ quorum queue is …" on its own site
    return _DEFINES + _NAMES_IT * bool(_NAMES_A_KIND.match(words)) - _QUALIFIED * qualified


def _is_entry(heading: str, identifiers: Sequence[str]) -> bool:
    """Whether a heading or term is one of these identifiers, maybe with what it belongs to: `Task.acks_late`."""
    if not identifiers or len(heading.split()) != 1:
        return False
    whole = max(terms(heading), key=len, default="")
    return any(re.search(rf"(?:^|[_.]){re.escape(term)}$", whole) for term in identifiers)


@lru_cache(maxsize=64)  # one question asks it of each of fifty passages
def _asked_for(question: str) -> tuple[str, ...]:
    """What is to be defined, and what that is short for."""
    found = _SUBJECT.search(question)
    name = (found["what"] or found["other"]) if found else question
    meant = re.findall(r"\(([^()]*)\)", name)  # what a short form or typing error means, see spelling.py
    name = _AND_MORE.sub("", re.sub(r"\([^()]*\)", "", name))
    return (name, *_WHERE.split(name, maxsplit=1)[:-1], *meant, *short_forms(name).values())
