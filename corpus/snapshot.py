"""The archive of fetched pages: one WARC file that only grows, and an index beside it that can always be rebuilt.

What an address brought over time is its history; deciding what to fetch, to import or to parse is left to others. One process
writes at a time; a record that was half written when a process died is cut off by the next writer.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from corpus.errors import ArchiveError, CorpusError
from corpus.history import GONE, History
from corpus.salvage import lost_stretches, whole_records
from corpus.warc import Capture, body_of, capture_of, file_record, from_line, read_record, split, to_line

_SOFTWARE = "oka"
_INDEX_VERSION = 2


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
        return lost_stretches(self.path, [(found.offset, found.offset + found.length) for found in self._captures])

    def has(self, capture: Capture) -> bool:
        """Whether it is here already, whichever file it came from; to be asked while writing."""
        return _identity(capture) in self._known

    def has_page(self, url: str) -> bool:
        """Whether the address ever brought a page; to be asked while writing."""
        return any(capture.url == url and capture.is_page for capture in self._captures)

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
                for offset, length, record in whole_records(stream, self._end, size):
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


def _unpacked(member: bytes) -> bytes:
    return next(split(io.BytesIO(member)))[2]


def _identity(capture: Capture) -> tuple[str, str, str, int]:
    """What makes two captures the same one: address, time, payload, status."""
    return capture.url, capture.fetched_at, capture.digest or capture.location, capture.status
