"""The vectors of a new index, written while its pages are still being read.

An encoder with threads of its own (`index/minilm.py`) works through what was handed to it while the next pages are
parsed. How much may wait for it is bounded, and with it the memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from index.embed import Embedder, Reading, Span
from index.parts import PartsWriter, inside_of
from index.previous import Previous
from index.vectors import LAYERS, VECTORS, MatrixWriter

PARTS = "parts"
_LOT = 32  # passages that the encoder is handed at once: parsing a page or two gives as many
_LOTS = 8  # that may wait: the tokens' vectors of 256 passages take about 60 MB


@dataclass(frozen=True)
class _Lot:
    """Passages that the encoder was handed."""

    texts: Sequence[str]
    spans: Sequence[Sequence[Span]]
    readings: Iterator[Reading]


class VectorsWriter:
    """`vectors.npy` and `parts` of a new build, passage by passage in row order.

    The vectors of what was embedded before are taken from the previous build, the others are embedded.
    """

    def __init__(self, build: Path, embedder: Embedder, previous: Previous | None) -> None:
        self.embedded = 0  # passages that the encoder was handed
        self._embedder = embedder
        self._previous = previous
        self._known = {key: row for row, key in enumerate(previous.texts.keys())} if previous else {}
        self._matrix = MatrixWriter(build / VECTORS, len(LAYERS), embedder.dimension)
        self._parts = PartsWriter(build / PARTS)
        self._collected: list[tuple[str, Sequence[Span]]] = []
        self._waiting: deque[_Lot | range] = deque()  # in row order; a range: rows of the previous build

    def __enter__(self) -> VectorsWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._parts.__exit__(*error)
        self._matrix.__exit__(*error)

    def add(self, text: str, spans: Sequence[Span], key: bytes) -> None:
        """The next passage: what is embedded for it (`index.chunk.embedded`) and the key of that."""
        row = self._known.get(key)
        if row is not None:
            self.take(row, row + 1)
            return
        self._collected.append((text, spans))
        if len(self._collected) == _LOT:
            self._hand_over()
            self._write(_LOTS)

    def take(self, first: int, end: int) -> None:
        """The next passages: those from row `first` to before `end` of the previous build."""
        self._hand_over()
        self._waiting.append(range(first, end))
        self._write(_LOTS)

    def finish(self, progress: Callable[[int, int], None]) -> None:
        """Wait for what the encoder still has; `progress` is told how many passages of how many are done."""
        self._hand_over()
        total = sum(len(lot.texts) for lot in self._waiting if isinstance(lot, _Lot))
        done = 0
        if total:
            progress(done, total)
        while self._waiting:
            first = self._waiting[0]
            self._write(len(self._waiting) - 1)
            if isinstance(first, _Lot):
                done += len(first.texts)
                progress(done, total)

    def _hand_over(self) -> None:
        if self._collected:
            texts, spans = zip(*self._collected, strict=True)
            self._waiting.append(_Lot(texts, spans, self._embedder.read(texts, spans)))
            self.embedded += len(texts)
            self._collected = []

    def _write(self, most: int) -> None:
        """Write what came first, until no more than `most` wait."""
        while len(self._waiting) > most:
            lot = self._waiting.popleft()
            if isinstance(lot, _Lot):
                self._write_lot(lot)
            elif self._previous:
                self._matrix.write(self._previous.vectors[:, lot.start : lot.stop])
                self._parts.take(self._previous.parts, lot.start, lot.stop)

    def _write_lot(self, lot: _Lot) -> None:
        """Both vectors of each passage, then its parts: spans are the body, the headings and the units."""
        layers = []
        for text, spans, reading in zip(lot.texts, lot.spans, lot.readings, strict=True):
            layers.append(np.stack([reading.spans[0], reading.whole]))
            self._parts.add(inside_of(text, spans[1:], replace(reading, spans=reading.spans[1:])))
        self._matrix.write(np.stack(layers, axis=1))
