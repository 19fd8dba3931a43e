"""What an index was built from and with, and whether its files are still those that were written.

<folder>/current            the name of the build that answers; replaced in one step
<folder>/build-…/           the files of one build, and its manifest.json, written last
<folder>/lock               held by the process that is building
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from corpus.errors import IndexBusy, IndexDamaged, IndexMissing, IndexStale, StoreError

FORMAT = 2  # of the files; raise it when an older oka couldn't read them, or the other way round
_MANIFEST = "manifest.json"
_POINTER = "current"
_THREADS = 2  # that flush and digest, which leaves Python's lock alone; a second for 500 MB


@dataclass(frozen=True)
class Manifest:
    """Everything that tells two builds apart."""

    built_at: str  # ISO 8601 UTC
    source_digest: str  # of documents and archive, as the caller computes it
    fingerprint: str  # sha256 over all that determines what a search finds
    settings: dict[str, Any]  # format, embedder, chunker, tokenizer: see `index_settings`
    pages: dict[str, int]  # by source: document, linked, deep
    passages: int
    files: dict[str, dict[str, Any]]  # path within the build -> size, mtime_ns, sha256


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. Raises IndexBusy at once where another process holds it.

    The system gives the lock of a process that died back, so none has to be taken away.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise IndexBusy(
                f"The index in {folder} is being built by {lock.read().strip() or 'another process'}: "
                "wait until it is done, then run `oka build` again."
            ) from error
        lock.truncate(0)
        lock.write(f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        lock.flush()
        yield
        lock.truncate(0)


def clear_leftovers(folder: Path) -> None:
    """Remove every build but the current one."""
    try:
        keep = _current(folder)
    except IndexDamaged:
        keep = None
    for leftover in folder.glob("build-*"):
        if leftover.name != keep:
            shutil.rmtree(leftover)


def publish(folder: Path, build: Path, manifest: Manifest) -> None:
    """Write the manifest of a build whose files are `Finished`, and let it answer from now on."""
    (build / _MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), "utf-8")
    for path in [build / _MANIFEST, *(path for path in build.rglob("*") if path.is_dir()), build]:
        _flush(path)
    new = folder / f"{_POINTER}.new"
    new.write_text(build.name, "utf-8")
    _flush(new)
    os.replace(new, folder / _POINTER)
    _flush(folder)


class Finished:
    """A build's files as they are finished: each is flushed to the disk and digested beside what is still written."""

    def __init__(self, build: Path) -> None:
        self._build = build
        self._pool = ThreadPoolExecutor(_THREADS, "finished")
        self._found: dict[str, Future[dict[str, Any]]] = {}

    def __enter__(self) -> Finished:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def add(self, *names: str) -> None:
        """These files and folders won't change any more."""
        for path in (self._build / name for name in names):
            for file in [path, *sorted(path.rglob("*"))]:
                name = file.relative_to(self._build).as_posix()
                if file.is_file() and name != _MANIFEST and name not in self._found:
                    self._found[name] = self._pool.submit(_finished, file)

    def records(self) -> dict[str, dict[str, Any]]:
        """Size, time and sha256 of every file, now that all are finished."""
        self.add(".")
        return {name: self._found[name].result() for name in sorted(self._found)}


def _finished(file: Path) -> dict[str, Any]:
    _flush(file)
    state = file.stat()
    return {"size": state.st_size, "mtime_ns": state.st_mtime_ns, "sha256": _sha256(file)}


def current_build(folder: Path) -> tuple[Path, Manifest]:
    """The build that answers. Raises IndexMissing, IndexStale where another version of oka wrote it, IndexDamaged."""
    name = _current(folder)
    if name is None:
        raise IndexMissing(f"There is no index in {folder} yet: run `oka build`.")
    try:
        values = json.loads((folder / name / _MANIFEST).read_text("utf-8"))
        if values["settings"]["format"] != FORMAT:
            raise IndexStale(f"The index in {folder} was built by another version of oka: run `oka build`.")
        return folder / name, Manifest(**values)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IndexDamaged(f"The manifest of the index in {folder} can't be read: run `oka build --fresh`.") from error


def check_files(build: Path, manifest: Manifest, *, leave_out: str = "") -> None:
    """Raise IndexDamaged where a file isn't as it was written: the content is read only where its time differs.

    The file named `leave_out` may be missing.
    """
    for name, record in manifest.files.items():
        if name == leave_out:
            continue
        file = build / name
        try:
            state = file.stat()
            if state.st_size == record["size"] and state.st_mtime_ns == record["mtime_ns"]:
                continue
            if state.st_size == record["size"] and _sha256(file) == record["sha256"]:
                continue
        except OSError:
            pass
        raise IndexDamaged(f"{file} was changed or lost after the index was built: run `oka build --fresh`.")


def pointer(folder: Path) -> Path:
    """The file that names the build that answers; replaced whole by every build."""
    return folder / _POINTER


def writing_error(folder: Path, error: Exception) -> StoreError:
    """What to say when the index can't be written."""
    reason = getattr(error, "strerror", None) or str(error)
    return StoreError(
        f"The index can't be written to {folder} ({reason}): make room or set OKA_DATA_DIR to a folder that can be "
        "written, then run `oka build`; the previous index is untouched."
    )


def _current(folder: Path) -> str | None:
    try:
        return (folder / _POINTER).read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise IndexDamaged(f"{folder / _POINTER} can't be read: run `oka build --fresh`.") from error


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
