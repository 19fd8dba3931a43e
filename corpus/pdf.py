"""A PDF as a `Page`: a section a page, its lines rejoined to paragraphs, words hyphenated over lines mended.

Only text is read: no figures, no scanned pages, no tables as tables.
"""

from __future__ import annotations

import io
import logging
import re
from urllib.parse import unquote, urlsplit

from corpus.errors import CorpusError
from corpus.pages import Block, Page, Section, page_digest
from corpus.rendering import one_line, visible

_MAX_PAGES = 2000
_HYPHEN = re.compile(r"(\w[a-zà-ÿ]{1,})-\n([a-zà-ÿ]{2,})")
_PAGE_NUMBER = re.compile(r"(?:page\s+)?[\divxlc]{1,5}(?:\s+of\s+\d+)?", re.IGNORECASE)


def page_from_pdf(url: str, content: bytes, *, fetched_at: str | None = None) -> Page:
    """Parse a PDF; a section's anchor is `page=N`, which browsers open. Raises CorpusError where it can't be read."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its remarks on sloppy files are no news to a reader
    try:
        reader = PdfReader(io.BytesIO(content))
        texts = [page.extract_text() or "" for page in reader.pages[:_MAX_PAGES]]
        named = one_line(str((reader.metadata.title if reader.metadata else "") or ""))
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError) as error:
        raise CorpusError(f"The PDF can't be read ({type(error).__name__}).") from error
    pages = [_paragraphs(visible(text)) for text in texts]
    first = next((paragraphs[0] for paragraphs in pages if paragraphs), "")
    title = named or (first if 0 < len(first) <= 120 else "") or _file_name(url)
    lines: list[str] = []
    sections: list[Section] = []
    length = 0
    for number, paragraphs in enumerate(pages, 1):
        blocks = []
        for paragraph in paragraphs:
            blocks.append(Block("paragraph", length, length + len(paragraph)))
            lines.append(paragraph)
            length += len(paragraph) + 1
        if blocks:
            sections.append(Section(f"page={number}", (title,), blocks[0].start, blocks[-1].end, tuple(blocks)))
    text = "\n".join(lines)
    whole = tuple(sections)
    return Page(url, title, text, whole, "linked", page_digest(title, text, whole), fetched_at)


def _file_name(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2]) or url


def _paragraphs(text: str) -> list[str]:
    """Lines of a page joined to paragraphs: one ends at an empty line, or at a short line that ends a sentence."""
    lines = [line.rstrip() for line in text.replace("\r", "\n").split("\n")]
    while lines and _PAGE_NUMBER.fullmatch(lines[-1].strip() or "0"):
        lines.pop()
    width = max((len(line) for line in lines), default=0)
    groups: list[list[str]] = [[]]
    for line in lines:
        if not line.strip():
            groups.append([])
            continue
        groups[-1].append(line)
        if line[-1] in ".:?!" and len(line) < 0.75 * width:
            groups.append([])
    return [one_line(_HYPHEN.sub(r"\1\2", "\n".join(group))) for group in groups if group]
