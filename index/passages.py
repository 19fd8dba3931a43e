"""The nouns of the index: a unit (the smallest quotable piece), a passage, a hit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from corpus.pages import Resource, Source

UnitKind = Literal["sentence", "item", "code", "row", "term", "label"]


@dataclass(frozen=True)
class Unit:
    """The smallest piece of a page that an answer may quote: one sentence, list item, table row or code block.

    `start` and `end` are offsets into the page's text. `block` numbers the block it comes from within its passage's
    section, so that sentences of one paragraph can be told from the next paragraph's.
    """

    kind: UnitKind
    start: int
    end: int
    block: int
    depth: int = 0
    language: str = ""
    header: bool = False
    inline_code: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Passage:
    """A run of whole units of one section, about 120 to 250 tokens of the embedder; a short section is one passage.

    `text` is `page.text[start:end]`, so every unit's words are `text[unit.start - start : unit.end - start]`.
    """

    id: str  # stable: the same words at the same place of the same page have the same id in every build
    url: str
    anchor: str | None
    title: str  # the page's
    headings: tuple[str, ...]
    start: int
    end: int
    text: str
    units: tuple[Unit, ...]
    source: Source
    fetched_at: str | None = None
    resources: tuple[Resource, ...] = ()  # for a document: the links of its section; for a page: the links to it
    aliases: tuple[str, ...] = ()

    def words(self, unit: Unit) -> str:
        """The exact words of one of this passage's units."""
        return self.text[unit.start - self.start : unit.end - self.start]


@dataclass(frozen=True)
class Hit:
    """A passage that was found, with how well and by whom. `score` is comparable within one search only."""

    passage: Passage
    score: float
    found_by: tuple[str, ...]  # of "lexical", "dense", …
    signals: dict[str, float] = field(default_factory=dict)  # raw scores before fusion, by name

    def to_dict(self) -> dict[str, Any]:
        """The contract's JSON form of a hit."""
        return {
            "url": self.passage.url,
            "anchor": self.passage.anchor,
            "headings": list(self.passage.headings),
            "title": self.passage.title,
            "text": self.passage.text,
            "score": self.score,
            "found_by": list(self.found_by),
        }
