"""A real Chroma server on loopback, which tests may kill, freeze and start again: `with ChromaRun(folder) as server:`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

# What the script `chroma` of the package runs.
_RUN = "import sys; from chromadb.cli.cli import app; sys.argv[0] = 'chroma'; app()"


class ChromaRun:
    """The same folder and port at each start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [sys.executable, "-c", _RUN, "run", "--path", str(self._folder), "--port", str(self._port)]
        with (self._folder.parent / "chroma.log").open("ab") as log:
            self._process = subprocess.Popen([*command, "--host", "127.0.0.1"], stdout=log, stderr=log)
        limit = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{self.url}/api/v2/heartbeat", timeout=1).raise_for_status()
                return
            except httpx.HTTPError:
                assert time.monotonic() < limit, (self._folder.parent / "chroma.log").read_text()[-1000:]
                time.sleep(0.05)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Connections are taken, and nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # a busy machine lets it answer once more before it stops

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> ChromaRun:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()
