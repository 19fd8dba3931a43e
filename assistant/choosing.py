"""Which units of the best passages are said: the best, what it can't be understood without, and what adds to it.

Only differences between scores count here (log odds; 1 is 2.7 times as likely), never their height.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from assistant.grouping import LEANS_BACK, Scored, group_of, lists_of, stands_alone, tables_of, touch
from assistant.query import Intent
from corpus.instructions import gives_instructions
from index.passages import Hit, Passage, Unit
from index.terms import terms

_WORDS: dict[Intent, int] = {"list": 170, "how": 170}
"""About how many words an answer has at most, by what is asked; a whole list or code block may exceed it."""
_DEFAULT_WORDS = 160
_MARGIN = 1.8
"""Units this far behind the best, in log odds, are left out: with the words above the best balance of facts and length on
dev and training questions. More words and a smaller margin (of 110 to 220, of 1.2 to 2.5) say more facts in fewer words than
the other way round: an answer is long only where several sentences are about as good."""
_ADDS = 3.0
"""What a unit gains, in log odds, that has all words of the question which nothing said before it has. Of 1, 2, 3 and 5 the
one with which the dev split's and the blind questions' facts and F3 were highest together."""
_MORE_OF_DOCUMENTS = 0.95
"""Units of a document may be this much further behind: they are short items, of which several say what is asked. With the
margin as far as 2.5 was under the unit weights that were fitted on six passages: those on four are 6 % larger."""
_GAP_WORDS = 30
"""Between two chosen sentences of a paragraph, one of up to this many words is said too: it reads on."""
_LIST_COUNTS = 60
"""Words that a whole list takes of the budget at most, so that something is left for what else is said."""
_SHORT_LIST = 60
"""Words of a list or table that is said whole where a part of it is."""
_WITH_CODE: tuple[Intent, ...] = ("how", "fact", "list")
"""Where code may be said; a definition, a comparison or a reason has none."""
_CODE_BEHIND = 1.0
"""What code loses, in log odds, where none is asked for: it has the question's names without saying anything of them."""
_ASKS_FOR_CODE = re.compile(
    r"\b(code|snippets?|examples?|syntax|commands?|cli|shell|flags?|options?|(one|single) line|query|expressions?|yaml|json"
    r"|config(ure|uration)?|settings?|fields?|parameters?|arguments?|keys?|methods?|functions?|class|decorators?|throw|raise"
    r"|imports?|call)\b|[=(]",
    re.IGNORECASE,
)
_BARE_LEAD = 3
"""Words of a "…:" that says nothing but that something follows, at most."""
_SINCE_WHEN = re.compile(r"(new|added|changed|deprecated|removed) (in|since) [\w ]*:? ?v?\d[\d.]*\.?", re.IGNORECASE)
"""A remark that says nothing but from which release on something is there."""
_RELEASE = frozenset(terms("version release since added new changed deprecated removed"))
_CLEARLY = 1.0
"""A link or a menu's entry has to be this much better, in log odds, than all else to be said unasked."""


@dataclass(frozen=True)
class Claim:
    """Neighbouring units of one passage, quoted as one range. `under` is the heading to show above it, if any."""

    passage: Passage
    units: tuple[Unit, ...]
    under: str = ""

    @property
    def start(self) -> int:
        """Offset into the page's text."""
        return self.units[0].start

    @property
    def end(self) -> int:
        """Offset into the page's text."""
        return self.units[-1].end


def choose(
    hits: Sequence[Hit],
    scores: Sequence[Sequence[float]],
    intent: Intent,
    budget: int | None = None,
    rarity: Mapping[str, float] | None = None,
    most: int | None = None,
    margin: float = _MARGIN,
    code: bool = False,
) -> list[Claim]:
    """The claims of an answer: the best unit's first, then the rest of its passage and the other passages in page order.

    `scores[i][j]` says how well unit j of hit i answers the question, `rarity` has the question's words with their
    weights, `code` whether it asks for code. What has a word of the question that nothing said has comes earlier. The
    first group of units may exceed `budget` words, but not `most`. Empty where nothing can be said.
    """
    pool = _pool(hits, scores, _CODE_BEHIND if intent != "how" and not code else 0.0)
    if _RELEASE.isdisjoint(rarity or ()):
        pool = [scored for scored in pool if not _SINCE_WHEN.fullmatch(scored.passage.words(scored.unit).strip())]
    best_alone = max((scored.score for scored in pool if stands_alone(scored, intent)), default=float("-inf"))
    clearly = float("inf") if intent in ("list", "define", "compare") else _CLEARLY
    if best_alone > float("-inf"):
        pool = [s for s in pool if stands_alone(s, intent) or s.score >= best_alone + clearly]
    budget = budget or _WORDS.get(intent, _DEFAULT_WORDS)
    picked = _Picked(rarity or {}, whole_lists=intent != "compare")
    reach = pool[0].score - margin if pool else 0.0
    while pool:
        scored, *pool = pool
        least = reach - _MORE_OF_DOCUMENTS * (scored.passage.source == "document")
        if scored.score + _ADDS * picked.adds(scored) < least:
            continue
        group = group_of(scored, intent, reads_on=not picked.words)
        fresh = [unit for unit in group if _key(scored.passage, unit) not in picked.said]
        words = sum(len(scored.passage.words(unit).split()) for unit in fresh)
        if not fresh or (picked.words and picked.words + words > budget) or (most and words > most):
            continue
        if intent not in _WITH_CODE and any(unit.kind == "code" for unit in group):
            continue
        if picked.words and rarity and not picked.has(scored.passage) and not _shares_a_word(scored, rarity):
            continue
        listed = sum(unit.kind == "item" for unit in group) > 1
        picked.add(scored.passage, group, min(words, _LIST_COUNTS) if listed else words)
        # What a unit may add only falls, so those that are out of reach now are out for good.
        lowest = reach - _MORE_OF_DOCUMENTS - _ADDS * picked.share(sorted(picked.unsaid))
        pool = sorted(
            (one for one in pool if one.score >= lowest), key=lambda one: -one.score - _ADDS * picked.adds(one)
        )
    return picked.claims() if code else _words_first(picked.claims())


def _words_first(claims: list[Claim]) -> list[Claim]:
    """An answer begins with words where it has any: with mere code, or "Good example:" and code, nobody knows yet what it is
    for."""
    at = next((at for at, claim in enumerate(claims) if _begins_well(claim)), 0)
    return [claims[at], *claims[:at], *claims[at + 1 :]] if at else claims


def _begins_well(claim: Claim) -> bool:
    first = claim.passage.words(claim.units[0]).rstrip()
    bare = claim.units[0].kind == "sentence" and first.endswith(":") and len(first.split()) <= _BARE_LEAD
    return not bare and any(unit.kind != "code" for unit in claim.units)


class _Picked:
    """What has been chosen so far."""

    def __init__(self, rarity: Mapping[str, float], whole_lists: bool) -> None:
        self._whole_lists = whole_lists
        self.words = 0
        self.said: set[str] = set()
        self.unsaid = set(rarity)  # words of the question that nothing taken has
        self._rarity = rarity
        self._whole = sum(rarity.values())
        self._starts: dict[str, set[int]] = {}
        self._passages: dict[str, Passage] = {}
        self._first: int | None = None

    def share(self, words: Iterable[str]) -> float:
        """Of the question's words, by rarity: 0..1."""
        return sum(self._rarity[word] for word in words) / self._whole if self._whole else 0.0

    def adds(self, scored: Scored) -> float:
        """The share of the question's words that a unit has and nothing taken has; 0 for the first."""
        if not self.words or not self.unsaid:
            return 0.0
        return self.share(sorted(self.unsaid.intersection(terms(scored.passage.words(scored.unit)))))

    def has(self, passage: Passage) -> bool:
        """Whether something of a passage was taken."""
        return passage.id in self._starts

    def add(self, passage: Passage, units: Sequence[Unit], words: int) -> None:
        """Takes units of a passage."""
        self._first = units[0].start if self._first is None else self._first
        self._passages.setdefault(passage.id, passage)
        self._starts.setdefault(passage.id, set()).update(unit.start for unit in units)
        self.said.update(_key(passage, unit) for unit in units)
        self.words += words
        self.unsaid.difference_update(*(terms(passage.words(unit)) for unit in units))

    def claims(self) -> list[Claim]:
        """What was taken, as ranges; the one that was taken first leads."""
        found = [
            Claim(self._passages[key], run)
            for key, at in self._starts.items()
            for run in _runs(self._passages[key], self._with_lists(self._passages[key], at))
        ]
        lead = next((at for at, claim in enumerate(found) if self._first in {unit.start for unit in claim.units}), 0)
        if found and found[lead].passage.source != "document":  # a document's sections are short: they keep their order
            first, *before = self._from_first(found[lead])
            found = [first, *found[:lead], *before, *found[lead + 1 :]]
        sections = {(claim.passage.url, claim.passage.headings) for claim in found}
        return [replace(claim, under=_under(claim, one_of=len(sections))) for claim in found]

    def _from_first(self, claim: Claim) -> list[Claim]:
        """A claim from the unit that was taken first, then what stands before that, if they are paragraphs of their own."""
        at = next(number for number, unit in enumerate(claim.units) if unit.start == self._first)
        if not at or any(unit.kind != "sentence" for unit in claim.units[: at + 1]):
            return [claim]
        before, unit = claim.units[at - 1], claim.units[at]
        if before.block == unit.block or claim.passage.words(before).rstrip().endswith(":"):
            return [claim]
        return [replace(claim, units=claim.units[at:]), replace(claim, units=claim.units[:at])]

    def _with_lists(self, passage: Passage, starts: set[int]) -> set[int]:
        """Short lists are said whole where half of one was chosen, or where the question has words of its label; short tables
        where a row of one was: its rows are there to be compared."""
        if not self._whole_lists:
            return starts
        whole = set(starts)
        for label, items in lists_of(passage):
            chosen = [unit for unit in items if unit.start in starts]
            asked = label is not None and set(terms(passage.words(label))) & self._rarity.keys()
            if chosen and _are_short(passage, items) and (asked or 2 * len(chosen) >= len(items)):
                whole.update(unit.start for unit in items)
                whole.update([label.start] if label else [])
        for rows in tables_of(passage):
            if any(unit.start in starts for unit in rows) and _are_short(passage, rows):
                whole.update(unit.start for unit in rows)
        return whole


def _are_short(passage: Passage, units: Sequence[Unit]) -> bool:
    return sum(len(passage.words(unit).split()) for unit in units) <= _SHORT_LIST


def _shares_a_word(scored: Scored, rarity: Mapping[str, float]) -> bool:
    """Whether a unit or its last heading has a word of the question: without one, another section adds what wasn't asked."""
    heading = scored.passage.headings[-1] if scored.passage.headings else ""
    return not rarity.keys().isdisjoint([*terms(scored.passage.words(scored.unit)), *terms(heading)])


def asks_for_code(question: str) -> bool:
    """Whether an answer may begin with code: the question speaks of code, commands or settings, or has some itself."""
    return bool(_ASKS_FOR_CODE.search(question))


def _pool(hits: Sequence[Hit], scores: Sequence[Sequence[float]], code_behind: float) -> list[Scored]:
    """All units that may be claims, best first; code loses `code_behind`."""
    pool = [
        Scored(unit, hit.passage, rank, score - code_behind * (unit.kind == "code"))
        for rank, (hit, row) in enumerate(zip(hits, scores, strict=True))
        for unit, score in zip(hit.passage.units, row, strict=True)
        if unit.kind != "label" and not unit.header and score > float("-inf")
    ]
    return sorted(pool, key=lambda scored: (-scored.score, scored.rank, scored.unit.start))


def _runs(passage: Passage, starts: set[int]) -> list[tuple[Unit, ...]]:
    """The chosen units in page order, neighbours together; a short sentence between two of a paragraph reads on."""
    units = passage.units
    chosen = [unit.start in starts for unit in units]
    for at in range(1, len(units) - 1):
        before, unit, after = units[at - 1 : at + 2]
        if chosen[at - 1] and chosen[at + 1] and before.block == unit.block == after.block:
            chosen[at] |= len(passage.words(unit).split()) <= _GAP_WORDS
    runs: list[list[Unit]] = []
    previous: Unit | None = None
    for unit, taken in zip(units, chosen, strict=True):
        if taken and previous is not None and touch(passage, previous, unit):
            runs[-1].append(unit)
        elif taken:
            runs.append([unit])
        previous = unit if taken else None
    return [tuple(run) for run in runs]


def _under(claim: Claim, one_of: int) -> str:
    """The heading that a claim needs above it: its first words point at something that stands before them, or it is one
    of several sections' and begins with a label ("Use Cases") without saying whose."""
    words = claim.passage.words(claim.units[0])
    if one_of > 1 and claim.passage.source == "document" and claim.units[0].kind in ("label", "item"):
        return claim.passage.headings[-1] if claim.passage.headings and not words.startswith("[") else ""
    if claim.units[0].kind != "sentence" or not LEANS_BACK.match(words) or not claim.passage.headings:
        return ""
    heading = claim.passage.headings[-1]
    return "" if gives_instructions(heading) else heading


def _key(passage: Passage, unit: Unit) -> str:
    """The same words are said once, wherever they stand."""
    return " ".join(re.findall(r"\w+", passage.words(unit).lower()))


def merge(claims: Sequence[Claim]) -> list[Claim]:
    """Claims that touch in the same passage become one, so that they share a citation."""
    merged: list[Claim] = []
    for claim in claims:
        last = merged[-1] if merged else None
        if (
            last
            and last.passage.id == claim.passage.id
            and last.end <= claim.start
            and not claim.under
            and touch(claim.passage, last.units[-1], claim.units[0])
        ):
            merged[-1] = replace(last, units=last.units + claim.units)
            continue
        merged.append(claim)
    return merged
