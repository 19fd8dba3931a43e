"""Passages are handed to the encoder while pages are still read; it gets what it can do soon, and rows keep their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from corpus.pages import Page, Unread
from index.build import build_index
from index.embed import Reading, Span
from index.embedding import VectorsWriter
from index.store import open_index
from tests.fakes import BagOfWords
from tests.indexes import make_pages


class Counting(BagOfWords):
    """How many texts it was handed and how many of its readings were fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.handed = 0
        self.fetched = 0
        self.most = 0

    def read(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> Iterator[Reading]:
        self.handed += len(texts)
        self.most = max(self.most, self.handed - self.fetched)

        def one_by_one() -> Iterator[Reading]:
            for reading in super(Counting, self).read(texts, spans):
                self.fetched += 1
                yield reading

        return one_by_one()


def unread(page: Page, embedder: Counting, seen: list[int]) -> Unread:
    def read() -> Page:
        seen.append(embedder.handed)
        return page

    return Unread(page.url, page.digest, page.source, str(page.fetched_at), page.resources, page.aliases, read)


@pytest.fixture
def built(tmp_path: Path) -> tuple[Counting, list[int], Path]:
    embedder, seen = Counting(), list[int]()
    pages = [unread(page, embedder, seen) for page in make_pages(count=240)]  # two passages each
    build_index(tmp_path / "index", [], pages, embedder, source_digest="x")
    return embedder, seen, tmp_path / "index"


def test_the_first_pages_are_handed_over_while_others_are_unread(built: tuple[Counting, list[int], Path]) -> None:
    _, seen, _ = built
    assert seen[0] == 0
    assert 0 < seen[20] < seen[100] < seen[239]


def test_few_readings_wait_at_any_time(built: tuple[Counting, list[int], Path]) -> None:
    embedder, _, _ = built
    assert embedder.handed == embedder.fetched == 480
    assert 256 <= embedder.most < 300


def test_each_row_has_the_vectors_of_its_own_passage(built: tuple[Counting, list[int], Path]) -> None:
    embedder, _, folder = built
    index = open_index(folder, embedder)
    texts = [passage.text for passage in index.passages(range(len(index)))]
    cosines = index.vectors(range(len(index))) @ embedder.encode(texts).T
    assert len(cosines) == 480
    assert np.all(cosines.diagonal() > cosines.max(axis=1) - 1e-5)  # some pages have the same words


def test_what_the_encoder_raises_ends_the_build(tmp_path: Path) -> None:
    class Broken(BagOfWords):
        def read(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> Iterator[Reading]:
            yield next(super().read(texts, spans))
            raise MemoryError

    (tmp_path / "build").mkdir()
    with pytest.raises(MemoryError):
        build_it(tmp_path / "build", Broken())
    assert not (tmp_path / "build" / "vectors.npy").exists()


def build_it(folder: Path, embedder: BagOfWords) -> None:
    with VectorsWriter(folder, embedder, None) as vectors:
        for number in range(64):
            vectors.add(f"text {number}", [(0, 4), (0, 1)], bytes([number]))
        vectors.finish(lambda done, total: None)
