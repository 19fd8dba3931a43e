"""A cleaned HTML tree as text with sections and blocks: what a reader sees, in order.

White space is collapsed as a browser does it, code is kept as it is, a line a block. What of the page is content, and
what is furniture, has been decided before (`corpus.cleaning`). Style sheets are not applied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from corpus.inline import INLINE, Run, code_text, is_code, language_of, one_line
from corpus.pages import Block, BlockKind, Section

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BOLD = frozenset(("b", "strong"))
_LABEL_CLASSES = frozenset(("admonition-title", "topic-title", "sidebar-title", "rubric"))
_LABEL_LENGTH = 100  # a longer bold paragraph is prose that someone set in bold
_DEFINITION_LEVEL = 10  # below every heading; a nested definition (a method of a class) is one deeper


@dataclass
class _Open:
    """A section being written."""

    anchor: str | None
    headings: tuple[str, ...]
    start: int
    blocks: list[Block] = field(default_factory=list)
    end: int = 0


@dataclass(frozen=True)
class _Level:
    level: int
    title: str
    anchor: str | None


class Renderer:
    """Walks a tree once and holds what came of it: `text` and `sections`."""

    def __init__(self, anchors: dict[Any, str]) -> None:
        """`anchors` gives headings and definition terms (elements) their anchors."""
        self._anchors = anchors
        self._lines: list[str] = []
        self._length = 0
        self._run = Run()
        self._done: list[_Open] = []
        self._open: _Open | None = None
        self._path: list[_Level] = []
        self._items: list[list[Any]] = []  # open li, dt and dd: [tag, its first words are still to come]
        self._label = 0  # open elements whose text is a label
        self._bold = 0
        self._definitions = 0  # open dl

    @property
    def text(self) -> str:
        """The whole text, a line a block."""
        return "\n".join(self._lines)

    @property
    def sections(self) -> tuple[Section, ...]:
        """The sections in page order; those without a heading of their own go on with the one around them."""
        return tuple(
            Section(part.anchor, part.headings, part.start, part.end, tuple(part.blocks)) for part in self._done
        )

    def render(self, root: Any) -> Renderer:
        """Walk the tree; call it once."""
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if event == "start":
                if self._start(element):
                    self._run.add(element.text or "", self._bold > 0)
                else:
                    walk.skip_subtree()
            else:
                self._end(element)
                if element is not root:
                    self._run.add(element.tail or "", self._bold > 0)
        self._flush()
        self._close()
        return self

    def _start(self, element: Any) -> bool:
        """Enter an element; False where its content has been dealt with here."""
        tag = element.tag
        if tag == "br":
            if self._run.at_line_start():
                self._flush()  # an empty line: what follows is a paragraph of its own
            else:
                self._run.line_break()
            return True
        if tag in INLINE:
            if is_code(element):
                self._run.enter_code()
            self._bold += tag in _BOLD
            return True
        self._flush()
        if tag == "pre":
            self._block("code", code_text(element), depth=len(self._items), language=language_of(element))
            return False
        if tag == "table" and not _is_layout(element):
            self._table(element)
            return False
        if tag in ("li", "dt", "dd"):
            if tag == "dt" and element in self._anchors:
                self._items.append(["section", False])
            else:
                defines = tag == "dd" and self._items_hold_definition()
                self._items.append(["section" if defines else tag, tag != "dd"])
        elif tag == "dl":
            self._definitions += 1
        elif _is_label(element):
            self._label += 1
        return True

    def _end(self, element: Any) -> None:
        tag = element.tag
        if tag in INLINE:
            if is_code(element):
                self._run.leave_code()
            self._bold -= tag in _BOLD
            return
        if tag in ("pre", "br"):
            return
        if tag in _HEADINGS:
            self._heading(_HEADINGS[tag], element)
            return
        if tag == "dt" and element in self._anchors:
            self._items.pop()
            self._heading(_DEFINITION_LEVEL + self._definitions, element)
            return
        self._flush()
        if tag in ("li", "dt", "dd"):
            self._items.pop()
        elif tag == "dl":
            self._definitions -= 1
            self._leave_definitions()
        elif tag != "table" and _is_label(element):
            self._label -= 1

    def _items_hold_definition(self) -> bool:
        """Whether the dd that starts belongs to a term that has a section: its text is not indented then."""
        return bool(self._path) and self._path[-1].level == _DEFINITION_LEVEL + self._definitions

    def _leave_definitions(self) -> None:
        while self._path and self._path[-1].level > _DEFINITION_LEVEL + self._definitions:
            self._path.pop()
            self._close()

    def _depth(self) -> int:
        return sum(1 for tag, _ in self._items if tag != "section")

    def _flush(self) -> None:
        """End the inline text collected so far: it becomes a block."""
        text, code, bold = self._run.take()
        if not text:
            return
        kind: BlockKind = "paragraph"
        depth = self._depth()
        if self._items and self._items[-1][1]:
            self._items[-1][1] = False
            kind = "term" if self._items[-1][0] == "dt" else "item"
            depth -= 1
        elif self._label or (bold and len(text) <= _LABEL_LENGTH and not text.endswith(".")):
            kind = "label"
        self._block(kind, text, depth=depth, code=code)

    def _heading(self, level: int, element: Any) -> None:
        title, _, _ = self._run.take()
        title = title.replace("\n", " ")
        if not title:
            return
        self._close()
        anchor = self._anchors.get(element)
        self._path = [outer for outer in self._path if outer.level < level] + [_Level(level, title, anchor)]
        self._open = _Open(anchor, tuple(outer.title for outer in self._path), self._length)
        self._write(title)

    def _block(
        self,
        kind: BlockKind,
        text: str,
        *,
        depth: int = 0,
        language: str = "",
        header: bool = False,
        code: tuple[tuple[int, int], ...] = (),
    ) -> None:
        if not text.strip():
            return
        if self._open is None:
            headings = tuple(outer.title for outer in self._path)
            self._open = _Open(self._path[-1].anchor if self._path else None, headings, self._length)
        start = self._length
        self._write(text)
        ranges = tuple((start + first, start + last) for first, last in code)
        self._open.blocks.append(Block(kind, start, start + len(text), depth, language, header, ranges))

    def _write(self, text: str) -> None:
        if self._open is not None:
            self._open.end = self._length + len(text)
        self._lines.append(text)
        self._length += len(text) + 1

    def _close(self) -> None:
        if self._open is not None:
            self._done.append(self._open)
            self._open = None

    def _table(self, table: Any) -> None:
        for caption in table.iterchildren("caption"):
            self._block("label", "".join(_cell(caption)[0]), depth=self._depth())
        for row in table.iter("tr"):
            cells = list(row.iterchildren("td", "th"))
            header = row.getparent().tag == "thead" or (len(cells) > 1 and all(cell.tag == "th" for cell in cells))
            text, ranges = "", []
            for number, cell in enumerate(cells):
                words, code = _cell(cell)
                text += "\t" if number else ""
                ranges += [(len(text) + first, len(text) + last) for first, last in code]
                text += words
            self._block("row", text.rstrip("\t"), depth=self._depth(), header=header, code=tuple(ranges))


def _cell(cell: Any) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A cell's text on one line: its blocks are separated by a space."""
    run = Run()
    for event, element in etree.iterwalk(cell, events=("start", "end")):
        if element is not cell:
            if element.tag not in INLINE:
                run.space = True
            elif is_code(element):
                run.enter_code() if event == "start" else run.leave_code()
        run.add((element.text if event == "start" else element.tail if element is not cell else "") or "")
    text, code, _ = run.take()
    return text, code


def _is_layout(table: Any) -> bool:
    """Whether a table arranges blocks rather than data: its cells hold code blocks, tables, headings or long lists."""
    blocks = table.iter("pre", "table", "ul", "ol", "dl", *_HEADINGS)
    inner = [element for element in blocks if element is not table]
    if any(element.tag in ("pre", "table", "dl", *_HEADINGS) for element in inner):
        return True
    return table.get("role") == "presentation" or any(len(one_line("".join(e.itertext()))) > 400 for e in inner)


def _is_label(element: Any) -> bool:
    return element.tag in ("summary", "legend") or not _LABEL_CLASSES.isdisjoint((element.get("class") or "").split())
