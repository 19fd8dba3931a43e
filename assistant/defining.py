"""A definition begins with what the thing is: sentences "X is a …" go ahead where X is asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from assistant.grouping import defines
from assistant.query import Query
from index.chunk import plain_markdown
from index.passages import Hit
from index.terms import terms

_DEFINES = 2.0
"""What a sentence that begins "X is a …" gains, in log odds, where it is asked what X is."""
_IS_A = 0.5
"""What it gains more where an article follows: "X is a service" says what X is, "X is used for …" what it is good for."""
_NAMES_A_KIND = re.compile(r"(?:(?!\b(?:is|are)\b).)*\b(?:is|are)\s+(?:an?|the|one)\b", re.IGNORECASE)
_AHEAD = 0.1
"""How far ahead of all else the best of them is put."""

_SUBJECT = re.compile(
    r"^\W*(?:what|who)(?: exactly)?(?:'s|’s| is| are| was| does)? (?:exactly )?(?:meant by |is |are )?(?:an? "
    r"|the )?(?P<what>.+?)(?: mean| stand for|,? exactly|,? in (?:one|a|a few|two|simple|short|plain)[\w ]*)?\W*$"
    r"|\b(?:define|explain|definition of|meaning of)\s+(?:an? |the )?(?P<other>.+?)\W*$",
    re.IGNORECASE,
)


def with_definitions(query: Query, hits: Sequence[Hit], scores: Sequence[Sequence[float]]) -> list[list[float]]:
    """The scores, with what begins "X is …" ahead, where X is asked for; where nothing does and a section of a document
    answers best, with all that the section says of X close behind."""
    found = _SUBJECT.search(query.own)
    subject = set(terms((found["what"] or found["other"]) if found else query.own))
    raised = [list(row) for row in scores]
    top = max((max(row) for row in scores), default=0.0)
    defining: list[tuple[float, int, int]] = []
    for at, hit in enumerate(hits):
        headed = set(terms(" ".join((*hit.passage.headings, hit.passage.title, urlsplit(hit.passage.url).netloc))))
        for number, unit in enumerate(hit.passage.units):
            words = plain_markdown(hit.passage.words(unit))
            if scores[at][number] > float("-inf") and defines(words, unit, subject, headed):
                raised[at][number] += _DEFINES + _IS_A * bool(_NAMES_A_KIND.match(words))
                is_link = unit.kind == "item" and hit.passage.words(unit).startswith("[")
                defining += [] if is_link else [(raised[at][number], -at, number)]
    if defining:
        _, behind, number = max(defining)
        raised[-behind][number] = max(top, raised[-behind][number]) + _AHEAD
    else:
        best = next((at for at, row in enumerate(scores) if max(row) == top), None)
        if best is not None and hits[best].passage.source == "document":
            raised[best] = [max(score, top - 1.0) for score in raised[best]]
    return raised
