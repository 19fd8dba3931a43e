"""Text as the scorers see it: what is the same to a reader is the same here."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_MARKER = re.compile(r"\s?\[\d+\](?!\()")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_FENCE = re.compile(r"^\s*(?:```|~~~)[^\n]*$", re.MULTILINE)
_LINE_MARK = re.compile(r"^\s*(?:#{1,6}\s+|[-*+]\s+|\d+[.)]\s+|>\s?|\|(?:\s*:?-+:?\s*\|)+\s*$)", re.MULTILINE)
_EMPHASIS = re.compile(r"\*{1,3}(?=\S)|(?<=\S)\*{1,3}")  # not "_": names in code have it
_ESCAPE = re.compile(r"\\(?=[\\`*_{}\[\]()#+.!|<>~-])")
_ALIKE = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "‐": "-", "‑": "-", "–": "-", "—": "-", "−": "-", "\u00ad": ""}
)
_NO_MARKUP = str.maketrans(dict.fromkeys("*_`~|\\#", ""))
_NEGATION = re.compile(r"\b(?:not|never|no|without|cannot|can't|won't|isn't|aren't|don't|doesn't|neither|nor)\b", re.I)


@lru_cache(maxsize=4096)
def plain(markdown: str) -> str:
    """What a reader sees of Markdown, as one line: markers, link targets, emphasis, fences, bullets and bars are gone."""
    text = _LINK.sub(r"\1", _MARKER.sub("", _FENCE.sub("", markdown)))
    text = _ESCAPE.sub("", _LINE_MARK.sub("", text)).replace("`", "").replace("|", " ")
    return same(_EMPHASIS.sub("", text))


def same(text: str) -> str:
    """NFKC, one kind of dash and quote, single spaces; letters keep their case."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_ALIKE).split())


@lru_cache(maxsize=65536)
def key(text: str) -> str:
    """For asking whether one text contains another: letters in lower case, every markup character deleted wherever it is."""
    return same(text.translate(_NO_MARKUP)).casefold()


def says(pattern: str, text: str, *, negated: bool = False) -> bool:
    """Whether a pattern is found in plain text with the right polarity.

    A match with a negation in the three words before it (of the same clause) counts only where `negated`.
    """
    return any(is_negated(text, match.start()) == negated for match in _compiled(pattern).finditer(text))


def is_negated(text: str, at: int) -> bool:
    """Whether one of the three words before an offset negates what follows."""
    clause = re.split(r"[.;:!?,]\s", text[max(0, at - 60) : at])[-1]
    return bool(_NEGATION.search(" ".join(clause.split()[-3:])))


@lru_cache(maxsize=8192)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
