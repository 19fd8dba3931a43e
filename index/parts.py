"""The inside of passages: their heading path and their units as parts, each with a vector and its content tokens.

They come from the same run of the encoder as the passage's own vector, are mapped into memory by readers, and are only
looked at for the few passages that a search has already found.

parts.i8        int8, a row a part: its vector, as 127ths of the row's greatest number
scales.f32      float32, a number a part: that greatest number
tokens.u8       uint8, a row a token: one bit a dimension, set where the token's vector is positive
part-starts.i8  int64, for each passage its first part, and the number of all parts
token-starts.i8 int64, for each part its first token, and the number of all tokens
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from index.embed import Reading
from index.products import products
from index.terms import is_content

_FILES = ("parts.i8", "scales.f32", "tokens.u8", "part-starts.i8", "token-starts.i8")


@dataclass(frozen=True)
class Inside:
    """One passage's parts as they are stored: heading path first, then its units in order."""

    vectors: NDArray[np.int8]  # shape (parts, dimension)
    scales: NDArray[np.float32]  # shape (parts,)
    tokens: NDArray[np.uint8]  # shape (tokens, ceil(dimension / 8)), those of part 0 first
    sizes: NDArray[np.int64]  # shape (parts,): how many tokens each has


def inside_of(text: str, spans: Sequence[tuple[int, int]], reading: Reading) -> Inside:
    """What is kept of a reading whose spans are `spans` of `text`, in order and apart from each other.

    Tokens of function words and punctuation are left out: no question is told from another by them.
    """
    scales = np.abs(reading.spans).max(axis=1)
    vectors = np.round(reading.spans * (127 / scales[:, None])).astype(np.int8)
    content = is_content(text)
    starts = reading.offsets[:, 0]
    kept = content[np.minimum(starts, max(len(text) - 1, 0))] if len(text) else np.zeros(0, np.bool_)
    chosen = [np.flatnonzero(kept & (starts >= low) & (starts < high)) for low, high in spans]
    rows = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
    bits = np.packbits(reading.tokens[rows] > 0, axis=1)
    return Inside(vectors, scales.astype(np.float32), bits, np.array([len(part) for part in chosen], np.int64))


class PartsWriter:
    """The files of a new index, written passage by passage in row order."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._streams: list[BinaryIO] = [(folder / name).open("wb") for name in _FILES[:3]]
        self._sizes: list[NDArray[np.int64]] = [np.zeros(1, np.int64)]  # of the passages in parts, behind a 0
        self._token_sizes = [np.zeros(1, np.int64)]

    def __enter__(self) -> PartsWriter:
        return self

    def __exit__(self, *error: object) -> None:
        for stream in self._streams:
            stream.close()
        np.cumsum(np.concatenate(self._sizes)).tofile(self._folder / _FILES[3])
        np.cumsum(np.concatenate(self._token_sizes)).tofile(self._folder / _FILES[4])

    def add(self, inside: Inside) -> None:
        """The next passage."""
        self._write(inside, np.array([len(inside.sizes)], np.int64))

    def take(self, parts: Parts, first: int, end: int) -> None:
        """The next passages: those from row `first` to before `end` of another index."""
        self._write(*parts.stretch(first, end))

    def _write(self, inside: Inside, sizes: NDArray[np.int64]) -> None:
        for stream, array in zip(self._streams, (inside.vectors, inside.scales, inside.tokens), strict=True):
            stream.write(np.ascontiguousarray(array).tobytes())
        self._sizes.append(sizes)
        self._token_sizes.append(inside.sizes)


class Parts:
    """Files that `PartsWriter` wrote, mapped into memory. May be used by several threads."""

    def __init__(self, folder: Path, dimension: int) -> None:
        self._dimension = dimension
        self._part_starts = np.fromfile(folder / _FILES[3], np.int64)
        self._token_starts = _mapped(folder / _FILES[4], np.int64, 0)
        self._vectors = _mapped(folder / _FILES[0], np.int8, dimension)
        self._scales = _mapped(folder / _FILES[1], np.float32, 0)
        self._tokens = _mapped(folder / _FILES[2], np.uint8, (dimension + 7) // 8)

    def inside(self, row: int) -> Inside:
        """A passage's parts as they are stored."""
        return self.stretch(row, row + 1)[0]

    def stretch(self, first: int, end: int) -> tuple[Inside, NDArray[np.int64]]:
        """The parts of neighbouring passages, as if they were one's, and how many each of the passages has."""
        of_row = self._part_starts[first : end + 1]
        low, high = of_row[0], of_row[-1]
        starts = self._token_starts[low : high + 1]
        tokens = self._tokens[starts[0] : starts[-1]]
        return Inside(self._vectors[low:high], self._scales[low:high], tokens, np.diff(starts)), np.diff(of_row)

    def cosines(self, rows: Sequence[int], vector: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """For each row the cosines of its parts with a vector of unit length."""
        firsts, lasts = self._ranges(rows)
        if not len(firsts):
            return []
        stored = np.concatenate([self._vectors[a:b] for a, b in zip(firsts, lasts, strict=True)])
        scales = np.concatenate([self._scales[a:b] for a, b in zip(firsts, lasts, strict=True)])
        found = products(stored, vector[None], lambda block: block.astype(np.float32))[:, 0]
        found *= scales / 127
        return _rows_of(found, lasts - firsts)

    def likenesses(self, rows: Sequence[int], tokens: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """For each row an array of shape (parts, len(tokens)): how near a part comes to each of the given tokens.

        A token's nearness is its greatest product with a token of the part, of which only the signs are kept (as
        ±1/√dimension); 0 for a part without tokens. Over all parts the maximum of a column is ColBERT's MaxSim term.
        """
        firsts, lasts = self._ranges(rows)
        if not len(firsts):
            return []
        starts, ends = self._token_starts[firsts], self._token_starts[lasts]
        bits = [self._tokens[a:b] for a, b in zip(starts, ends, strict=True)]
        of_row = lasts - firsts
        parts = np.repeat(firsts - (np.cumsum(of_row) - of_row), of_row) + np.arange(of_row.sum())
        every = self._token_starts[parts + 1] - self._token_starts[parts]
        # Of the bits b the signs are 2 b - 1, so that the product with a token t is 2 b·t less the sum of t.
        doubled = 2 * products(np.concatenate(bits), tokens, self._unpacked)
        nearness = (doubled - tokens.sum(axis=1)) / np.float32(np.sqrt(self._dimension))
        found = np.zeros((len(every), len(tokens)), np.float32)
        having = np.flatnonzero(every)
        if len(having):
            begins = np.concatenate([[0], np.cumsum(every)])[having]
            found[having] = np.maximum.reduceat(nearness, begins, axis=0)
        return _rows_of(found, of_row)

    def _unpacked(self, bits: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.unpackbits(bits, axis=1, count=self._dimension).astype(np.float32)

    def _ranges(self, rows: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        at = np.asarray(rows, np.int64)
        return self._part_starts[at], self._part_starts[at + 1]


def _rows_of(found: NDArray[np.float32], sizes: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    """The parts' values as one array a passage; `sizes` are their numbers of parts."""
    ends = np.cumsum(sizes).tolist()
    return [found[first:end] for first, end in zip([0, *ends], ends, strict=False)]


def _mapped(file: Path, of: type[np.generic], width: int) -> NDArray[Any]:
    """A file's rows of `width` values (0: plain values), mapped; an empty file can't be."""
    if not file.stat().st_size:
        return np.zeros((0, width) if width else 0, of)
    flat = np.memmap(file, of, "r")
    return np.asarray(flat.reshape(-1, width) if width else flat)
