"""The candidates of one form of a question: what the lists by words and by meaning have near their tops, with features.

Which of them come first is said by the linear model in retrieval.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.names import expansions
from assistant.query import Query
from assistant.topics import Topics, site_of
from index.embed import Reading
from index.lexical import top
from index.nearest import BODY, HEADED, Nearest
from index.store import Index
from index.terms import terms
from index.texts import Place

_POOL = 40
"""Candidates taken from each list."""
_POOL_NEAR = 20
"""Candidates taken from the documents and linked pages alone: among many deep pages they would be crowded out."""

_EXPANDED = 0.5
"""How much a word counts that only the meaning of a short form has: the page that defines a "Dag" needn't speak of graphs. Of
0, 0.25, 0.5 and 1 the one with the most facts for the dev split's and training questions that have short forms."""
_SAYS_ENOUGH = 2.0
"""A question whose other known words are this many times as rare as the name of the tool, in sum, is looked for without it."""

_IDENTIFIER = re.compile(r"(?=.*[^\W\d]{3})(.*\w(_|\.|::)\w|--?\w)")
_FEW = 5
"""Passages that may have an identifier which tells one thing from others; common ones only count as words."""

FEATURES = (
    "body",  # BM25 of the body, as a share of what the question's words could score
    "headings",  # BM25 of title and heading path, likewise
    "other_site",  # the question names a tool and the page is of another
    "document",  # a document of ours
    "linked",  # a page that a document links to
    "part",  # best cosine of the question with one of its units
    "maxsim",  # nearness of the question's words to its words, as the encoder reads them; see Asked.apart
    "unit",  # likewise to the words of its best unit alone
    "page",  # the best "maxsim" that a candidate of its page has
    "page_found",  # how many candidates its page has, as log(1 + number)
)


@dataclass(frozen=True)
class Asked:
    """A question as the encoder reads it: its vector, its content words' tokens and their weights, which sum to 1."""

    vector: NDArray[np.float32]  # shape (dimension,)
    tokens: NDArray[np.float32]  # shape (tokens, dimension)
    weights: NDArray[np.float32]  # shape (tokens,): the rarity of a token's word, shared by its tokens
    apart: NDArray[np.float32]  # likewise, the root of it, and 0 for the terms left aside
    aside: frozenset[str]  # terms of the names of tools, which all their pages have, where it says enough else


def searches_for(index: Index, topics: Topics, query: Query, forms: Sequence[str]) -> list[Search]:
    """One a form of the question; they are read side by side, and compared with all passages in one go."""
    readings = index.embedder.read(forms, [()] * len(forms))
    asked = [_asked(index, form, reading, query) for form, reading in zip(forms, readings, strict=True)]
    nearest = index.nearest(np.stack([one.vector for one in asked]))
    return [Search(index, topics, query, *one) for one in zip(forms, asked, nearest, strict=True)]


def _asked(index: Index, text: str, reading: Reading, query: Query) -> Asked:
    rarity = {term: query.weight(term) * index.words.rarity(term) for term in terms(text)}
    names = {term for entity in query.entities for term in terms(entity.mention)} & rarity.keys()
    others = sum(rarity[term] for term in rarity if term not in names and index.words.frequency(term))
    aside = frozenset(names if others >= _SAYS_ENOUGH * max((rarity[term] for term in names), default=0.0) else ())
    weights, apart = np.zeros((2, len(reading.tokens)), np.float32)
    for word in re.finditer(r"\w+", text):
        own = (reading.offsets[:, 0] >= word.start()) & (reading.offsets[:, 0] < word.end())
        told = [term for term in terms(word.group()) if query.weight(term)]
        weight = max(map(query.weight, told), default=0.0)
        share = max(map(index.words.rarity, told), default=0.0) / max(int(own.sum()), 1)
        weights[own] = weight * share
        apart[own] = 0.0 if aside.issuperset(told) else weight * np.sqrt(share)
    kept = np.flatnonzero(weights)
    return Asked(reading.whole, reading.tokens[kept], _shares(weights[kept]), _shares(apart[kept]), aside)


def weighted(nearness: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean nearness over a question's tokens, by weight; rows as those of `nearness`. No matrix product: OpenBLAS'
    kernels may leave a floating-point flag behind, which numpy reports as a warning."""
    return np.asarray((nearness * weights).sum(axis=-1))


def _shares(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(weights / max(float(weights.sum()), 1e-6))


class Search:
    """One form of a question against the index."""

    def __init__(self, index: Index, topics: Topics, query: Query, form: str, asked: Asked, nearest: Nearest) -> None:
        self.index, self.topics, self.query = index, topics, query
        self.form, self.asked, self.nearest = form, asked, nearest
        lexical = index.words
        words = [word for word in dict.fromkeys(terms(form)) if query.weight(word)]
        self.rarity = {word: lexical.rarity(word) * query.weight(word) for word in words}
        self.unknown = tuple(word for word in words if not lexical.frequency(word))
        added = " ".join(expansions(form))
        scores = lexical.scores(
            f"{form} {added}", lambda term: query.weight(term) * (1.0 if term in self.rarity else _EXPANDED)
        )
        ceiling = max(sum(self.rarity.values()), 1e-6)
        self.body = scores["body"] / ceiling
        self.headings = scores["headings"] / ceiling
        self.found: dict[str, set[int]] = {}
        self._nearness: dict[int, NDArray[np.float32]] = {}

    def candidates(self, within: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Rows that any list has near its top, in row order; only rows of `within` where it is given."""
        words = self.body + 0.5 * self.headings
        everywhere = np.arange(len(words)) if within is None else within
        near = self.topics.near_rows if within is None else within

        def best(scores: NDArray[np.float32], rows: NDArray[np.int64], count: int, above: float) -> NDArray[np.int64]:
            return rows[top(scores[rows], count, above=above)[0]]

        lexical = [
            best(words, everywhere, _POOL, 0.0),
            best(self.headings, everywhere, _POOL // 2, 0.0),
            best(words, near, _POOL_NEAR, 0.0),
        ]
        if within is None:
            lexical.append(self.topics.document_rows[:_POOL])
        dense = [
            self.nearest.best(_POOL, layer=BODY, within=within),
            self.nearest.best(_POOL, layer=HEADED, within=within),
            self.nearest.best(_POOL_NEAR, within=near),
        ]
        self.found = {"lexical": set(np.concatenate(lexical).tolist()), "dense": set(np.concatenate(dense).tolist())}
        return np.unique(np.concatenate(lexical + dense))

    def names_exactly(self, rows: Sequence[int]) -> NDArray[np.bool_]:
        """Which rows have an identifier of the question whole that hardly another passage has: they come before all
        others, as who types `task_acks_late` wants no page that merely speaks of acknowledging tasks late."""
        lexical = self.index.words
        exact = [word for word in self.rarity if _IDENTIFIER.match(word) and 0 < lexical.frequency(word) <= _FEW]
        chosen = np.asarray(rows, np.int64)
        if not exact:
            return np.zeros(len(rows), np.bool_)
        found = lexical.presence(exact, chosen, "body") | lexical.presence(exact, chosen, "headings")
        return np.asarray(found.any(axis=0))

    def nearness_of(self, rows: Sequence[int]) -> tuple[NDArray[np.float32], ...]:
        """How near the parts of these passages are to the question's tokens, see `Parts.likenesses`; kept."""
        new = [row for row in rows if row not in self._nearness]
        self._nearness.update(zip(new, self.index.parts.likenesses(new, self.asked.tokens), strict=True))
        return tuple(self._nearness[row] for row in rows)

    def features(self, rows: Sequence[int], places: Sequence[Place]) -> NDArray[np.float32]:
        """One row a candidate, columns as FEATURES, each about 0..1."""
        if not rows:
            return np.zeros((0, len(FEATURES)), np.float32)
        named = self.topics.sites_named(self.form, self.query.entities)
        documents = np.array([place.source == "document" for place in places])
        named_here = np.array([not named or site_of(place.url) in named for place in places])
        nearness = self.nearness_of(rows)
        firsts = np.cumsum([0, *map(len, nearness)])[:-1]  # of each candidate's parts: its headings
        every = np.concatenate(nearness)
        cosines = np.concatenate(self.index.parts.cosines(rows, self.asked.vector))
        units = weighted(every, self.asked.apart)
        cosines[firsts] = units[firsts] = 0.0  # the headings are no unit
        maxsim = weighted(np.maximum.reduceat(every, firsts).clip(min=0.0), self.asked.apart)
        page = np.unique([place.url for place in places], return_inverse=True)[1]
        best_of_page = np.zeros(page.max() + 1, np.float32)
        np.maximum.at(best_of_page, page, maxsim)
        columns = (
            self.body[rows],
            self.headings[rows],
            ~named_here & ~documents,
            documents,
            [place.source == "linked" for place in places],
            np.maximum.reduceat(cosines, firsts).clip(min=0.0),
            maxsim,
            np.maximum.reduceat(units, firsts).clip(min=0.0),
            best_of_page[page],
            np.log1p(np.bincount(page))[page],
        )
        return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)
