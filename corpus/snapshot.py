"""The archive of fetched pages: one WARC file that only grows, and an index beside it that can always be rebuilt.

What an address brought over time is its history; deciding what to fetch or to parse is left to others. One process
writes at a time; a record that was half written when a process died is cut off by the next writer.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from corpus.errors import ArchiveError, CorpusError, Damage
from corpus.history import GONE, History
from corpus.warc import (
    Capture,
    body_of,
    capture_of,
    file_record,
    from_line,
    is_whole,
    media,
    read_record,
    repacked,
    split,
    to_line,
)

_SOFTWARE = "oka"
_INDEX_VERSION = 2

Progress = Callable[[int, int], None]  # bytes read, bytes in all


@dataclass(frozen=True)
class ImportReport:
    """What one import brought. `damage` says where the file broke, "" where it is whole."""

    file: Path
    records: int  # whole responses and revisits read
    pages: int  # HTML and PDF added
    redirects: int
    missing: int  # 404 and 410 added
    known: int  # were in the archive already
    skipped: tuple[tuple[str, str], ...]  # address, reason
    damage: str = ""


class Archive:
    """The WARC file at `path`; it doesn't have to exist yet. Reading never changes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._index_path = path.with_name(path.name + ".index")
        self._captures: list[Capture] = []
        self._end = 0  # bytes of the file that `_captures` covers
        self._known: set[tuple[str, str, str, int]] = set()
        self._lock: BinaryIO | None = None

    # -- reading

    def captures(self) -> dict[str, Capture]:
        """The newest capture of each address."""
        return {url: history.newest for url, history in self.histories().items()}

    def histories(self) -> dict[str, History]:
        """The history of each address, addresses in the order in which they first came."""
        self._catch_up()
        by_address: dict[str, list[Capture]] = {}
        for capture in self._captures:
            by_address.setdefault(capture.url, []).append(capture)
        return {
            url: History(tuple(sorted(found, key=lambda capture: capture.fetched_at)))
            for url, found in by_address.items()
        }

    def failures(self) -> list[Capture]:
        """The newest attempt of each address where it brought no page, redirect or confirmation, or one of no use."""
        found = []
        for url, history in self.histories().items():
            newest = history.newest
            if newest.kind == "failure" or (newest.kind == "response" and newest.status in GONE):
                found += [] if url.endswith("/robots.txt") else [newest]
            elif history.verdict:
                found.append(history.verdict)
        return found

    def damage(self) -> list[tuple[int, int]]:
        """Stretches of the file, from byte to byte, in which no whole record stands: what was there is lost."""
        self._catch_up()
        size = self.path.stat().st_size if self.path.exists() else 0
        places = sorted((capture.offset, capture.offset + capture.length) for capture in self._captures)
        found, covered = [], 0
        for first, last in [*places, (size, size)]:
            if first > covered and not self._holds_records(covered, first):
                found.append((covered, first))
            covered = max(covered, last)
        return found

    def _holds_records(self, start: int, stop: int) -> bool:
        """Whether records stand there, one after the other, even if we take nothing from them."""
        try:
            with self.path.open("rb") as stream:
                return any(offset + length >= stop for offset, length, _ in split(stream, start))
        except Damage:
            return False

    def digest(self) -> str:
        """Changes with what the pages say and where redirects lead, not with when that was last confirmed."""
        lines = []
        for url, history in self.histories().items():
            page, redirect = history.page, history.redirect
            if page and not history.is_gone:
                lines.append(f"{url} {page.digest}")
            elif redirect:
                lines.append(f"{url} -> {redirect.location}")
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    def body(self, capture: Capture) -> bytes:
        """The decoded body of a response. Raises CorpusError where it can't be read."""
        try:
            with self.path.open("rb") as stream:
                return body_of(read_record(stream, capture.offset))
        except OSError as error:
            raise ArchiveError(
                f"The archive {self.path} can't be read ({error.strerror}): check its rights."
            ) from error

    # -- writing

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the archive for writing. Raises ArchiveError where another process does, or the disk doesn't let us."""
        if self._lock:
            yield
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = self.path.with_name(self.path.name + ".lock").open("ab")
        except OSError as error:
            raise ArchiveError(
                f"The data folder {self.path.parent} can't be written ({error.strerror}): "
                "check its rights, or set OKA_DATA_DIR to another folder."
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise ArchiveError(f"Another process is writing {self.path}: wait until it is done.") from error
            self._lock = lock
            try:
                self._catch_up()
                self._cut_half_written()
                yield
            finally:
                self._lock = None

    def append(self, member: bytes) -> Capture:
        """Add one packed record (made by `corpus.warc`) and return what it says."""
        with self.writing():
            if not self._end:
                self._write(file_record(self.path.name, _SOFTWARE))
            offset = self._end
            record = _unpacked(member)
            capture = capture_of(record, offset, len(member))
            if capture is None:
                raise ArchiveError("Only responses, revisits and failures belong in the archive.")
            self._write(member, capture)
            return capture

    def _write(self, member: bytes, capture: Capture | None = None) -> None:
        try:
            with self.path.open("ab") as stream:
                stream.write(member)
        except OSError as error:
            raise ArchiveError(
                f"The archive {self.path} can't be written ({error.strerror}): free some space or check its rights."
            ) from error
        self._end += len(member)
        self._remember([capture] if capture else [])

    # -- the index beside the file: a line for what has been read, each ending with how far the file is covered

    def _catch_up(self) -> None:
        """Take in what the file holds beyond what we know: first from the index, then from the records themselves."""
        size = self.path.stat().st_size if self.path.exists() else 0
        if size < self._end:
            self._captures, self._end, self._known = [], 0, set()  # replaced by another file while we were looking
        if not self._end and size:
            self._read_index(size)
        if size > self._end:
            found: list[Capture] = []
            with self.path.open("rb") as stream:
                for offset, length, record in _salvage(stream, self._end, size):
                    capture = capture_of(record, offset, length)
                    found += [capture] if capture else []
                    self._end = offset + length
            self._remember(found, save=self._lock is not None or os.access(self.path.parent, os.W_OK))

    def _read_index(self, size: int) -> None:
        try:
            lines = self._index_path.read_text("utf-8").splitlines()
            if not lines or json.loads(lines[0]) != {"version": _INDEX_VERSION}:
                return
            captures, end = [], 0
            for line in lines[1:]:
                values = json.loads(line)
                end = values.pop("end")
                captures += [from_line(values)] if values else []
        except (OSError, ValueError, KeyError, TypeError):
            return  # rebuilt from the archive: it holds nothing that isn't there
        if end > size or (captures and not self._agrees(captures[-1])):
            return
        self._captures, self._end = captures, end
        self._known = {_identity(capture) for capture in captures}

    def _agrees(self, capture: Capture) -> bool:
        try:
            with self.path.open("rb") as stream:
                return capture_of(read_record(stream, capture.offset), capture.offset, capture.length) == capture
        except CorpusError:
            return False

    def _remember(self, captures: Sequence[Capture], save: bool = True) -> None:
        fresh = not self._captures
        self._captures += captures
        self._known.update(_identity(capture) for capture in captures)
        if not save:
            return
        lines = [json.dumps({**to_line(capture), "end": capture.offset + capture.length}) for capture in captures]
        lines.append(json.dumps({"end": self._end}))
        try:
            if fresh:
                lines.insert(0, json.dumps({"version": _INDEX_VERSION}))
            with self._index_path.open("w" if fresh else "a", encoding="utf-8") as stream:
                stream.write("\n".join(lines) + "\n")
        except OSError:
            return  # only costs reading the archive again next time

    def _cut_half_written(self) -> None:
        if self.path.exists() and self.path.stat().st_size > self._end:
            with self.path.open("r+b") as stream:
                stream.truncate(self._end)

    # -- importing

    def import_warc(self, file: Path, progress: Progress | None = None) -> ImportReport:
        """Take the pages, redirects and 404s of another WARC file; what is already here is not added again.

        A damaged file gives its whole records before the damage. Raises ArchiveError where there is none.
        """
        counts = {"records": 0, "pages": 0, "redirects": 0, "missing": 0, "known": 0}
        skipped: list[tuple[str, str]] = []
        damage = ""
        try:
            stream = file.open("rb")
        except OSError as error:
            raise ArchiveError(
                f"{file} can't be read ({error.strerror}): check the path given to --from-warc."
            ) from error
        with stream, self.writing():
            size = os.fstat(stream.fileno()).st_size
            first = 0
            try:
                for offset, length, record in split(stream):
                    first += 1
                    self._take(record, counts, skipped)
                    if progress:
                        progress(offset + length, size)
            except Damage as broken:
                if not first:
                    raise ArchiveError(f"{file} is not a WARC file, or its first record is damaged.") from broken
                damage = f"{broken.what} (byte {broken.offset} of {size})"
            if not first:
                raise ArchiveError(f"{file} is not a WARC file: it is empty.")
        return ImportReport(file, **counts, skipped=tuple(skipped), damage=damage)

    def _take(self, record: bytes, counts: dict[str, int], skipped: list[tuple[str, str]]) -> None:
        try:
            capture = capture_of(record)
            if capture is None or capture.kind == "failure":
                return
            counts["records"] += 1
            if _identity(capture) in self._known:
                counts["known"] += 1
                return
            reason = self._reason_to_skip(capture, record)
        except CorpusError as error:
            skipped.append(("a record", str(error)))
            return
        if reason:
            skipped.append((capture.url, reason))
            return
        self.append(repacked(record))
        kind = "missing" if capture.status in GONE else "redirects" if capture.location else "pages"
        counts[kind] += capture.kind == "response"

    def _reason_to_skip(self, capture: Capture, record: bytes) -> str:
        if not is_whole(record):
            return "its digest doesn't match its content"
        if capture.kind == "revisit":
            known = any(other.url == capture.url and other.is_page for other in self._captures)
            return "" if known else "it repeats a page that isn't in the archive"
        if capture.location or capture.status in GONE:
            return ""
        if capture.status != 200:
            return f"HTTP status {capture.status}"
        if not media(capture.content_type):
            return f"content type {capture.content_type.partition(';')[0] or 'unknown'}"
        body_of(record)  # raises where it can't be unpacked
        return ""


def _salvage(stream: BinaryIO, start: int, size: int) -> Iterator[tuple[int, int, bytes]]:
    """The whole records from `start` on, passing over damaged stretches of the file."""
    while start < size:
        try:
            for offset, length, record in split(stream, start):
                yield offset, length, record
                start = offset + length
            return
        except Damage as broken:
            start = _next_member(stream, max(broken.offset, start) + 1)


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


def _unpacked(member: bytes) -> bytes:
    return next(split(io.BytesIO(member)))[2]


def _identity(capture: Capture) -> tuple[str, str, str, int]:
    """What makes two captures the same one: address, time, payload, status."""
    return capture.url, capture.fetched_at, capture.digest or capture.location, capture.status
