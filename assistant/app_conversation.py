"""A conversation of the web chat: turns kept in the browser as JSON, read here as outside input.

The browser sends the conversation along with each event and keeps what comes back (app.js), so that a reload, a restart of
the server or a second tab loses nothing, and the server stores no history. Leaves out how it looks (app_render.py).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.answers import Answer, Citation

MAX_TURNS = 50
"""Older turns are dropped from the page; a conversation that long has left its first subject."""
_MAX_JSON = 2_000_000
_CONTEXT = 220
"""Characters shown on either side of a quote."""

_Text = Annotated[str, Field(max_length=20_000)]
_Id = Annotated[str, Field(pattern=r"^[a-z0-9]{1,32}$")]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Resource(_Shape):
    title: _Text
    url: _Text


class _Citation(_Shape):
    number: int
    url: _Text
    anchor: _Text | None
    link: _Text
    title: _Text
    headings: list[_Text]
    quote: _Text
    resources: list[_Resource]
    fetched_at: _Text | None
    start: int = 0
    end: int = 0
    sha256: _Text = ""
    before: _Text = ""
    after: _Text = ""


class _Answer(_Shape):
    question: _Text
    searched: _Text
    text: Annotated[str, Field(max_length=100_000)]
    abstained: bool
    reason: _Text | None
    confidence: Annotated[float, Field(ge=0, le=1)]
    citations: Annotated[list[_Citation], Field(max_length=100)]
    fingerprint: _Text
    timings_ms: dict[str, float]
    notice: _Text | None = None


class _Turn(_Shape):
    id: _Id
    question: _Text
    only: _Text | None = None
    answer: _Answer
    vote: Literal["up", "down"] | None = None


class _Pending(_Shape):
    id: _Id
    question: _Text
    only: _Text | None = None
    failure: _Text = ""
    running: bool = False


class _Conversation(_Shape):
    id: _Id
    turns: Annotated[list[_Turn], Field(max_length=MAX_TURNS)] = []
    pending: _Pending | None = None
    editing: _Id | None = None


@dataclass(frozen=True)
class Conversation:
    """Turns in order; `pending` is a question without its answer yet: `running`, stopped, or failed (`failure` says why)."""

    id: str = field(default_factory=lambda: secrets.token_hex(8))
    turns: tuple[Mapping[str, Any], ...] = ()
    pending: Mapping[str, Any] | None = None
    editing: str | None = None  # the turn whose question is in the input box; asking replaces it and what follows

    @classmethod
    def read(cls, text: str | None) -> Conversation:
        """From the browser. What isn't a conversation (another version's, or tampered with) gives a new, empty one."""
        if not text or len(text) > _MAX_JSON:
            return cls()
        try:
            shape = _Conversation.model_validate_json(text)
        except ValidationError:
            return cls()
        kept = shape.model_dump()
        return cls(kept["id"], tuple(kept["turns"]), kept["pending"], kept["editing"])

    def dump(self) -> str:
        """For the browser."""
        kept = {"id": self.id, "turns": self.turns, "pending": self.pending, "editing": self.editing}
        return json.dumps(kept, ensure_ascii=False)

    def history(self) -> list[dict[str, str]]:
        """The messages before the pending question, as `Assistant.answer` takes them."""
        pairs = ((turn["question"], turn["answer"]["text"]) for turn in self.turns)
        return [
            {"role": role, "content": text}
            for pair in pairs
            for role, text in zip(("user", "assistant"), pair, strict=True)
        ]

    def ask(self, question: str, only: str | None) -> Conversation:
        """With a new pending question; where one is being edited, it replaces that turn and those after it."""
        kept = self.before(self.editing) if self.editing else self
        turns = kept.turns[-(MAX_TURNS - 1) :]
        pending = {"id": secrets.token_hex(6), "question": question, "only": only, "failure": "", "running": True}
        return replace(kept, turns=turns, pending=pending, editing=None)

    def fail(self, sentence: str) -> Conversation:
        """With the reason why the pending question has no answer."""
        return replace(self, pending={**self.pending, "failure": sentence}).halted() if self.pending else self

    def halted(self) -> Conversation:
        """With nothing running: what the page shows when an answer is complete, stopped, or was left behind."""
        return replace(self, pending={**self.pending, "running": False}) if self.pending else self

    def reply(self, answer: Answer, page_text: Callable[[str], str]) -> Conversation:
        """With the pending question answered; each citation gets the words around its quote."""
        if self.pending is None:
            return self
        kept = answer.to_dict()
        del kept["sentences"]  # the text has them; the browser's storage is small
        for citation in kept["citations"]:
            text = page_text(citation["url"])
            citation["before"], citation["after"] = around(text, citation["start"], citation["end"])
        turn = {key: self.pending[key] for key in ("id", "question", "only")}
        turn |= {"answer": kept, "vote": None}
        return replace(self, turns=(*self.turns, turn), pending=None)

    def answers(self) -> list[Answer]:
        """The answers as values again, without their sentences."""
        found = []
        for turn in self.turns:
            kept = dict(turn["answer"])
            citations = tuple(_citation(values) for values in kept.pop("citations"))
            found.append(Answer(**kept, citations=citations, sentences=()))
        return found

    def vote(self, turn_id: str, vote: str) -> Conversation:
        """With a thumb on one answer."""
        turns = tuple({**turn, "vote": vote} if turn["id"] == turn_id else turn for turn in self.turns)
        return replace(self, turns=turns)

    def before(self, turn_id: str) -> Conversation:
        """The conversation as it was before one turn; unchanged where there is no such turn."""
        position = next((i for i, turn in enumerate(self.turns) if turn["id"] == turn_id), None)
        if position is None:
            return replace(self, pending=None, editing=None) if self._pends(turn_id) else self
        return replace(self, turns=self.turns[:position], pending=None, editing=None)

    def turn(self, turn_id: str) -> Mapping[str, Any] | None:
        """One turn, the pending one included."""
        turns = [*self.turns, *([self.pending] if self.pending else [])]
        return next((turn for turn in turns if turn["id"] == turn_id), None)

    def last_asked(self) -> Mapping[str, Any] | None:
        """The pending question, else the last answered one."""
        return self.pending or (self.turns[-1] if self.turns else None)

    def _pends(self, turn_id: str) -> bool:
        return self.pending is not None and self.pending["id"] == turn_id


def _citation(values: Mapping[str, Any]) -> Citation:
    names = ("number", "url", "anchor", "link", "title", "quote", "start", "end", "fetched_at")
    return Citation(
        **{name: values[name] for name in names},
        headings=tuple(values["headings"]),
        digest=values["sha256"],
        resources=tuple((resource["title"], resource["url"]) for resource in values["resources"]),
    )


def around(text: str, start: int, end: int) -> tuple[str, str]:
    """The words before and after a quote, cut at word borders, with an ellipsis where something is left out."""
    before, after = text[max(0, start - _CONTEXT) : start], text[end : end + _CONTEXT]
    if start > _CONTEXT:
        before = "… " + before.partition(" ")[2]
    if end + _CONTEXT < len(text):
        after = after.rpartition(" ")[0] + " …"
    return before, after
