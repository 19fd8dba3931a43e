"""The old build's Chroma files as the new one's, brought up to date by a process of its own.

Only chromadb can change its files, and importing it takes as long as everything else in a build that changes one page.
So a second process imports it while the build writes the other files, and then exchanges what differs:

    python -m index.chroma_copy NEW ID BUILD   the new build's folder, a passage that the old one has, whose child it is

It reads an empty line when the files are copied, then a line of JSON with `gone` and `added`; what it prints is why it
failed, as a sentence. It ends with the build, however that ends: the next build clears that folder away.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib import import_module
from pathlib import Path

import numpy as np

from corpus.errors import StoreError

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux: the process is killed when the one that started it dies


class ChromaCopy:
    """Copies the Chroma files of the build in `old` to the one in `new`, from now on, beside whatever else is done.

    `known` is the id of a passage in them.
    """

    def __init__(self, old: Path, new: Path, known: str) -> None:
        self._folder = new / "chroma"
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(new.resolve()), known, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
        )
        self._pool = ThreadPoolExecutor(1, "chroma")
        self._copied = self._pool.submit(self._copy, old / "chroma")

    def __enter__(self) -> ChromaCopy:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _copy(self, old: Path) -> None:
        shutil.copytree(old, self._folder)
        self._say("")

    def update(self, gone: Sequence[str], added: Sequence[int]) -> None:
        """Take the passages `gone` out and put the new build's rows `added` in; its texts and vectors are complete.

        Raises OSError, and StoreError where Chroma can't write its files.
        """
        self._copied.result()
        self._say(json.dumps({"gone": list(gone), "added": list(added)}))
        said, _ = self._process.communicate()
        if self._process.returncode:
            ended = (
                f"The process that writes {self._folder} ended with {self._process.returncode}: run `oka build` again."
            )
            raise StoreError(said.strip() or ended)

    def stop(self) -> None:
        """End the process where it hasn't ended; what it has written is of no use then."""
        self._pool.shutdown()
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def _say(self, line: str) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has failed, and `update` says why


def main(new: Path, known: str, build: int) -> int:
    """What the process does; its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches it too; the build says what there is to say
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    import_module("chromadb")  # first of all, as it takes longest
    from index.texts import Texts
    from index.vectors import VECTORS, chroma_collection, update_collection

    try:
        if not sys.stdin.readline() or os.getppid() != build:  # killed before the signal was asked for, after the line
            return 1  # the build has ended
        with chroma_collection(new / "chroma") as collection:
            (like,) = collection.get(ids=[known], include=["metadatas"])["metadatas"]
            line = sys.stdin.readline()
            if not line:
                return 1
            with closing(Texts(new / "texts.sqlite")) as texts:
                vectors = np.load(new / VECTORS, mmap_mode="r")[0]
                update_collection(collection, like, texts.passages, vectors, **json.loads(line))
    except StoreError as error:
        print(error, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    # Without Python's tidying up, which takes a tenth of a second: everything is closed.
    os._exit(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
