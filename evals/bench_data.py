"""What the benchmark measures on: data folders of its own, made from the same WARC files each time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from assistant.answering import Assistant
from assistant.settings import CHECKOUT, Settings, load_settings
from assistant.sources import Sources
from corpus import Archive, import_warc
from evals.bench_timing import Context
from evals.errors import EvalError
from evals.questions import FILE, Question, read_questions
from evals.runner import askable

SNAPSHOT = CHECKOUT.parent / "shared" / "linked-pages"
SEED = 8


def warc_files(given: Sequence[Path], settings: Settings) -> tuple[Path, ...]:
    """The pages to measure on: those named, else the offline snapshot's, else what was fetched.

    Raises EvalError where there are none.
    """
    snapshot = [SNAPSHOT / "linked-pages.warc.gz", SNAPSHOT / "docs-sites.warc.gz"]
    found = list(given) or [file for file in snapshot if file.exists()] or [settings.archive]
    missing = [file for file in found if not file.exists()]
    if missing:
        raise EvalError(f"There are no pages in {missing[0]}: run `oka fetch`, or name archives with --from-warc.")
    return tuple(found)


def settings_for(folder: Path) -> Settings:
    """Settings with nothing of the user's own, so that two people measure the same."""
    return load_settings({}, file=Path("none"), data_dir=folder, offline=True)


def data_folder(context: Context, folder: Path, warcs: Sequence[Path]) -> Sources:
    """A data folder with an archive of these files; its index is not built here."""
    models = context.folder / "models"
    models.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "models").exists():
        (folder / "models").symlink_to(models)
    archive = Archive(folder / "pages.warc.gz")
    if not archive.captures():
        for file in warcs:
            context.say(f"importing {file.name}")
            import_warc(archive, file)
    return Sources(settings_for(folder))


def linked(context: Context) -> Sources:
    """The documents and the pages that they link to, indexed."""
    sources = data_folder(context, context.linked, context.warcs[:1])
    sources.build()
    return sources


def assistant_of(sources: Sources) -> Assistant:
    """An assistant that has answered nothing yet; it shares the loaded encoder."""
    assistant = Assistant(sources.settings)
    assistant.sources = sources
    assistant.open()
    return assistant


def questions_for(urls: frozenset[str], most: int) -> list[Question]:
    """First questions of the dev split whose pages are linked or our own, in an order that depends on the seed alone."""
    every = [q for q in read_questions(FILE) if q.split == "dev" and q.turn == 1 and q.corpus in ("kb", "linked")]
    asked, _ = askable(every, urls)
    distinct = list({question.question.casefold(): question for question in asked}.values())
    random.Random(SEED).shuffle(distinct)
    return distinct[:most]
