"""Small indexes of pages made here, built with a fake encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from corpus.markdown import document_from_markdown
from corpus.pages import Page, Resource
from index.build import BuildReport, build_index
from index.store import Index
from tests.fakes import BagOfWords

TOOLS = ("celery", "airflow", "prefect", "temporal", "dagster", "argo")


def make_pages(word: str = "first", count: int = 6) -> list[Page]:
    """Pages of three sections; the last page's words depend on `word`."""
    pages = []
    for number in range(count):
        tool = TOOLS[number % len(TOOLS)]
        last = word if number == count - 1 else "steady"
        queues = f"## Queues\n\nA {tool} worker has `{tool}_late_{number}` set. It waits."
        written = f"# {tool} {number}\n\n{queues}\n\n## Retry\n\nEach {last} retry waits.\n"
        page = document_from_markdown(f"{number}.md", written)
        link = Resource(f"https://example.org/{number}", f"{tool} docs", "", "kb/d.md", tool, tool)
        pages.append(replace(page, url=f"https://example.org/{number}", source="linked", resources=(link,)))
    return pages


def build(
    folder: Path, pages: Sequence[Page], embedder: BagOfWords | None = None, *, fresh: bool = False
) -> BuildReport:
    digest = " ".join(page.digest for page in pages)
    return build_index(folder, [], pages, embedder or BagOfWords(), source_digest=digest, fresh=fresh)


def found(index: Index) -> list[object]:
    """Everything a reader can see, for some questions."""
    questions = ("celery worker", "airflow_late_1", "retry", "unheard")
    return [
        (hit.passage, round(hit.score, 6), hit.found_by, hit.signals) for q in questions for hit in index.search(q, 9)
    ]


def current(folder: Path) -> Path:
    """The build that answers."""
    return folder / (folder / "current").read_text("utf-8")
