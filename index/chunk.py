"""Sections of a page to passages: whole units, packed in order to sizes that the embedder reads in full.

A passage never crosses a section and never cuts a sentence, a list item, a table row or a line of code. Passages don't
overlap: what stands before and after one can be read from the stored page.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from corpus.pages import Block, Page, Section
from index.passages import Passage, Unit, UnitKind
from index.sentences import sentence_ranges

CountTokens = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True)
class Sizes:
    """Tokens of a passage. A section of at most `most` tokens is one passage, and a unit of more stays whole."""

    least: int = 120  # fewer only where the section leaves no choice
    most: int = 250  # MiniLM reads 256 with its two special tokens

    version: int = 1  # raise it when the same page gives other passages than before

    @property
    def aim(self) -> float:
        """The size that passages of a long section come near to."""
        return (self.least + self.most) / 2


@dataclass(frozen=True)
class _Sized:
    unit: Unit
    tokens: int
    leads: bool  # it introduces what follows and should stand with it


def passages_of(page: Page, count_tokens: CountTokens, sizes: Sizes = Sizes()) -> list[Passage]:
    """The passages of a page in page order. A section without words gives none."""
    passages: list[Passage] = []
    whole = [_units(page, section) for section in page.sections]
    counts = iter(count_tokens([spoken(page, unit.start, unit.end) for units in whole for unit in units]))
    for section, units in zip(page.sections, whole, strict=True):
        sized = [_Sized(unit, next(counts), _leads(page.text, unit)) for unit in units]
        parts = [part for item in sized for part in _parts(page, item, count_tokens, sizes)]
        for first, last in _pack(parts, sizes, _loose(parts)):
            passages.append(_passage(page, section, [part.unit for part in parts[first:last]]))
    return passages


def spoken(page: Page, start: int, end: int) -> str:
    """What a reader would say of `page.text[start:end]`: of a document's Markdown, the words without its marks."""
    text = page.text[start:end]
    return plain_markdown(text) if page.source == "document" else text


_LINK = re.compile(
    r"!?\[((?:[^\[\]]|\[[^\[\]]*\])*)\](?:\([^()\s]*(?:\([^()]*\)[^()\s]*)?(?:\s+\"[^\"]*\")?\)|\[[^\[\]]*\])"
)
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3}|_{1,3})(?=\S)(.+?)(?<=\S)\1(?![\w*])", re.DOTALL)


def plain_markdown(text: str) -> str:
    """Inline Markdown without link targets, emphasis and code marks; not for offsets."""
    if "[" in text:
        text = _LINK.sub(r"\1", text)
    if "*" in text or "_" in text:
        text = _EMPHASIS.sub(r"\2", text)
        text = _EMPHASIS.sub(r"\2", text)
    return text.replace("`", "")


def body(passage: Passage) -> str:
    """The passage's words as they are searched."""
    return _body(passage)[0]


def embedded(passage: Passage) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text that is embedded for a passage, and its spans: the body, the headings, then the passage's units."""
    path = list(passage.headings)
    if passage.title and passage.title not in path:
        path.insert(0, passage.title)
    head = " > ".join(path)
    words, units = _body(passage)
    at = len(head) + 1
    spans = ((at, at + len(words)), (0, len(head)), *((at + start, at + end) for start, end in units))
    return f"{head}\n{words}", spans


def _body(passage: Passage) -> tuple[str, list[tuple[int, int]]]:
    """The passage's words without Markdown's marks, and where in them its units stand."""
    pieces: list[str] = []
    units: list[tuple[int, int]] = []
    length, position = 0, passage.start
    for unit in passage.units:
        words = passage.words(unit)
        between = passage.text[position - passage.start : unit.start - passage.start]
        pieces += [between, plain_markdown(words) if passage.source == "document" else words]
        length += len(between)
        units.append((length, length + len(pieces[-1])))
        length, position = units[-1][1], unit.end
    return "".join(pieces), units


def _units(page: Page, section: Section) -> list[Unit]:
    units: list[Unit] = []
    for number, block in enumerate(section.blocks):
        if not page.text[block.start : block.end].strip():
            continue
        if block.kind == "paragraph":
            ranges = sentence_ranges(page.text, block.start, block.end, block.inline_code)
            units.extend(_unit("sentence", block, start, end, number) for start, end in ranges)
        else:
            units.append(_unit(block.kind, block, block.start, block.end, number))
    return units


def _unit(kind: UnitKind, block: Block, start: int, end: int, number: int) -> Unit:
    code = tuple((low, high) for low, high in block.inline_code if start <= low and high <= end)
    return Unit(kind, start, end, number, block.depth, block.language, block.header, code)


def _leads(text: str, unit: Unit) -> bool:
    return unit.kind in ("label", "term") or unit.header or text[unit.start : unit.end].rstrip("*_` ").endswith(":")


def _parts(page: Page, item: _Sized, count_tokens: CountTokens, sizes: Sizes) -> Iterator[_Sized]:
    """The item itself, or where it is too long: a code block in runs of lines, a list item in sentences."""
    unit, text = item.unit, page.text
    if item.tokens <= sizes.most or unit.kind not in ("code", "item"):
        yield item
        return
    if unit.kind == "code":
        pieces = [(found.start(), found.end()) for found in _LINE.finditer(text, unit.start, unit.end)]
    else:
        pieces = sentence_ranges(text, unit.start, unit.end, unit.inline_code)
    kind: UnitKind = "code" if unit.kind == "code" else "sentence"
    block = Block(unit.kind, unit.start, unit.end, unit.depth, unit.language, unit.header, unit.inline_code)
    counts = count_tokens([spoken(page, start, end) for start, end in pieces])
    sized = [
        _Sized(_unit(kind, block, start, end, unit.block), tokens, False)
        for (start, end), tokens in zip(pieces, counts, strict=True)
    ]
    if kind == "sentence":
        yield from sized
        return
    blank = [text[low:high].count("\n") > 1 for (_, low), (high, _) in pairwise(pieces)]
    for first, last in _pack(sized, sizes, [0.0 if empty else 0.3 for empty in blank]):
        start, end = sized[first].unit.start, sized[last - 1].unit.end
        tokens = sum(part.tokens for part in sized[first:last])
        yield _Sized(_unit("code", block, start, end, unit.block), tokens, item.leads)


_LINE = re.compile(r"[^\n]*\S[^\n]*")  # of code: every line that isn't blank


def _loose(parts: Sequence[_Sized]) -> list[float]:
    """What it costs to break behind each part but the last: least between blocks, most behind a lead-in."""
    costs = []
    for one, other in pairwise(parts):
        if one.leads and other.unit.depth >= one.unit.depth:
            costs.append(3.0)
        elif one.unit.block == other.unit.block:
            costs.append(0.3)
        else:
            costs.append(0.1 if one.unit.kind == other.unit.kind != "sentence" else 0.0)
    return costs


def _pack(parts: Sequence[_Sized], sizes: Sizes, loose: Sequence[float]) -> list[tuple[int, int]]:
    """The cheapest way to cut the parts into runs of at most `sizes.most` tokens, as index ranges.

    A run costs the square of its distance from the aim, four times that below the least: so the runs of a long section
    come out even, without a small rest at its end.
    """
    ends = [0, *accumulate(part.tokens for part in parts)]
    if not parts or ends[-1] <= sizes.most:
        return [(0, len(parts))] if parts else []
    best: list[tuple[float, int]] = [(0.0, 0)]  # for each number of parts: the cost, and where its last run starts
    for last in range(1, len(parts) + 1):
        lowest = bisect_right(ends, ends[last] - sizes.most - 1)
        options = []
        for first in range(min(lowest, last - 1), last):
            tokens = ends[last] - ends[first]
            cost = ((tokens - sizes.aim) / sizes.aim) ** 2 if tokens <= sizes.most else 1.0
            if tokens < sizes.least:
                cost *= 4
            options.append((best[first][0] + cost + (loose[first - 1] if first else 0.0), first))
        best.append(min(options))
    runs = []
    last = len(parts)
    while last:
        first = best[last][1]
        runs.append((first, last))
        last = first
    return runs[::-1]


def _passage(page: Page, section: Section, units: Sequence[Unit]) -> Passage:
    start, end = units[0].start, units[-1].end
    text = page.text[start:end]
    place = "\0".join((page.url, section.anchor or "", str(start), str(end), text))
    return Passage(
        id=hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest()[:16],
        url=page.url,
        anchor=section.anchor,
        title=page.title,
        headings=section.headings,
        start=start,
        end=end,
        text=text,
        units=tuple(units),
        source=page.source,
        fetched_at=page.fetched_at,
        resources=section.resources if page.source == "document" else page.resources,
        aliases=page.aliases,
    )
