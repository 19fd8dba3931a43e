"""Search by words: BM25 over two fields of each passage, its headings and its body, scored apart.

bm25s builds and stores the scores. A reader maps its files into memory and adds up the columns of the query's terms
itself, because importing bm25s costs 0.1 to 0.7 s (scipy, and numba or jax where they are installed).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.passages import Passage
from index.terms import terms

FIELDS = ("headings", "body")
K1, B = 1.2, 0.75
_NAMES = ("data.csc.index.npy", "indices.csc.index.npy", "indptr.csc.index.npy")


def heading_words(passage: Passage) -> str:
    """What the headings field holds: title, heading path, and how our documents name the page."""
    parts = [passage.title, *passage.headings]
    if passage.source == "linked":
        for resource in passage.resources:
            parts += [resource.label, resource.note, resource.section_title]
    return "\n".join(dict.fromkeys(part for part in parts if part))


class LexicalWriter:
    """Collects passages in row order, then writes the index."""

    def __init__(self) -> None:
        self._vocabulary: dict[str, int] = {}
        self._rows: dict[str, list[NDArray[np.int32]]] = {field: [] for field in FIELDS}

    def add(self, headings: str, body: str) -> None:
        """The next row's two fields."""
        number = self._vocabulary
        for field, text in zip(FIELDS, (headings, body), strict=True):
            ids = [number.setdefault(term, len(number)) for term in terms(text)]
            self._rows[field].append(np.array(ids, np.int32))

    def save(self, folder: Path) -> None:
        """Write the index into a new folder."""
        import bm25s

        number = self._vocabulary or {"": 0}
        folder.mkdir()
        (folder / "vocabulary.json").write_text(json.dumps(list(number), ensure_ascii=False), "utf-8")
        for field, rows in self._rows.items():
            scorer = bm25s.BM25(k1=K1, b=B, method="lucene", backend="numpy")
            if any(len(row) for row in rows):
                scorer.index((rows, dict(number)), create_empty_token=False, show_progress=False)
                scorer.save(folder / field, show_progress=False)
                # bm25s' own copy of the vocabulary would be read by nobody.
                (folder / field / "vocab.index.json").unlink()
            else:
                _save_nothing(folder / field, len(number))


def _save_nothing(folder: Path, terms_in_all: int) -> None:
    folder.mkdir()
    empty: tuple[NDArray[Any], ...] = (
        np.zeros(0, np.float32),
        np.zeros(0, np.int32),
        np.zeros(terms_in_all + 1, np.int64),
    )
    for name, array in zip(_NAMES, empty, strict=True):
        np.save(folder / name, array)


@dataclass(frozen=True)
class _Field:
    data: NDArray[np.float32]
    indices: NDArray[np.int32]
    indptr: NDArray[Any]


class Lexical:
    """An index that was written by `LexicalWriter`, mapped into memory."""

    def __init__(self, folder: Path, rows: int) -> None:
        self._rows = rows
        words: list[str] = json.loads((folder / "vocabulary.json").read_text("utf-8"))
        self.vocabulary = {word: number for number, word in enumerate(words)}
        self._fields = {
            # Plain arrays over the mapped memory: np.memmap's own indexing takes three times as long.
            field: _Field(*(np.asarray(np.load(folder / field / name, mmap_mode="r")) for name in _NAMES))
            for field in FIELDS
        }

    def scores(self, query: str) -> dict[str, NDArray[np.float32]]:
        """Each field's BM25 score of every row; a term that the query repeats counts once."""
        known = self.known(terms(query))
        found = {}
        for name, field in self._fields.items():
            total = np.zeros(self._rows, np.float32)
            for number in known:
                low, high = field.indptr[number], field.indptr[number + 1]
                total[field.indices[low:high]] += field.data[low:high]
            found[name] = total
        return found

    def ceiling(self, query: str) -> float:
        """More than any body can score: the sum of its terms' weights, as if each stood in it without end.

        A term that the corpus doesn't have counts as the rarest one, so that a question of strange words stays far off.
        """
        field = self._fields["body"]
        weight = 0.0
        for term in dict.fromkeys(terms(query)):
            number = self.vocabulary.get(term)
            having = 0 if number is None else int(field.indptr[number + 1] - field.indptr[number])
            weight += float(np.log1p((self._rows - having + 0.5) / (having + 0.5)))
        return weight

    def rarity(self, term: str) -> float:
        """The term's idf; one that the corpus doesn't have counts as the rarest."""
        having = self.frequency(term)
        return float(np.log1p((self._rows - having + 0.5) / (having + 0.5)))

    def presence(self, of: Sequence[str], rows: NDArray[np.int64], field: str) -> NDArray[np.bool_]:
        """Which of these terms stand in a field of which of these rows; shape (len(of), len(rows))."""
        found = np.zeros((len(of), len(rows)), np.bool_)
        columns = self._fields[field]
        for at, term in enumerate(of):
            number = self.vocabulary.get(term)
            if number is not None:
                having = np.zeros(self._rows, np.bool_)
                having[columns.indices[columns.indptr[number] : columns.indptr[number + 1]]] = True
                found[at] = having[rows]
        return found

    @cached_property
    def plain_stems(self) -> list[str]:
        """The terms that are plain words: letters only."""
        return [term for term in self.vocabulary if term.isalpha()]

    def first_row(self, term: str) -> int:
        """The first row whose body has a known term."""
        number = self.vocabulary[term]
        field = self._fields["body"]
        return int(field.indices[field.indptr[number] : field.indptr[number + 1]].min())

    def frequency(self, term: str) -> int:
        """In how many bodies a term stands."""
        number = self.vocabulary.get(term)
        field = self._fields["body"]
        return 0 if number is None else int(field.indptr[number + 1] - field.indptr[number])

    def known(self, of: Iterable[str]) -> list[int]:
        """The numbers of the terms that the corpus has, each once, in order."""
        return [self.vocabulary[term] for term in dict.fromkeys(of) if term in self.vocabulary]


def top(
    scores: NDArray[np.float32], k: int, *, above: float = -np.inf
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The rows of the k best scores that are more than `above`, best first; equal scores in row order."""
    rows: Sequence[int] | NDArray[np.int64] = np.flatnonzero(scores > above)
    if k < 1:
        rows = rows[:0]
    elif len(rows) > k:
        # Of equals at the border the earlier rows are taken, so that the result depends on nothing else.
        border = np.partition(scores[rows], len(rows) - k)[len(rows) - k]
        better = np.flatnonzero(scores > border)
        rows = np.concatenate([better, np.flatnonzero(scores == border)[: k - len(better)]])
    order = np.argsort(-scores[rows], kind="stable")
    best = np.asarray(rows, np.int64)[order]
    return best, scores[best]
