"""Answers that were given before, for the same question and for one that differs in nothing that counts.

Upper and lower case, white space and the stops at the end make no other question, where they make no other answer:
`in_one_form` takes the last two away before anything is searched, and case counts in a word that the corpus doesn't
have (a name or a typing error?), that joins words ("RabbitMQ" is searched as rabbit and mq too), or that is a name of
none of the documents' topics (see `Query.names`). So an answer never depends on what was asked before it. Only what the
index determines is kept: a language model is asked again each time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from assistant.answers import Answer
from assistant.query import Query
from index.store import Index
from index.terms import terms

Key = tuple[str, str | None, str, tuple[str, ...]]

_STOPS = " .?!…。？！"


def in_one_form(question: str) -> str:
    """The question with one question mark in the place of whatever ends it; the encoder reads the end too."""
    return f"{question.rstrip(_STOPS) or question}?"


class Answers:
    """The newest answers, at most `most`. Safe to use from many threads.

    An answer is found again only under its own fingerprint, so one of an older build never is.
    """

    def __init__(self, *, cased: bool, most: int = 1000) -> None:
        self._cased, self._most = cased, most  # 1,000 answers are about 10 MB
        self._kept: OrderedDict[Key, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def key(self, query: Query, only: str | None, index: Index, fingerprint: str) -> Key:
        """What determines an answer: index and settings (by `fingerprint`, the answers' own), the filter, and the question
        as it is searched, history written out, with the sentence in it that asks: the stops tell which that is.

        `cased`: the encoder tells upper from lower case, so that it always counts.
        """
        searched = query.text
        told = (query.alone, *query.carried, query.before.text if query.before else "")
        if self._cased:
            return fingerprint, only, searched, told
        unknown = [word for word in searched.split() if not all(map(index.words.frequency, terms(word)))]
        return (
            fingerprint,
            only,
            searched.casefold(),
            (*terms(searched), *unknown, *query.names, *map(str.casefold, told)),
        )

    def get(self, key: Key) -> Answer | None:
        """The answer kept under this key, if any."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Key, reply: Answer) -> None:
        """Keep an answer. One for which a newer index was used than the key's, as a build has just ended, is not kept."""
        if reply.fingerprint != key[0]:
            return
        with self._lock:
            self._kept[key] = reply
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
