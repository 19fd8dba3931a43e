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
from assistant.conversation import free_pronoun, from_last_subject, resolve, user_turns
from assistant.defining import begins_anew, defines
from assistant.export import saved_answer
from assistant.llm import rephrase
from assistant.message import (
    MAX_CHARACTERS,
    check_question,
    is_small_talk,
    is_unicode,
    plainly,
    question_alone,
    without_orders,
)
from assistant.names import find_entities
from assistant.query import Query, understand
from assistant.rerank import DEPTH
from assistant.retrieval import Found, retrieve
from assistant.sections import Sections
from assistant.settings import Settings
from assistant.sides import with_sides
from assistant.sources import Sources
from assistant.spelling import explain, explanations, is_english
from assistant.topics import Topics, read_topics
from assistant.units import weigh, weigh_pieces
from corpus.errors import QuestionError
from index.passages import Hit
from index.store import Index
from index.terms import terms

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
        told = [turn[:MAX_CHARACTERS] for turn in user_turns(history)]  # no question can have been longer
        if not all(map(is_unicode, told)):
            raise QuestionError("The history isn't UTF-8 text; leave the message out that isn't.")
        turns = [turn for turn in told if not is_small_talk(plainly(turn))]
        *earlier, _ = from_last_subject([*turns, asked])
        query = self._understand(asked, earlier)
        return replace(query, before=self._understand(earlier[-1], earlier[:-1])) if query.carried else query

    def _understand(self, asked: str, earlier: Sequence[str]) -> Query:
        opened = self._current()
        index, topics = opened.index, opened.topics
        question = plainly(without_orders(asked))
        if is_small_talk(question):
            return understand(question, topics.anchors)
        turn = resolve(question, earlier, topics.anchors)
        own, carried = turn.own, turn.carried
        meanings = explanations(" ".join((own, *carried)), index, topics.names)
        if carried and _is_strange(question, meanings, opened):
            # Words that the corpus hardly knows begin something new; the old subject's would hide that it has no answer.
            own, carried = question, ()
        written = explain(own, meanings)
        carried = tuple(explain(text, meanings) for text in carried)
        query = with_sides(understand(in_one_form(written), topics.anchors, carried))
        said = {term for meant in meanings.values() for term in terms(meant)}
        query = replace(query, explained=frozenset(term for word in meanings for term in terms(word)) - said)
        alone = question_alone(written)
        says_of_what = len(terms(alone)) > 1 and not free_pronoun(alone)  # not "What is wrong?" behind a story
        return replace(query, alone=in_one_form(alone)) if says_of_what else query

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


def _is_strange(question: str, meanings: Mapping[str, str], opened: _Opened) -> bool:
    """Whether the corpus has none of a question's words and they are no English either, or of several has half at most; and
    no other words are meant by them."""
    if find_entities(question, opened.topics.anchors):
        return False
    meant = {term for word in meanings for term in terms(word)}
    told = [term for term in terms(question) if term not in ("one", "mine")]  # they stand for the old subject
    told += _NO_WORD.findall(question)
    strange = [term for term in told if term not in meant and not opened.index.words.frequency(term)]
    if len(strange) > 1 and 2 * len(strange) >= len(told):
        return True
    return len(strange) == len(told) > 0 and not any(
        is_english(word) for word in re.findall(r"[a-z]+", question.lower())
    )


_NO_WORD = re.compile(r"\w{41,}")  # longer than any term


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
