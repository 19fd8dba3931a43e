"""The question file: one JSON object a line. Gold names pages, sections and exact words, never passages, so that
systems with different chunks are scored alike.

Values only; whether quotes really stand on their pages is checked in validate.py.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from evals.errors import EvalError

FILE = Path(__file__).parent / "questions.jsonl"
"""The suite: what is scored and reported."""
TRAINING = Path(__file__).parent / "training.jsonl"
"""More questions, which only the fits read: no figure or floor is of them."""
BLIND = Path(__file__).parent / "blind.jsonl"
"""Questions that no weights are fitted on either, to see whether a change helps what it wasn't made for."""
ELSEWHERE = Path(__file__).parent / "elsewhere.txt"
"""Likewise, a question a line that has nothing to do with orchestration."""

Slice = Literal[
    "factoid-kb", "factoid-linked", "deep", "recommendation", "list", "comparison", "multi-hop", "resource", "follow-up",
    "robustness", "unanswerable", "false-premise", "out-of-domain", "injection",
]  # fmt: skip
SLICES: tuple[Slice, ...] = get_args(Slice)
Split = Literal["dev", "test"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Gold(_Record):
    """Words of a page that an answer should stand on. `grade` 2 carries a vital fact, 1 supports."""

    url: str  # final address without fragment, or kb/<file name>
    anchor: str | None  # id of the nearest heading above; None where the page gives none
    quote: str = Field(min_length=3)
    grade: Literal[1, 2] = 2


class Fact(_Record):
    """Something an answer must say: any of the patterns, searched without regard to case."""

    id: str
    text: str
    vital: bool = True
    any: tuple[str, ...] = Field(min_length=1)

    @field_validator("any")
    @classmethod
    def _compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        return _check_patterns(patterns)


class Question(_Record):
    """One turn. `cluster` ties together what shares a source, a conversation or a base; splits never cut it."""

    id: str
    split: Split = "test"
    cluster: str
    chain: str | None = None
    turn: int = Field(default=1, ge=1)
    slice: Slice
    corpus: Literal["kb", "linked", "deep"]
    question: str = Field(min_length=1)
    standalone: str | None = None
    answerable: Literal["yes", "no", "partial"]
    unanswerable_class: (
        Literal["absent-fact", "false-premise", "out-of-domain", "underspecified", "price-or-future", "unknown-tool"]
        | None
    ) = None
    gold: tuple[Gold, ...] = ()
    facts: tuple[Fact, ...] = ()
    must_not: tuple[str, ...] = ()
    required_urls: tuple[str, ...] = ()
    forbidden_urls: tuple[str, ...] = ()
    base: str | None = None
    perturbation: Literal["typo", "terse", "paraphrase", "verbose"] | None = None

    @field_validator("must_not")
    @classmethod
    def _compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        return _check_patterns(patterns)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Question:
        if self.answerable == "no" and (self.gold or self.facts):
            raise ValueError("it has no answer, so it can have neither gold nor facts")
        if self.answerable == "yes" and not self.gold:
            raise ValueError("it has an answer, so it needs gold")
        if self.answerable == "yes" and not self.required_urls and not any(fact.vital for fact in self.facts):
            raise ValueError("it has an answer, so it needs a vital fact or required_urls")
        if self.answerable == "no" and not self.unanswerable_class and self.slice != "injection":
            raise ValueError("it has no answer, so unanswerable_class must say why")
        if self.turn > 1 and not (self.chain and self.standalone):
            raise ValueError("a later turn needs its chain and a standalone form")
        if (self.perturbation is None) != (self.base is None):
            raise ValueError("base and perturbation come together")
        return self

    @property
    def vital(self) -> tuple[Fact, ...]:
        """The facts that a complete answer states."""
        return tuple(fact for fact in self.facts if fact.vital)


def _check_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression ({error})") from error
    return patterns


def read_questions(file: Path) -> list[Question]:
    """The questions in file order. Raises EvalError naming the line for what is not a record, or for an id used twice."""
    questions: list[Question] = []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvalError(f"The questions in {file} can't be read ({error}): name another with --questions.") from error
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            question = Question.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "the record"
            raise EvalError(
                f"Line {number} of {file}: {place}: {first['msg']}; mend it, see evals/questions.py."
            ) from error
        if question.id in seen:
            raise EvalError(f"Line {number} of {file} uses the id {question.id} a second time; give it another.")
        seen.add(question.id)
        questions.append(question)
    if not questions:
        raise EvalError(f"There are no questions in {file}: write some with `python -m evals new`.")
    return questions


def questions_to_learn_from() -> tuple[Question, ...]:
    """The dev split of the suite, and TRAINING."""
    return tuple(question for question in (*read_questions(FILE), *read_questions(TRAINING)) if question.split == "dev")


def write_questions(file: Path, questions: Sequence[Question]) -> None:
    """One line a record, keys in the model's order."""
    lines = [json.dumps(question.model_dump(mode="json"), ensure_ascii=False) for question in questions]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def digest(questions: Sequence[Question]) -> str:
    """sha256 over the records as they are scored; the order doesn't matter."""
    lines = sorted(question.model_dump_json() for question in questions)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def split_of(cluster: str) -> Split:
    """The split of a new cluster: dev for two in five, by the hash of its name.

    What is in the file keeps its split for ever, whatever is added beside it.
    """
    return "dev" if int(hashlib.sha256(cluster.encode()).hexdigest(), 16) % 5 < 2 else "test"
