"""Pages of another WARC file for the archive: what is taken over, what is there already, what is skipped and why."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from corpus.errors import ArchiveError, CorpusError, Damage
from corpus.history import GONE
from corpus.snapshot import Archive
from corpus.warc import Capture, body_of, capture_of, is_whole, media, repacked, split

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


def import_warc(archive: Archive, file: Path, progress: Progress | None = None) -> ImportReport:
    """Take the pages, redirects and 404s of another WARC file; what is already in the archive is not added again.

    A damaged file gives its whole records before the damage. Raises ArchiveError where there is none.
    """
    counts = {"records": 0, "pages": 0, "redirects": 0, "missing": 0, "known": 0}
    skipped: list[tuple[str, str]] = []
    damage = ""
    try:
        stream = file.open("rb")
    except OSError as error:
        raise ArchiveError(f"{file} can't be read ({error.strerror}): check the path given to --from-warc.") from error
    with stream, archive.writing():
        size = os.fstat(stream.fileno()).st_size
        first = 0
        try:
            for offset, length, record in split(stream):
                first += 1
                _take(archive, record, counts, skipped)
                if progress:
                    progress(offset + length, size)
        except Damage as broken:
            if not first:
                raise ArchiveError(f"{file} is not a WARC file, or its first record is damaged.") from broken
            damage = f"{broken.what} (byte {broken.offset} of {size})"
        if not first:
            raise ArchiveError(f"{file} is not a WARC file: it is empty.")
    return ImportReport(file, **counts, skipped=tuple(skipped), damage=damage)


def _take(archive: Archive, record: bytes, counts: dict[str, int], skipped: list[tuple[str, str]]) -> None:
    try:
        capture = capture_of(record)
        if capture is None or capture.kind == "failure":
            return
        counts["records"] += 1
        if archive.has(capture):
            counts["known"] += 1
            return
        reason = _reason_to_skip(archive, capture, record)
    except CorpusError as error:
        skipped.append(("a record", str(error)))
        return
    if reason:
        skipped.append((capture.url, reason))
        return
    archive.append(repacked(record))
    kind = "missing" if capture.status in GONE else "redirects" if capture.location else "pages"
    counts[kind] += capture.kind == "response"


def _reason_to_skip(archive: Archive, capture: Capture, record: bytes) -> str:
    if not is_whole(record):
        return "its digest doesn't match its content"
    if capture.kind == "revisit":
        return "" if archive.has_page(capture.url) else "it repeats a page that isn't in the archive"
    if capture.location or capture.status in GONE:
        return ""
    if capture.status != 200:
        return f"HTTP status {capture.status}"
    if not media(capture.content_type):
        return f"content type {capture.content_type.partition(';')[0] or 'unknown'}"
    body_of(record)  # raises where it can't be unpacked
    return ""
