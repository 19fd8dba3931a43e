"""Finding passages: candidates by words and by meaning, then a linear model over inspectable features.

The weights stand in weights.json with how they were fitted (`python -m evals.fit`). Scores are cut at no rank and are
comparable within one search; whether the corpus answers at all is decided elsewhere, on scores before this (confidence.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.candidates import FEATURES, Asked, searches_for
from assistant.query import Query
from assistant.topics import Topics
from index.passages import Hit, Passage
from index.store import Index
from index.texts import Place

WEIGHTS = Path(__file__).parent / "weights.json"

_SAME_PAGE, _SAME_SECTION = 1.0, 0.5
"""What a follow-up's candidates gain, in log odds, on the page that answered the turn before, and lose in the section that
did: who asks on stays with the page, and hasn't found it there. Of 0 to 3 and -0.5 to 2 the best recall and rank of the
follow-ups of dev split and training questions."""


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
    within = topics.rows_within(only) if only else None
    if rows is not None:
        within = np.asarray(sorted(rows), np.int64)
    weights = load_model("passages")["weights"]
    row = np.array([weights[name] for name in FEATURES], np.float32)
    searches = searches_for(index, topics, query, forms)
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
    return Found(hits, matrix, chosen, first.asked, first.rarity, first.unknown, first.nearness_of(chosen), pieces)


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
