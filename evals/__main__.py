"""`python -m evals`: run (the default), compare, validate, new, gate."""

from __future__ import annotations

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
    out: Annotated[Path | None, typer.Option(help="folder for reports; default: evals/ in the data folder")] = None,
) -> None:
    """Score oka and the baselines; writes report.html, report.json and what failed."""
    from evals.session import evaluate

    settings = load_settings()
    evaluate(settings, read_questions(questions), split, quick, out or settings.data_dir / "evals")


@app.command()
def validate(questions: Questions = FILE) -> None:
    """Prove quotes, patterns and clusters of a question file against the pages."""
    from evals.validate import validate as check

    found = check(read_questions(questions), load_settings())
    for problem in found.problems:
        print(f"{problem.id}: {problem.message}")
    print(
        f"{found.checked} records, {len(found.problems)} problems, {len(found.skipped)} skipped for want of their page",
        file=sys.stderr,
    )
    if found.problems:
        raise typer.Exit(1)


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
