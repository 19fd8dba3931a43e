"""A damaged archive: its whole records, and the stretches in which none stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from corpus.errors import Damage
from corpus.warc import split


def whole_records(stream: BinaryIO, start: int, size: int) -> Iterator[tuple[int, int, bytes]]:
    """Offset, length and content of each whole record from `start` on, passing over damaged stretches of the file."""
    while start < size:
        try:
            for offset, length, record in split(stream, start):
                yield offset, length, record
                start = offset + length
            return
        except Damage as broken:
            start = _next_member(stream, max(broken.offset, start) + 1)


def lost_stretches(file: Path, known: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches of the file, from byte to byte, in which no whole record stands; `known` are those of records."""
    size = file.stat().st_size if file.exists() else 0
    found, covered = [], 0
    for first, last in [*sorted(known), (size, size)]:
        if first > covered and not _holds_records(file, covered, first):
            found.append((covered, first))
        covered = max(covered, last)
    return found


def _holds_records(file: Path, start: int, stop: int) -> bool:
    """Whether records stand there, one after the other, even if we take nothing from them."""
    try:
        with file.open("rb") as stream:
            return any(offset + length >= stop for offset, length, _ in split(stream, start))
    except Damage:
        return False


def _next_member(stream: BinaryIO, start: int) -> int:
    """Where the next gzip member may begin; the end of the file where there is none."""
    stream.seek(start)
    place, window = start, b""
    while chunk := stream.read(2**20):
        window += chunk
        found = window.find(b"\x1f\x8b\x08")
        if found >= 0:
            return place + found
        place, window = place + len(window) - 2, window[-2:]
    return place + len(window)
