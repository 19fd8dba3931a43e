"""Floors under our own scores: a change that makes oka worse turns this red.

floors.json has, for each set (the knowledge base alone; all pages), the digest of questions and corpus that the floors
were measured on, and a floor a measure. Ranking and composing are deterministic, so a floor stands only a small slack
below what was measured: as much as another processor's rounding moves, a question in seventy. (Floors of an encoder
whose 8-bit sums could overflow were once red on one processor and green on another; see `_quantise` in index/minilm.py.)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.answering import Assistant
from assistant.settings import Settings
from evals.errors import EvalError
from evals.pages import Corpus
from evals.questions import Question, digest
from evals.runner import Outcome, askable, run_system
from evals.systems import Oka

FILE = Path(__file__).parent / "floors.json"
SLACK = 0.015
EXACT = ("links_valid", "citation_exact")
"""Invariants: these must be 1, whatever was measured."""
LOWER_IS_BETTER = ("wrong", "must_not", "over_refusal", "attack_succeeded")
MEASURES = ("recall@5", "mrr@10", "ndcg@10", "vital", "fact_f3", "perfect", "citation_recall", "citation_precision",
            "source_recall", "abstained", "truth", *LOWER_IS_BETTER)  # fmt: skip


@dataclass(frozen=True)
class Floors:
    """What must be reached on one set of questions and pages."""

    questions: str  # digest
    corpus: str  # fingerprint
    least: dict[str, float]
    most: dict[str, float]


def means(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The plain mean of each measure that the gate watches."""
    found = {}
    for name in (*MEASURES, *EXACT):
        values = [outcome.scores[name] for outcome in outcomes if name in outcome.scores]
        if values:
            found[name] = sum(values) / len(values)
    return found


def failures(floors: Floors, outcomes: Sequence[Outcome], questions: str) -> list[str]:
    """Why the gate is red, a sentence each; empty where it is green.

    Raises EvalError where the floors were measured on other questions. The corpus may change with the program (another
    chunker makes another fingerprint), so it is only kept to tell what was measured.
    """
    if floors.questions != questions:
        raise EvalError("The floors were measured on other questions: run `python -m evals gate --set`.")
    reached = means(outcomes)
    red = [f"{name} is {reached[name]:.3f} and must be 1" for name in EXACT if reached.get(name, 1.0) < 1]
    red += [
        f"{name} is {reached.get(name, 0.0):.3f}, its floor is {floor:.3f}"
        for name, floor in floors.least.items()
        if reached.get(name, 0.0) < floor
    ]
    return red + [
        f"{name} is {reached[name]:.3f}, at most {most:.3f} is allowed"
        for name, most in floors.most.items()
        if reached.get(name, 0.0) > most
    ]


def floors_from(outcomes: Sequence[Outcome], questions: str, corpus: str) -> Floors:
    """Floors just below what was reached."""
    reached = {name: value for name, value in means(outcomes).items() if name in MEASURES}
    least = {name: round(max(0.0, v - SLACK), 4) for name, v in reached.items() if name not in LOWER_IS_BETTER}
    most = {name: round(min(1.0, v + SLACK), 4) for name, v in reached.items() if name in LOWER_IS_BETTER}
    return Floors(questions, corpus, least, most)


def lowered(old: Floors, new: Floors) -> list[str]:
    """The measures of which new floors ask less than old ones."""
    less = [name for name, floor in old.least.items() if new.least.get(name, 0.0) < floor]
    return less + [name for name, most in old.most.items() if new.most.get(name, 1.0) > most]


def stricter(old: Floors, new: Floors) -> Floors:
    """The new floors with each measure's stricter bound."""
    least = {name: max(floor, old.least.get(name, floor)) for name, floor in new.least.items()}
    most = {name: min(most, old.most.get(name, most)) for name, most in new.most.items()}
    return replace(new, least=least, most=most)


def read_floors(file: Path = FILE) -> dict[str, Floors]:
    """The floors by name of the set; none where there is no file. Raises EvalError for a file that isn't one."""
    if not file.exists():
        return {}
    try:
        return {name: Floors(**values) for name, values in json.loads(file.read_text(encoding="utf-8")).items()}
    except (ValueError, TypeError) as error:
        raise EvalError(f"{file} can't be read ({error}): restore it from git.") from error


def write_floors(floors: Mapping[str, Floors], file: Path = FILE) -> None:
    """All sets, sorted, so that a change reads as a small diff."""
    values = {name: vars(one) for name, one in sorted(floors.items())}
    file.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def run_gate(settings: Settings, questions: Sequence[Question], *, set_floors: bool, lower: bool) -> Iterator[str]:
    """Measures oka on this archive and holds it against the floors of that set; yields what to print.

    A set is named for what the archive holds: "documents", or the largest corpus that has all its questions' pages.
    Raises EvalError where the gate is red, and where floors would be lowered without `lower`.
    """
    corpus = Corpus(Assistant(settings).index)
    asked, _ = askable(questions, corpus.urls)
    have = {question.corpus for question in asked if question.gold}
    name = "deep" if "deep" in have else "linked" if "linked" in have else "documents"
    outcomes = run_system(Oka(Assistant(settings)), asked, corpus).outcomes
    floors = read_floors()
    if set_floors:
        new = floors_from(outcomes, digest(asked), corpus.fingerprint)
        known = floors.get(name)
        alike = known is not None and known.questions == new.questions
        if known and alike and not lower and not failures(known, outcomes, new.questions):
            new = stricter(known, new)  # what is below the old measurement by less than the slack keeps its floor
        less = lowered(floors[name], new) if name in floors else []
        if less and not lower:
            raise EvalError(f"Floors would fall ({', '.join(less)}): mend it, or add --lower and say why in CHANGELOG.")
        write_floors(floors | {name: new})
        yield f"{FILE.name}: floors of the set {name} from {len(asked)} questions"
        return
    if name not in floors:
        raise EvalError(f"There are no floors for the set {name}: run `python -m evals gate --set`.")
    red = failures(floors[name], outcomes, digest(asked))
    if red:
        raise EvalError(f"The gate is red on {name}: {'; '.join(red)}. Mend it, or see `python -m evals gate --help`.")
    yield f"gate: green on {name}, {len(asked)} questions"
