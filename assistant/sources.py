"""Where answers come from: documents and archive on the disk, and the index over them.

What reads documents and archive is imported where it is used: a question to a built index needs none of it, and a build
needs nothing of what answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.settings import Settings
from index.embed import Embedder, load_embedder
from index.manifest import Manifest, pointer
from index.store import Index, open_index

if TYPE_CHECKING:
    from assistant.rerank import Reranker
    from corpus import Archive, LinkState
    from corpus.pages import Page
    from index.build import BuildReport

Progress = Callable[[str, int, int], None]
STALE = "Documents or pages have changed since the index was built: run `oka build`."


class Sources:
    """Documents, archive and index of one set of settings. Reads on demand and keeps nothing open but the embedder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def archive(self) -> Archive:
        """The fetched pages."""
        from corpus import Archive

        return Archive(self.settings.archive)

    @cached_property
    def embedder(self) -> Embedder:
        """The encoder of questions and passages. Raises ModelError."""
        return load_embedder(self.settings.embedder, self.settings.models, offline=self.settings.offline)

    @cached_property
    def reranker(self) -> Reranker | None:
        """The cross-encoder that the settings name, if any. Raises ModelError."""
        from assistant.rerank import Reranker

        return Reranker(self.settings.reranker, offline=self.settings.offline) if self.settings.reranker else None

    def fingerprint(self, index: Index) -> str:
        """sha256 over all that determines an answer: the index, the fitted weights, and the settings that count."""
        from assistant.retrieval import WEIGHTS

        reranker = (self.reranker.name, self.reranker.revision) if self.reranker else None
        settings = (self.settings.unsupported, reranker)
        return hashlib.sha256(index.fingerprint.encode() + WEIGHTS.read_bytes() + repr(settings).encode()).hexdigest()

    @cached_property
    def _pointer(self) -> Path:
        return pointer(self.settings.index)

    def documents(self) -> list[Page]:
        """The documents as they are now."""
        from corpus import read_documents

        return read_documents(self.settings.documents)

    def links(self) -> list[LinkState]:
        """What became of each link of the documents."""
        from corpus import link_states

        return link_states(self.documents(), self.archive)

    def index_stamp(self) -> int:
        """Changes when a build puts a new index in place; 0 where there is none."""
        try:
            return self._pointer.stat().st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def open_or_build(self, progress: Progress | None = None) -> Index:
        """The index; built first where there is none."""
        if not self.index_stamp():
            self.build(progress=progress)
        return open_index(self.settings.index, self.embedder, chroma_url=self.settings.chroma_url)

    def digest(self, documents: Sequence[Page]) -> str:
        """Changes with what documents and pages say, and with how they are read; an index remembers the one that it was built from."""
        from corpus import parser_version

        digest = hashlib.sha256(parser_version().encode())
        for document in documents:
            digest.update(f"{document.url} {document.digest}\n".encode())
        digest.update(self.archive.digest().encode())
        return digest.hexdigest()

    def may_be_stale(self) -> bool:
        """Whether documents or archive were written after the index, or the documents are gone: a look at times only."""
        folder, archive = self.settings.documents, self.settings.archive
        stamp = self.index_stamp()
        try:
            times = [path.stat().st_mtime_ns for path in (folder, *folder.glob("*.md"))]
        except OSError:
            return True
        return max(times) > stamp or (archive.exists() and archive.stat().st_mtime_ns > stamp)

    def is_stale(self, manifest: Manifest) -> bool:
        """Whether documents or pages say something else than when the index was built. Raises CorpusError."""
        return manifest.source_digest != self.digest(self.documents())

    def damage(self) -> str:
        """What a reader should know of an archive that is damaged; "" where it is whole."""
        lost = self.archive.damage()
        if not lost:
            return ""
        first, count = lost[0][0], sum(stop - start for start, stop in lost)
        return (
            f"The archive {self.archive.path} is damaged: {count:,} bytes from byte {first:,} on hold no whole record, and the "
            f"pages that stood there are left out. Run `oka fetch` to get them again."
        )

    def build(self, *, fresh: bool = False, progress: Progress | None = None) -> BuildReport:
        """Brings the index up to date with documents and archive."""
        from corpus import unread_pages
        from index.build import build_index

        documents = self.documents()
        report = build_index(
            self.settings.index,
            documents,
            unread_pages(documents, self.archive),
            self.embedder,
            source_digest=self.digest(documents),
            fresh=fresh,
            progress=progress,
            chroma_url=self.settings.chroma_url,
        )
        if report.unchanged:
            self._pointer.touch()  # is as new as what was looked at: see `may_be_stale`
        return report

    def text_of(self, url: str) -> str | None:
        """The text of a document or page as it is now, read anew; None where there is none."""
        from corpus.load import find_pages, parse

        documents = self.documents()
        for document in documents:
            if document.url == url:
                return document.text
        for found in find_pages(documents, self.archive):
            if found.capture.url == url:
                return parse(found, self.archive).text
        return None
