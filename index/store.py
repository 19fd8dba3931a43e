"""The index as readers see it: opened in milliseconds, searched by words and by meaning."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corpus.errors import IndexDamaged, IndexStale
from index.build import index_settings
from index.embed import Embedder
from index.fuse import DEFAULT, Weights, convex
from index.lexical import Lexical, top
from index.manifest import Manifest, check_files, current_build
from index.nearest import Nearest, Searched
from index.parts import Parts
from index.passages import Hit, Passage
from index.texts import StoredPage, Texts
from index.vectors import VECTORS, Vectors

_FOUND = 100  # a passage counts as found by a list when it is among that list's first


class Index:
    """An open index. May be used by several threads; a build beside it doesn't disturb it.

    With the address of a Chroma server, the passages' vectors are searched there and need not be on this machine.
    """

    def __init__(self, build: Path, manifest: Manifest, embedder: Embedder, chroma_url: str | None = None) -> None:
        self.manifest = manifest
        self.fingerprint = manifest.fingerprint
        self.embedder = embedder
        self.texts = Texts(build / "texts.sqlite")
        self._vectors = _vectors(build, manifest, chroma_url)
        self.parts = Parts(build / "parts", embedder.dimension)
        self.words = Lexical(build / "lexical", manifest.passages)

    def __len__(self) -> int:
        return self.manifest.passages

    def passages(self, rows: Sequence[int]) -> list[Passage]:
        """The passages of these rows, in the order asked for."""
        return self.texts.passages(rows)

    def page(self, url: str) -> StoredPage:
        """The page of this address. KeyError where the index has none."""
        return self.texts.page(url)

    def lexical(self, query: str, k: int, weights: Weights = DEFAULT) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The best k rows that have a word in common with the query, and their scores, best first."""
        fields = self.words.scores(query)
        return top(weights.headings * fields["headings"] + weights.body * fields["body"], k, above=0.0)

    def dense(self, vector: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The best k rows by cosine with a vector of unit length, and their cosines, best first."""
        (near,) = self.nearest(vector[None])
        rows = near.best(k)
        return rows, near.of(rows).max(axis=0)

    def nearest(self, vectors: NDArray[np.float32]) -> Sequence[Nearest]:
        """How near the passages are to each of some vectors of unit length, shape (vectors, dimension)."""
        return self._vectors.nearest(vectors)

    def vectors(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """The body's vectors of these rows."""
        return self._vectors.rows(rows)

    def search(self, query: str, limit: int = 10, *, weights: Weights = DEFAULT) -> list[Hit]:
        """The best passages for a query, best first; fewer than `limit` only where the index has fewer.

        The raw scores are in each hit's `signals`: BM25 of `headings` and of `body`, and the `cosine`.
        """
        if not len(self):
            return []
        fields = self.words.scores(query)
        (near,) = self.nearest(self.embedder.encode([query]))
        words = weights.headings * fields["headings"] + weights.body * fields["body"]
        most = max(_FOUND, limit)
        lists = {"lexical": top(words, most, above=0.0)[0], "dense": near.best(most)}
        # What neither list has counts as the farthest that one of them has: it would come after all of them anyway.
        looked_at = np.union1d(lists["lexical"], lists["dense"])
        found = near.of(looked_at).max(axis=0)
        cosine = np.full(len(self), found.min(), np.float32)
        cosine[looked_at] = found
        rows, scores = top(convex(fields["headings"], fields["body"], cosine, weights), limit)
        found_by = {name: set(map(int, best[:_FOUND])) for name, best in lists.items()}
        return [
            Hit(
                passage=passage,
                score=float(score),
                found_by=tuple(name for name, best in found_by.items() if int(row) in best),
                signals={
                    "headings": float(fields["headings"][row]),
                    "body": float(fields["body"][row]),
                    "cosine": float(cosine[row]),
                },
            )
            for row, score, passage in zip(rows, scores, self.passages(rows.tolist()), strict=True)
        ]

    def close(self) -> None:
        """Give the files back."""
        self.texts.close()

    @cached_property
    def urls(self) -> frozenset[str]:
        """The addresses of all pages."""
        return frozenset(self.texts.urls())


def _vectors(build: Path, manifest: Manifest, chroma_url: str | None) -> Searched:
    if chroma_url is None:
        return Vectors(build / VECTORS)
    from index.server import ChromaServer, ServerVectors, collection_name

    return ServerVectors(ChromaServer(chroma_url), collection_name(manifest.fingerprint))


def open_index(
    folder: Path, embedder: Embedder, *, source_digest: str | None = None, chroma_url: str | None = None
) -> Index:
    """Open the index in `folder` for questions in `embedder`'s vectors; these are on the Chroma server, if one is given.

    Raises IndexMissing, IndexDamaged, and IndexStale where it was built with another embedder or other settings, or,
    where `source_digest` is given, from other documents and pages. The message names the command that mends it.
    """
    build, manifest = current_build(folder)
    wanted = index_settings(embedder)
    for name, value in wanted.items():
        if manifest.settings.get(name) != value:
            raise IndexStale(
                f"The index in {folder} was built with {name} {manifest.settings.get(name)}, but {value} is in force: "
                "run `oka build`."
            )
    if source_digest is not None and manifest.source_digest != source_digest:
        raise IndexStale(f"Documents or pages have changed since the index in {folder} was built: run `oka build`.")
    try:
        check_files(build, manifest, leave_out=VECTORS if chroma_url else "")
        return Index(build, manifest, embedder, chroma_url)
    except (IndexDamaged, OSError) as error:
        if current_build(folder)[0] != build:  # another process has just put a new build in its place
            return open_index(folder, embedder, source_digest=source_digest, chroma_url=chroma_url)
        if isinstance(error, IndexDamaged):
            raise
        raise IndexDamaged(f"The index in {folder} can't be read ({error}): run `oka build --fresh`.") from error
