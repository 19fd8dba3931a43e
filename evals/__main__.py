"""`python -m evals`: run (the default), compare, gate, answers, validate, new."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from assistant.settings import load_settings
from corpus.errors import RagError
from evals.questions import FILE, read_questions

app = typer.Typer(add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False, help=__doc__)
Questions = Annotated[Path, typer.Option("--questions", help="a question file of your own")]


@app.command()
def run(
    questions: Questions = FILE,
    split: Annotated[Literal["dev", "test", "all"], typer.Option(help="which questions: dev is for tuning")] = "all",
    quick: Annotated[bool, typer.Option("--quick", help="oka alone, without baselines")] = False,
    against: Annotated[Path | None, typer.Option(help="report.json of an earlier run to compare with")] = None,
    out: Annotated[Path | None, typer.Option(help="folder for the report; default: evals/ in the data folder")] = None,
) -> None:
    """Score oka and the baselines; writes report.html, report.json, timings.json and failures.txt."""
    from evals.session import evaluate

    settings = load_settings()
    evaluate(settings, read_questions(questions), split, quick, out or settings.data_dir / "evals", against)


@app.command()
def compare(before: Path, after: Path) -> None:
    """Compare oka in two report.json: measure by measure, and the questions that changed."""
    from evals.report import differences, outcomes_of, read_report

    old, new = read_report(before), read_report(after)
    if old["questions"]["digest"] != new["questions"]["digest"]:
        print("The questions differ: only those that both have are compared.", file=sys.stderr)
    theirs, clusters = outcomes_of(old)
    ours, more = outcomes_of(new)
    for name, found in differences(ours, theirs, clusters | more).items():
        said = f"{found.mean:+.3f}" if found.detectable else "no detectable difference"
        print(f"{name:16} {said}  (95 % {found.low:+.3f} to {found.high:+.3f}, p {found.p:.4f}, n {found.n})")
    earlier = {outcome.id: outcome.scores.get("truth", 0.0) for outcome in theirs}
    for outcome in ours:
        now, then = outcome.scores.get("truth", 0.0), earlier.get(outcome.id)
        if then is not None and now != then:
            print(f"{'better' if now > then else 'worse':6} {outcome.id}: {then:g} to {now:g}")


@app.command()
def gate(
    set_floors: Annotated[bool, typer.Option("--set", help="write floors from what is measured now")] = False,
    lower: Annotated[
        bool, typer.Option("--lower", help="with --set: allow less than before (say why in CHANGELOG)")
    ] = False,
) -> None:
    """Fail where oka scores below its floors: on the knowledge base, and on all pages where they are in the archive."""
    from evals.gate import run_gate

    for line in run_gate(load_settings(), read_questions(FILE), set_floors=set_floors, lower=lower):
        print(line)


@app.command()
def answers(
    questions: Questions = FILE,
    out: Annotated[Path | None, typer.Option(help="the file to write; default: docs/answers.md")] = None,
) -> None:
    """Write twenty answers to the test split for a person to read; nobody chooses them."""
    from assistant.answering import Assistant
    from evals.answers import FILE as ANSWERS
    from evals.answers import write_answers

    file = out or ANSWERS
    print(f"{write_answers(Assistant(load_settings()), read_questions(questions), file)} answers: {file}")


@app.command()
def validate(questions: Questions = FILE) -> None:
    """Prove quotes, patterns and clusters of a question file against the pages."""
    from evals.validate import validate as check

    found = check(read_questions(questions), load_settings())
    for problem in found.problems:
        print(f"{problem.id}: {problem.message}")
    counts = f"{len(found.problems)} problems, {len(found.skipped)} skipped for want of their page"
    print(f"{found.checked} records, {counts}", file=sys.stderr)
    if found.problems:
        raise typer.Exit(1)


@app.command()
def new(question: str, address: str, quote: str) -> None:
    """Print a valid record for a question, the address of a page of the archive, and words that stand on it."""
    from evals.validate import new_record

    record = new_record(question, address, quote, load_settings())
    print(json.dumps(record.model_dump(mode="json"), ensure_ascii=False))


def main() -> None:
    """Runs the command; an error of ours is one sentence on standard error."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0].startswith("--") and arguments[0] != "--help"):
        arguments = ["run", *arguments]
    try:
        app(arguments, prog_name="python -m evals")
    except RagError as error:
        print(error, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
