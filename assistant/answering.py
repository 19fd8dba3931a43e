"""The recipe, in one place: check, understand, retrieve, decide, compose, cite or abstain.

The command line, the web chat, `assistant.answer` and the evals all call `Assistant.answer`.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from assistant.abstaining import abstention
from assistant.answers import Answer
from assistant.cache import Answers, in_one_form
from assistant.citations import Check, check_quote, cite
from assistant.compose import AskedPart, Evidence, compose
from assistant.confidence import Verdict, decide
from assistant.defining import begins_anew, defines
from assistant.export import saved_answer
from assistant.llm import rephrase
from assistant.message import check_question
from assistant.query import Query, understand
from assistant.rerank import DEPTH
from assistant.retrieval import Found, retrieve
from assistant.sections import Sections
from assistant.settings import Settings
from assistant.sides import with_sides
from assistant.sources import Sources
from assistant.topics import Topics, read_topics
from assistant.understanding import in_conversation
from assistant.units import weigh, weigh_pieces
from corpus.errors import QuestionError
from index.passages import Hit
from index.store import Index

Progress = Callable[[str, int, int], None]

CONSIDERED = 10
"""Passages that are looked at for one answer."""
DEFINED_AMONG = 50
"""Likewise where it is asked what something is: what defines a sensor may have other words for all that is asked."""
QUOTED = 4
"""Of these, how many may be quoted."""
_NOTHING_TO_QUOTE = 0.05
"""The confidence, at most, where nothing of what was found may be quoted, most often as none of it names the tool that is
asked about: of 13 such questions of dev split and blind set, none had been answered right with what was found."""


class Assistant:
    """Answers questions from one index. Opens it at first use, and builds it where there is none."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sources = Sources(settings)
        self._answers = Answers(cased=settings.embedder is not None)
        self._opened: _Opened | None = None
        self._opening = threading.Lock()

    def open(self, progress: Progress | None = None) -> None:
        """Opens the index, or the one that a build has put in its place since; builds it first where there is none.

        Every question does this. Raises StoreError where the index can't be used, with the command that mends it.
        """
        with self._opening:
            stamp = self.sources.index_stamp()
            if self._opened is None or stamp != self._opened.stamp:
                index = self.sources.open_or_build(progress)
                self._opened = _Opened(
                    self.sources.index_stamp(),
                    index,
                    self.sources.fingerprint(index),
                    read_topics(index),
                    Sections(index),
                )

    @property
    def index(self) -> Index:
        """The open index."""
        return self._current().index

    @property
    def topics(self) -> Topics:
        """What the documents are about."""
        return self._current().topics

    def _current(self) -> _Opened:
        self.open()
        assert self._opened is not None
        return self._opened

    def answer(
        self, question: str, history: Sequence[Mapping[str, Any]] | None = None, only: str | None = None
    ) -> Answer:
        """Answers one question; `history` are the messages before it, `only` a section's anchor or a site to stay in.

        Raises QuestionError for a question that can't be asked, StoreError for an index that can't be used.
        """
        *_, reply = self.stream(question, history, only)
        assert isinstance(reply, Answer)
        return reply

    def stream(
        self, question: str, history: Sequence[Mapping[str, Any]] | None = None, only: str | None = None
    ) -> Iterator[str | Answer]:
        """The answer's Markdown as it grows, last the Answer itself, whose text counts: where a model was of no use it
        is the composed one."""
        with _Clock() as clock:
            asked = check_question(question)
            query = self.understand(asked, history)
            key = self._answers.key(query, only, self.index, self._current().fingerprint)
            reply = self._answers.get(key)
            if reply is None:
                query, found, verdict = self._decided(query, only)
                clock.lap("retrieve")
                reply = self._compose(query, found, verdict) if verdict.reason is None else None
                if reply is None or not reply.citations:
                    if verdict.reason is None:  # what was found is about other tools, or must not be quoted
                        confidence = min(verdict.confidence, _NOTHING_TO_QUOTE)
                        verdict = replace(verdict, reason="not_stated", confidence=confidence)
                    opened = self._current()
                    text = abstention(query, found, verdict, opened.sections, opened.topics, only)
                    reply = self._reply(query, text, verdict.reason)
                reply = replace(reply, confidence=verdict.confidence)
                clock.lap("compose")
                self._answers.put(key, reply)
            else:
                clock.lap("cache")
            shown = ""
            for piece in self._worded(reply):
                if isinstance(piece, str):
                    shown += piece
                    yield shown
                else:
                    reply = piece
            if self.settings.llm_base_url:
                clock.lap("model")
        searched = reply.searched
        if searched.casefold() == query.text.casefold():  # from memory it may be in other capitals
            searched = asked if query.text == in_one_form(asked) else query.text
        yield replace(reply, question=asked, searched=searched, timings_ms=clock.laps)

    def search(
        self,
        question: str,
        limit: int = 10,
        only: str | None = None,
        history: Sequence[Mapping[str, Any]] | None = None,
    ) -> list[Hit]:
        """Ranked passages, best first, at most `limit`. Raises QuestionError for a limit below 1."""
        if not isinstance(limit, int) or limit < 1:
            raise QuestionError(f"limit is {limit!r}; a whole number from 1 on is expected.")
        query = self.understand(check_question(question), history)
        return list(self._retrieve(query, limit, only).hits)

    def verify(self, reply: Answer | Mapping[str, Any]) -> list[Check]:
        """Re-reads documents and archive and says of each quote of an answer whether it still stands there. Raises
        QuestionError for what is no answer."""
        values = reply.to_dict() if isinstance(reply, Answer) else saved_answer(reply)
        return [check_quote(citation, self.sources.text_of(citation["url"])) for citation in values["citations"]]

    def status(self) -> dict[str, Any]:
        """What is in corpus and index, which models are in use, where the files are."""
        from assistant.status import read_status

        return read_status(self.sources)

    def page_text(self, url: str) -> str:
        """The stored text that quotes are offsets into. KeyError for a page that the index doesn't have."""
        return self.index.page(url).text

    def fetch_missing(self, progress: Progress, cancelled: Callable[[], bool]) -> str:
        """Fetches pages that the archive lacks and brings the index up to date, while questions go on being answered."""
        from assistant.fetching import fetch_pages

        summary, _ = fetch_pages(self.sources, only_missing=True, progress=progress, cancelled=cancelled)
        self.sources.build(progress=progress)
        self.open()
        return summary.splitlines()[0]

    def understand(self, asked: str, history: Sequence[Mapping[str, Any]] | None = None) -> Query:
        """What is searched for a question after these messages: written out, typing errors corrected."""
        opened = self._current()
        return in_conversation(asked, history, opened.index, opened.topics)

    def _decided(self, query: Query, only: str | None) -> tuple[Query, Found, Verdict]:
        """What is found and whether it answers. A message that has no answer as a whole is read again as the one sentence
        in it that asks: the others may tell a story, or try to steer. "What is a workflow?" is asked without what was said
        before where nothing about that defines one."""
        first = self._judged(query, only)
        if query.carried and begins_anew(query.own) and not any(defines(query, hit) for hit in first[1].hits):
            anew = with_sides(understand(query.own, self.topics.anchors))
            second = self._judged(replace(anew, explained=query.explained), only)
            first = first if second[-1].reason else second
        if first[-1].reason not in ("not_stated", "nothing_relevant", "out_of_scope") or not query.alone:
            return first
        alone = with_sides(understand(query.alone, self.topics.anchors, query.carried))
        second = self._judged(replace(alone, explained=query.explained, before=query.before), only)
        return first if second[-1].reason else second

    def _judged(self, query: Query, only: str | None) -> tuple[Query, Found, Verdict]:
        found = self._retrieve(query, DEFINED_AMONG if query.intent == "define" else CONSIDERED, only)
        return query, found, decide(found, query, self.settings.unsupported)

    def _retrieve(self, query: Query, limit: int, only: str | None) -> Found:
        reranker = self.sources.reranker
        if reranker is None:
            return retrieve(self.index, self.topics, query, limit=limit, only=only)
        found = retrieve(self.index, self.topics, query, limit=max(limit, DEPTH), only=only)
        scores = reranker.scores(query.text, [hit.passage for hit in found.hits[:DEPTH]])
        return found.reordered(scores, limit)

    def _compose(self, query: Query, found: Found, verdict: Verdict | None = None) -> Answer:
        if not (query.parts or query.clauses):
            found = found.of(
                [
                    at
                    for at, hit in enumerate(found.hits)
                    if at < QUOTED or defines(query, hit, clearly=at >= CONSIDERED)
                ]
            )
        most = len(found.hits)
        pieces = zip(found.pieces, weigh_pieces(query, found, most), strict=True)
        asked = tuple(AskedPart(piece.text, scores, piece.words, piece.asked.aside) for piece, scores in pieces)
        evidence = Evidence(
            found.hits[:most],
            weigh(query, found, most),
            found.words,
            verdict.missing if verdict else (),
            parts=asked if query.parts else (),
            clauses=asked if query.clauses else (),
            aside=found.asked.aside,
        )
        laid_out = compose(query, evidence, self._current().sections, self.topics)
        citations = tuple(
            cite(number, claim.passage, claim.start, claim.end, self.page_text(claim.passage.url))
            for number, claim in enumerate(laid_out.quoted, start=1)
        )
        return self._reply(query, laid_out.text, None, sentences=laid_out.sentences, citations=citations)

    def _worded(self, reply: Answer) -> Iterator[str | Answer]:
        """Its Markdown in pieces, by the user's model if there is one; then the Answer if that changed it."""
        settings = self.settings
        if settings.llm_base_url is None:
            yield from re.split(r"(?<=\n\n)", reply.text)
            return
        key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else None
        yield from rephrase(
            reply,
            base_url=settings.llm_base_url,
            model=settings.llm_model or "default",
            api_key=key,
            timeout=settings.llm_timeout,
        )

    def _reply(self, query: Query, text: str, reason: str | None, **parts: Any) -> Answer:
        return Answer(
            question=query.text,
            searched=query.text,
            text=text,
            abstained=reason is not None,
            reason=reason,
            confidence=0.0,
            sentences=parts.get("sentences", ()),
            citations=parts.get("citations", ()),
            fingerprint=self._current().fingerprint,
        )


@dataclass(frozen=True)
class _Opened:
    """An open index, what its documents are about, and the stamp by which a newer build shows."""

    stamp: int
    index: Index
    fingerprint: str  # of all that determines an answer
    topics: Topics
    sections: Sections


class _Clock:
    """Milliseconds of each lap, and "total" in the end."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}

    def __enter__(self) -> _Clock:
        self._began = self._last = time.perf_counter()
        return self

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round((now - self._last) * 1000, 2)
        self._last = now

    def __exit__(self, *_: object) -> None:
        self.laps["total"] = round((time.perf_counter() - self._began) * 1000, 2)
