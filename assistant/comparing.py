"""The table of a comparison: which quotes speak of which side (see sides.py for what a question compares)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from assistant.choosing import Claim, asks_for_code, choose, merge
from assistant.defining import gains
from assistant.layout import NOT_STATED, Comparison, Part, Quotes, Words
from assistant.names import Entity
from assistant.query import Query
from assistant.sections import Sections
from assistant.sides import Side, asks_more, aspect_of
from index.chunk import plain_markdown
from index.passages import Hit, Passage, Unit
from index.terms import terms

_CELL_WORDS, _CELL_MOST = 45, 70
"""About how many words a cell has, and how many at most."""
_UNDER_ITS_NAME = 1.5
"""What a unit gains, in log odds, where it stands under a heading that is the side's name."""
_CELL_MARGIN = 1.5
"""How far behind its best, in log odds, a cell's other quotes may be."""
_WHAT = "What it is"
_FIXED = (_WHAT, "Best for")
"""Rows that keep their quotes. The others are said where the sides are compared as such; where something is asked of them,
its row may take what it needs of the others."""


class Sided:
    """Which passages and units speak of which side."""

    def __init__(
        self, sides: Sequence[Side], entities: Sequence[Entity], is_about: Callable[[Entity, Passage], bool]
    ) -> None:
        self.sides = sides
        self._is_about = is_about
        of_all = {term for entity in entities for term in terms(entity.mention)}  # all pages that count have those
        self._tells = {side: _wholes(self._own_words(side) or side.words) for side in sides}
        self._tells = {side: words - of_all or words for side, words in self._tells.items()}

    def units(self, side: Side, passage: Passage) -> list[bool]:
        """For each unit of a passage whether it may stand in a side's column."""
        headed = set(terms(" ".join((*passage.headings, passage.title))))
        if side.entity:
            return [self._is_about(side.entity, passage)] * len(passage.units)
        return [
            self._leads(side, plain_markdown(passage.words(u)))
            or (
                not any(self._leads(other, plain_markdown(passage.words(u))) for other in self.sides)
                and self._speaks(
                    side,
                    set(terms(plain_markdown(passage.words(u)))),
                    set(terms(passage.headings[-1])) if passage.headings else set(),
                    headed,
                )
            )
            for u in passage.units
        ]

    def is_headed(self, side: Side, passage: Passage) -> bool:
        """Whether a passage stands under a heading that is the side's name, give or take a word: "Map State"."""
        heading = set(terms(passage.headings[-1])) if passage.headings else set()
        return side.words <= heading and len(heading) <= len(side.words) + 1

    def _own_words(self, side: Side) -> frozenset[str]:
        return side.words.difference(*(other.words for other in self.sides if other is not side))

    def _leads(self, side: Side, words: str) -> bool:
        """Whether a unit begins with a side's name: "Spans: …"."""
        named = set(terms(" ".join(words.split()[: len(side.words) + 1])))
        return side.words <= named and not any(
            other.words <= named or (other.words > side.words and (other.words - side.words) & named)
            for other in self.sides
            if other is not side
        )

    def _speaks(self, side: Side, said: set[str], heading: set[str], headed: set[str]) -> bool:
        # A heading that names several sides doesn't tell whose words these are.
        headings_tell = sum(bool(own := self._own_words(one)) and own <= heading for one in self.sides) < 2
        here = said | heading if headings_tell else said
        if any(other is not side and other.words <= heading and not side.words <= heading for other in self.sides):
            return False
        tells = self._tells[side]
        only = tells <= headed and not any(self._tells[other] <= headed for other in self.sides if other is not side)
        if not (only or tells & here) or not tells <= here | headed:
            return False
        for other in self.sides:
            if other is side:
                continue
            more_specific = other.words > side.words and bool((other.words - side.words) & here)
            names_both = bool(other.words - side.words) and (other.words - side.words) <= said and side.words <= said
            if more_specific or (names_both and not side.words <= heading):
                return False
        return True


def compare(
    query: Query,
    hits: Sequence[Hit],
    scores: Sequence[Sequence[Sequence[float]]],
    sides: Sequence[Side],
    sections: Sections,
    is_about: Callable[[Entity, Passage], bool],
) -> list[Part]:
    """A table whose every cell is quotes or says that the sources don't say; blocks under headings where a cell would
    hold code. Empty where no side has anything. `scores` has for each side what the hits' units have for it."""
    aspect = aspect_of(query, sides)
    kept = _about_entities(query, sides, hits, is_about)
    hits = [hits[at] for at in kept]
    scores = [[rows[at] for at in kept] for rows in scores]
    sides = _with_kind(sides, hits)
    sided = Sided(sides, query.entities, is_about)
    described = [
        _described(side, sections) or _defined(side, sided, hits, own) for side, own in zip(sides, scores, strict=True)
    ]
    rows: list[tuple[str, tuple[tuple[Claim, ...], ...]]] = []
    labels = list(dict.fromkeys(label for own in described for label in own))
    asked_of_them = bool(aspect) or asks_more(query, sides)
    if asked_of_them or any(len(own) < 2 for own in described):
        asked = []
        for at, (side, own) in enumerate(zip(sides, described, strict=True)):
            asked.append(
                _cell(side, sided, hits, scores[at], _ends({label: own[label] for label in own if label in _FIXED}))
            )
            described[at] = _without(own, _ends({"": asked[-1]}))
        rows.append((_as_written(aspect, hits) or "What the sources say", tuple(asked)))
    rows += [
        (label, tuple(own.get(label, ()) for own in described))
        for label in labels
        if label in _FIXED or not asked_of_them
    ]
    rows = [row for row in rows if any(row[1])]
    if not asked_of_them:
        rows.sort(key=lambda row: row[0] != _WHAT)  # nobody compares what he doesn't know
    if any(side.entity is None and not any(row[at] for _, row in rows) for at, side in enumerate(sides)):
        return []  # the question was read wrong, or one of the two is nowhere
    if not any(cells for _, row in rows for cells in row):
        return []
    names = tuple(side.name if side.entity else _as_written(side.name, hits) for side in sides)
    if any(unit.kind == "code" for _, row in rows for cell in row for claim in cell for unit in claim.units):
        if not any(side.entity for side in sides) and not asks_for_code(query.own):
            return []  # it shows both and says nothing of them
        parts: list[Part] = []
        for at, name in enumerate(names):
            claims = tuple(claim for _, row in rows for claim in row[at])
            parts += [Words(f"### {name}"), Quotes(claims) if claims else Words(NOT_STATED)]
        return parts
    return [Comparison(names, tuple(rows))]


def _cell(
    side: Side, sided: Sided, hits: Sequence[Hit], scores: Sequence[Sequence[float]], said: set[tuple[str, int]]
) -> tuple[Claim, ...]:
    """The best that the hits say of a side, without what another row says."""
    own_hits: list[Hit] = []
    own_scores: list[list[float]] = []
    for hit, row in zip(hits, scores, strict=True):
        may = [
            ok and (hit.passage.url, unit.end) not in said
            for ok, unit in zip(sided.units(side, hit.passage), hit.passage.units, strict=True)
        ]
        if any(may):
            ahead = _UNDER_ITS_NAME * sided.is_headed(side, hit.passage)
            own_hits.append(hit)
            own_scores.append([score + ahead if ok else float("-inf") for score, ok in zip(row, may, strict=True)])
    chosen = choose(own_hits, own_scores, "compare", _CELL_WORDS, most=_CELL_MOST, margin=_CELL_MARGIN)
    if not chosen:
        chosen = choose(own_hits, own_scores, "how", _CELL_WORDS, margin=_CELL_MARGIN)  # code is all that there is
    return tuple(
        claim
        for claim in merge([replace(claim, under="") for claim in chosen])
        if not {(claim.passage.url, unit.end) for unit in claim.units} & said
    )


def _without(own: Mapping[str, tuple[Claim, ...]], said: set[tuple[str, int]]) -> dict[str, tuple[Claim, ...]]:
    """Rows without the units that another row has."""
    left: dict[str, tuple[Claim, ...]] = {}
    for label, claims in own.items():
        units = [
            Claim(claim.passage, (unit,))
            for claim in claims
            for unit in claim.units
            if (claim.passage.url, unit.end) not in said
        ]
        if units:
            left[label] = tuple(merge(units))
    return left or dict(own)


def _ends(own: Mapping[str, Sequence[Claim]]) -> set[tuple[str, int]]:
    return {(claim.passage.url, unit.end) for cell in own.values() for claim in cell for unit in claim.units}


def _about_entities(
    query: Query, sides: Sequence[Side], hits: Sequence[Hit], is_about: Callable[[Entity, Passage], bool]
) -> list[int]:
    """Which hits count: where the sides are parts of one thing that the question names ("open or half-open circuit
    breaker"), those about it."""
    own = [at for at, hit in enumerate(hits) if any(is_about(entity, hit.passage) for entity in query.entities)]
    return own if own and not any(side.entity for side in sides) else list(range(len(hits)))


def _defined(
    side: Side, sided: Sided, hits: Sequence[Hit], scores: Sequence[Sequence[float]]
) -> dict[str, tuple[Claim, ...]]:
    """The best sentence that begins "The side is …"."""
    found = [
        (score + gain, -at, hit.passage, unit)
        for at, (hit, row) in enumerate(zip(hits, scores, strict=True))
        for unit, score, gain, ok in zip(
            hit.passage.units, row, gains([side.name], hit), sided.units(side, hit.passage), strict=True
        )
        if ok and gain and score > float("-inf")
    ]
    if not found:
        return {}
    best = max(found, key=lambda one: one[:2])
    return {_WHAT: (Claim(best[2], (best[3],)),)}


def _described(side: Side, sections: Sections) -> dict[str, tuple[Claim, ...]]:
    """What the documents' section of a side says, by label: its definition, "Best For", "Key Features" …"""
    if side.entity is None:
        return {}
    found: dict[str, list[Claim]] = {}
    for url in sections.documents():
        for passage in sections.of_document(url, side.entity.anchor):
            label = ""
            run: list[Unit] = []
            for unit in [*passage.units, None]:
                words = passage.words(unit) if unit else ""
                inline = re.match(r"\*\*([^*:]+):\*\*\s+\S", words)
                if unit is not None and unit.kind == "item" and label:
                    run.append(unit)
                    continue
                if run and label:
                    found.setdefault(_capital(label), []).append(Claim(passage, tuple(run)))
                run, label = [], ""
                if unit is None:
                    break
                if unit.kind == "label":
                    title = words.strip("*: ")
                    label = "" if "resources" in title.lower() else title
                elif inline:
                    rest = replace(unit, start=unit.start + inline.end() - 1)  # the row says the label
                    found.setdefault(_capital(inline[1]), []).append(Claim(passage, (rest,)))
                elif unit.kind == "sentence" and not found:
                    found[_WHAT] = [Claim(passage, (unit,))]
    return {label: tuple(claims) for label, claims in found.items()}


def _with_kind(sides: Sequence[Side], hits: Sequence[Hit]) -> list[Side]:
    """The sides, the shorter with the last word of the longer where the texts call it so: "classic vs quorum queues"."""
    longest = max(sides, key=lambda side: len(side.name.split()))
    kind = longest.name.split()[-1]
    texts = ["\n".join((*hit.passage.headings, hit.passage.text)) for hit in hits]

    def called(side: Side) -> Side:
        name = f"{side.name} {kind}"
        short = side.entity is None and len(side.name.split()) < len(longest.name.split()) and kind not in side.name
        return Side(name, frozenset(terms(name))) if short and any(_written(name, text) for text in texts) else side

    return [called(side) for side in sides] if longest.entity is None and kind.isalpha() else list(sides)


def _as_written(words: str, hits: Sequence[Hit]) -> str:
    """Words of the question as headings or texts write them, or else each word as they do most often; a question in other
    capitals has the same answer."""
    texts = [*("\n".join(hit.passage.headings) for hit in hits), *(hit.passage.text for hit in hits)]
    found = next((one for one in (_written(words, text) for text in texts) if one), [""])[0]
    if not found:

        def most_often(word: re.Match[str]) -> str:
            within = rf"(?<=\w ){re.escape(word.group())}(?!\w)"  # what begins a line has a capital, whatever it is
            forms: Counter[str] = Counter(form for text in texts for form in re.findall(within, text, re.IGNORECASE))
            if forms:
                return forms.most_common(1)[0][0]
            form = next((form for text in texts for form in _written(word.group(), text)), word.group())
            return form.lower() if form.istitle() else form

        found = re.sub(r"\w+", most_often, words.lower())
    first = found.split(" ")[0]
    return found[:1].upper() + found[1:] if first.isalpha() and first.islower() else found


def _written(words: str, text: str) -> list[str]:
    return re.findall(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE)


def _wholes(words: frozenset[str]) -> frozenset[str]:
    """Without the parts of compounds: of "resultpath", "result" and "path" the first."""
    return frozenset(word for word in words if not any(word != other and word in other for other in words))


def _capital(words: str) -> str:
    """ "Best For" -> "Best for"; names and codes keep their capitals."""
    first, *rest = words.split(" ")
    return " ".join([first[:1].upper() + first[1:], *(word.lower() if word.istitle() else word for word in rest)])
