"""Ranked lists against gold: were the right sections found, and does what was found say the facts?

The unit is a section, (url, anchor), so that systems with other chunks are scored alike. A hit counts for a unit when
it stands in that section, or when its text has the gold quote. A section without an anchor counts by quote alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from evals.metrics import Scores
from evals.metrics.answers import fact_stated
from evals.questions import Question
from evals.wording import key, plain

DEPTHS = (1, 3, 5, 10, 20)
_BUDGET = 1200  # tokens of context, about what a small model reads well
_TELLING = 20  # characters of a quote that can't be a chance match on another page


@dataclass(frozen=True)
class Found:
    """One place of a ranked list. `anchors` are all sections that it overlaps: one for a passage of ours."""

    url: str
    anchors: tuple[str | None, ...]
    text: str


@dataclass(frozen=True)
class GoldUnit:
    """A section that should be found, or any of several that say the same words."""

    places: tuple[tuple[str, str | None], ...]  # (url, anchor)
    quotes: tuple[str, ...]
    grade: int  # the best of its gold


def gold_units(question: Question) -> list[GoldUnit]:
    """The distinct sections of a question's gold in its order; gold with the same quote elsewhere is an alternative."""
    units: list[GoldUnit] = []
    for gold in question.gold:
        place = (gold.url, gold.anchor)
        own = next((unit for unit in units if place in unit.places or gold.quote in unit.quotes), GoldUnit((), (), 0))
        merged = GoldUnit(
            tuple(dict.fromkeys((*own.places, place))),
            tuple(dict.fromkeys((*own.quotes, gold.quote))),
            max(own.grade, gold.grade),
        )
        units = [merged if unit is own else unit for unit in units] if own in units else [*units, merged]
    return units


def counts_for(found: Found, unit: GoldUnit) -> bool:
    """The matching rule."""
    if any(found.url == url and anchor is not None and anchor in found.anchors for url, anchor in unit.places):
        return True
    text = key(found.text)
    same_page = any(found.url == url for url, _ in unit.places)
    return any(key(quote) in text for quote in unit.quotes if same_page or len(quote) >= _TELLING)


def credited(units: Sequence[GoldUnit], ranking: Sequence[Found]) -> list[int | None]:
    """For each place the unit that it is credited with: the best grade among those not credited before, or None."""
    left = set(range(len(units)))
    credits: list[int | None] = []
    for found in ranking:
        new = [number for number in left if counts_for(found, units[number])]
        best = min(new, key=lambda number: (-units[number].grade, number), default=None)
        left.discard(-1 if best is None else best)
        credits.append(best)
    return credits


def score_ranking(
    question: Question, ranking: Sequence[Found], count_tokens: Callable[[Sequence[str]], list[int]]
) -> Scores:
    """Recall of sections and pages at each depth, MRR@10, nDCG@10 (gains 2 and 1), vital facts within the budget."""
    units = gold_units(question)
    if not units:
        return {}
    scores: Scores = {}
    covers = [{number for number, unit in enumerate(units) if counts_for(found, unit)} for found in ranking]
    pages = {frozenset(url for url, _ in unit.places) for unit in units}
    for depth in DEPTHS:
        scores[f"recall@{depth}"] = len(set().union(*covers[:depth])) / len(units)
        scores[f"page_recall@{depth}"] = _share_met(pages, ranking[:depth])
    scores["mrr@10"] = next((1 / rank for rank, cover in enumerate(covers[:10], 1) if cover), 0.0)
    gains = [0 if number is None else units[number].grade for number in credited(units, ranking[:10])]
    scores["ndcg@10"] = _dcg(gains) / _dcg(sorted((unit.grade for unit in units), reverse=True)[:10])
    if question.vital:
        context = plain(_within_budget(ranking, count_tokens))
        stated = [fact_stated(fact, context, question) for fact in question.vital]
        scores["context_facts"] = sum(stated) / len(stated)
        if question.slice in ("multi-hop", "comparison"):
            scores["all_hops"] = float(all(stated))
    return scores


def _share_met(pages: Collection[frozenset[str]], ranking: Sequence[Found]) -> float:
    urls = {found.url for found in ranking}
    return sum(bool(page & urls) for page in pages) / len(pages)


def _dcg(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def _within_budget(ranking: Sequence[Found], count_tokens: Callable[[Sequence[str]], list[int]]) -> str:
    """The first texts that fit; the one that would not is cut to the share that does."""
    texts: list[str] = []
    left = _BUDGET
    for found in ranking:
        tokens = count_tokens([found.text])[0]
        texts.append(found.text if tokens <= left else found.text[: len(found.text) * left // tokens])
        left -= tokens
        if left <= 0:
            break
    return "\n".join(texts)
