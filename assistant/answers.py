"""The nouns of an answer: a claim (sentence), a citation and the answer itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Citation:
    """Where a claim's words stand. `quote` is `page.text[start:end]` of the stored page or document, verbatim."""

    number: int  # from 1, in order of first use
    url: str  # the page that the words are on, without fragment
    anchor: str | None
    link: str  # what to click
    title: str
    headings: tuple[str, ...]
    quote: str
    start: int
    end: int
    digest: str  # sha256 of the quote, hex: lets `verify` tell a moved quote from a changed one
    resources: tuple[tuple[str, str], ...]  # (title, url) of the original resources
    fetched_at: str | None

    def to_dict(self) -> dict[str, Any]:
        """The contract's JSON form of a citation, and the span that proves it."""
        return {
            "number": self.number,
            "url": self.url,
            "anchor": self.anchor,
            "link": self.link,
            "title": self.title,
            "headings": list(self.headings),
            "quote": self.quote,
            "resources": [{"title": title, "url": url} for title, url in self.resources],
            "fetched_at": self.fetched_at,
            "start": self.start,
            "end": self.end,
            "sha256": self.digest,
        }


@dataclass(frozen=True)
class Sentence:
    """One claim of an answer and the numbers of the citations that prove it."""

    text: str
    citations: tuple[int, ...]


@dataclass(frozen=True)
class Answer:
    """What oka says to one question. See the contract (README, "JSON") for each field's meaning."""

    question: str
    searched: str
    text: str
    abstained: bool
    reason: str | None
    confidence: float
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    fingerprint: str
    timings_ms: dict[str, float] = field(default_factory=dict)
    notice: str | None = None  # for the reader, about the language model: how much of it was replaced, why it failed

    def to_dict(self) -> dict[str, Any]:
        """The contract's JSON form of an answer."""
        return {
            "question": self.question,
            "searched": self.searched,
            "text": self.text,
            "abstained": self.abstained,
            "reason": self.reason,
            "confidence": self.confidence,
            "sentences": [{"text": s.text, "citations": list(s.citations)} for s in self.sentences],
            "citations": [c.to_dict() for c in self.citations],
            "fingerprint": self.fingerprint,
            "timings_ms": dict(self.timings_ms),
            "notice": self.notice,
        }
