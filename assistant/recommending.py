"""A recommendation: what the documents' best section recommends, with its reason and the runner-up."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.choosing import Claim, choose, merge
from assistant.layout import Part, Quotes, Words
from index.passages import Hit, Passage, Unit

_ELSEWHERE = 0.5
"""How far behind, in log odds, a recommendation may be of the best that the pages say."""


def recommendation(hits: Sequence[Hit], scores: Sequence[Sequence[float]], rarity: dict[str, float]) -> list[Part]:
    """What the documents' best section recommends, why, and the runner-up; empty where no section says what it suits."""
    found = [
        (max(row), at)
        for at, (hit, row) in enumerate(zip(hits, scores, strict=True))
        if hit.passage.source == "document" and _suits(hit.passage) is not None
    ]
    if not found:
        return []
    found.sort(key=lambda pair: (-pair[0], pair[1]))
    best, at = found[0]
    if at and best < max(max(row) for row in scores) - _ELSEWHERE:
        return []  # a page answers better, and the search has it first
    passage = hits[at].passage
    wanted = {unit.start for unit in (_names(passage), _suits(passage)) if unit}
    chosen = choose([hits[at]], [scores[at]], "recommend", rarity=rarity)
    wanted |= {unit.start for claim in chosen for unit in claim.units}
    parts: list[Part] = []
    if _names(passage) is None:
        parts.append(Words(f"**{passage.headings[-1]}**"))
    parts.append(Quotes(_ranges(passage, wanted)))
    same = _label(passage)
    for second in (hits[other].passage for _, other in found[1:] if _label(hits[other].passage) == same):
        suits = _suits(second)
        units = {unit.start for unit in (suits, *_list_below(second, suits)) if unit} if suits else set()
        parts += [Words(f"**Runner-up: {second.headings[-1]}**"), Quotes(_ranges(second, units))]
        break
    return parts


def _label(passage: Passage) -> str:
    """What a section calls that which it suits: only sections that say it alike are rivals."""
    suits = _suits(passage)
    found = _SUITS.match(passage.words(suits)) if suits else None
    return found[1].lower() if found else ""


_SUITS = re.compile(r"^\**(best for|use when|use cases?|use it when|when to use|choose)\b", re.IGNORECASE)


def _suits(passage: Passage) -> Unit | None:
    """The unit that says what a section's subject is for: "Best For: …", or the label of such a list."""
    return next((unit for unit in passage.units if _SUITS.match(passage.words(unit))), None)


def _names(passage: Passage) -> Unit | None:
    """The unit that says what a section's subject is: its first, if that is a sentence."""
    first = passage.units[0]
    return first if first.kind == "sentence" and not passage.words(first).startswith("**") else None


def _list_below(passage: Passage, label: Unit) -> list[Unit]:
    below: list[Unit] = []
    if label.kind != "label":
        return below
    for unit in passage.units[passage.units.index(label) + 1 :]:
        if unit.kind != "item":
            break
        below.append(unit)
    return below


def _ranges(passage: Passage, starts: set[int]) -> tuple[Claim, ...]:
    """Units of a passage as claims, neighbours together."""
    return tuple(merge([Claim(passage, (unit,)) for unit in passage.units if unit.start in starts]))
