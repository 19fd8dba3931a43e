"""A definition begins with what the thing is: sentences "X is a …" go ahead where X is asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from assistant.grouping import KINDS, defined, defines
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

_SUBJECT = re.compile(
    r"^\W*(?:what|who)(?: exactly)?(?:'s|’s| is| are| was| does)? (?:exactly )?(?:meant by |is |are )?(?:an? "
    r"|the )?(?P<what>.+?)(?: mean| do| stand for|,? exactly|,? in (?:one|a|a few|two|simple|short|plain)[\w ]*)?\W*$"
    r"|\b(?:define|explain|definition of|meaning of)\s+(?:an? |the )?(?P<other>.+?)\W*$",
    re.IGNORECASE,
)


def says_what_it_is(query: Query, hit: Hit) -> bool:
    """Whether a passage has a sentence "X is a …", for the X that is asked for."""
    return any(gain > _DEFINES for gain in _gains(_subject(query), hit))


def with_definitions(query: Query, hits: Sequence[Hit], scores: Sequence[Sequence[float]]) -> list[list[float]]:
    """The scores, with what begins "X is …" ahead, where X is asked for; where nothing does and a section of a document
    answers best, with all that the section says of X close behind."""
    subject = _subject(query)
    raised = [list(row) for row in scores]
    top = max((max(row) for row in scores), default=0.0)
    defining: list[tuple[float, int, int]] = []
    for at, hit in enumerate(hits):
        for number, gain in enumerate(_gains(subject, hit)):
            raised[at][number] += gain
            defining += [(raised[at][number], -at, number)] if gain and scores[at][number] > float("-inf") else []
    if defining:
        _, behind, number = max(defining)
        raised[-behind][number] = max(top, raised[-behind][number]) + _AHEAD
    else:
        best = next((at for at, row in enumerate(scores) if max(row) == top), None)
        if best is not None and hits[best].passage.source == "document":
            raised[best] = [max(score, top - 1.0) for score in raised[best]]
    return raised


def _gains(subject: set[str], hit: Hit) -> list[float]:
    """What each unit of a passage gains by defining it; a link says what a page is about, not what a thing is."""
    passage = hit.passage
    headed = set(terms(" ".join((*passage.headings, passage.title, urlsplit(passage.url).netloc))))
    left = _ENTRY * bool(passage.headings and _is_entry(passage.headings[-1], subject))
    found = []
    for unit in passage.units:
        words = plain_markdown(passage.words(unit))
        is_link = unit.kind == "item" and passage.words(unit).startswith("[")
        gain = 0.0
        if not is_link and defines(words, unit, subject, headed):
            qualified = not subject.union(KINDS).issuperset(defined(words))
            gain = _DEFINES + _NAMES_IT * bool(_NAMES_A_KIND.match(words)) - _QUALIFIED * qualified
        elif (left and unit.kind == "sentence") or (
            unit.kind == "item" and _is_entry(words.partition(":")[0], subject)
        ):
            gain = _DEFINES + _NAMES_IT
        left = _ENTRY * _is_entry(words, subject) if unit.kind == "term" else max(0, left - 1)
        found.append(gain)
    return found


def _is_entry(heading: str, subject: set[str]) -> bool:
    """Whether a heading or term is the identifier that is asked for, maybe with what it belongs to: `Task.acks_late`."""
    asked = max((term for term in subject if re.search(r"\w[_.]\w", term)), key=len, default="")
    name = max(terms(heading), key=len, default="")
    return bool(asked) and len(heading.split()) == 1 and bool(re.search(rf"(?:^|[_.]){re.escape(asked)}$", name))


def _subject(query: Query) -> set[str]:
    """The terms of what is to be defined."""
    found = _SUBJECT.search(query.own)
    return set(terms((found["what"] or found["other"]) if found else query.own))
