"""Progress of long work on standard error: a bar in a terminal, a line every few seconds in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

Report = Callable[[str, int, int], None]
"""Called with what is being done ("storing"), how many are done and how many there are (0: not known yet)."""

_LOG_EVERY_S = 5.0


class Shown(Protocol):
    """A `Report` that also shows a few words beside the figures: bytes, what is being waited for."""

    def __call__(self, phase: str, done: int, total: int, /) -> None:
        """Show how far a phase has come."""

    def note(self, words: str) -> None:
        """Show these words from the next report on."""


@contextmanager
def progress() -> Iterator[Shown]:
    """Nothing is shown before the first report, and the last state of each phase stays on the screen."""
    if not sys.stderr.isatty():
        yield _Log()
        return
    bars = _Bars()
    try:
        yield bars
    finally:
        bars.stop()


class _Bars:
    """Rich's bars, loaded and shown when there is something to show."""

    def __init__(self) -> None:
        self._shown: Any = None
        self._tasks: dict[str, Any] = {}
        self._words = ""

    def note(self, words: str) -> None:
        self._words = words

    def __call__(self, phase: str, done: int, total: int) -> None:
        if self._shown is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            words = TextColumn("{task.fields[words]}", markup=False)
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._shown = Progress(*columns, words, console=Console(stderr=True))
            self._shown.start()
        if phase not in self._tasks:
            self._tasks[phase] = self._shown.add_task(phase, total=total or None, words="")
        self._shown.update(self._tasks[phase], completed=done, total=total or None, words=self._words)

    def stop(self) -> None:
        if self._shown is not None:
            self._shown.stop()


class _Log:
    """A line a phase every few seconds, and one when it is done."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._words = ""

    def note(self, words: str) -> None:
        self._words = words

    def __call__(self, phase: str, done: int, total: int) -> None:
        now = time.monotonic()
        begun = self._started.setdefault(phase, now)
        finished = total > 0 and done >= total
        if finished and self._last.get(phase) == float("inf"):
            return
        if not finished and now - self._last.get(phase, begun) < _LOG_EVERY_S:
            return
        self._last[phase] = float("inf") if finished else now
        rate = done / (now - begun) if now > begun else 0.0
        left = f", {(total - done) / rate:.0f} s left" if rate and total > done else ""
        count = f"{done:,}{f' of {total:,}' if total else ''}"
        words = f"; {self._words}" if self._words else ""
        speed = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
        print(f"{phase}: {count} ({speed}/s{left}){words}", file=sys.stderr, flush=True)
