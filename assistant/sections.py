"""A passage with what it goes on into: lists, tables and code that the chunker had to cut are read on from the index."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from index.passages import Hit, Passage, Unit
from index.store import Index

_FURTHER = 6
"""Passages that are read on at most, to either side: about 1,500 tokens."""
_PARTS = ("item", "row", "code")
_BACK = re.compile(r"^(it|its|they|their|this|that|these|those|such)\b", re.IGNORECASE)


class Sections:
    """Reads on from passages of one index."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def widen(self, hits: Sequence[Hit], scores: Sequence[Sequence[float]]) -> tuple[list[Hit], list[list[float]]]:
        """The hits, each with its section's neighbouring passages where something goes on over its edge; hits that came
        to stand in one passage are one. Units that had no score get minus infinity: they are said with others only.
        """
        wide: list[Hit] = []
        rows: list[dict[int, float]] = []
        for hit, row in zip(hits, scores, strict=True):
            own = dict(zip((unit.start for unit in hit.passage.units), row, strict=True))
            inside = next((at for at, one in enumerate(wide) if _holds(one.passage, hit.passage)), None)
            if inside is not None:
                rows[inside].update(own)
                continue
            wide.append(replace(hit, passage=self._widened(hit.passage)))
            rows.append(own)
        return wide, [
            [row.get(unit.start, float("-inf")) for unit in hit.passage.units]
            for hit, row in zip(wide, rows, strict=True)
        ]

    def of_document(self, url: str, anchor: str) -> list[Passage]:
        """The passages of a document's section, in page order."""
        texts = self._index.texts
        rows = texts.rows_of(url)
        places = texts.places(rows)
        return self._index.passages([row for row, place in zip(rows, places, strict=True) if place.anchor == anchor])

    def documents(self) -> list[str]:
        """The addresses of the documents."""
        return self._index.texts.urls("document")

    def _widened(self, passage: Passage) -> Passage:
        if not (_goes_on(passage) or _came_from(passage)):
            return passage
        rows = self._index.texts.rows_of(passage.url)
        places = self._index.texts.places(rows)
        same = [
            row
            for row, place in zip(rows, places, strict=True)
            if (place.anchor, place.headings) == (passage.anchor, passage.headings)
        ]
        if len(same) < 2:
            return passage
        section = self._index.passages(same)
        at = next((number for number, one in enumerate(section) if one.id == passage.id), None)
        if at is None:
            return passage
        first = last = at
        while first > 0 and at - first < _FURTHER and _came_from(section[first]):
            first -= 1
        while last + 1 < len(section) and last - at < _FURTHER and _goes_on(section[last], section[last + 1]):
            last += 1
        if first == last:
            return passage
        parts = section[first : last + 1]
        start, end = parts[0].start, parts[-1].end
        units: list[Unit] = [unit for part in parts for unit in part.units]
        text = self._index.page(passage.url).text[start:end]
        return replace(passage, start=start, end=end, text=text, units=tuple(units))


def _goes_on(passage: Passage, following: Passage | None = None) -> bool:
    """Whether a list, a table, a code block, or what a "…:" introduces, runs over a passage's end."""
    last = passage.units[-1]
    if following is not None and last.kind in _PARTS:
        return following.units[0].kind == last.kind
    return last.kind in (*_PARTS, "label", "term") or passage.words(last).rstrip().endswith(":")


def _came_from(passage: Passage) -> bool:
    """Whether a passage begins in the middle of something."""
    first = passage.units[0]
    return first.kind in _PARTS or (first.kind == "sentence" and bool(_BACK.match(passage.words(first))))


def _holds(wide: Passage, passage: Passage) -> bool:
    return wide.url == passage.url and wide.start <= passage.start and passage.end <= wide.end
