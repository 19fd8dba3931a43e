"""The nouns of the corpus: a resource (a link in a document), a page, its sections and blocks.

Only values live here; reading them from Markdown, HTML, PDF or an archive is the work of the files beside this one.
A document of ours and a fetched page are both a `Page`: everything behind the corpus treats them alike.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote_to_bytes

BlockKind = Literal["paragraph", "item", "code", "row", "term", "label"]
Source = Literal["document", "linked", "deep"]


@dataclass(frozen=True)
class Resource:
    """A link inside a document: the original resource that an answer should lead to."""

    url: str  # as written in the document, fragment included
    label: str  # the link's text: "Airflow Best Practices"
    note: str  # what follows the dash: "Production patterns"; "" where nothing does
    document: str  # the document's page address: "kb/orchestration-knowledge-base.md"
    section: str  # anchor of the section that it stands in
    section_title: str  # that section's heading


@dataclass(frozen=True)
class Block:
    """A run of text that is never joined with its neighbours: `page.text[start:end]`.

    - paragraph: prose; several sentences
    - item: one list item, without its bullet; `depth` counts from 0
    - code: a whole code block, line breaks kept; `language` where the page names one
    - row: one table row, cells separated by a tab; `header` where it is the table's head
    - term: what a definition list defines; its definition follows as paragraphs or items of `depth` + 1
    - label: a short bold line that introduces what follows: "Key Features:", "Note"
    """

    kind: BlockKind
    start: int
    end: int
    depth: int = 0
    language: str = ""
    header: bool = False
    inline_code: tuple[tuple[int, int], ...] = ()  # ranges of page.text set as code inside prose


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it up to the next heading of any level.

    `page.text[start:end]` begins with the heading's own line, except before the first heading, where `headings` is
    empty, and where a heading's text goes on behind a definition that has a section of its own. `blocks` leave the
    heading out. Sections of a page don't overlap and are in page order.
    """

    anchor: str | None  # the page's own id for this heading; None where the page gives none
    headings: tuple[str, ...]  # path from the outermost heading to this one
    start: int
    end: int
    blocks: tuple[Block, ...]
    resources: tuple[Resource, ...] = ()  # the links in it; only for documents


@dataclass(frozen=True)
class Page:
    """A document or a fetched page as readable text with its structure.

    `text` is what a reader sees, in order, white space collapsed outside code, a line a block; for a document it is the
    Markdown file itself. All ranges everywhere are character offsets into it. Two equal pages have equal `digest`.
    """

    url: str  # where the words are: the final address without fragment, or that of a document (`document_address`)
    title: str
    text: str
    sections: tuple[Section, ...]
    source: Source
    digest: str  # sha256 of title, text and structure, hex
    fetched_at: str | None = None  # when it was last confirmed, ISO 8601 UTC; None for a document
    resources: tuple[Resource, ...] = ()  # the links of the documents that led here; empty for a deep page
    aliases: tuple[str, ...] = ()  # other addresses that lead here (redirects), without fragment
    flags: tuple[str, ...] = ()  # what a reader of `oka status` should know: "instructions to the reader's assistant"


@dataclass(frozen=True)
class Unread:
    """A page that is known to be there but isn't parsed yet: who already has what its key stands for need not read it."""

    url: str
    key: str  # the same key stands for the same title, text, structure and flags
    source: Source
    fetched_at: str
    resources: tuple[Resource, ...]
    aliases: tuple[str, ...]
    read: Callable[[], Page | None]  # None where it can't be read or isn't worth indexing


def document_address(name: str) -> str:
    """The page address of the document in the file `name`: "notes on #1.md" is at "kb/notes%20on%20%231.md"."""
    return f"kb/{quote(os.fsencode(name))}"


def document_name(address: str) -> str:
    """The file's name again."""
    return os.fsdecode(unquote_to_bytes(address.removeprefix("kb/")))


def page_digest(title: str, text: str, sections: tuple[Section, ...]) -> str:
    """The digest of a page: what the words are and how they are arranged, not where or when they were found."""
    whole = hashlib.sha256()
    for part in (title, text, repr([(s.anchor, s.headings, s.start, s.end, s.blocks) for s in sections])):
        whole.update(part.encode("utf-8", "surrogatepass"))
        whole.update(b"\0")
    return whole.hexdigest()
