"""What is compared: oka, the lists it is made of, a perfect retriever, and three strategies that must lose.

Baselines that are other people's programs stand in starter.py and hybrid.py.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from assistant.answering import Assistant
from assistant.answers import Answer, Citation, Sentence
from assistant.citations import sha256
from assistant.query import understand
from assistant.retrieval import retrieve
from assistant.sides import with_sides
from evals.metrics.answers import fact_stated
from evals.metrics.retrieval import Found, gold_units
from evals.pages import Corpus, locate
from evals.questions import Question
from evals.wording import key, plain
from index.fuse import reciprocal_ranks
from index.passages import Passage

LIMIT = 20
"""Length of the ranked lists."""
History = Sequence[Mapping[str, Any]]
"""Messages before a question: role and content, as the product takes them."""


class System(Protocol):
    """All that the runner needs. Only `Oracle` and `Gold` may look at more of the record than its question."""

    @property
    def name(self) -> str:
        """As the report calls it."""
        ...

    @property
    def about(self) -> str:
        """One line for the report."""
        ...

    def search(self, question: Question, history: History) -> list[Found]:
        """At most LIMIT places, best first."""
        ...

    def answer(self, question: Question, history: History) -> Answer:
        """The system's reply; `confidence` is NaN where it has none."""
        ...


def found_from(passage: Passage) -> Found:
    """A passage of ours as a place in a ranked list."""
    return Found(passage.url, (passage.anchor,), passage.text)


def quoting(question: str, places: Sequence[Found], corpus: Corpus, confidence: float = float("nan")) -> Answer:
    """An answer that repeats texts word for word, each with its citation; an abstention where there is none."""
    citations = []
    for number, place in enumerate(places, 1):
        start = max((corpus.page_text(place.url) or "").find(place.text), 0)
        link = f"{place.url}#{place.anchors[0]}" if place.anchors and place.anchors[0] else place.url
        parts = (number, place.url, place.anchors[0] if place.anchors else None, link, "", (), place.text)
        citations.append(Citation(*parts, start, start + len(place.text), sha256(place.text), (), None))
    text = "\n\n".join(f"{c.quote} [{c.number}]" for c in citations)
    sentences = tuple(Sentence(c.quote, (c.number,)) for c in citations)
    reason = None if places else "nothing_relevant"
    return Answer(
        question, question, text, not places, reason, confidence, sentences, tuple(citations), corpus.fingerprint
    )


class Oka:
    """The product as it is."""

    name = "oka"
    about = "this program"

    def __init__(self, assistant: Assistant) -> None:
        self.assistant = assistant

    def search(self, question: Question, history: History) -> list[Found]:
        """`Assistant.search`."""
        return [found_from(hit.passage) for hit in self.assistant.search(question.question, LIMIT, history=history)]

    def answer(self, question: Question, history: History) -> Answer:
        """`Assistant.answer`."""
        return self.assistant.answer(question.question, history)


class Remembered:
    """A system that is asked once: who asks the same again (with the same history) gets the same."""

    def __init__(self, inner: System) -> None:
        self.name, self.about, self._inner = inner.name, inner.about, inner
        self._found: dict[tuple[str, ...], list[Found]] = {}
        self._said: dict[tuple[str, ...], Answer] = {}

    def search(self, question: Question, history: History) -> list[Found]:
        """The inner system's list."""
        asked = (*(message["content"] for message in history), question.question)
        if asked not in self._found:
            self._found[asked] = self._inner.search(question, history)
        return self._found[asked]

    def answer(self, question: Question, history: History) -> Answer:
        """The inner system's reply."""
        asked = (*(message["content"] for message in history), question.question)
        if asked not in self._said:
            self._said[asked] = self._inner.answer(question, history)
        return self._said[asked]


@dataclass(frozen=True)
class Lists:
    """One or two of the index's own lists; the answer is the first passage. Knows no history."""

    name: str
    about: str
    corpus: Corpus
    lexical: bool = True
    dense: bool = True

    def search(self, question: Question, history: History) -> list[Found]:
        """By words, by meaning, or both fused by reciprocal ranks."""
        return [found_from(passage) for passage in self.corpus.index.passages(self._rows(question.question)[0])]

    def answer(self, question: Question, history: History) -> Answer:
        """The first passage, whole."""
        rows, confidence = self._rows(question.question)
        first = [found_from(passage) for passage in self.corpus.index.passages(rows[:1])]
        return quoting(question.question, first, self.corpus, confidence)

    def _rows(self, text: str) -> tuple[list[int], float]:
        """The rows, and how sure the list is: the best cosine, else the best score with 10 as one half."""
        index = self.corpus.index
        rankings: list[list[int]] = []
        confidence = 0.0
        if self.lexical:
            rows, scores = index.lexical(text, LIMIT if not self.dense else 100)
            rankings.append(rows.tolist())
            confidence = float(scores[0] / (scores[0] + 10)) if len(scores) else 0.0
        if self.dense:
            rows, scores = index.dense(query_vector(index, text), LIMIT if not self.lexical else 100)
            rankings.append(rows.tolist())
            confidence = float(np.clip(scores[0], 0, 1)) if len(scores) else 0.0
        fused = [row for row, _ in reciprocal_ranks(rankings)] if len(rankings) > 1 else rankings[0]
        return fused[:LIMIT], confidence


@lru_cache(maxsize=4096)
def query_vector(index: Any, text: str) -> NDArray[np.float32]:
    """A question's vector, encoded once for all baselines."""
    vector: NDArray[np.float32] = index.embedder.encode([text])[0]
    return vector


@dataclass(frozen=True)
class Oracle:
    """The gold sections' passages through our composer: what the composer could do with perfect retrieval."""

    corpus: Corpus
    assistant: Assistant
    name: str = "oracle passages"
    about: str = "the gold sections given to our composer: its ceiling"

    def search(self, question: Question, history: History) -> list[Found]:
        """The passages that have gold, and no others."""
        return [found_from(passage) for passage in self._gold(question).values()]

    def answer(self, question: Question, history: History) -> Answer:
        """Composed as the product composes; an abstention where there is no gold."""
        gold = self._gold(question)
        if not gold:
            return quoting(question.question, [], self.corpus, 0.0)
        text = question.standalone or question.question
        topics = self.assistant.topics
        query = with_sides(understand(text, topics.anchors))
        found = retrieve(self.corpus.index, topics, query, limit=len(gold), rows=list(gold))
        return replace(self.assistant._compose(query, found), confidence=1.0)

    def _gold(self, question: Question) -> dict[int, Passage]:
        """The passages with gold by their rows, in the order of the gold."""
        chosen: dict[int, Passage] = {}
        for unit in gold_units(question):
            for url, _ in unit.places:
                rows = self.corpus.index.texts.rows_of(url)
                for row, passage in zip(rows, self.corpus.index.passages(rows), strict=True):
                    if any(key(quote) in key(passage.text) for quote in unit.quotes):
                        chosen.setdefault(row, passage)
        return chosen


@dataclass(frozen=True)
class Gold:
    """The gold quotes themselves: must score 1."""

    corpus: Corpus
    name: str = "gold answers"
    about: str = "the expected quotes: the scorer's own check"

    def search(self, question: Question, history: History) -> list[Found]:
        """The gold places."""
        units = sorted(gold_units(question), key=lambda unit: -unit.grade)
        return [Found(unit.places[0][0], (unit.places[0][1],), "\n".join(unit.quotes)) for unit in units]

    def answer(self, question: Question, history: History) -> Answer:
        """One claim a gold quote, those of grade 1 only where they state a fact; the required addresses as resources."""
        needed = [unit for unit in gold_units(question) if unit.grade == 2] or gold_units(question)
        stated = plain("\n".join(quote for unit in needed for quote in unit.quotes))
        if not all(fact_stated(fact, stated, question) for fact in question.facts):
            needed = gold_units(question)
        places = [
            Found(url, (anchor,), self._verbatim(url, quote))
            for unit in needed
            for quote in unit.quotes
            for url, anchor in unit.places
            if locate(quote, self.corpus.page_text(url) or "")
        ]
        places = list({place.text: place for place in reversed(places)}.values())[::-1]
        confidence = 0.0 if question.answerable == "no" else 1.0
        reply = quoting(question.question, places, self.corpus, confidence)
        links = tuple((url, url) for url in question.required_urls)
        return replace(reply, citations=tuple(replace(citation, resources=links) for citation in reply.citations))

    def _verbatim(self, url: str, quote: str) -> str:
        """The quote as the page writes it: gold collapses white space."""
        text = self.corpus.page_text(url) or ""
        place = locate(quote, text)
        return text[slice(*place)] if place else quote


@dataclass(frozen=True)
class Abstainer:
    """Never answers: must lose on truthfulness."""

    corpus: Corpus
    name: str = "always abstain"
    about: str = "says that it doesn't know, every time"

    def search(self, question: Question, history: History) -> list[Found]:
        """Nothing."""
        return []

    def answer(self, question: Question, history: History) -> Answer:
        """An abstention."""
        return quoting(question.question, [], self.corpus, 0.5)


@dataclass(frozen=True)
class Printer:
    """Prints all that another system finds: must lose on F3."""

    inner: System
    corpus: Corpus
    name: str = "print top 20"
    about: str = "the twenty best passages, whole"

    def search(self, question: Question, history: History) -> list[Found]:
        """The other system's list."""
        return self.inner.search(question, history)

    def answer(self, question: Question, history: History) -> Answer:
        """All of it."""
        return quoting(question.question, self.search(question, history), self.corpus, 1.0)


@dataclass(frozen=True)
class RandomCiter:
    """Says what another system says and cites passages drawn by lot: must lose on citations."""

    inner: System
    corpus: Corpus
    name: str = "cite at random"
    about: str = "oka's words with citations drawn by lot"

    def search(self, question: Question, history: History) -> list[Found]:
        """The other system's list."""
        return self.inner.search(question, history)

    def answer(self, question: Question, history: History) -> Answer:
        """The same claims; the lot depends on the question alone."""
        reply = self.inner.answer(question, history)
        drawn = random.Random(question.id)
        rows = [drawn.randrange(len(self.corpus.index)) for _ in reply.citations]
        forged = []
        for citation, passage in zip(reply.citations, self.corpus.index.passages(rows), strict=True):
            place = {"url": passage.url, "anchor": passage.anchor, "link": passage.url, "headings": passage.headings}
            words = {"quote": passage.text, "start": passage.start, "end": passage.end, "digest": sha256(passage.text)}
            forged.append(replace(citation, **place, **words))  # type: ignore[arg-type]  # mypy can't tell the fields apart
        return replace(reply, citations=tuple(forged))
