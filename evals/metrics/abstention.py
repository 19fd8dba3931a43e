"""Knowing what the corpus doesn't say: rates of one question each, and curves over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.answers import Answer
from evals.metrics import Scores
from evals.metrics.answers import named_addresses
from evals.questions import Question

_BINS = 10


def score_abstention(question: Question, answer: Answer, links_valid: bool) -> Scores:
    """Whether abstaining was right; a question that is answerable in part may be answered or not."""
    if question.answerable == "partial":
        return {}
    if question.answerable == "yes":
        return {"over_refusal": float(answer.abstained)}
    scores = {
        "abstained": float(answer.abstained),
        f"abstained: {question.unanswerable_class or question.slice}": float(answer.abstained),
    }
    if answer.abstained and question.unanswerable_class != "out-of-domain":
        helpful = bool(answer.text.strip()) and 0 < len(named_addresses(answer)) <= 3
        scores["helpful_abstention"] = float(helpful and links_valid)
    return scores


@dataclass(frozen=True)
class Judged:
    """One question as the curves see it."""

    confidence: float
    answerable: bool
    abstained: bool
    correct: bool  # answered, most vital facts stated and nothing wrong


def auroc(judged: Sequence[Judged]) -> float | None:
    """The chance that an answerable question has more confidence than one that isn't; None where a side is empty."""
    yes = [one.confidence for one in judged if one.answerable]
    no = [one.confidence for one in judged if not one.answerable]
    if not yes or not no:
        return None
    return sum((a > b) + 0.5 * (a == b) for a in yes for b in no) / (len(yes) * len(no))


def risk_coverage(judged: Sequence[Judged]) -> list[tuple[float, float]]:
    """(coverage, risk) as ever less confident answers are given: the share of all questions that are answered, and of
    those answers the share that isn't correct. Answers of equal confidence come together."""
    answered = sorted((one for one in judged if not one.abstained), key=lambda one: -one.confidence)
    curve: list[tuple[float, float]] = []
    wrong = 0
    for number, one in enumerate(answered, 1):
        wrong += not one.correct
        if number == len(answered) or answered[number].confidence != one.confidence:
            curve.append((number / len(judged), wrong / number))
    return curve


def area_under(curve: Sequence[tuple[float, float]]) -> float | None:
    """Mean risk over the coverage that was reached; None for an empty curve."""
    if not curve:
        return None
    steps = [cover - before for (cover, _), (before, _) in zip(curve, [(0.0, 0.0), *curve], strict=False)]
    return sum(step * risk for step, (_, risk) in zip(steps, curve, strict=True)) / curve[-1][0]


def coverage_at(curve: Sequence[tuple[float, float]], risk: float = 0.05) -> float:
    """The largest coverage at which at most this share of answers isn't correct."""
    return max((cover for cover, have in curve if have <= risk), default=0.0)


def reliability(judged: Sequence[Judged]) -> list[tuple[float, float, int]]:
    """Ten bins of confidence: mean confidence, share that is answerable, how many. Empty bins are left out."""
    bins: list[list[Judged]] = [[] for _ in range(_BINS)]
    for one in judged:
        bins[min(int(one.confidence * _BINS), _BINS - 1)].append(one)
    return [(sum(o.confidence for o in b) / len(b), sum(o.answerable for o in b) / len(b), len(b)) for b in bins if b]


def calibration_error(judged: Sequence[Judged]) -> float | None:
    """Expected calibration error over those bins; None without questions."""
    if not judged:
        return None
    return sum(n * abs(confidence - share) for confidence, share, n in reliability(judged)) / len(judged)


def brier(judged: Sequence[Judged]) -> float | None:
    """Mean squared distance of confidence and truth; None without questions."""
    return sum((one.confidence - one.answerable) ** 2 for one in judged) / len(judged) if judged else None


def precision(judged: Sequence[Judged]) -> float | None:
    """Share of abstentions that were right; None where nothing was abstained from."""
    abstained = [one for one in judged if one.abstained]
    return sum(not one.answerable for one in abstained) / len(abstained) if abstained else None
