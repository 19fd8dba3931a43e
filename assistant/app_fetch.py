"""Fetching missing pages from the web chat: one job at a time for the whole server, watched and cancelled from any page.

Leaves out the fetching itself: the job is handed a function that fetches and builds (app_server.py), and the chat goes on
answering from the index that is open until the new one is swapped in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from assistant.app_render import progress_html
from assistant.progress import Report
from corpus.errors import RagError

Work = Callable[[Report, Callable[[], bool]], str]
"""Fetches and builds; calls the report as it goes, stops soon after the second argument gives True; returns a sentence."""

_TICK_S = 0.3


class FetchJob:
    """`report` is the sentence that the last run ended with; "" before the first."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._state = ("starting", 0, 0)
        self.report = ""

    def run(self) -> Iterator[str]:
        """Starts the job, or joins the running one; yields its state as HTML until it has ended."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._stop.clear()
                self._state = ("starting", 0, 0)
                self._thread = threading.Thread(target=self._run, name="oka-fetch", daemon=True)
                self._thread.start()
            thread = self._thread
        while thread.is_alive():
            yield progress_html(*self._state)
            thread.join(_TICK_S)

    def cancel(self) -> None:
        """Asks the job to stop; pages that arrived are kept."""
        self._stop.set()

    def _run(self) -> None:
        try:
            self.report = self._work(self._note, self._stop.is_set)
        except RagError as error:
            self.report = str(error)

    def _note(self, phase: str, done: int, total: int) -> None:
        self._state = (phase, done, total)
