"""Documents and pages to an index: beside the one that answers, then in its place.

What hasn't changed is taken over from the old index: the passages of pages with the same digest, the vectors of the
same words, the entries of Chroma. Killed at any moment, the old index answers on; the next build clears what was left.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus.errors import IndexMissing, IndexStale
from corpus.pages import Page
from index import lexical, terms
from index.chunk import Sizes, body, embedded, passages_of
from index.embed import Embedder
from index.manifest import (
    FORMAT,
    Manifest,
    check_files,
    clear_leftovers,
    current_build,
    file_records,
    publish,
    writing,
    writing_error,
)
from index.parts import Inside, Parts, PartsWriter, inside_of
from index.passages import Passage
from index.texts import Texts, TextsWriter, embedding_key
from index.vectors import LAYERS, MatrixWriter, fill_chroma

Progress = Callable[[str, int, int], None]  # phase, done, of how many (0: not known yet)

_EMBED = 256  # passages embedded at once, between two steps of the progress


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
    pages: Iterable[Page],
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
            previous = _Previous(*old, settings) if old and _same_vectors(old[1].settings, settings) else None
            try:
                manifest, embedded = _write(build, chain(documents, pages), embedder, source_digest, previous, tell)
                _to_server(chroma_url, build, manifest, old, tell)
                publish(folder, build, manifest)
            finally:
                if previous:
                    previous.texts.close()
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


class _Previous:
    """The old build, for what can be taken over from it. It was made with the same embedder."""

    def __init__(self, build: Path, manifest: Manifest, settings: dict[str, Any]) -> None:
        self.build = build
        self._same_passages = manifest.settings["chunker"] == settings["chunker"]
        self.texts = Texts(build / "texts.sqlite")
        self.vectors = np.load(build / "vectors.npy", mmap_mode="r")
        self.parts = Parts(build / "parts", self.vectors.shape[2])
        self._digests = self.texts.digests()

    def passages(self, page: Page) -> list[Passage] | None:
        """The page's passages where its words and structure are the same; where and when it was found may differ."""
        if not self._same_passages or self._digests.get(page.url) != page.digest:
            return None
        passages = self.texts.passages(self.texts.rows_of(page.url))
        if any(passage.source != page.source for passage in passages):
            return None
        return [
            replace(
                passage,
                fetched_at=page.fetched_at,
                resources=passage.resources if page.source == "document" else page.resources,
                aliases=page.aliases,
            )
            for passage in passages
        ]


def _write(
    build: Path,
    pages: Iterable[Page],
    embedder: Embedder,
    source_digest: str,
    previous: _Previous | None,
    tell: Progress,
) -> tuple[Manifest, int]:
    """All files of a build; its manifest, which is not written yet, and the number of texts embedded."""
    digest = _write_texts(build, pages, embedder, previous, tell)
    with closing(Texts(build / "texts.sqlite")) as texts:
        embedded = _write_vectors(build, texts, embedder, previous, tell)
        _write_chroma(build, texts, previous, tell)
        settings = index_settings(embedder)
        return Manifest(
            built_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            source_digest=source_digest,
            fingerprint=sha256(f"{digest} {settings}".encode()).hexdigest(),
            settings=settings,
            pages=texts.counts(),
            passages=len(texts),
            files=file_records(build),
        ), embedded


def _write_texts(
    build: Path, pages: Iterable[Page], embedder: Embedder, previous: _Previous | None, tell: Progress
) -> str:
    """Pages, passages and words; the digest of all that was written."""
    whole = sha256()
    seen: set[str] = set()
    words = lexical.LexicalWriter()
    with closing(TextsWriter(build / "texts.sqlite")) as texts:
        for page in pages:
            if page.url in seen:
                continue
            seen.add(page.url)
            known = previous.passages(page) if previous else None
            passages = passages_of(page, embedder.count_tokens) if known is None else known
            texts.add_page(page)
            for passage in passages:
                texts.add_passage(passage, embedding_key(*embedded(passage)))
                words.add(lexical.heading_words(passage), body(passage))
            state = (page.url, page.digest, page.source, page.fetched_at, page.resources, page.aliases, page.flags)
            whole.update(repr(state).encode("utf-8", "surrogatepass"))
            tell("reading pages", len(seen), 0)
    tell("indexing words", 0, 1)
    words.save(build / "lexical")
    tell("indexing words", 1, 1)
    return whole.hexdigest()


def _write_vectors(build: Path, texts: Texts, embedder: Embedder, previous: _Previous | None, tell: Progress) -> int:
    """`vectors.npy` and `parts`; the number of passages embedded."""
    entries = texts.entries()
    total, embedded_now = len(entries), 0
    known = {key: row for row, (_, key) in enumerate(previous.texts.entries())} if previous else {}
    tell("embedding", 0, total)
    with (
        MatrixWriter(build / "vectors.npy", (len(LAYERS), total, embedder.dimension)) as matrix,
        PartsWriter(build / "parts") as parts,
    ):
        for first in range(0, total, _EMBED):
            rows = range(first, min(first + _EMBED, total))
            new = _read(embedder, texts.passages([row for row in rows if entries[row][1] not in known]))
            layers: list[NDArray[np.float32]] = []
            for row in rows:
                old = known.get(entries[row][1])
                if old is not None and previous:
                    layers.append(previous.vectors[:, old])
                    parts.add(previous.parts.inside(old))
                else:
                    vectors, inside = next(new)
                    layers.append(vectors)
                    parts.add(inside)
                    embedded_now += 1
            for layer, vectors in enumerate(np.stack(layers, axis=1)):
                matrix.write(layer, first, vectors)
            tell("embedding", rows[-1] + 1, total)
    return embedded_now


def _read(embedder: Embedder, passages: Sequence[Passage]) -> Iterator[tuple[NDArray[np.float32], Inside]]:
    """Each passage's vectors, a row a layer, and its parts."""
    asked = [embedded(passage) for passage in passages]
    readings = embedder.read([text for text, _ in asked], [spans for _, spans in asked])
    for (text, spans), reading in zip(asked, readings, strict=True):
        own = replace(reading, spans=reading.spans[1:])
        yield np.stack([reading.spans[0], reading.whole]), inside_of(text, spans[1:], own)


def _write_chroma(build: Path, texts: Texts, previous: _Previous | None, tell: Progress) -> None:
    """The Chroma files: the old ones with what differs exchanged, or new ones where most of it does."""
    # An id stands for the words and their place, the key also for title and headings: all that Chroma is given.
    entries = {entry: row for row, entry in enumerate(texts.entries())}
    old = set(previous.texts.entries()) if previous else set()
    gone = [id_ for id_, _ in old - entries.keys()]
    added = sorted(row for entry, row in entries.items() if entry not in old)
    if previous and len(gone) + len(added) < len(entries) / 2:
        shutil.copytree(previous.build / "chroma", build / "chroma")
    else:
        gone, added = [], sorted(entries.values())
    vectors = np.load(build / "vectors.npy", mmap_mode="r")[0]
    tell("storing", 0, len(added))
    fill_chroma(build / "chroma", gone, added, texts.passages, vectors, lambda done, of: tell("storing", done, of))
