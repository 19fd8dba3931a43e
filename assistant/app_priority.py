"""Answers first: work that can wait (follow-ups) gives way to questions that are being answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Priority:
    """Counts what is urgent. Safe to use from many threads."""

    def __init__(self) -> None:
        self._urgent = 0
        self._change = threading.Condition()

    @contextmanager
    def urgent(self) -> Iterator[None]:
        """Around an answer."""
        with self._change:
            self._urgent += 1
        try:
            yield
        finally:
            with self._change:
                self._urgent -= 1
                self._change.notify_all()

    def give_way(self, seconds: float) -> bool:
        """Waits until nothing urgent is under way, at most `seconds`; whether that came about."""
        with self._change:
            return self._change.wait_for(lambda: not self._urgent, seconds)
