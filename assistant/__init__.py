"""oka: questions about workflow orchestration, answered from documents and the pages they link to, every claim proven.

    from assistant import answer, search
    reply = answer("Which message brokers does Celery support?")
    hits = search("circuit breaker states", limit=20)

Importing this loads no model and no web framework; the index is opened at the first question, and built where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from assistant.answers import Answer, Citation, Sentence
from assistant.settings import Settings, load_settings
from corpus.errors import RagError

if TYPE_CHECKING:
    from assistant.answering import Assistant
    from assistant.citations import Check
    from index.passages import Hit

__all__ = [
    "Answer",
    "Assistant",
    "Citation",
    "RagError",
    "Sentence",
    "Settings",
    "answer",
    "load_settings",
    "search",
    "verify",
]


def answer(question: str, history: Sequence[Mapping[str, Any]] | None = None, only: str | None = None) -> Answer:
    """The answer to one question; `history` are the messages before it, `only` an anchor or source to stay within.

    Raises QuestionError for a question that can't be asked, another RagError where index or settings are in the way.
    """
    return _default().answer(question, history=history, only=only)


def search(question: str, limit: int = 10, only: str | None = None) -> list[Hit]:
    """Ranked passages, best first, at most `limit`."""
    return _default().search(question, limit=limit, only=only)


def verify(reply: Answer | Mapping[str, Any]) -> list[Check]:
    """Re-reads documents and archive and says of each quote of an answer whether it still stands there."""
    return _default().verify(reply)


@cache
def _default() -> Assistant:
    from assistant.answering import Assistant

    return Assistant(load_settings())


def __getattr__(name: str) -> Any:
    """`Assistant` is loaded when asked for: it brings numpy, which the command line's help doesn't need."""
    if name == "Assistant":
        from assistant.answering import Assistant

        return Assistant
    raise AttributeError(f"module 'assistant' has no attribute {name!r}")
