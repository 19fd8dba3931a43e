"""Runs systems over questions: an outcome a question first, everything else is derived from those.

Outcomes hold nothing that differs between two runs; times are kept beside them.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from assistant.answers import Answer
from evals.metrics import Scores
from evals.metrics.abstention import Judged, score_abstention
from evals.metrics.answers import score_answer
from evals.metrics.citations import score_citations
from evals.metrics.dialogue import score_follow_up, score_injection, score_variant
from evals.metrics.retrieval import score_ranking
from evals.pages import Corpus
from evals.questions import Question
from evals.statistics import Estimate, estimate
from evals.systems import System

Progress = Callable[[str, int, int], None]  # system, questions done, questions in all


@dataclass(frozen=True)
class Outcome:
    """What one system made of one question, and its scores; a score that doesn't apply is absent."""

    id: str
    searched: str
    text: str
    abstained: bool
    reason: str | None
    confidence: float | None  # None where the system has none
    ranking: tuple[str, ...]  # addresses with anchors of the first ten
    cited: tuple[str, ...]  # likewise, in order of the citations
    scores: Scores


@dataclass(frozen=True)
class Result:
    """One system's outcomes in question order, and the milliseconds of each search and answer."""

    name: str
    about: str
    outcomes: tuple[Outcome, ...]
    search_ms: tuple[float, ...] = field(default=(), compare=False)
    answer_ms: tuple[float, ...] = field(default=(), compare=False)


def askable(questions: Iterable[Question], urls: frozenset[str]) -> tuple[list[Question], dict[str, list[str]]]:
    """The questions whose pages are in the corpus, and the ids of the others by what is missing.

    A question without gold is only fair where its absence was checked: one that was checked against deep pages can
    also be asked of less. A variant is left out with its base, a turn with the turns before it.
    """
    fit: list[Question] = []
    skipped: dict[str, list[str]] = defaultdict(list)
    out: set[str] = set()
    for question in questions:
        missing = [gold.url for gold in question.gold if gold.url not in urls]
        if missing:
            skipped[f"{missing[0]} is not in the archive"].append(question.id)
        elif question.base in out or question.chain in out:
            skipped["an earlier turn or the base was left out"].append(question.id)
        else:
            fit.append(question)
            continue
        out |= {question.id, question.chain or question.id}
    return fit, dict(skipped)


def run_system(
    system: System, questions: Sequence[Question], corpus: Corpus, progress: Progress | None = None
) -> Result:
    """Asks every question once, chains turn by turn with the system's own replies as history."""
    outcomes: list[Outcome] = []
    conversation: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    search_ms: list[float] = []
    answer_ms: list[float] = []
    for number, question in enumerate(questions, 1):
        history = conversation[question.chain or question.id]
        began = time.perf_counter()
        ranking = system.search(question, history)
        searched = time.perf_counter()
        reply = system.answer(question, history)
        answer_ms.append((time.perf_counter() - searched) * 1000)
        search_ms.append((searched - began) * 1000)
        scores = score_ranking(question, ranking, corpus.count_tokens)
        if question.turn > 1 and question.standalone:
            alone = question.model_copy(update={"question": question.standalone})
            written_out = score_ranking(alone, system.search(alone, ()), corpus.count_tokens)
            earlier = [message["content"] for message in history if message["role"] == "user"]
            scores |= score_follow_up(question, reply.searched, earlier, scores, written_out)
        scores |= score_reply(question, reply, corpus)
        outcomes.append(
            Outcome(
                question.id,
                reply.searched,
                reply.text,
                reply.abstained,
                reply.reason,
                None if math.isnan(reply.confidence) else reply.confidence,
                tuple(_place(found.url, found.anchors[0] if found.anchors else None) for found in ranking[:10]),
                tuple(_place(citation.url, citation.anchor) for citation in reply.citations),
                scores,
            )
        )
        history += [{"role": "user", "content": question.question}, {"role": "assistant", "content": reply.text}]
        if progress:
            progress(system.name, number, len(questions))
    return Result(system.name, system.about, _with_variants(questions, outcomes), tuple(search_ms), tuple(answer_ms))


def score_reply(question: Question, reply: Answer, corpus: Corpus) -> Scores:
    """Every score of one answer that needs no other question."""
    citations = score_citations(question, reply, corpus.page_text, corpus.rarity, corpus.knows)
    valid = bool(citations["links_valid"])
    holds = valid and citations.get("citation_recall", 1.0) == 1.0 and citations.get("citation_exact", 1.0) == 1.0
    scores = citations | score_answer(question, reply, holds) | score_abstention(question, reply, valid)
    return scores | score_injection(question, reply)


def _with_variants(questions: Sequence[Question], outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    scores = {outcome.id: outcome.scores for outcome in outcomes}
    tops = {outcome.id: outcome.cited[0].partition("#")[0] if outcome.cited else None for outcome in outcomes}
    for question in questions:
        scores[question.id].update(score_variant(question, scores, tops))
    return tuple(outcomes)


def _place(url: str, anchor: str | None) -> str:
    return f"{url}#{anchor}" if anchor else url


def summarize(
    outcomes: Sequence[Outcome], clusters: Mapping[str, str], names: Sequence[str] = ()
) -> dict[str, Estimate]:
    """Each measure's mean over the questions that it applies to, with its interval; all measures where none is named."""
    having_any = {name for outcome in outcomes for name in outcome.scores}
    found = {}
    for name in [name for name in names if name in having_any] if names else sorted(having_any):
        having = [outcome for outcome in outcomes if name in outcome.scores]
        found[name] = estimate([o.scores[name] for o in having], [clusters[o.id] for o in having])
    if "follow_up_recall@5" in found and found["follow_up_standalone_recall@5"].mean:
        own, alone = found["follow_up_recall@5"], found["follow_up_standalone_recall@5"]
        found["rewrite_efficiency"] = Estimate(
            own.mean / alone.mean, own.low / alone.mean, own.high / alone.mean, own.n
        )
    return found


def judged(outcomes: Sequence[Outcome], questions: Mapping[str, Question]) -> list[Judged]:
    """What the abstention curves need; questions that are answerable in part, and replies without confidence, are left out."""
    return [
        Judged(
            outcome.confidence,
            questions[outcome.id].answerable == "yes",
            outcome.abstained,
            not outcome.abstained and outcome.scores.get("truth", 0.0) >= 0.5,
        )
        for outcome in outcomes
        if outcome.confidence is not None and questions[outcome.id].answerable != "partial"
    ]
