"""From a quote to its proof: the citation, the link that scrolls to the words, and the check of a saved answer.

A text fragment (https://wicg.github.io/scroll-to-text-fragment/) names the words on the page: a browser scrolls to and
marks the first place that matches. We only emit one that our own matcher finds at exactly the quoted range of the
stored page.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote as percent_encode

from assistant.answers import Citation
from corpus.instructions import gives_instructions
from index.passages import Passage

_EXACT_WORDS = 10
"""Longer quotes are named by their first and last words: shorter links, and robust against a change in the middle."""
_EDGE_WORDS = 5
_CONTEXT_WORDS = (0, 2, 4, 8, 16)
"""Words of prefix and suffix tried, fewest first, until the fragment is unique."""


@dataclass(frozen=True)
class Fragment:
    """The four parts of a text directive, as text; empty where not used."""

    start: str
    end: str = ""
    prefix: str = ""
    suffix: str = ""

    def encode(self) -> str:
        """`:~:text=…` with every part percent-encoded; `-`, `,` and `&` too, since they have a meaning there."""
        parts = [f"{_encode(self.prefix)}-"] if self.prefix else []
        parts.append(_encode(self.start))
        parts += [_encode(self.end)] if self.end else []
        parts += [f"-{_encode(self.suffix)}"] if self.suffix else []
        return f":~:text={','.join(parts)}"


def find_fragment(text: str, fragment: Fragment) -> tuple[int, int] | None:
    """Where a browser would scroll to in a stored page: the first match, as a range; None where nothing matches.

    Follows the draft's algorithm on the stored text: case doesn't matter, words match whole, start and end each stand
    within one line (a block) or table cell, prefix and suffix may stand in the neighbouring one.
    """
    low = text.lower()
    if len(low) != len(text):  # a few letters change length when lowered (İ); offsets would no longer fit
        low = "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
    start, end = fragment.start.lower(), fragment.end.lower()
    prefix, suffix = fragment.prefix.lower(), fragment.suffix.lower()
    for begin, stop in _occurrences(low, start, 0):
        if prefix and not _word_suffix(low[:begin].rstrip(), prefix):
            continue
        stops = _occurrences(low, end, stop) if end else iter([(begin, stop)])
        for _, last in stops:
            after = low[last : last + len(suffix) + 80].lstrip()
            if not suffix or (after.startswith(suffix) and not _joined(after, len(suffix))):
                return begin, last
    return None


def fragment_for(text: str, start: int, end: int) -> Fragment | None:
    """The shortest fragment whose first match in `text` is exactly `text[start:end]`; None where there is none."""
    lines = [(m.start() + start, m.end() + start) for m in re.finditer(r"[^\n\t]+", text[start:end])]
    lines = [(a, b) for a, b in ((a, b) for a, b in lines) if text[a:b].strip()]
    if not lines:
        return None
    first, last = text[slice(*lines[0])].strip(), text[slice(*lines[-1])].strip()
    one_line = len(lines) == 1
    candidates: list[tuple[str, str]] = []
    if one_line and len(first.split()) <= _EXACT_WORDS:
        candidates.append((first, ""))
    else:
        for words in (_EDGE_WORDS, 2 * _EDGE_WORDS):
            opening, closing = _first_words(first, words), _last_words(last, words)
            if not one_line or len(opening) + len(closing) < len(first):
                candidates.append((opening, closing))
        if one_line:
            candidates.append((first, ""))
    wanted = (start + len(text[start:end]) - len(text[start:end].lstrip()), start + len(text[start:end].rstrip()))
    for context in _CONTEXT_WORDS:
        before = _last_words(_nearest_line(text[:start], -1), context) if context else ""
        after = _first_words(_nearest_line(text[end:], 0), context) if context else ""
        for opening, closing in candidates:
            for fragment in dict.fromkeys(
                (Fragment(opening, closing, before), Fragment(opening, closing, before, after))
            ):
                if find_fragment(text, fragment) == wanted:
                    return fragment
    return None


def cite(number: int, passage: Passage, start: int, end: int, page_text: str) -> Citation:
    """The citation of `page_text[start:end]`, which stands in `passage`."""
    quote = page_text[start:end]
    untrusted = passage.source != "document"  # a heading may speak to the reader's assistant, too
    return Citation(
        number=number,
        url=passage.url,
        anchor=passage.anchor,
        link=link_to(passage, page_text, start, end),
        title=passage.url if untrusted and gives_instructions(passage.title) else passage.title,
        headings=tuple(h for h in passage.headings if not (untrusted and gives_instructions(h))),
        quote=quote,
        start=start,
        end=end,
        digest=sha256(quote),
        resources=tuple(dict.fromkeys((resource.label, resource.url) for resource in passage.resources)),
        fetched_at=passage.fetched_at,
    )


def link_to(passage: Passage, page_text: str, start: int, end: int) -> str:
    """The page with a proven text fragment, else with the section's anchor, else the page.

    A document is Markdown, which a browser doesn't show as it stands, and a PDF knows no text fragments: both get
    the anchor (`#celery`, `#page=3`).
    """
    anchored = f"{passage.url}#{passage.anchor}" if passage.anchor else passage.url
    if passage.source == "document" or (passage.anchor or "").startswith("page="):
        return anchored
    fragment = fragment_for(page_text, start, end)
    return anchored if fragment is None else f"{passage.url}#{fragment.encode()}"


def sha256(text: str) -> str:
    """Of the UTF-8 bytes, hex."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@dataclass(frozen=True)
class Check:
    """What became of one quote: `same` at its place, `moved` (elsewhere on the page), `changed` (gone from the page),
    `missing` (the page is no longer in the archive), `forged` (the saved quote doesn't fit its own digest, or its link leads to
    another page)."""

    number: int
    url: str
    quote: str
    state: Literal["same", "moved", "changed", "missing", "forged"]

    @property
    def holds(self) -> bool:
        """Whether the page still says these words."""
        return self.state in ("same", "moved")


def check_quote(citation: dict[str, Any], page_text: str | None) -> Check:
    """Compares a saved citation (the contract's JSON form) with the page's text today; None where there is no page.

    White space may differ between the stored and the present text; nothing else may.
    """
    quote, start, end = str(citation["quote"]), citation.get("start"), citation.get("end")
    state: Literal["same", "moved", "changed", "missing", "forged"]
    elsewhere = str(citation.get("link") or citation["url"]).partition("#")[0] != citation["url"]
    if citation.get("sha256", sha256(quote)) != sha256(quote) or not quote.strip() or elsewhere:
        state = "forged"
    elif page_text is None:
        state = "missing"
    elif isinstance(start, int) and isinstance(end, int) and page_text[start:end] == quote:
        state = "same"
    else:
        state = "moved" if " ".join(quote.split()) in " ".join(page_text.split()) else "changed"
    return Check(int(citation["number"]), str(citation["url"]), quote, state)


def _encode(part: str) -> str:
    return percent_encode(part, safe="").replace("-", "%2D")


def _occurrences(low: str, needle: str, position: int) -> Iterator[tuple[int, int]]:
    """Every place at or after `position` where `needle` stands as whole words."""
    while (found := low.find(needle, position)) >= 0:
        stop = found + len(needle)
        if not _joined(low, found) and not _joined(low, stop):
            yield found, stop
        position = found + 1


def _joined(text: str, at: int) -> bool:
    """Whether a word goes on across offset `at`."""
    return 0 < at < len(text) and _is_word(text[at - 1]) and _is_word(text[at])


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _word_suffix(text: str, words: str) -> bool:
    return text.endswith(words) and not _joined(text, len(text) - len(words))


def _nearest_line(text: str, which: Literal[0, -1]) -> str:
    lines = re.split(r"[\n\t]", text.strip())
    return lines[which].strip()


def _first_words(line: str, count: int) -> str:
    match = re.match(rf"(?:\S+\s+){{0,{count - 1}}}\S+", line)
    return match.group() if match else ""


def _last_words(line: str, count: int) -> str:
    return " ".join(line.split(" ")[-count:]) if count else ""
