"""Who writes an index: one at a time, on a disk that is full; the index before it answers on. Builds that are killed are in
test_assistant_cli_serve.py."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from corpus.errors import IndexBusy, StoreError
from corpus.pages import Page
from index.build import build_index
from index.manifest import writing
from index.store import open_index
from tests.fakes import BagOfWords
from tests.indexes import build, make_pages
from tests.processes import processes


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


@pytest.fixture
def writer() -> Writer:
    def start(folder: Path, word: str) -> ForkServerProcess:
        process = processes().Process(target=build_slowly, args=(folder, word))
        process.start()
        return process

    return start


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
from tests.indexes import build, make_pages
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
