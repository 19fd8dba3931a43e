"""A Markdown document of ours as a `Page`: its sections, its blocks and the links that are its resources.

The page's text is the file itself, so every range of a block is a verbatim range of the file: inline Markdown stays in
it, bullets and code fences stay out. Bare addresses that Markdown doesn't make a link of are not taken as resources.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

from corpus.pages import Block, BlockKind, Page, Resource, Section, document_address, page_digest

_HEADING_ID = re.compile(r"\s*\{#([^\s{}]+)\}\s*$")
_DASH = re.compile(r"\s*(?:[-–—:]\s+|[–—])")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n.*?^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_LINE_BREAK = re.compile(r"\r\n?|\n")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_BOLD_LINE = re.compile(r"(\*\*|__)(?:(?!\1).)+\1:?")


class _Verbatim(MarkdownIt):
    """CommonMark with tables that leaves addresses as they are written."""

    def normalizeLink(self, url: str) -> str:
        return url

    def validateLink(self, url: str) -> bool:
        return True


_MARKDOWN = _Verbatim("commonmark").enable(["table", "strikethrough"])


@dataclass(frozen=True)
class _Heading:
    level: int
    title: str
    anchor: str
    start: int


def document_from_markdown(name: str, text: str) -> Page:
    """Parse the file `name`; its title is the first heading or else the file's name."""
    url = document_address(name)
    # Front matter would read as a rule and a heading; blanked out, every other line keeps its number.
    parsed = _FRONT_MATTER.sub(lambda match: re.sub(r"[^\r\n]", " ", match.group()), text, count=1)
    tokens = _MARKDOWN.parse(parsed)
    lines = _Lines(text)
    sections: list[Section] = []
    path: list[_Heading] = []
    taken: set[str] = set()
    heading = _Heading(0, "", "", 0)
    for group in _by_heading(tokens):
        if group[0].type == "heading_open":
            heading = _read_heading(group[0], group[1], lines, taken)
            path = [outer for outer in path if outer.level < heading.level] + [heading]
            group = group[3:]
        blocks = tuple(_blocks(group, lines))
        if not path and not blocks:
            continue
        end = max([*(block.end for block in blocks), *([lines.end(heading.start)] if path else [])])
        section = Section(
            anchor=heading.anchor if path else None,
            headings=tuple(outer.title for outer in path),
            start=heading.start if path else blocks[0].start,
            end=end,
            blocks=blocks,
        )
        sections.append(replace(section, resources=tuple(_resources(group, url, heading))))
    named = os.fsencode(name).decode(errors="replace").removesuffix(".md")  # a file's name may be no UTF-8
    title = next((section.headings[0] for section in sections if section.headings), named)
    whole = tuple(sections)
    return Page(url, title, text, whole, "document", page_digest(title, text, whole))


class _Lines:
    """Where each line of the text starts and ends, line break and trailing white space left out."""

    def __init__(self, text: str) -> None:
        self.text = text
        breaks = [(match.start(), match.end()) for match in _LINE_BREAK.finditer(text)]
        self.starts = [0, *(end for _, end in breaks)]
        stops = [*(start for start, _ in breaks), len(text)]
        self.ends = [start + len(text[start:stop].rstrip()) for start, stop in zip(self.starts, stops, strict=True)]

    def end(self, start: int) -> int:
        """The end of the line that starts at offset `start`."""
        return self.ends[self.starts.index(start)]

    def content(self, first: int, last: int, content: str) -> tuple[int, int]:
        """The range of a paragraph in lines `first`..`last` - 1, without what precedes it: bullets, quote marks."""
        while last > first + 1 and self.ends[last - 1] <= self.starts[last - 1]:
            last -= 1
        head = content.split("\n", 1)[0].rstrip()
        return self.ends[first] - len(head), self.ends[last - 1]


def _by_heading(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    group: list[Token] = []
    for token in tokens:
        if token.type == "heading_open" and group:
            yield group
            group = []
        group.append(token)
    if group:
        yield group


def _read_heading(opening: Token, inline: Token, lines: _Lines, taken: set[str]) -> _Heading:
    written = _plain(inline.children or [])
    given = _HEADING_ID.search(written)
    title = written[: given.start()] if given else written
    return _Heading(
        level=int(opening.tag[1]),
        title=title.strip(),
        anchor=_unique(given.group(1) if given else slug(title), taken),
        start=lines.starts[(opening.map or [0])[0]],
    )


def slug(title: str) -> str:
    """The id that GitHub gives a heading: "Pub/Sub Pattern" becomes "pubsub-pattern"."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def _unique(anchor: str, taken: set[str]) -> str:
    name, count = anchor, 0
    while name in taken:
        count += 1
        name = f"{anchor}-{count}"
    taken.add(name)
    return name


def _blocks(tokens: Sequence[Token], lines: _Lines) -> Iterator[Block]:
    depth = -1  # of the list item that we are in
    fresh_item = False  # the next paragraph is the item itself
    header = False
    for number, token in enumerate(tokens):
        first, last = token.map or [0, 0]
        if token.type in ("list_item_open", "list_item_close"):
            depth += token.nesting
            fresh_item = token.nesting == 1
        elif token.type == "inline" and tokens[number - 1].type == "paragraph_open":
            start, end = lines.content(first, last, token.content)
            kind: BlockKind = "item" if fresh_item else "label" if _is_label(token) else "paragraph"
            yield Block(
                kind,
                start,
                end,
                max(depth if fresh_item else depth + 1, 0),
                inline_code=_code(token, start, lines.text),
            )
            fresh_item = False
        elif token.type in ("fence", "code_block"):
            if token.type == "fence":
                first, last = first + 1, last - 1 if _is_closed(token, lines) else last
            while last > first and lines.ends[last - 1] <= lines.starts[last - 1]:
                last -= 1
            if last > first:
                language = token.info.split()[0] if token.info.split() else ""
                yield Block("code", lines.starts[first], lines.ends[last - 1], depth + 1, language)
            fresh_item = False
        elif token.type in ("thead_open", "tbody_open"):
            header = token.type == "thead_open"
        elif token.type == "tr_open":
            indent = len(lines.text[lines.starts[first] :]) - len(lines.text[lines.starts[first] :].lstrip(" \t"))
            yield Block("row", lines.starts[first] + indent, lines.ends[first], depth + 1, header=header)
        elif token.type == "html_block" and _COMMENT.sub("", token.content).strip():
            yield Block("paragraph", lines.starts[first], lines.ends[last - 1], depth + 1)


def _is_closed(fence: Token, lines: _Lines) -> bool:
    first, last = fence.map or [0, 0]
    closing = lines.text[lines.starts[last - 1] : lines.ends[last - 1]].lstrip(" \t>")
    return last - first > 1 and closing.startswith(fence.markup) and not closing.strip(fence.markup[0])


def _is_label(inline: Token) -> bool:
    return bool(_BOLD_LINE.fullmatch(inline.content.strip()))


def _code(inline: Token, start: int, text: str) -> tuple[tuple[int, int], ...]:
    """Ranges of inline code, the backticks left out."""
    ranges = []
    for child in inline.children or []:
        if child.type == "code_inline":
            opening = text.find(child.markup, start)
            found = text.find(child.content, opening + len(child.markup))
            if opening >= 0 and found >= 0:  # code that spans lines has its line break as a space: no range
                ranges.append((found, found + len(child.content)))
                start = found + len(child.content) + len(child.markup)
    return tuple(ranges)


def _plain(children: Sequence[Token]) -> str:
    """What a reader sees of inline Markdown."""
    words = []
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            words.append(" ")
        elif child.type in ("text", "code_inline", "image"):
            words.append(child.content)
    return "".join(words)


def _resources(tokens: Sequence[Token], document: str, heading: _Heading) -> Iterator[Resource]:
    for token in tokens:
        children = token.children or []
        opened = [number for number, child in enumerate(children) if child.type == "link_open"]
        for position, number in enumerate(opened):
            url = str(children[number].attrGet("href") or "")
            if not url.lower().startswith(("http://", "https://")):
                continue
            closed = next(n for n in range(number, len(children)) if children[n].type == "link_close")
            behind = children[closed + 1 : opened[position + 1] if position + 1 < len(opened) else None]
            after = _plain(behind)
            dash = _DASH.match(after)
            note = after[dash.end() :].strip() if dash else ""
            label = _plain(children[number + 1 : closed]).strip() or url
            yield Resource(url, label, note, document, heading.anchor, heading.title)
