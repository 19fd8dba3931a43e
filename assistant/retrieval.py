"""Finding passages: candidates by words and by meaning, then a linear model over inspectable features.

The weights stand in weights.json with how they were fitted (`python -m evals.fit`). Scores are cut at no rank and are
comparable within one search; whether the corpus answers at all is decided elsewhere, on scores before this (confidence.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.names import expansions
from assistant.query import Query
from assistant.topics import Topics, site_of
from index.embed import Reading
from index.lexical import top
from index.nearest import BODY, HEADED
from index.passages import Hit, Passage
from index.store import Index
from index.terms import terms
from index.texts import Place

WEIGHTS = Path(__file__).parent / "weights.json"

_POOL = 40
"""Candidates taken from each list."""
_POOL_NEAR = 20
"""Candidates taken from the documents and linked pages alone: among many deep pages they would be crowded out."""

_SAYS_ENOUGH = 2.0
"""A question whose other known words are this many times as rare as the name of the tool, in sum, is looked for without it."""

_IDENTIFIER = re.compile(r"(?=.*[^\W\d]{3})(.*\w(_|\.|::)\w|--?\w)")
_FEW = 5
"""Passages that may have an identifier which tells one thing from others; common ones only count as words."""

_SAME_PAGE, _SAME_SECTION = 1.0, 0.5
"""What a follow-up's candidates gain, in log odds, on the page that answered the turn before, and lose in the section that
did: who asks on stays with the page, and hasn't found it there. Of 0 to 3 and -0.5 to 2 the best recall and rank of the
follow-ups of dev split and training questions."""

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
class Found:
    """Hits, best first, and what the features of all candidates were (rows as `hits`, columns as FEATURES)."""

    hits: tuple[Hit, ...]
    features: NDArray[np.float32]
    rows: tuple[int, ...]  # of the hits, in the index
    asked: Asked
    words: dict[str, float]  # the question's terms with their rarity (idf)
    unknown: tuple[str, ...]  # its terms that the corpus doesn't have
    nearness: tuple[NDArray[np.float32], ...]  # one a hit: how near its parts are to the question, see Parts.likenesses
    pieces: tuple[Piece, ...] = ()  # one for each of the query's parts or clauses

    def reordered(self, scores: Sequence[float], limit: int) -> Found:
        """The best `limit`, the first hits by a reranker's scores for them, which are kept as the signal "reranker";
        `Hit.score` stays the passage model's, which the decision and the units are fitted to."""
        read_again = sorted(range(len(scores)), key=lambda at: -scores[at])
        kept = [*read_again, *range(len(scores), len(self.hits))][:limit]
        hits = [
            replace(self.hits[at], signals=self.hits[at].signals | {"reranker": scores[at]})
            if at < len(scores)
            else self.hits[at]
            for at in kept
        ]
        return replace(self.of(kept), hits=tuple(hits))

    def of(self, kept: Sequence[int]) -> Found:
        """These of the hits, by their ranks from 0."""
        return replace(
            self,
            hits=tuple(self.hits[at] for at in kept),
            features=self.features[list(kept)],
            rows=tuple(self.rows[at] for at in kept),
            nearness=tuple(self.nearness[at] for at in kept),
            pieces=tuple(
                replace(
                    piece,
                    scores=tuple(piece.scores[at] for at in kept),
                    nearness=tuple(piece.nearness[at] for at in kept),
                )
                for piece in self.pieces
            ),
        )

    def by(self, piece: Piece) -> Found:
        """The same hits as one part or clause of the question finds and reads them."""
        hits = tuple(replace(hit, score=score) for hit, score in zip(self.hits, piece.scores, strict=True))
        return replace(self, hits=hits, asked=piece.asked, words=piece.words, nearness=piece.nearness, pieces=())


@dataclass(frozen=True)
class Piece:
    """A part or clause of a question: how the encoder reads it, its terms with their rarity, the hits' scores."""

    text: str
    asked: Asked
    words: dict[str, float]
    scores: tuple[float, ...]  # one a hit; a hit that it doesn't find has the least of those that it finds
    nearness: tuple[NDArray[np.float32], ...]  # one a hit


@dataclass(frozen=True)
class Asked:
    """A question as the encoder reads it: its vector, its content words' tokens and their weights, which sum to 1."""

    vector: NDArray[np.float32]  # shape (dimension,)
    tokens: NDArray[np.float32]  # shape (tokens, dimension)
    weights: NDArray[np.float32]  # shape (tokens,): the rarity of a token's word, shared by its tokens
    apart: NDArray[np.float32]  # likewise, the root of it, and 0 for the terms left aside
    aside: frozenset[
        str
    ]  # terms of the names of tools, which all their pages have, where the question says enough else


def read_question(index: Index, query: Query) -> Asked:
    """One run of the encoder. A question of function words alone has no tokens."""
    (asked,) = _read(index, [query.text], query)
    return asked


def _read(index: Index, texts: Sequence[str], query: Query) -> list[Asked]:
    """Several at once, side by side."""
    readings = index.embedder.read(texts, [()] * len(texts))
    return [_asked(index, text, reading, query) for text, reading in zip(texts, readings, strict=True)]


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


@cache
def load_model(name: str) -> dict[str, Any]:
    """One fitted model of weights.json, by name."""
    models: dict[str, Any] = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return dict(models[name])


def retrieve(
    index: Index,
    topics: Topics,
    query: Query,
    *,
    limit: int,
    only: str | None = None,
    rows: Sequence[int] | None = None,
) -> Found:
    """The best `limit` passages for a question, within `only` (see `Topics.rows_within`), or of `rows` alone."""
    forms = list(dict.fromkeys([query.text, *query.parts, *query.clauses]))
    asked = _read(index, forms, query)
    within = topics.rows_within(only) if only else None
    if rows is not None:
        within = np.asarray(sorted(rows), np.int64)
    weights = load_model("passages")["weights"]
    row = np.array([weights[name] for name in FEATURES], np.float32)
    searches = [Search(index, topics, form, query, one) for form, one in zip(forms, asked, strict=True)]
    before = retrieve(index, topics, query.before, limit=1, only=only).hits if query.before else ()
    ranked: list[list[tuple[float, int]]] = []
    signals: dict[int, NDArray[np.float32]] = {}
    for search in searches:
        candidates = [int(number) for number in search.candidates(within)]
        places = index.texts.places(candidates)
        matrix = search.features(candidates, places)
        for number, values in zip(candidates, matrix, strict=True):
            signals.setdefault(number, values)
        exact = search.names_exactly(candidates)
        scores = matrix @ row + _asked_on(places, [hit.passage for hit in before])
        best_first = sorted(zip((~exact).tolist(), (-scores).tolist(), candidates, strict=True))
        ranked.append([(negative, number) for _, negative, number in best_first])
    order = _interleave(ranked, limit)
    first = searches[0]
    hits = tuple(
        Hit(
            passage,
            round(-negative, 6),
            tuple(name for name in ("lexical", "dense") if number in first.found[name]) or ("parts",),
            {name: round(float(value), 6) for name, value in zip(FEATURES, signals[number], strict=True)},
        )
        for (negative, number), passage in zip(order, index.passages([number for _, number in order]), strict=True)
    )
    matrix = np.stack([signals[number] for _, number in order]) if order else np.zeros((0, len(FEATURES)), np.float32)
    chosen = tuple(number for _, number in order)
    found = dict(zip(forms, zip(searches, ranked, strict=True), strict=True))
    pieces = tuple(
        Piece(form, search.asked, search.rarity, _scores(ranking, chosen), search.nearness_of(chosen))
        for form in (*query.parts, *query.clauses)
        for search, ranking in (found[form],)
    )
    return Found(hits, matrix, chosen, asked[0], first.rarity, first.unknown, first.nearness_of(chosen), pieces)


def _asked_on(places: Sequence[Place], answered: Sequence[Passage]) -> NDArray[np.float32]:
    """What passages at these places gain for a follow-up; `answered` are the best of the turn before, if any."""
    pages = {passage.url for passage in answered if passage.source != "document"}
    sections = {(passage.url, passage.headings) for passage in answered}
    return np.array(
        [
            _SAME_PAGE * (place.url in pages) - _SAME_SECTION * ((place.url, place.headings) in sections)
            for place in places
        ],
        np.float32,
    )


def _scores(ranking: Sequence[tuple[float, int]], rows: Sequence[int]) -> tuple[float, ...]:
    """What a ranking gives to these rows."""
    known = {number: -negative for negative, number in ranking}
    least = min(known.values(), default=0.0)
    return tuple(known.get(number, least) for number in rows)


def _interleave(ranked: Sequence[Sequence[tuple[float, int]]], limit: int) -> list[tuple[float, int]]:
    """The whole question's ranking; with sub-questions each gets its share of the first places."""
    chosen: dict[int, float] = {}
    if len(ranked) > 1:
        share = max(1, 4 // (len(ranked) - 1))
        for place in range(share):
            for ranking in ranked[1:]:
                if place < len(ranking):
                    chosen.setdefault(ranking[place][1], ranking[place][0])
    for negative, number in ranked[0]:
        chosen.setdefault(number, negative)
    return [(negative, number) for number, negative in chosen.items()][:limit]


class Search:
    """One form of a question against the index."""

    def __init__(self, index: Index, topics: Topics, form: str, query: Query, asked: Asked) -> None:
        self.index, self.topics, self.query, self.form, self.asked = index, topics, query, form, asked
        lexical = index.words
        words = [word for word in dict.fromkeys(terms(form)) if query.weight(word)]
        self.rarity = {word: lexical.rarity(word) * query.weight(word) for word in words}
        self.unknown = tuple(word for word in words if not lexical.frequency(word))
        added = " ".join(expansions(form))
        scores = lexical.scores(f"{form} {added}", query.weight)
        ceiling = max(sum(self.rarity.values()), 1e-6)
        self.body = scores["body"] / ceiling
        self.headings = scores["headings"] / ceiling
        self.nearest = index.nearest(asked.vector)
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
        part = [float(one[1:].max(initial=0.0)) for one in self.index.parts.cosines(rows, self.asked.vector)]
        nearness = self.nearness_of(rows)
        nearest = np.stack([one.max(axis=0, initial=0.0) for one in nearness])  # shape (rows, tokens)
        maxsim = weighted(nearest, self.asked.apart)
        unit = [float(weighted(one[1:], self.asked.apart).max(initial=0.0)) for one in nearness]
        page = np.unique([place.url for place in places], return_inverse=True)[1]
        best_of_page = np.zeros(page.max() + 1, np.float32)
        np.maximum.at(best_of_page, page, maxsim)
        found_of_page = np.log1p(np.bincount(page))
        columns = []
        for at, (number, passage) in enumerate(zip(rows, places, strict=True)):
            site = site_of(passage.url)
            document = passage.source == "document"
            columns.append(
                (
                    self.body[number],
                    self.headings[number],
                    bool(named) and not document and site not in named,
                    document,
                    passage.source == "linked",
                    part[at],
                    maxsim[at],
                    unit[at],
                    best_of_page[page[at]],
                    found_of_page[page[at]],
                )
            )
        return np.array(columns, np.float32)
