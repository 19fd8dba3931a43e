"""Passages written by hand: a unit a block, a line each."""

from __future__ import annotations

from dataclasses import replace

from assistant.choosing import Claim
from index.passages import Hit, Passage, Unit, UnitKind


def passage(
    *parts: tuple[UnitKind, str], source: str = "linked", id: str = "p", headings: tuple[str, ...] = ("T",)
) -> Passage:
    """A passage made of units, each a block of its own, a line each."""
    units, text = [], ""
    for number, (kind, words) in enumerate(parts):
        units.append(Unit(kind, len(text), len(text) + len(words), number))
        text += words + "\n"
    return Passage(
        id=id, url=f"https://example.org/{id}", anchor="a", title="T", headings=headings, start=0, end=len(text) - 1,
        text=text[:-1], units=tuple(units), source=source,  # type: ignore[arg-type]  # one of the three by construction
    )  # fmt: skip


def hit(passage: Passage, score: float = 1.0) -> Hit:
    return Hit(passage, score, ())


def one_block(passage: Passage) -> Passage:
    """The same passage as one paragraph."""
    return replace(passage, units=tuple(replace(unit, block=0) for unit in passage.units))


def said(chosen: list[Claim]) -> list[str]:
    return [claim.passage.words(unit) for claim in chosen for unit in claim.units]
