"""What a build takes over from the index before it: the files must be those of a build that takes nothing over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from corpus.errors import StoreError
from corpus.pages import Page, Resource, Unread
from index.build import build_index
from index.manifest import current_build
from index.store import open_index
from index.texts import Texts
from index.vectors import chroma_collection
from tests.command import ROOT
from tests.fakes import BagOfWords
from tests.indexes import make_pages


def dated(page: Page, day: int) -> Page:
    return replace(page, fetched_at=f"2026-01-{day:02}T00:00:00Z")


PAGES = [dated(page, 1) for page in make_pages(count=8)]


class Archive:
    """Pages that count how often each is parsed; a page's key is its digest."""

    def __init__(self, pages: Sequence[Page], worthless: Sequence[str] = ()) -> None:
        self.parsed: list[str] = []
        self._pages, self._worthless = pages, worthless

    def unread(self) -> list[Unread]:
        return [
            Unread(
                p.url, f"key of {p.digest} {p.url}", p.source, str(p.fetched_at), p.resources, p.aliases, self._of(p)
            )
            for p in self._pages
        ]

    def _of(self, page: Page) -> Callable[[], Page | None]:
        def read() -> Page | None:
            self.parsed.append(page.url)
            return None if page.url in self._worthless else page

        return read


def build(folder: Path, archive: Archive, digest: str, *, embedder: BagOfWords | None = None) -> BagOfWords:
    encoder = embedder or BagOfWords()
    build_index(folder, [], archive.unread(), encoder, source_digest=digest)
    return encoder


def files_of(folder: Path) -> dict[str, bytes]:
    """Everything but Chroma, whose pages depend on their history, and what says when and how it was written."""
    build, _ = current_build(folder)
    left_out = ("manifest.json", "texts.sqlite")
    return {
        file.relative_to(build).as_posix(): file.read_bytes()
        for file in sorted(build.rglob("*"))
        if file.is_file() and file.name not in left_out and "chroma" not in file.parts
    }


def rows_of(folder: Path) -> list[object]:
    build, _ = current_build(folder)
    texts = Texts(build / "texts.sqlite")
    tables = ("pages", "passages", "sources")
    found: list[object] = [texts._all(f"SELECT * FROM {table} ORDER BY 1", []) for table in tables]
    texts.close()
    return found


def chroma_of(folder: Path) -> dict[str, object]:
    build, _ = current_build(folder)
    with chroma_collection(build / "chroma") as collection:
        held = collection.get(include=["documents", "metadatas"])
    metadatas = [{**one, "_node_content": json.loads(one["_node_content"])} for one in held["metadatas"]]
    return dict(zip(held["ids"], zip(held["documents"], metadatas, strict=True), strict=True))


def link(page: Page, label: str) -> Page:
    return replace(page, resources=(Resource(page.url, label, "", "kb/d.md", "s", "S"),))


CHANGED = [dated(page, 1) for page in make_pages("second", count=8)]
AFTER = {
    "one page changed": CHANGED,
    "one came first": [replace(CHANGED[7], url="https://example.org/new"), *PAGES],
    "one went": PAGES[:2] + PAGES[3:],
    "another order": [PAGES[5], *PAGES[:5], PAGES[7], PAGES[6]],
    "found again later": [dated(page, 2) for page in PAGES],
    "named otherwise": [link(PAGES[0], "quite another name"), *PAGES[1:]],
    "no longer linked": [replace(PAGES[0], source="deep", resources=()), *PAGES[1:]],
    "under an alias": [replace(PAGES[0], aliases=("https://example.org/alias",)), *PAGES[1:]],
}


@pytest.mark.parametrize("pages", AFTER.values(), ids=AFTER)
def test_an_incremental_build_is_a_fresh_one_byte_for_byte(tmp_path: Path, pages: list[Page]) -> None:
    build(tmp_path / "updated", Archive(PAGES), "before")
    build(tmp_path / "updated", Archive(pages), "after")
    build(tmp_path / "fresh", Archive(pages), "after")
    assert files_of(tmp_path / "updated") == files_of(tmp_path / "fresh")
    assert rows_of(tmp_path / "updated") == rows_of(tmp_path / "fresh")
    assert chroma_of(tmp_path / "updated") == chroma_of(tmp_path / "fresh")
    fingerprints = {current_build(tmp_path / name)[1].fingerprint for name in ("updated", "fresh")}
    assert len(fingerprints) == 1


def test_only_what_changed_is_parsed(tmp_path: Path) -> None:
    build(tmp_path / "index", Archive(PAGES, worthless=[PAGES[3].url]), "before")
    again = Archive([dated(page, 3) for page in CHANGED], worthless=[PAGES[3].url])
    embedder = build(tmp_path / "index", again, "after")
    assert again.parsed == [CHANGED[7].url]
    assert len(embedder.encoded) == 1
    index = open_index(tmp_path / "index", embedder)
    assert PAGES[3].url not in index.urls
    assert index.search("celery", 1)[0].passage.fetched_at == "2026-01-03T00:00:00Z"


def test_a_page_that_was_worthless_and_changed_is_parsed(tmp_path: Path) -> None:
    build(tmp_path / "index", Archive(PAGES, worthless=[PAGES[7].url]), "before")
    build(tmp_path / "index", Archive(CHANGED), "after")
    assert CHANGED[7].url in open_index(tmp_path / "index", BagOfWords()).urls


@pytest.mark.parametrize(
    "other", [{"chunker": {"least": 1}}, {"terms": 0}, {"format": 0}, {"revision": "0"}], ids=lambda other: str(other)
)
def test_another_chunker_or_tokenizer_parses_all_again(tmp_path: Path, other: dict[str, object]) -> None:
    build(tmp_path / "index", Archive(PAGES), "before")
    folder, _ = current_build(tmp_path / "index")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["settings"] |= other
    (folder / "manifest.json").write_text(json.dumps(manifest))
    again = Archive(PAGES)
    build(tmp_path / "index", again, "before")
    assert len(again.parsed) == 8
    build(tmp_path / "fresh", Archive(PAGES), "before")
    assert files_of(tmp_path / "index") == files_of(tmp_path / "fresh")


def test_an_index_without_keys_and_terms_is_built_upon(tmp_path: Path) -> None:
    """As an older oka left it: its pages are parsed again, its vectors are taken over."""
    import sqlite3

    build(tmp_path / "index", Archive(PAGES), "before")
    folder, manifest = current_build(tmp_path / "index")
    with sqlite3.connect(folder / "texts.sqlite") as texts:
        texts.execute("DROP TABLE sources")
    texts.close()
    for name in ("texts.sqlite", "lexical/terms.i4", "lexical/sizes.i4"):
        manifest.files.pop(name)
    (folder / "lexical" / "terms.i4").unlink()
    (folder / "lexical" / "sizes.i4").unlink()
    (folder / "manifest.json").write_text(json.dumps(manifest.__dict__))
    again = Archive(CHANGED)
    embedder = build(tmp_path / "index", again, "after")
    assert (len(again.parsed), len(embedder.encoded)) == (8, 1)
    build(tmp_path / "fresh", Archive(CHANGED), "after")
    assert files_of(tmp_path / "index") == files_of(tmp_path / "fresh")


def test_chroma_that_cannot_be_written_leaves_the_old_index(tmp_path: Path) -> None:
    """The process that updates Chroma's copy fails: the build says why, and the old index answers."""
    build(tmp_path / "index", Archive(PAGES), "before")
    folder, manifest = current_build(tmp_path / "index")
    database = folder / "chroma" / "chroma.sqlite3"
    database.write_bytes(b"no database" * 1000)
    state = database.stat()
    manifest.files["chroma/chroma.sqlite3"] |= {"size": state.st_size, "mtime_ns": state.st_mtime_ns}
    (folder / "manifest.json").write_text(json.dumps(manifest.__dict__))
    with pytest.raises(StoreError, match=r"run `oka build"):
        build(tmp_path / "index", Archive(CHANGED), "after")
    assert current_build(tmp_path / "index")[1].source_digest == "before"
    assert [one.name for one in (tmp_path / "index").glob("build-*")] == [folder.name]


def test_a_build_that_fails_ends_the_process_that_writes_chroma(tmp_path: Path) -> None:
    build(tmp_path / "index", Archive(PAGES), "before")

    def broken() -> Page | None:
        raise StoreError("no room")

    pages = [replace(CHANGED[7], url="https://example.org/x")]
    (unread,) = Archive(pages).unread()
    with pytest.raises(StoreError, match="no room"):
        build_index(tmp_path / "index", [], [replace(unread, read=broken)], BagOfWords(), source_digest="after")
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    commands = [Path(f"/proc/{pid}/cmdline").read_text() for pid in children.read_text().split()]
    assert not any("chroma_copy" in command for command in commands)
    assert current_build(tmp_path / "index")[1].source_digest == "before"


def test_the_process_that_writes_chroma_writes_nothing_where_its_build_is_killed_before_it_runs(tmp_path: Path) -> None:
    """The line that says the files are copied may lie in the pipe already; what it makes then is in the next one's way."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    command = [sys.executable, "-m", "index.chroma_copy", str(tmp_path / "build-1"), "0", str(dead.pid)]
    ended = subprocess.run(command, input="\n", text=True, cwd=ROOT, capture_output=True, timeout=60)
    assert (ended.returncode, ended.stderr, list(tmp_path.iterdir())) == (1, "", [])
