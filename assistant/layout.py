"""The look of an answer in Markdown: quotes one after the other, tables whose cells are quotes, our own headings.

Nothing is rewritten. What is added around a quote (bullets, fences, table bars, back-ticks around code) is layout only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.answers import Sentence
from assistant.choosing import Claim
from index.passages import Passage, Unit

NOT_STATED = "Not stated in the sources."


@dataclass(frozen=True)
class Quotes:
    """Claims, one after the other."""

    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Words:
    """A line of our own: a heading, a note. It states nothing of the sources."""

    text: str


@dataclass(frozen=True)
class Comparison:
    """A table: a column a side, a row an aspect. A cell without claims says so."""

    sides: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[Claim, ...], ...]], ...]


Part = Quotes | Words | Comparison


@dataclass(frozen=True)
class LaidOut:
    """The Markdown, its claims in order, and what citation number n quotes: `quoted[n - 1]`."""

    text: str
    sentences: tuple[Sentence, ...]
    quoted: tuple[Claim, ...]


def lay_out(parts: Sequence[Part]) -> LaidOut:
    """Numbers the claims as they come; the same range of a page has one number."""
    numbers: dict[tuple[str, int, int], int] = {}
    quoted: list[Claim] = []
    sentences: list[Sentence] = []
    blocks: list[str] = []

    def number_of(claim: Claim) -> int:
        key = (claim.passage.url, claim.start, claim.end)
        if key not in numbers:
            numbers[key] = len(quoted) + 1
            quoted.append(claim)
        return numbers[key]

    for part in parts:
        if isinstance(part, Words):
            blocks.append(part.text)
        elif isinstance(part, Quotes):
            for before, claim in zip((None, *part.claims), part.claims, strict=False):
                own = _blocks(claim, number_of(claim), sentences)
                if before and not claim.under and _in_one_table(before, claim):
                    _, _, *rows = own.pop(0).split("\n")  # the table has a head already
                    blocks[-1] += "".join(f"\n{row}" for row in rows)
                blocks += [f"**{_plain(claim.under)}**"] if claim.under else []
                blocks += own
        else:
            lines = [_row(["", *(f"**{_plain(side)}**" for side in part.sides)]), "|" + "---|" * (1 + len(part.sides))]
            for aspect, cells in part.rows:
                lines.append(_row([f"**{_plain(aspect)}**", *(_cell(cell, number_of, sentences) for cell in cells)]))
            blocks.append("\n".join(lines))
    return LaidOut("\n\n".join(blocks), tuple(sentences), tuple(quoted))


def _blocks(claim: Claim, number: int, sentences: list[Sentence]) -> list[str]:
    """One claim as Markdown blocks."""
    marker = f" [{number}]"
    blocks: list[str] = []
    paragraph: list[str] = []
    table: list[str] = []
    previous: Unit | None = None
    for unit in claim.units:
        if paragraph and previous is not None and (unit.block != previous.block or unit.kind != "sentence"):
            blocks.append(" ".join(paragraph))
            paragraph = []
        if table and unit.kind != "row":
            blocks.append("\n".join(table))
            table = []
        words = in_markdown(claim.passage, unit)
        if unit.kind == "sentence":
            paragraph.append(words + marker)
        elif unit.kind in ("item", "term"):
            item = f"{'  ' * unit.depth}- {words}{marker}" if unit.kind == "item" else f"**{words}**{marker}"
            if previous is not None and previous.kind == "item" and unit.kind == "item" and blocks:
                blocks[-1] += "\n" + item
            else:
                blocks.append(item.lstrip())
        elif unit.kind == "row":
            cells = words.split("\t")
            if not table and not unit.header:
                head = _table(claim.passage, unit)[0]
                names = in_markdown(claim.passage, head).split("\t") if head.header else []
                fitting = names if len(names) == len(cells) else [""] * len(cells)
                table += [_row(fitting), "|" + "---|" * len(cells)]
            table.append(_row(cells, "" if unit.header else marker))
            if unit.header and len(table) == 1:
                table.append("|" + "---|" * len(cells))
        elif unit.kind == "code":
            blocks.append(f"{words}\n{marker.strip()}")
        else:
            blocks.append(words if words.startswith("**") else f"**{words}**")
        if unit.kind != "label" and not unit.header:
            sentences.append(Sentence(words, (number,)))
        previous = unit
    blocks += [" ".join(paragraph)] if paragraph else []
    blocks += ["\n".join(table)] if table else []
    return blocks


def _table(passage: Passage, row: Unit) -> list[Unit]:
    """The rows around a row."""
    units = passage.units
    first = last = units.index(row)
    while first > 0 and units[first - 1].kind == "row" and not units[first].header:
        first -= 1
    while last + 1 < len(units) and units[last + 1].kind == "row" and not units[last + 1].header:
        last += 1
    return list(units[first : last + 1])


def _in_one_table(before: Claim, claim: Claim) -> bool:
    """Whether a claim goes on in the table that the one before it ends in."""
    last, first = before.units[-1], claim.units[0]
    same = before.passage.id == claim.passage.id and last.kind == first.kind == "row" and not first.header
    return same and last in _table(claim.passage, first)


def _cell(claims: Sequence[Claim], number_of: Callable[[Claim], int], sentences: list[Sentence]) -> str:
    said: list[str] = []
    for claim in claims:
        number = number_of(claim)
        for unit in claim.units:
            words = in_markdown(claim.passage, unit)
            if unit.kind == "label" or unit.header:
                continue
            sentences.append(Sentence(words, (number,)))
            said.append(f"{words} [{number}]")
    return " · ".join(said) or NOT_STATED


def _row(cells: Sequence[str], marker: str = "") -> str:
    inside = [" ".join(cell.split()).replace("\\|", "|").replace("|", "\\|") for cell in cells]
    return "| " + " | ".join(inside) + f"{marker} |"


def in_markdown(passage: Passage, unit: Unit) -> str:
    """A unit's words as Markdown. A document's are Markdown already; a page's are plain text and must stay plain:
    code is fenced, inline code and anything that Markdown or HTML would take for markup goes into back-ticks.
    """
    words = passage.words(unit)
    if unit.kind == "code":
        body = _fence_body(words) if passage.source == "document" else words
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", body)), default=0))
        return f"{fence}{unit.language}\n{body.strip(chr(10))}\n{fence}"
    if passage.source == "document":
        return " ".join(words.split()) if unit.kind != "row" else words
    pieces: list[str] = []
    position = unit.start
    for start, end in sorted(unit.inline_code):
        if start < position or end > unit.end:
            continue
        pieces += [
            _plain(passage.text[position - passage.start : start - passage.start]),
            _ticked(passage.text[start - passage.start : end - passage.start]),
        ]
        position = end
    pieces.append(_plain(passage.text[position - passage.start : unit.end - passage.start]))
    text = "".join(pieces)
    return text if unit.kind == "row" else " ".join(text.split())


def _fence_body(words: str) -> str:
    lines = words.split("\n")
    return "\n".join(lines[1:-1]) if lines[0].lstrip().startswith(("```", "~~~")) and len(lines) > 2 else words


_MARKUP = re.compile(r"\S*(?:[<>\[\]`*~\\|#]|(?<!\w)_|_(?!\w)|&\w+;|!\[|https?://)\S*")


def _plain(text: str) -> str:
    """Words that Markdown would take for markup go into back-ticks; the words themselves stay as they are."""
    return _MARKUP.sub(lambda match: _ticked(match.group()), text)


def _ticked(code: str) -> str:
    if not code.strip():
        return code
    ticks = "`" * (1 + max((len(run) for run in re.findall(r"`+", code)), default=0))
    pad = " " if code.startswith("`") or code.endswith("`") else ""
    return f"{ticks}{pad}{code}{pad}{ticks}"
