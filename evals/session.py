"""One eval run from settings to files: choose what can be asked, run every system, write reports and failures."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from assistant.answering import Assistant
from assistant.settings import Settings
from evals.errors import EvalError
from evals.pages import Corpus
from evals.questions import SLICES, Question
from evals.runner import Outcome, Result, askable, run_system, summarize
from evals.systems import Oka, System

HEADLINE = ("recall@5", "page_recall@5", "mrr@10", "ndcg@10", "vital", "fact_f3", "citation_recall", "perfect", "wrong",
            "abstained", "over_refusal", "truth")  # fmt: skip


def evaluate(
    settings: Settings, questions: Sequence[Question], split: Literal["dev", "test", "all"], quick: bool, out: Path
) -> list[Result]:
    """Runs and writes; prints the headline table. Raises EvalError where no question can be asked."""
    assistant = Assistant(settings)
    corpus = Corpus(assistant.index)
    chosen = [question for question in questions if split in ("all", question.split)]
    asked, skipped = askable(chosen, corpus.urls)
    if not asked:
        raise EvalError(
            "None of the questions has its pages in the archive: run `oka fetch`, then `python -m evals` again."
        )
    systems: list[System] = [Oka(assistant)]
    with _bars() as bars:
        results = [_with_bar(bars, system, asked, corpus) for system in systems]
    out.mkdir(parents=True, exist_ok=True)
    (out / "failures.txt").write_text(failures(asked, results[0].outcomes), encoding="utf-8")
    _print_table(asked, results, sum(map(len, skipped.values())))
    print(f"what failed: {out / 'failures.txt'}", file=sys.stderr)
    return results


@contextmanager
def _bars() -> Iterator[Progress]:
    columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        yield bars


def _with_bar(bars: Progress, system: System, questions: Sequence[Question], corpus: Corpus) -> Result:
    task = bars.add_task(system.name, total=len(questions))
    return run_system(system, questions, corpus, lambda name, done, total: bars.update(task, completed=done))


def _print_table(questions: Sequence[Question], results: Sequence[Result], skipped: int) -> None:
    clusters = {question.id: question.cluster for question in questions}
    table = Table("", "n", *HEADLINE, box=None)
    for result in results:
        table.add_row(result.name, str(len(questions)), *_cells(result.outcomes, clusters))
    for slice_ in SLICES:
        ids = {question.id for question in questions if question.slice == slice_}
        own = [outcome for outcome in results[0].outcomes if outcome.id in ids]
        if own:
            table.add_row(f"  {slice_}", str(len(own)), *_cells(own, clusters))
    Console(width=200 if not sys.stdout.isatty() else None).print(table)
    print(f"{len(questions)} questions asked, {skipped} skipped because their pages aren't in the archive")


def _cells(outcomes: Sequence[Outcome], clusters: dict[str, str]) -> list[str]:
    means = summarize(outcomes, clusters)
    return [f"{means[name].mean:.3f}" if name in means else "" for name in HEADLINE]


def failures(questions: Sequence[Question], outcomes: Sequence[Outcome]) -> str:
    """Every question that wasn't answered perfectly or abstained from rightly, worst first: said, cited, expected."""
    pairs = [(q, o) for q, o in zip(questions, outcomes, strict=True) if o.scores.get("truth", 1.0) < 1]
    pairs.sort(key=lambda pair: (pair[1].scores["truth"], pair[1].scores.get("vital", 1.0), pair[0].id))
    return "\n".join(_failure(question, outcome) for question, outcome in pairs)


def _failure(question: Question, outcome: Outcome) -> str:
    kept = ("truth", "vital", "recall@5", "context_facts", "citation_recall", "must_not", "links_valid")
    lines = [
        f"=== {question.id} [{question.slice}, {question.split}] {question.question}",
        "  " + "  ".join(f"{name}={outcome.scores[name]:.2f}" for name in kept if name in outcome.scores)
        + f"  confidence={outcome.confidence}",
        *([f"  searched: {outcome.searched}"] if outcome.searched != question.question else []),
        *[f"  expected: {fact.text}" for fact in question.vital],
        *[f"  gold: {gold.url}#{gold.anchor} {gold.quote!r}" for gold in question.gold],
        *[f"  found: {place}" for place in outcome.ranking[:5]],
        *[f"  cited: {place}" for place in outcome.cited],
        *[f"  | {line}" for line in outcome.text.splitlines() if line.strip()],
    ]  # fmt: skip
    return "\n".join(lines) + "\n"
