"""The commands of `oka`. Results go to standard output, progress and warnings to standard error.

Each command is a few lines over the functions that the Python API and the chat use too; heavy modules are imported by
the commands that need them, so that `oka --help` is quick.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.console import run
from assistant.progress import progress
from assistant.settings import Settings, load_settings, masked
from corpus.errors import QuestionError, SettingsError

if TYPE_CHECKING:
    from assistant.answering import Assistant
    from assistant.answers import Answer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Answers about workflow orchestration, every claim proven by a quote.\n\n"
    'Start with:  oka serve\n\nOr:  oka fetch && oka build && oka ask "When should I use Temporal?"',
)
_flags: dict[str, Any] = {}

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Only = Annotated[
    str | None, typer.Option(help="Stay within a section of the documents (celery) or a site (docs.celeryq.dev).")
]


def main() -> None:
    """The console script."""
    run(app)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"oka {version('oka')}")
        raise typer.Exit


@app.callback()
def settings_flags(
    data_dir: Annotated[str | None, typer.Option(help="Archive, index, models and feedback (OKA_DATA_DIR).")] = None,
    documents: Annotated[str | None, typer.Option(help="Folder of Markdown documents (OKA_DOCUMENTS).")] = None,
    embedder: Annotated[str | None, typer.Option(help="A sentence-transformers model (OKA_EMBEDDER).")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never touch the network (OKA_OFFLINE).")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Flags that stand before the command and win over environment and oka.toml."""
    _flags.update(data_dir=data_dir, documents=documents, embedder=embedder, offline=offline or None)


@app.command(epilog="Example:  oka serve --port 8080")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 7860,
    auth_file: Annotated[
        Path | None, typer.Option(help="Users and password hashes; a line each from: python -m assistant.accounts NAME")
    ] = None,
    mcp: Annotated[bool, typer.Option("--mcp", help="Offer `ask` and `search` as MCP tools too.")] = False,
) -> None:
    """The web chat."""
    from assistant.app_server import serve as serve_chat
    from assistant.status import coverage

    assistant = _ready()
    print(coverage(assistant.status()), file=sys.stderr)
    serve_chat(assistant, host, port, work=assistant.fetch_missing, auth_file=auth_file, mcp=mcp)


@app.command(epilog='Example:  oka ask "Which brokers does Celery support?"   or:  echo "What is a saga?" | oka ask -')
def ask(
    question: Annotated[str, typer.Argument(help="The question; - reads it from standard input.")],
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Footnotes with quotes and access dates.")] = False,
    only: Only = None,
) -> None:
    """One answer with its citations."""
    question = _read(question)
    reply = _ready().answer(question, only=only)
    _tell(reply)
    if as_json:
        _print_json(reply.to_dict())
    else:
        from assistant.export import footnotes, to_markdown

        print(to_markdown(reply) if markdown else f"{reply.text}\n\n{footnotes(reply)}".strip())


@app.command(epilog="Example:  oka chat --only celery")
def chat(only: Only = None) -> None:
    """A conversation in the terminal; an empty line or Ctrl-D ends it."""
    from assistant.export import footnotes

    assistant = _ready()
    history: list[dict[str, str]] = []
    print("Ask about workflow orchestration; an empty line ends the conversation.", file=sys.stderr)
    while question := _prompt():
        try:
            reply = assistant.answer(question, history=history, only=only)
        except QuestionError as error:
            print(f"oka: {error}", file=sys.stderr)
            continue
        _tell(reply)
        print(f"{reply.text}\n\n{footnotes(reply)}".strip(), end="\n\n")
        history += [{"role": "user", "content": question}, {"role": "assistant", "content": reply.text}]


@app.command(epilog='Example:  oka search "circuit breaker states" --limit 5')
def search(
    question: Annotated[str, typer.Argument(help="What to look for; - reads it from standard input.")],
    limit: Annotated[int, typer.Option(help="Passages at most.", min=1, max=1000)] = 10,
    as_json: Json = False,
    only: Only = None,
) -> None:
    """Ranked passages, no answer."""
    question = _read(question)
    hits = _ready().search(question, limit=limit, only=only)
    if as_json:
        _print_json([hit.to_dict() for hit in hits])
        return
    for number, hit in enumerate(hits, start=1):
        place = f"{hit.passage.url}#{hit.passage.anchor}" if hit.passage.anchor else hit.passage.url
        print(f"{number}. {' > '.join(hit.passage.headings) or hit.passage.title}  ({hit.score:.2f})\n   {place}")
        print(f"   {' '.join(hit.passage.text.split())[:240]}\n")


@app.command(
    epilog="Example:  OKA_CONTACT=you@example.org oka fetch   or offline:  oka fetch --from-warc pages.warc.gz\n\n"
    "Exit code 1 where no page came or a file was damaged; what a single link has become says: oka links"
)
def fetch(
    from_warc: Annotated[
        list[Path] | None, typer.Option(help="Import pages from a WARC file instead; repeatable.")
    ] = None,
    follow: Annotated[int, typer.Option(help="Also take same-site pages up to N links away.", min=0, max=10)] = 0,
    max_pages: Annotated[int, typer.Option(help="Pages beyond the linked ones, at most.", min=1)] = 500,
    once: Annotated[bool, typer.Option("--once", help="Do nothing where pages were fetched before.")] = False,
    time_limit: Annotated[float | None, typer.Option(help="Seconds; what arrived by then is kept.", min=1)] = None,
) -> None:
    """Fetch the pages that the documents link to into the archive."""
    from assistant.fetching import fetch_pages, import_files

    sources = _assistant().sources
    with progress() as report:
        if from_warc:
            summary, failed = import_files(sources, from_warc, report)
        elif once and sources.archive.captures():
            return
        else:
            summary, failed = fetch_pages(
                sources, follow=follow, max_pages=max_pages, time_limit=time_limit, progress=report, note=report.note
            )
    print(summary)
    if failed:
        raise typer.Exit(1)


@app.command(epilog="Example:  oka links --suggest > links.diff")
def links(
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="A Markdown table.")] = False,
    suggest: Annotated[bool, typer.Option("--suggest", help="Edits of the documents, as a unified diff.")] = False,
) -> None:
    """The state of every link of the documents.

    Exit code 1 where one is broken. Judged from the archive: no request goes out.
    """
    from corpus.links import render_markdown, render_table, suggested_edits

    sources = _assistant().sources
    states = sources.links()
    if as_json:
        _print_json([state.to_dict() for state in states])
    elif suggest:
        print(suggested_edits(states, sources.documents()), end="")
    else:
        print((render_markdown if markdown else render_table)(states))
    if any(state.is_broken for state in states):
        raise typer.Exit(1)


@app.command(epilog="Example:  oka build   or, where the index is damaged:  oka build --fresh")
def build(
    fresh: Annotated[bool, typer.Option("--fresh", help="Take nothing over from the index that is there.")] = False,
) -> None:
    """Bring the index up to date with documents and archive.

    Only what changed is embedded again; the index that is there answers until the new one is whole.
    """
    from assistant.sources import Sources  # what answers questions isn't needed, and takes as long to import as a build

    with progress() as report:
        sources = Sources(_settings())
        done = sources.build(fresh=fresh, progress=report)
    if damage := sources.damage():
        print(f"oka: {damage}", file=sys.stderr)
    if done.unchanged:
        print(f"Nothing has changed: {done.pages:,} pages, {done.passages:,} passages.")
    else:
        print(
            f"{done.pages:,} pages, {done.passages:,} passages; {done.embedded:,} passages embedded, "
            f"{done.reused:,} taken over, in {done.seconds:.1f} s."
        )


@app.command(epilog="Example:  oka status --json")
def status(as_json: Json = False) -> None:
    """What is in corpus and index, what failed, where files are.

    Of pages: which links have none and why, and what failed when it was last fetched. Which models are in use.
    """
    from assistant.status import describe

    found = _assistant().status()
    if as_json:
        _print_json(found)
    else:
        print(describe(found))


@app.command(epilog="Example:  oka ask … --json > answer.json; oka fetch; oka verify answer.json")
def verify(file: Annotated[Path, typer.Argument(help="An answer saved with --json; - reads standard input.")]) -> None:
    """Re-check every quote of a saved answer.

    Against documents and archive as they are now; exit code 1 where a quote is gone, or where an answer has none.
    """
    from assistant.export import read_answer

    reply = read_answer(file)
    checks = _assistant().verify(reply)
    if not checks:
        abstained = reply.get("abstained") is True  # else it makes claims that nothing proves
        print(f"The answer has no citations to check{': it abstains' if abstained else ''}.")
        raise typer.Exit(0 if abstained else 1)
    for check in checks:
        print(f"[{check.number}] {check.state}: {check.url}\n    “{check.quote}”")
    good = sum(check.holds for check in checks)
    print(f"{good} of {len(checks)} quotes hold.")
    if good < len(checks):
        raise typer.Exit(1)


@app.command(epilog="Example:  oka feedback --unanswered")
def feedback(
    record: Annotated[str | None, typer.Option(help="Print this answer (by its id) as an eval record.")] = None,
    unanswered: Annotated[bool, typer.Option("--unanswered", help="Group what oka could not answer.")] = False,
    as_json: Json = False,
) -> None:
    """What users said of answers.

    Nothing of it ever leaves the data folder.
    """
    from assistant.feedback import Feedback, eval_record, group_unanswered

    log = Feedback(_settings().data_dir / "feedback.jsonl")
    entries = log.entries("unanswered" if unanswered else None)
    if record is not None:
        chosen = [entry for entry in entries if entry.id == record]
        if not chosen:
            raise SettingsError(f"There is no feedback with the id {record}; run `oka feedback` to see the ids.")
        print(json.dumps(eval_record(chosen[-1]), ensure_ascii=False))
    elif unanswered:
        for group in group_unanswered(entries, _assistant().sources.embedder.encode):
            print(f"{len(group)} × {group[0].question}")
            for entry in group[1:]:
                print(f"      {entry.question}")
    elif as_json:
        from dataclasses import asdict

        _print_json([asdict(entry) for entry in entries])
    else:
        for entry in entries:
            print(
                f"{entry.id}  {entry.at}  {entry.kind:<10}  {entry.question}"
                + (f"\n    {entry.note}" if entry.note else "")
            )
        print(f"{len(entries)} remarks in {log.path}", file=sys.stderr)


@app.command(epilog="Example:  OKA_DATA_DIR=/srv/oka oka settings")
def settings() -> None:
    """The settings in force, secrets masked."""
    for name, value in _settings().model_dump().items():
        print(f"{name} = {masked(value)}")


def _settings() -> Settings:
    return load_settings(**_flags)


def _assistant() -> Assistant:
    from assistant.answering import Assistant

    return Assistant(_settings())


def _ready() -> Assistant:
    """With its index open; built first, with visible progress, where there is none. Says so where it is out of date."""
    from assistant.sources import STALE

    assistant = _assistant()
    with progress() as report:
        assistant.open(report)
    if assistant.sources.may_be_stale() and assistant.sources.is_stale(assistant.index.manifest):
        print(f"({STALE})", file=sys.stderr)
    return assistant


def _tell(reply: Answer) -> None:
    """What the user should know beside the answer."""
    if reply.searched != reply.question:
        print(f"(searched: {reply.searched})", file=sys.stderr)
    if reply.notice:
        print(f"({reply.notice})", file=sys.stderr)


def _read(question: str) -> str:
    """The question, from standard input for "-"; refused before an index is opened or built for it."""
    from assistant.message import check_question

    try:
        return check_question(sys.stdin.read() if question == "-" else question)
    except UnicodeDecodeError as error:
        raise QuestionError("The question on standard input isn't text in UTF-8; send it as such.") from error


def _prompt() -> str:
    try:
        return input("> " if sys.stdin.isatty() else "").strip()
    except EOFError:
        return ""


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
