"""A PDF as a `Page`: a section a page, its lines rejoined to paragraphs, words hyphenated over lines mended.

Only text is read: no figures, no scanned pages, no tables as tables.
"""

from __future__ import annotations

import io
import logging
import re
from collections import Counter
from urllib.parse import unquote, urlsplit

from corpus.errors import CorpusError
from corpus.inline import one_line, visible
from corpus.pages import Block, BlockKind, Page, Section, page_digest

_MAX_PAGES = 2000
_BROKEN_WORD = re.compile(r"(\w+)-\n(\w+)")
_PAGE_NUMBER = re.compile(r"(?:page\s+)?[\divxlc]{1,5}(?:\s+of\s+\d+)?", re.IGNORECASE)
_BULLET = re.compile(r"\s*[•‣▪◦●∙·]\s*")
_NUMBERED_HEADING = re.compile(r"\d{1,2}(?:\.\d{1,2})*\.?\s+[A-Z][^.!?]{2,60}")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})


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
    texts = [visible(text).translate(_LIGATURES).replace("\r", "\n") for text in texts]
    whole_words = _BROKEN_WORD.sub(" ", "\n".join(texts)).lower()  # the halves of broken words are no words
    words = Counter(re.findall(r"\w+(?:-\w+)*", whole_words))
    pages = [[(kind, _mended(group, words)) for kind, group in _groups(text)] for text in texts]
    first = next((blocks[0][1] for blocks in pages if blocks), "")
    title = named or (first if 0 < len(first) <= 120 else "") or _file_name(url)
    lines: list[str] = []
    sections: list[Section] = []
    length = 0
    for number, found in enumerate(pages, 1):
        blocks = []
        for kind, words_of_it in found:
            blocks.append(Block(kind, length, length + len(words_of_it)))
            lines.append(words_of_it)
            length += len(words_of_it) + 1
        if blocks:
            sections.append(Section(f"page={number}", (title,), blocks[0].start, blocks[-1].end, tuple(blocks)))
    text = "\n".join(lines)
    whole = tuple(sections)
    return Page(url, title, text, whole, "linked", page_digest(title, text, whole), fetched_at)


def _file_name(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2]) or url


def _groups(text: str) -> list[tuple[BlockKind, list[str]]]:
    """The lines of a page by what they belong to.

    A paragraph ends at an empty line, at a short line that ends a sentence, and before a bullet or a numbered heading.
    """
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and _PAGE_NUMBER.fullmatch(lines[-1].strip() or "0"):
        lines.pop()
    width = max((len(line) for line in lines), default=0)
    groups: list[tuple[BlockKind, list[str]]] = []
    ended = True
    for line in lines:
        if not line.strip():
            ended = True
        elif bullet := _BULLET.match(line):
            groups.append(("item", [line[bullet.end() :]]))
            ended = False
        elif _NUMBERED_HEADING.fullmatch(line.strip()) and len(line) < 0.75 * width:
            groups.append(("label", [line]))
            ended = True
        else:
            if ended:
                groups.append(("paragraph", []))
            groups[-1][1].append(line)
            ended = line[-1] in ".:?!" and len(line) < 0.75 * width
    return [(kind, group) for kind, group in groups if "".join(group).strip()]


def _mended(lines: list[str], words: Counter[str]) -> str:
    """The lines as one, words that were hyphenated at a line's end joined.

    The rest of the document tells "signifi-cantly" from "time-consuming": whether it has the word whole, with its
    hyphen, or both halves as words.
    """

    def join(broken: re.Match[str]) -> str:
        first, second = broken.groups()
        whole, hyphenated = (first + second).lower(), f"{first}-{second}".lower()
        halves = words[first.lower()] and words[second.lower()]
        if not words[whole] and (words[hyphenated] or halves or not second[0].islower()):
            return f"{first}-{second}"
        return first + second

    return one_line(_BROKEN_WORD.sub(join, "\n".join(lines)))
