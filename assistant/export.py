"""Answers as text for people and files: footnotes, Markdown with quotes and access dates; reading a saved answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assistant.answers import Answer, Citation
from corpus.errors import QuestionError, SettingsError


def footnotes(reply: Answer) -> str:
    """A line a citation: number, title and heading, link, and for a document of ours the original resources."""
    lines = []
    named: set[str] = set()
    for citation in reply.citations:
        lines.append(f"[{citation.number}] {_place(citation)}\n    {citation.link}")
        if citation.url.startswith("kb/"):
            fresh = [(title, url) for title, url in citation.resources if url not in named]
            lines += [f"    see also {title}: {url}" for title, url in fresh]
            named.update(url for _, url in fresh)
    return "\n".join(lines)


def to_markdown(reply: Answer) -> str:
    """The question, the answer, and a footnote a citation with its exact quote and when the page was fetched."""
    parts = [f"## {reply.question}"]
    if reply.searched != reply.question:
        parts.append(f"*Searched: {reply.searched}*")
    text = reply.text
    for citation in reply.citations:
        text = text.replace(f"[{citation.number}]", f"[^{citation.number}]")
    parts.append(text)
    for citation in reply.citations:
        seen = f", as of {citation.fetched_at[:10]}" if citation.fetched_at else ""
        quote = " ".join(citation.quote.split())
        parts.append(f"[^{citation.number}]: [{_place(citation)}]({citation.link}){seen}: “{quote}”")
    parts.append(f"*oka, corpus {reply.fingerprint[:12]}*")
    return "\n\n".join(parts) + "\n"


def conversation_to_markdown(replies: Sequence[Answer]) -> str:
    """A whole conversation; each answer keeps its own footnotes, their numbers told apart by the turn."""
    turns = []
    for turn, reply in enumerate(replies, start=1):
        turns.append(to_markdown(reply).replace("[^", f"[^{turn}."))
    return "\n".join(turns)


def read_answer(file: Path) -> Mapping[str, Any]:
    """An answer that was saved with --json; "-" reads standard input. Raises SettingsError for anything else."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        return saved_answer(json.loads(text))
    except OSError as error:
        raise SettingsError(
            f"{file} can't be read ({error.strerror}); name a file written by oka ask --json."
        ) from error
    except (ValueError, RecursionError, QuestionError) as error:
        raise SettingsError(f"{file} is no answer of oka; name a file written by oka ask --json.") from error


def saved_answer(values: object) -> Mapping[str, Any]:
    """The contract's JSON form of an answer, as far as its quotes go. Raises QuestionError for anything else."""
    try:
        found: dict[str, Any] = dict(values)  # type: ignore[call-overload]  # that is what is tried
        if not isinstance(found["citations"], list):
            raise TypeError
        for citation in found["citations"]:
            int(citation["number"])
            f"{citation['url']}{citation['quote']}{citation.get('link')}".encode()
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise QuestionError("That is no answer of oka: give what `answer` returns, or its JSON form.") from error
    return found


def _place(citation: Citation) -> str:
    heading = citation.headings[-1] if citation.headings else ""
    return citation.title if not heading or heading == citation.title else f"{citation.title} – {heading}"
