"""Building and opening: what is found, what is taken over. The encoder is a fake, the pages are made here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from corpus.pages import Page
from index.build import build_index
from index.store import open_index
from index.vectors import chroma_collection
from tests.fakes import BagOfWords
from tests.indexes import TOOLS, build, current, found, make_pages


def test_what_was_built_is_found(small_index: Path) -> None:
    index = open_index(small_index, BagOfWords())
    assert (len(index), index.manifest.pages) == (18 - 6, {"linked": 6})
    best = index.search("airflow worker", 3)[0]
    assert (best.passage.url, best.passage.anchor) == ("https://example.org/1", "queues")
    assert best.found_by == ("lexical", "dense")
    assert best.passage.resources[0].label == "airflow docs"
    page = index.page("https://example.org/1")
    assert page.text[best.passage.start : best.passage.end] == best.passage.text
    assert page.digest == make_pages()[1].digest
    assert index.passages([3, 0])[1].url == "https://example.org/0"
    assert index.passages([]) == []
    with pytest.raises(KeyError):
        index.page("https://example.org/none")


def test_an_identifier_is_found_first(small_index: Path) -> None:
    index = open_index(small_index, BagOfWords())
    for number in range(6):
        identifier = f"{TOOLS[number]}_late_{number}"
        assert index.search(identifier, 1)[0].passage.url == f"https://example.org/{number}"
        assert index.lexical(identifier, 1)[0].tolist() == [2 * number]


def test_dense_is_exact(small_index: Path) -> None:
    index = open_index(small_index, BagOfWords())
    text = index.passages([4])[0].text
    rows, cosines = index.dense(BagOfWords().encode([text])[0], 2)
    assert rows[0] == 4
    assert cosines[0] == pytest.approx(1.0)
    assert cosines[1] < cosines[0]


def test_raw_scores_are_kept(small_index: Path) -> None:
    index = open_index(small_index, BagOfWords())
    hit = index.search("celery", 1)[0]
    assert set(hit.signals) == {"headings", "body", "cosine"}
    assert hit.signals["body"] == pytest.approx(index.words.scores("celery")["body"].max())


def test_nothing_changed_touches_no_page(folder: Path) -> None:
    def pages() -> Iterator[Page]:
        raise AssertionError("a page was asked for")
        yield

    digest = " ".join(page.digest for page in make_pages())
    report = build_index(folder, [], pages(), BagOfWords(), source_digest=digest)
    assert report.unchanged
    assert (report.pages, report.passages, report.embedded) == (6, 12, 0)


def test_only_what_changed_is_embedded(folder: Path) -> None:
    embedder = BagOfWords()
    report = build(folder, make_pages("second"), embedder)
    assert (report.embedded, report.reused) == (1, 11)
    assert len(embedder.encoded) == 1
    assert all("second" in text for text in embedder.encoded)


def test_an_updated_index_equals_a_fresh_one(folder: Path, tmp_path: Path) -> None:
    pages = [make_pages("second")[number] for number in (5, 0, 1, 3)]  # one changed, two gone, another order
    build(folder, pages)
    build(tmp_path / "fresh", pages)
    updated, fresh = open_index(folder, BagOfWords()), open_index(tmp_path / "fresh", BagOfWords())
    assert found(updated) == found(fresh)
    assert updated.fingerprint == fresh.fingerprint
    assert {hit.passage.url for hit in updated.search("worker", 50)} == {page.url for page in pages}


def test_a_page_found_again_later_keeps_its_vectors(folder: Path) -> None:
    pages = [replace(page, fetched_at="2026-01-01T00:00:00Z", aliases=("https://e.org/old",)) for page in make_pages()]
    report = build_index(folder, [], pages, BagOfWords(), source_digest="later")
    assert report.embedded == 0
    hit = open_index(folder, BagOfWords()).search("celery", 1)[0]
    assert (hit.passage.fetched_at, hit.passage.aliases) == ("2026-01-01T00:00:00Z", ("https://e.org/old",))


def test_chroma_holds_the_same_passages(folder: Path) -> None:
    build(folder, make_pages("second"))
    index = open_index(folder, BagOfWords())
    with chroma_collection(current(folder) / "chroma") as collection:
        held = collection.get(include=["documents", "metadatas", "embeddings"])
    passages = {passage.id: passage for passage in index.passages(range(len(index)))}
    assert dict(zip(held["ids"], held["documents"], strict=True)) == {id_: p.text for id_, p in passages.items()}
    assert {meta["anchor"] for meta in held["metadatas"]} == {"queues", "retry"}
    rows = {passage.id: row for row, passage in enumerate(index.passages(range(len(index))))}
    np.testing.assert_allclose(held["embeddings"], index.vectors([rows[id_] for id_ in held["ids"]]), atol=1e-6)


def test_an_address_given_twice_counts_once(tmp_path: Path) -> None:
    one = make_pages()[0]
    assert build(tmp_path / "index", [one, replace(make_pages()[1], url=one.url)]).pages == 1


def test_no_pages_at_all(tmp_path: Path) -> None:
    build(tmp_path / "index", [])
    index = open_index(tmp_path / "index", BagOfWords())
    assert (len(index), index.search("word"), index.lexical("word", 5)[0].tolist()) == (0, [], [])


def test_progress_has_every_phase_and_ends_at_its_total(tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    build_index(
        tmp_path / "index",
        make_pages()[:1],
        make_pages()[1:],
        BagOfWords(),
        source_digest="x",
        progress=lambda *step: steps.append(step),
    )
    assert list(dict.fromkeys(phase for phase, _, _ in steps)) == [
        "reading and embedding pages",
        "indexing words",
        "embedding the last passages",
        "storing",
    ]
    begins = {phase: done for phase, done, _ in reversed(steps)}
    assert set(begins.values()) == {0}  # a rate is counted from there
    ends = {phase: (done, total) for phase, done, total in steps}
    assert ends["reading and embedding pages"] == (len(make_pages()),) * 2
    assert ends["embedding the last passages"] == ends["storing"] == (12, 12)
