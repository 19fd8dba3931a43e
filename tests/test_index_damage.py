"""Indexes that can't be opened: none, one of other settings, a damaged one; each names the command that mends it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from corpus.errors import IndexDamaged, IndexMissing, IndexStale
from index.store import open_index
from tests.fakes import BagOfWords
from tests.indexes import build, current, found, make_pages


def files_of(folder: Path) -> list[Path]:
    return [file for file in sorted(current(folder).rglob("*")) if file.is_file()]


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


def test_a_copy_with_new_times_opens(small_index: Path, tmp_path: Path) -> None:
    shutil.copytree(small_index, tmp_path / "index", copy_function=shutil.copyfile)
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
