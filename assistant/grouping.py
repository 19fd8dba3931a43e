"""What belongs together on a page: the list that an item stands in, what leads to it, what a sentence leans on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.query import Intent
from index.passages import Passage, Unit

_LIST_ITEMS = 60
_REMARK = 12
"""A paragraph of up to so many words is gone on with by the next one."""
_PARAGRAPH = 60
"""Up to so many words a sentence takes those along that go on with it ("Its default is …")."""
_LONG_LIST = 250
"""Words of a list that is not said whole, even where lists are asked for: a bibliography, an index."""
_ENTRY_WORDS = 4
LEANS_BACK = re.compile(
    r"^(it|its|they|their|them|this|that|these|those|such|he|she|however|therefore|thus|hence|instead|otherwise"
    r"|also|then|"
    r"moreover|furthermore|additionally|consequently|in this case|in that case|for this reason|as a result"
    r"|in addition|but|so|and|or)\b",
    re.IGNORECASE,
)
_POINTS_ELSEWHERE = re.compile(
    r"^(see|check out|visit|refer to|read (more|about|the)|learn (more|about|how)|for (more|further|a complete|details)"
    r"|to (learn|get started|find out)|click|browse|join|follow|please (see|follow|refer)"
    r"|for (information|an?|the)\b[^.]*\b(see|refer to|visit|check out|read))\b",
    re.IGNORECASE,
)
_SHOWN = re.compile(
    r"^(?:in )?(?:the|this|these|an?) (?:(?:following|above|previous|next|below|preceding) (?:\w+ )?)?"
    r"(?:examples?|code|snippets?|diagrams?|figures?|screenshots?|images?)(?: (?:above|below))?,? (?:also )?"
    r"(?:shows?|illustrates?|demonstrates?|depicts?|is|are)\b",
    re.IGNORECASE,
)
"""Speaks of what a page shows beside it: "The example above shows …"."""
_ADVERTISES = re.compile(
    r"\b(sponsor(s|ed|ing|ships?)?|donat(e|es|ing|ions?)|newsletter|sign up|subscribe to our|free trial|talk to (sales|an expert)"
    r"|request a demo|star us|follow us)\b",
    re.IGNORECASE,
)
_MENU_ITEM = re.compile(
    r"^(\S+ ){0,8}\S*(guide|reference|documentation|docs|page|section|tutorial)s?\.?$", re.IGNORECASE
)


@dataclass(frozen=True)
class Scored:
    """A unit of a hit with how well it answers (log odds), and the rank of its hit from 0."""

    unit: Unit
    passage: Passage
    rank: int
    score: float


def stands_alone(scored: Scored, intent: Intent) -> bool:
    """Whether a unit says something: it is no link that wasn't asked for, no entry of a menu, no pointer elsewhere, no
    advertisement."""
    words = scored.passage.words(scored.unit).strip()
    kind = scored.unit.kind
    if words.endswith(":") and scored.unit == scored.passage.units[-1]:
        return False  # what it introduces stands in another passage
    if words.endswith(":") and _leads_nowhere(scored.passage, scored.unit, intent):
        return False
    if scored.passage.source == "document":
        return intent == "resource" or kind != "item" or not words.startswith("[")
    if (
        kind == "sentence"
        and _SHOWN.match(words)
        and not (intent == "how" and _before_code(scored.passage, scored.unit))
    ):
        return False
    if kind == "sentence" and intent != "resource":
        finished = words.endswith((".", "!", ":", "。"))
        return len(words.split()) >= (_ENTRY_WORDS if finished else 2 * _ENTRY_WORDS) and not (
            _POINTS_ELSEWHERE.match(words) or _ADVERTISES.search(words) or words.endswith("?")
        )
    if kind == "row" and intent == "compare" and not _has_header(scored.passage, scored.unit):
        return False  # a cell has it alone, and nobody knows what "Video, YouTube" says of a side
    return kind != "item" or (
        intent == "list"
        or (len(words.split()) >= _ENTRY_WORDS and not (_MENU_ITEM.match(words) and intent != "resource"))
    )


def group_of(scored: Scored, intent: Intent, reads_on: bool = True) -> list[Unit]:
    """What has to be said together with a unit: the list it belongs to, what leads to it, what it leans on; with
    `reads_on` also what goes on with it."""
    units = scored.passage.units
    at = units.index(scored.unit)
    first = last = at
    unit = scored.unit
    if unit.kind == "item" and intent in ("list", "resource", "define", "how") and not _is_long(scored.passage, unit):
        # Of a list within a list, a procedure takes the part that is about it, with the item that this belongs to.
        least = unit.depth if intent == "how" else 0
        while first > 0 and units[first - 1].kind == "item" and at - first < _LIST_ITEMS:
            first -= 1
            if units[first].depth < least:
                break
        while last + 1 < len(units) and units[last + 1].kind == "item" and last - at < _LIST_ITEMS:
            if units[last + 1].depth < least:
                break
            last += 1
    if unit.kind == "term":
        while last + 1 < len(units) and units[last + 1].depth > unit.depth and units[last + 1].kind != "term":
            last += 1
    while last + 1 < len(units) and last - at < _LIST_ITEMS and _continues(scored, units[last], units[last + 1]):
        last += 1
    if first > 0 and _leans_back(scored.passage, units[first], units[first - 1]):
        first -= 1
    if first > 0 and _introduces(scored.passage, units[first - 1], units[first]):
        first -= 1
    if unit.kind == "sentence" and intent == "how" and last + 1 < len(units) and units[last + 1].kind == "code":
        last += 1
    if unit.kind == "code" and first == at > 0 and units[at - 1].kind == "sentence":
        first -= 1  # code says nothing without what it is for
    if reads_on and unit.kind == "sentence" and unit == units[last]:
        words = sum(len(scored.passage.words(one).split()) for one in units[first : last + 1])
        while last + 1 < len(units) and _reads_on(scored.passage, units[last], units[last + 1]):
            words += len(scored.passage.words(units[last + 1]).split())
            if words > _PARAGRAPH:
                break
            last += 1
    return [*_term_of(units, first), *units[first : last + 1]]


def _before_code(passage: Passage, unit: Unit) -> bool:
    after = passage.units.index(unit) + 1
    return after < len(passage.units) and passage.units[after].kind == "code"


def _term_of(units: Sequence[Unit], at: int) -> tuple[Unit, ...]:
    """The term that the paragraph of a unit explains, where that isn't the unit before: without it, nobody knows of what
    it speaks."""
    first = at
    while first > 0 and units[first - 1].block == units[at].block:
        first -= 1
    term = units[first - 1] if 0 < first < at else None
    return (term,) if term and term.kind == "term" and term.depth < units[at].depth else ()


def _reads_on(passage: Passage, unit: Unit, after: Unit) -> bool:
    """Whether a sentence goes on with what the one before it in its paragraph says."""
    if not unit.kind == after.kind == "sentence":
        return False
    if unit.block != after.block and len(passage.words(unit).split()) > _REMARK:
        return False
    return bool(LEANS_BACK.match(passage.words(after)))


def _leads_nowhere(passage: Passage, lead: Unit, intent: Intent) -> bool:
    """Whether a "…:" sentence leads a bibliography, or a list of bare names where no list is asked for: a menu."""
    items = next((items for label, items in lists_of(passage) if label == lead), [])
    if items and _is_long(passage, items[0]):
        return True
    words = sum(len(passage.words(item).split()) for item in items)
    return intent not in ("list", "resource") and len(items) > 2 and words < 3 * len(items)


def _is_long(passage: Passage, unit: Unit) -> bool:
    """Whether the list that an item stands in is too long to be said whole."""
    items = next((items for _, items in lists_of(passage) if unit in items), [])
    return sum(len(passage.words(item).split()) for item in items) > _LONG_LIST


def _introduces(passage: Passage, before: Unit, unit: Unit) -> bool:
    """Whether `before` is the label, the term or the "…:" sentence that `unit` belongs to."""
    if before.kind == "label":
        return unit.kind != "sentence" or passage.source == "document"
    if before.kind == "term":
        return unit.depth > before.depth
    return (
        before.kind == "sentence"
        and unit.kind in ("item", "code", "row")
        and passage.words(before).rstrip().endswith(":")
    )


def _continues(scored: Scored, last: Unit, unit: Unit) -> bool:
    """Whether `unit` belongs to what a "…:" sentence introduces: the code, or list item after list item."""
    if scored.unit.kind != "sentence" or not scored.passage.words(scored.unit).rstrip().endswith(":"):
        return False
    if unit.kind == "item" and _is_long(scored.passage, unit):
        return False
    return last == scored.unit or (last.kind == unit.kind and unit.kind in ("item", "row"))


def _leans_back(passage: Passage, unit: Unit, before: Unit) -> bool:
    """Whether a sentence can't be understood without the one before it in its paragraph."""
    return (
        unit.kind == before.kind == "sentence"
        and before.block == unit.block
        and bool(LEANS_BACK.match(passage.words(unit)))
    )


def touch(passage: Passage, before: Unit, unit: Unit) -> bool:
    """Whether nothing but layout stands between two units: one that was taken out as untrusted stays out of a quote."""
    between = passage.text[before.end - passage.start : unit.start - passage.start]
    return not between.strip(" \n\t-*+|:>0123456789.)")


def lists_of(passage: Passage) -> list[tuple[Unit | None, list[Unit]]]:
    """The runs of list items of a passage, each with the label or "…:" sentence above it."""
    found: list[tuple[Unit | None, list[Unit]]] = []
    previous: Unit | None = None
    for unit in passage.units:
        if unit.kind == "item" and previous is not None and previous.kind == "item":
            found[-1][1].append(unit)
        elif unit.kind == "item":
            leads = previous is not None and (
                previous.kind == "label" or passage.words(previous).rstrip("* ").endswith(":")
            )
            found.append((previous if leads else None, [unit]))
        previous = unit
    return found


def _has_header(passage: Passage, row: Unit) -> bool:
    """Whether the table of a row begins with a header."""
    at = passage.units.index(row)
    while at and not passage.units[at].header and passage.units[at - 1].kind == "row":
        at -= 1
    return passage.units[at].header


def tables_of(passage: Passage) -> list[list[Unit]]:
    """The rows of each table of a passage, without headers."""
    found: list[list[Unit]] = []
    before: Unit | None = None
    for unit in passage.units:
        if unit.kind == "row" and not unit.header:
            if before is None or before.kind != "row" or before.header:
                found.append([])
            found[-1].append(unit)
        before = unit
    return found
