"""Progress of long work on standard error: a bar in a terminal, a line every few seconds in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Report = Callable[[str, int, int], None]
"""Called with what is being done ("embedding"), how many are done and how many there are (0: not known yet)."""

_LOG_EVERY_S = 5.0


@contextmanager
def progress() -> Iterator[Report]:
    """Gives a `Report`; nothing is shown before its first call, and the last state of each phase stays on the screen."""
    if not sys.stderr.isatty():
        yield _log_lines()
        return
    bars = _Bars()
    try:
        yield bars.report
    finally:
        bars.stop()


class _Bars:
    """Rich's bars, loaded and shown when there is something to show."""

    def __init__(self) -> None:
        self._shown: Any = None
        self._tasks: dict[str, Any] = {}

    def report(self, phase: str, done: int, total: int) -> None:
        if self._shown is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._shown = Progress(*columns, console=Console(stderr=True))
            self._shown.start()
        if phase not in self._tasks:
            self._tasks[phase] = self._shown.add_task(phase, total=total or None)
        self._shown.update(self._tasks[phase], completed=done, total=total or None)

    def stop(self) -> None:
        if self._shown is not None:
            self._shown.stop()


def _log_lines() -> Report:
    started: dict[str, float] = {}
    last: dict[str, float] = {}

    def report(phase: str, done: int, total: int) -> None:
        now = time.monotonic()
        begun = started.setdefault(phase, now)
        finished = total > 0 and done >= total
        if finished and last.get(phase) == float("inf"):
            return
        if not finished and now - last.get(phase, begun) < _LOG_EVERY_S:
            return
        last[phase] = float("inf") if finished else now
        rate = done / (now - begun) if now > begun else 0.0
        left = f", {(total - done) / rate:.0f} s left" if rate and total > done else ""
        print(
            f"{phase}: {done:,}{f' of {total:,}' if total else ''} ({rate:,.0f}/s{left})", file=sys.stderr, flush=True
        )

    return report
