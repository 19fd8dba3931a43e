"""Documents and pages to an index: beside the one that answers, then in its place.

What hasn't changed is taken over from the old index: the passages of pages with the same digest, the vectors of the
same words, the entries of Chroma. Killed at any moment, the old index answers on; the next build clears what was left.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from corpus.errors import IndexMissing, IndexStale
from corpus.pages import Page, Unread
from index import lexical, terms
from index.chroma_copy import ChromaCopy
from index.chunk import Sizes, body, embedded, passages_of
from index.embed import Embedder
from index.embedding import PARTS, VectorsWriter
from index.manifest import (
    FORMAT,
    Finished,
    Manifest,
    check_files,
    clear_leftovers,
    current_build,
    publish,
    writing,
    writing_error,
)
from index.previous import Previous
from index.texts import Known, Texts, TextsWriter, embedding_key
from index.vectors import LAYERS, VECTORS, fill_chroma

Progress = Callable[[str, int, int], None]  # phase, done, of how many (0: not known yet)


@dataclass(frozen=True)
class BuildReport:
    """What a build did. A build that found nothing changed has `unchanged` set and did nothing."""

    unchanged: bool
    pages: int
    passages: int
    embedded: int  # passages for which the embedder was run
    reused: int  # passages whose vectors were there already
    seconds: float


def build_index(
    folder: Path,
    documents: Sequence[Page],
    pages: Iterable[Page | Unread],
    embedder: Embedder,
    *,
    source_digest: str,
    fresh: bool = False,
    progress: Progress | None = None,
    chroma_url: str | None = None,
) -> BuildReport:
    """Bring the index in `folder` up to date; `pages` is left alone where source digest and settings are the old ones.

    Of several pages with one address the first counts. `fresh` takes nothing over. With `chroma_url`, that
    server has the vectors before the index answers. Raises IndexBusy where another process builds, StoreError where the
    folder can't be written, StoreUnreachable where the server isn't there.
    """
    began = time.monotonic()
    tell = progress or (lambda phase, done, total: None)
    settings = index_settings(embedder)
    try:
        with writing(folder):
            clear_leftovers(folder)
            old = None if fresh else _old(folder)
            if old and old[1].source_digest == source_digest and old[1].settings == settings:
                _to_server(chroma_url, *old, old, tell)
                return BuildReport(True, sum(old[1].pages.values()), old[1].passages, 0, 0, time.monotonic() - began)
            build = folder / f"build-{time.time_ns():x}"
            build.mkdir()
            previous = Previous(*old, settings) if old and _same_vectors(old[1].settings, settings) else None
            try:
                manifest, embedded = _write(build, [*documents, *pages], embedder, source_digest, previous, tell)
                _to_server(chroma_url, build, manifest, old, tell)
                publish(folder, build, manifest)
            finally:
                if previous:
                    previous.close()
                clear_leftovers(folder)  # the old build or, where this one failed, what there is of it
    except (OSError, sqlite3.Error) as error:
        raise writing_error(folder, error) from error
    passages = manifest.passages
    reused = passages - embedded
    return BuildReport(False, sum(manifest.pages.values()), passages, embedded, reused, time.monotonic() - began)


def _to_server(
    url: str | None, build: Path, manifest: Manifest, answering: tuple[Path, Manifest] | None, tell: Progress
) -> None:
    if url is not None:
        from index.server import hand_over

        kept = answering[1].fingerprint if answering else None
        hand_over(url, build, manifest, kept, lambda done, total: tell("handing over to the server", done, total))


def index_settings(embedder: Embedder) -> dict[str, Any]:
    """All that makes the same pages give another index."""
    return {
        "format": FORMAT,
        "embedder": embedder.name,
        "revision": embedder.revision,
        "dimension": embedder.dimension,
        "chunker": asdict(Sizes()),
        "vectors": list(LAYERS),
        "terms": terms.VERSION,
        "bm25": {"k1": lexical.K1, "b": lexical.B},
    }


def _old(folder: Path) -> tuple[Path, Manifest] | None:
    """The index that answers now; none where it can't be built upon."""
    try:
        build, manifest = current_build(folder)
    except (IndexMissing, IndexStale):
        return None
    check_files(build, manifest)
    return build, manifest


def _same_vectors(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[name] == other[name] for name in ("format", "embedder", "revision", "dimension", "vectors"))


def _write(
    build: Path,
    pages: Sequence[Page | Unread],
    embedder: Embedder,
    source_digest: str,
    previous: Previous | None,
    tell: Progress,
) -> tuple[Manifest, int]:
    """All files of a build; its manifest, which is not written yet, and the number of texts embedded."""
    with (
        _copy_of_chroma(previous, build) as copy,
        Finished(build) as finished,
    ):
        with VectorsWriter(build, embedder, previous) as vectors:
            digest = _write_pages(build, pages, embedder, previous, vectors, tell)
            finished.add("texts.sqlite", "lexical")
            vectors.finish(lambda done, total: tell("embedding the last passages", done, total))
        finished.add(VECTORS, PARTS)
        with closing(Texts(build / "texts.sqlite")) as texts:
            _write_chroma(build, texts, previous, copy, tell)
            settings = index_settings(embedder)
            return Manifest(
                built_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                source_digest=source_digest,
                fingerprint=sha256(f"{digest} {settings}".encode()).hexdigest(),
                settings=settings,
                pages=texts.counts(),
                passages=len(texts),
                files=finished.records(),
            ), vectors.embedded


def _write_pages(
    build: Path,
    pages: Sequence[Page | Unread],
    embedder: Embedder,
    previous: Previous | None,
    vectors: VectorsWriter,
    tell: Progress,
) -> str:
    """Pages, passages and words, and what is to be embedded; the digest of all that was written."""
    whole = sha256()
    seen: set[str] = set()
    words = lexical.LexicalWriter(previous.terms if previous else None)
    with closing(TextsWriter(build / "texts.sqlite", previous.file if previous else None)) as texts:
        writers = _Writers(texts, words, vectors, embedder, previous)
        tell("reading and embedding pages", 0, len(pages))
        for done, page in enumerate(pages, 1):
            if page.url not in seen and (content := writers.add(page)):
                seen.add(page.url)
                state = (page.url, content[0], page.source, page.fetched_at, page.resources, page.aliases, content[1])
                whole.update(repr(state).encode("utf-8", "surrogatepass"))
            tell("reading and embedding pages", done, len(pages))
    tell("indexing words", 0, 1)
    words.save(build / "lexical")
    tell("indexing words", 1, 1)
    return whole.hexdigest()


@dataclass(frozen=True)
class _Writers:
    """What each page is written to."""

    texts: TextsWriter
    words: lexical.LexicalWriter
    vectors: VectorsWriter
    embedder: Embedder
    previous: Previous | None

    def add(self, page: Page | Unread) -> tuple[str, tuple[str, ...]] | None:
        """The page's digest and flags; None where it isn't worth indexing."""
        if isinstance(page, Page):
            return self._parsed(page, "")
        if self.previous and self.previous.knows(page):
            known = self.previous.known(page)
            if known is not None:
                return self._taken(known, page, self.previous)
        elif read := page.read():
            return self._parsed(read, page.key)
        self.texts.add_nothing(page.key)
        return None

    def _parsed(self, page: Page, key: str) -> tuple[str, tuple[str, ...]]:
        known = self.previous.passages(page) if self.previous else None
        self.texts.add_page(page, key)
        for passage in passages_of(page, self.embedder.count_tokens) if known is None else known:
            text, spans = embedded(passage)
            digest = embedding_key(text, spans)
            self.texts.add_passage(passage, digest)
            self.words.add(lexical.heading_words(passage), body(passage))
            self.vectors.add(text, spans, digest)
        return page.digest, page.flags

    def _taken(self, known: Known, page: Unread, previous: Previous) -> tuple[str, tuple[str, ...]]:
        """As it was; how the documents name it may differ, which is searched with its headings."""
        self.texts.take_page(known, page)
        self.vectors.take(known.first, known.end)
        if page.resources == known.resources:
            self.words.take(known.first, known.end)
        else:
            for passage in previous.texts.passages(range(known.first, known.end)):
                now = replace(passage, resources=page.resources)
                self.words.add(lexical.heading_words(now), body(passage))
        return known.digest, known.flags


def _copy_of_chroma(previous: Previous | None, build: Path) -> AbstractContextManager[ChromaCopy | None]:
    if previous is None or not previous.texts.keys():
        return nullcontext()
    return ChromaCopy(previous.build, build, previous.texts.entries()[0][0])


def _write_chroma(
    build: Path, texts: Texts, previous: Previous | None, copy: ChromaCopy | None, tell: Progress
) -> None:
    """The Chroma files: the old ones with what differs exchanged, or new ones where most of it does."""
    # An id stands for the words and their place, the key also for title and headings: with the source all that Chroma
    # is given.
    entries = {entry: row for row, entry in enumerate(texts.entries())}
    old = set(previous.texts.entries()) if previous else set()
    gone = [id_ for id_, *_ in old - entries.keys()]
    added = sorted(row for entry, row in entries.items() if entry not in old)
    if copy and len(gone) + len(added) < min(len(entries), len(old)) / 2:
        tell("storing", 0, len(added))
        copy.update(gone, added)
        tell("storing", len(added), len(added))
        return
    if copy:
        copy.stop()
    shutil.rmtree(build / "chroma", ignore_errors=True)
    tell("storing", 0, len(entries))
    vectors = np.load(build / VECTORS, mmap_mode="r")[0]
    fill_chroma(build / "chroma", texts.passages, vectors, lambda done, of: tell("storing", done, of))
