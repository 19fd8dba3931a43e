"""Building and opening: reuse, swap, locks, damage. The encoder is a fake, the pages are made here."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import numpy as np
import pytest

from corpus.errors import IndexBusy, IndexDamaged, IndexMissing, IndexStale, StoreError
from corpus.markdown import document_from_markdown
from corpus.pages import Page, Resource
from index.build import BuildReport, build_index
from index.manifest import writing
from index.store import Index, open_index
from index.vectors import chroma_store
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


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "index"
    build(folder, make_pages())
    return folder


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """A copy of a finished index; copies keep their times."""
    shutil.copytree(built, tmp_path / "index")
    return tmp_path / "index"


def current(folder: Path) -> Path:
    return folder / (folder / "current").read_text()


def files_of(folder: Path) -> list[Path]:
    return [file for file in sorted(current(folder).rglob("*")) if file.is_file()]


def test_what_was_built_is_found(built: Path) -> None:
    index = open_index(built, BagOfWords())
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


def test_an_identifier_is_found_first(built: Path) -> None:
    index = open_index(built, BagOfWords())
    for number in range(6):
        identifier = f"{TOOLS[number]}_late_{number}"
        assert index.search(identifier, 1)[0].passage.url == f"https://example.org/{number}"
        assert index.lexical(identifier, 1)[0].tolist() == [2 * number]


def test_dense_is_exact(built: Path) -> None:
    index = open_index(built, BagOfWords())
    text = index.passages([4])[0].text
    rows, cosines = index.dense(BagOfWords().encode([text])[0], 2)
    assert rows[0] == 4
    assert cosines[0] == pytest.approx(1.0)
    assert cosines[1] < cosines[0]


def test_raw_scores_are_kept(built: Path) -> None:
    index = open_index(built, BagOfWords())
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
    with chroma_store(current(folder) / "chroma") as store:
        held = store.client.get(include=["documents", "metadatas", "embeddings"])
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
        "reading pages",
        "indexing words",
        "embedding",
        "storing",
    ]
    assert {phase: (done, total) for phase, done, total in steps}["embedding"] == (12, 12)


# What can't be opened


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match=r"run `oka build`"):
        open_index(tmp_path, BagOfWords())


def test_another_embedder(folder: Path) -> None:
    with pytest.raises(IndexStale, match=r"revision.*run `oka build`"):
        open_index(folder, BagOfWords(revision="2"))
    with pytest.raises(IndexStale, match=r"dimension"):
        open_index(folder, BagOfWords(dimension=32))
    report = build(folder, make_pages(), BagOfWords(revision="2"))
    assert report.embedded == 12
    open_index(folder, BagOfWords(revision="2"))


def test_other_pages_than_were_built(folder: Path) -> None:
    with pytest.raises(IndexStale, match=r"run `oka build`"):
        open_index(folder, BagOfWords(), source_digest="other")


def test_another_format(folder: Path) -> None:
    manifest = current(folder) / "manifest.json"
    values = json.loads(manifest.read_text())
    values["settings"]["format"] = 0
    manifest.write_text(json.dumps(values))
    with pytest.raises(IndexStale, match=r"another version"):
        open_index(folder, BagOfWords())
    assert build(folder, make_pages()).embedded == 12
    open_index(folder, BagOfWords())


def test_every_damaged_file_is_noticed(folder: Path) -> None:
    whole = {file: (file.read_bytes(), file.stat()) for file in files_of(folder)}
    assert any("chroma" in file.parts for file in whole)
    for file, (content, state) in whole.items():
        for damaged in (
            content[:-1] + bytes([content[-1] ^ 1]) if content else b"x",
            content[: len(content) // 2],
            None,
        ):
            if damaged == content:
                continue
            file.unlink()
            if damaged is not None:
                file.write_bytes(damaged)
            if file.name == "manifest.json" and damaged is not None and len(damaged) == len(content):
                continue  # a changed last character is bad JSON or white space
            with pytest.raises(IndexDamaged, match=r"run `oka build --fresh`"):
                open_index(folder, BagOfWords())
        file.write_bytes(content)
        os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    open_index(folder, BagOfWords())


def test_a_copy_with_new_times_opens(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "index", copy_function=shutil.copyfile)
    assert len(open_index(tmp_path / "index", BagOfWords())) == 12


@pytest.mark.parametrize("content", [b"", b"build-none", b"\xff\xfe"])
def test_a_damaged_pointer(folder: Path, content: bytes) -> None:
    (folder / "current").write_bytes(content)
    with pytest.raises(IndexDamaged, match=r"run `oka build --fresh`"):
        open_index(folder, BagOfWords())
    with pytest.raises(IndexDamaged):
        build(folder, make_pages())
    build(folder, make_pages(), fresh=True)
    open_index(folder, BagOfWords())


def test_a_damaged_index_is_mended_by_the_named_command(folder: Path) -> None:
    (current(folder) / "vectors.npy").write_bytes(b"junk")
    with pytest.raises(IndexDamaged, match=r"vectors.npy"):
        build(folder, make_pages("second"))
    build(folder, make_pages("second"), fresh=True)
    assert open_index(folder, BagOfWords()).search("second", 1)[0].passage.url == "https://example.org/5"


def test_a_reader_keeps_its_index_while_another_is_built(folder: Path) -> None:
    index = open_index(folder, BagOfWords())
    before = found(index)
    build(folder, make_pages("second"))
    assert found(index) == before
    assert len(list(folder.glob("build-*"))) == 1


# Writers


def test_a_second_writer_is_told_at_once(folder: Path) -> None:
    with writing(folder), pytest.raises(IndexBusy, match=rf"process {os.getpid()} since .*wait"):
        build(folder, make_pages("second"))
    build(folder, make_pages("second"))


Writer = Callable[[Path, str], ForkServerProcess]


def build_slowly(folder: Path, word: str) -> None:
    def pages() -> Iterator[Page]:
        for page in make_pages(word, 40):
            time.sleep(0.005)
            yield page

    build_index(folder, [], pages(), BagOfWords(), source_digest=word)


def wait_for_lock(folder: Path, process: ForkServerProcess) -> None:
    limit = time.monotonic() + 20
    while not (folder / "lock").exists() or str(process.pid) not in (folder / "lock").read_text():
        assert time.monotonic() < limit
        time.sleep(0.01)


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Starts processes that have imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bm25s", "chromadb", "llama_index.vector_stores.chroma", "tests.test_index_store"])
    return context


@pytest.fixture
def writer(processes: ForkServerContext) -> Writer:
    def start(folder: Path, word: str) -> ForkServerProcess:
        process = processes.Process(target=build_slowly, args=(folder, word))
        process.start()
        return process

    return start


def test_killed_at_any_moment_the_old_index_answers(tmp_path: Path, writer: Writer) -> None:
    folder = tmp_path / "index"
    build_index(folder, [], make_pages("before", 40), BagOfWords(), source_digest="before")
    expected = found(open_index(folder, BagOfWords()))
    whole = tmp_path / "timed"
    shutil.copytree(folder, whole)
    writer(whole, "warm").join()
    began = time.monotonic()
    writer(whole, "timed").join()
    lasts = time.monotonic() - began
    chance = random.Random(2)
    killed = 0
    for attempt in range(10):
        process = writer(folder, f"after{attempt}")
        time.sleep(chance.uniform(0, lasts))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        index = open_index(folder, BagOfWords())
        if index.manifest.source_digest == "before":
            assert found(index) == expected
        else:  # it was quick enough to finish
            assert index.search(f"after{attempt}", 1)[0].passage.url == "https://example.org/39"
            build_index(folder, [], make_pages("before", 40), BagOfWords(), source_digest="before")
    assert killed >= 5
    build_index(folder, [], make_pages("last", 40), BagOfWords(), source_digest="last")
    assert [file.name for file in folder.glob("build-*")] == [(folder / "current").read_text()]


def test_the_lock_of_a_dead_writer_is_taken_over(folder: Path, writer: Writer) -> None:
    process = writer(folder, "second")
    wait_for_lock(folder, process)
    process.kill()
    process.join()
    build(folder, make_pages("second"))


def test_two_writers_at_once(tmp_path: Path, writer: Writer) -> None:
    process = writer(tmp_path / "index", "first")
    wait_for_lock(tmp_path / "index", process)
    with pytest.raises(IndexBusy, match=rf"process {process.pid} "):
        build(tmp_path / "index", make_pages())
    process.join()
    assert process.exitcode == 0


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"can't be written.*OKA_DATA_DIR"):
        build(tmp_path / "file" / "index", make_pages())


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, ".")
from tests.test_index_store import build, make_pages
from corpus.errors import StoreError
import chromadb
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    build(Path(sys.argv[1]), make_pages("second", 300))
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [2_000, 60_000, 140_000])
def test_a_full_disk_leaves_the_old_index(folder: Path, limit: int) -> None:
    """A limit on the size of files stands for the full disk: it stops texts, vectors or Chroma."""
    command = [sys.executable, "-c", FULL_DISK, str(folder), str(limit)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "make room" in said.stdout, said.stderr[-500:]
    assert len(open_index(folder, BagOfWords())) == 12
    assert len(list(folder.glob("build-*"))) == 1
