"""One eval run from settings to files: choose what can be asked, run every system, write reports and failures."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from assistant.answering import Assistant
from assistant.settings import Settings
from corpus import linked_resources
from evals.errors import EvalError
from evals.hybrid import Txtai
from evals.pages import Corpus
from evals.questions import Question
from evals.report import HEADLINE, by_section, make_report, read_report, timings, worst, write_report
from evals.report import outcomes_of as previous_outcomes
from evals.runner import Outcome, Result, askable, run_system
from evals.starter import Starter, StarterWithModel
from evals.systems import Abstainer, Gold, Lists, Oka, Oracle, Printer, RandomCiter, Remembered, System

Split = Literal["dev", "test", "all"]


def choose(questions: Sequence[Question], split: Split, corpus: Corpus) -> tuple[list[Question], dict[str, list[str]]]:
    """What can be asked of this corpus, and the ids of the rest by reason. Raises EvalError where nothing can."""
    asked, skipped = askable([question for question in questions if split in ("all", question.split)], corpus.urls)
    if not asked:
        raise EvalError("None of the questions has its pages in the archive: run `oka fetch`, then `python -m evals`.")
    return asked, skipped


def evaluate(
    settings: Settings, questions: Sequence[Question], split: Split, quick: bool, out: Path, against: Path | None = None
) -> dict[str, Any]:
    """Runs oka, and unless `quick` the baselines; writes report and failures into `out` and prints the tables.

    `against` is the report.json of an earlier run, compared like a baseline.
    """
    assistant = Assistant(settings)
    corpus = Corpus(assistant.index)
    asked, skipped = choose(questions, split, corpus)
    left_out: dict[str, str] = {}
    with _bars() as bars:
        own = Remembered(Oka(assistant))
        systems: list[System] = [own]
        if not quick:
            systems += baselines(own, assistant, corpus, settings, left_out, bars)
        results = [_with_bar(bars, system, asked, corpus) for system in systems]
    if against:
        outcomes = tuple(previous_outcomes(read_report(against))[0])
        results.append(Result("last release", f"oka as measured in {against.name}", outcomes))
    sections = by_section(asked, linked_resources(assistant.sources.documents()))
    report = make_report(asked, skipped, results, corpus.fingerprint, sections, left_out)
    write_report(out, report, timings(results))
    (out / "failures.txt").write_text(failures(asked, results[0].outcomes), encoding="utf-8")
    print_tables(report)
    print(f"report: {out / 'report.html'}; what failed: {out / 'failures.txt'}", file=sys.stderr)
    return report


def baselines(
    own: System, assistant: Assistant, corpus: Corpus, settings: Settings, left_out: dict[str, str], bars: Progress
) -> list[System]:
    """Everything to compare with; `left_out` takes the reason for what can't run here. Indexes are kept in the data folder."""
    folder = settings.data_dir / "evals"
    folder.mkdir(parents=True, exist_ok=True)
    task = bars.add_task("starter's index", total=None)
    starter = Starter(corpus, folder, lambda done, total: bars.update(task, completed=done, total=total))
    bars.remove_task(task)
    found: list[System] = [
        Lists("BM25", "words alone; the first passage is the answer", corpus, dense=False),
        Lists("dense", "the same encoder alone; the first passage is the answer", corpus, lexical=False),
        Lists("rank fusion", "both lists by reciprocal ranks; the first passage is the answer", corpus),
        starter,
    ]
    if Txtai.is_installed():
        found.append(Txtai(corpus, folder))
    else:
        left_out[Txtai.name] = "txtai isn't installed: pip install 'oka[baselines]'"
    if settings.llm_base_url:
        found += [StarterWithModel(starter, settings, "query engine"), StarterWithModel(starter, settings, "citations")]
    else:
        left_out["the starter's query engine and CitationQueryEngine"] = "OKA_LLM_BASE_URL is not set"
    return [
        *found,
        Oracle(corpus, assistant),
        Gold(corpus),
        Abstainer(corpus),
        Printer(own, corpus),
        RandomCiter(own, corpus),
    ]


@contextmanager
def _bars() -> Iterator[Progress]:
    columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        yield bars


def _with_bar(bars: Progress, system: System, questions: Sequence[Question], corpus: Corpus) -> Result:
    task = bars.add_task(system.name, total=len(questions))
    return run_system(system, questions, corpus, lambda name, done, total: bars.update(task, completed=done))


def print_tables(report: dict[str, Any]) -> None:
    """The systems side by side, and our slices."""
    table = Table("", "n", *(name.replace("_", " ") for name in HEADLINE), box=None)
    for system in report["systems"]:
        table.add_row(system["name"], str(report["questions"]["asked"]), *_cells(system["measures"]))
    for name, one in report["slices"].items():
        table.add_row(f"  {name}", str(one["n"]), *_cells(one["measures"]))
    Console(width=None if sys.stdout.isatty() else 180).print(table)
    left = sum(map(len, report["questions"]["skipped"].values()))
    print(f"{report['questions']['asked']} questions asked, {left} skipped because their pages aren't in the archive")


def _cells(measures: dict[str, Any]) -> list[str]:
    return [f"{measures[name]['mean']:.3f}" if name in measures else "" for name in HEADLINE]


def failures(questions: Sequence[Question], outcomes: Sequence[Outcome]) -> str:
    """Every question that wasn't answered perfectly or abstained from rightly, worst first: said, cited, expected."""
    by_id = {question.id: question for question in questions}
    return "\n".join(_failure(by_id[outcome.id], outcome) for outcome in worst(outcomes))


def _failure(question: Question, outcome: Outcome) -> str:
    kept = ("truth", "vital", "recall@5", "context_facts", "citation_recall", "must_not", "links_valid")
    scores = "  ".join(f"{name}={outcome.scores[name]:.2f}" for name in kept if name in outcome.scores)
    lines = [
        f"=== {question.id} [{question.slice}, {question.split}] {question.question}",
        f"  {scores}  confidence={outcome.confidence}",
        *([f"  searched: {outcome.searched}"] if outcome.searched != question.question else []),
        *[f"  expected: {fact.text}" for fact in question.vital],
        *[f"  gold: {gold.url}#{gold.anchor} {gold.quote!r}" for gold in question.gold],
        *[f"  found: {place}" for place in outcome.ranking[:5]],
        *[f"  cited: {place}" for place in outcome.cited],
        *[f"  | {line}" for line in outcome.text.splitlines() if line.strip()],
    ]
    return "\n".join(lines) + "\n"
