"""Documents and pages to an index: beside the one that answers, then in its place.

What hasn't changed is taken over from the old index: the passages of pages with the same digest, the vectors of the
same words, the entries of Chroma. Killed at any moment, the old index answers on; the next build clears what was left.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus.errors import IndexMissing, IndexStale
from corpus.pages import Page, Unread
from index import lexical, terms
from index.chroma_copy import ChromaCopy
from index.chunk import Sizes, body, embedded, passages_of
from index.embed import Embedder
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
from index.parts import Inside, PartsWriter, inside_of
from index.passages import Passage
from index.previous import Previous
from index.texts import Known, Texts, TextsWriter, embedding_key
from index.vectors import LAYERS, VECTORS, MatrixWriter, fill_chroma

Progress = Callable[[str, int, int], None]  # phase, done, of how many (0: not known yet)

_EMBED = 256  # passages embedded at once, between two steps of the progress
_TAKE = 4096  # passages whose vectors are copied at once


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
            old = None if fresh else _old(folder)
            if old and old[1].source_digest == source_digest and old[1].settings == settings:
                _to_server(chroma_url, *old, old, tell)
                return BuildReport(True, sum(old[1].pages.values()), old[1].passages, 0, 0, time.monotonic() - began)
            clear_leftovers(folder)
            build = folder / f"build-{time.time_ns():x}"
            build.mkdir()
            previous = Previous(*old, settings) if old and _same_vectors(old[1].settings, settings) else None
            try:
                manifest, embedded = _write(build, chain(documents, pages), embedder, source_digest, previous, tell)
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
    pages: Iterable[Page | Unread],
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
        digest = _write_texts(build, pages, embedder, previous, tell)
        finished.add("texts.sqlite", "lexical")
        with closing(Texts(build / "texts.sqlite")) as texts:
            embedded = _write_vectors(build, texts, embedder, previous, tell)
            finished.add(VECTORS, "parts")
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
            ), embedded


def _write_texts(
    build: Path, pages: Iterable[Page | Unread], embedder: Embedder, previous: Previous | None, tell: Progress
) -> str:
    """Pages, passages and words; the digest of all that was written."""
    whole = sha256()
    seen: set[str] = set()
    words = lexical.LexicalWriter(previous.terms if previous else None)
    with closing(TextsWriter(build / "texts.sqlite", previous.file if previous else None)) as texts:
        for page in pages:
            if page.url in seen:
                continue
            if isinstance(page, Page):
                _add(page, "", texts, words, embedder, previous)
                content = (page.digest, page.flags)
            elif previous and previous.knows(page):
                known = previous.known(page)
                if known is None:
                    texts.add_nothing(page.key)
                    continue
                _take(known, page, texts, words, previous)
                content = (known.digest, known.flags)
            elif read := page.read():
                _add(read, page.key, texts, words, embedder, previous)
                content = (read.digest, read.flags)
            else:
                texts.add_nothing(page.key)
                continue
            seen.add(page.url)
            state = (page.url, content[0], page.source, page.fetched_at, page.resources, page.aliases, content[1])
            whole.update(repr(state).encode("utf-8", "surrogatepass"))
            tell("reading pages", len(seen), 0)
    tell("indexing words", 0, 1)
    words.save(build / "lexical")
    tell("indexing words", 1, 1)
    return whole.hexdigest()


def _add(
    page: Page,
    key: str,
    texts: TextsWriter,
    words: lexical.LexicalWriter,
    embedder: Embedder,
    previous: Previous | None,
) -> None:
    """A page that was parsed."""
    known = previous.passages(page) if previous else None
    texts.add_page(page, key)
    for passage in passages_of(page, embedder.count_tokens) if known is None else known:
        texts.add_passage(passage, embedding_key(*embedded(passage)))
        words.add(lexical.heading_words(passage), body(passage))


def _take(known: Known, page: Unread, texts: TextsWriter, words: lexical.LexicalWriter, previous: Previous) -> None:
    """A page that is taken over as it is; how the documents name it may differ, which is searched with its headings."""
    texts.take_page(known, page)
    if page.resources == known.resources:
        words.take(known.first, known.end)
        return
    for passage in previous.texts.passages(range(known.first, known.end)):
        words.add(lexical.heading_words(replace(passage, resources=page.resources)), body(passage))


def _write_vectors(build: Path, texts: Texts, embedder: Embedder, previous: Previous | None, tell: Progress) -> int:
    """`vectors.npy` and `parts`; the number of passages embedded."""
    keys = texts.keys()
    known = {key: row for row, key in enumerate(previous.texts.keys())} if previous else {}
    olds = [known.get(key, -1) for key in keys]
    tell("embedding", 0, len(keys))
    with (
        MatrixWriter(build / VECTORS, (len(LAYERS), len(keys), embedder.dimension)) as matrix,
        PartsWriter(build / "parts") as parts,
    ):
        for first, end in _stretches(olds):
            old = olds[first]
            if old < 0 or previous is None:
                layers: list[NDArray[np.float32]] = []
                for vectors, inside in _read(embedder, texts.passages(range(first, end))):
                    layers.append(vectors)
                    parts.add(inside)
                stretch = np.stack(layers, axis=1)
            else:
                stretch = previous.vectors[:, old : old + end - first]
                parts.take(previous.parts, old, old + end - first)
            for layer, rows in enumerate(stretch):
                matrix.write(layer, first, rows)
            tell("embedding", end, len(keys))
    return olds.count(-1)


def _stretches(olds: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ranges of rows that are alike: new ones, or neighbours in the index before too."""
    first = 0
    for end in range(1, len(olds) + 1):
        new = olds[first] < 0
        most = _EMBED if new else _TAKE
        goes_on = end < len(olds) and olds[end] == (-1 if new else olds[end - 1] + 1)
        if not goes_on or end - first == most:
            yield first, end
            first = end


def _read(embedder: Embedder, passages: Sequence[Passage]) -> Iterator[tuple[NDArray[np.float32], Inside]]:
    """Each passage's vectors, a row a layer, and its parts."""
    asked = [embedded(passage) for passage in passages]
    readings = embedder.read([text for text, _ in asked], [spans for _, spans in asked])
    for (text, spans), reading in zip(asked, readings, strict=True):
        own = replace(reading, spans=reading.spans[1:])
        yield np.stack([reading.spans[0], reading.whole]), inside_of(text, spans[1:], own)


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
