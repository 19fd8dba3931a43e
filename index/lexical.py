"""Search by words: BM25 over two fields of each passage, its headings and its body, scored apart.

bm25s computes the scores of a new index. Where rows are taken over, the same scores, byte for byte, are computed here:
bm25s goes through all rows in Python and takes ten times as long. A reader maps the files into memory and adds up the
columns of the query's terms itself, because importing bm25s costs 0.1 to 0.7 s (scipy, and numba or jax where they are
installed).

vocabulary.json     the terms in the order of their first appearance; a term's place is its number
<field>/*.npy       a sparse matrix by columns: the scores (data) of the rows (indices) of each term (from indptr on)
terms.i4, sizes.i4  every field's terms in order and their number, headings before body, row by row: the next build
                    takes those of unchanged pages over
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
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
_TERMS, _SIZES = "terms.i4", "sizes.i4"


def heading_words(passage: Passage) -> str:
    """What the headings field holds: title, heading path, and how our documents name the page."""
    parts = [passage.title, *passage.headings]
    if passage.source == "linked":
        for resource in passage.resources:
            parts += [resource.label, resource.note, resource.section_title]
    return "\n".join(dict.fromkeys(part for part in parts if part))


class StoredTerms:
    """The terms of an older index's rows, for the next one."""

    def __init__(self, folder: Path) -> None:
        self.vocabulary: list[str] = json.loads((folder / "vocabulary.json").read_text("utf-8"))
        self._sizes = np.fromfile(folder / _SIZES, np.int32)
        self._starts = np.concatenate([[0], np.cumsum(self._sizes, dtype=np.int64)])
        self._numbers = np.fromfile(folder / _TERMS, np.int32)

    def rows(self, first: int, end: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The terms' numbers and the fields' sizes of these rows."""
        low, high = self._starts[len(FIELDS) * first], self._starts[len(FIELDS) * end]
        return self._numbers[low:high], self._sizes[len(FIELDS) * first : len(FIELDS) * end]


def stored_terms(folder: Path) -> StoredTerms | None:
    """Those of an index; None for one of an oka that didn't keep them."""
    return StoredTerms(folder) if (folder / _TERMS).exists() else None


class LexicalWriter:
    """Collects passages in row order, then writes the index. `before` has rows that can be taken over."""

    def __init__(self, before: StoredTerms | None = None) -> None:
        self._before = before
        self._vocabulary = {term: number for number, term in enumerate(before.vocabulary if before else ())}
        self._numbers: list[NDArray[np.int32]] = []
        self._sizes: list[NDArray[np.int32]] = []

    def add(self, headings: str, body: str) -> None:
        """The next row's two fields."""
        number = self._vocabulary
        fields = [[number.setdefault(term, len(number)) for term in terms(text)] for text in (headings, body)]
        self._numbers += [np.array(field, np.int32) for field in fields]
        self._sizes.append(np.array([len(field) for field in fields], np.int32))

    def take(self, first: int, end: int) -> None:
        """The next rows: those from `first` to before `end` of the index before."""
        assert self._before is not None
        numbers, sizes = self._before.rows(first, end)
        self._numbers.append(numbers)
        self._sizes.append(sizes)

    def save(self, folder: Path) -> None:
        """Write the index into a new folder. It depends on the rows alone, not on what was taken over."""
        folder.mkdir()
        none = np.zeros(0, np.int32)
        sizes = np.concatenate([none, *self._sizes])
        numbers, vocabulary = _in_order(np.concatenate([none, *self._numbers]), list(self._vocabulary))
        (folder / "vocabulary.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
        numbers.tofile(folder / _TERMS)
        sizes.tofile(folder / _SIZES)
        field_of = np.repeat(np.arange(len(sizes)) % len(FIELDS), sizes)
        for at, field in enumerate(FIELDS):
            (folder / field).mkdir()
            score = _scored if self._before else _scored_by_bm25s
            matrix = score(numbers[field_of == at], sizes[at :: len(FIELDS)], len(vocabulary))
            for name, array in zip(_NAMES, matrix, strict=True):
                np.save(folder / field / name, np.asarray(array))


def _in_order(numbers: NDArray[np.int32], vocabulary: list[str]) -> tuple[NDArray[np.int32], list[str]]:
    """The terms numbered anew in the order in which they appear; those that don't are dropped."""
    first = np.full(len(vocabulary), len(numbers), np.int64)
    first[numbers[::-1]] = np.arange(len(numbers) - 1, -1, -1)  # of several the last written stays: the first place
    order = np.argsort(first, kind="stable")[: int((first < len(numbers)).sum())]
    anew = np.zeros(len(vocabulary), np.int32)
    anew[order] = np.arange(len(order), dtype=np.int32)
    return anew[numbers], [vocabulary[number] for number in order.tolist()]


Matrix = tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int64]]  # sparse: data, indices, indptr


def _scored_by_bm25s(numbers: NDArray[np.int32], sizes: NDArray[np.int32], terms_in_all: int) -> Matrix:
    """One field's scores, as `_scored`."""
    import bm25s

    if not len(numbers):
        return _scored(numbers, sizes, terms_in_all)  # of nothing, which bm25s can't index
    rows = np.split(numbers, np.cumsum(sizes)[:-1])
    scorer = bm25s.BM25(k1=K1, b=B, method="lucene", backend="numpy", csc_backend="numpy")
    vocabulary = {str(number): number for number in range(terms_in_all)}
    scorer.index((rows, vocabulary), create_empty_token=False, show_progress=False)
    return scorer.scores["data"], scorer.scores["indices"], scorer.scores["indptr"]


def _scored(numbers: NDArray[np.int32], sizes: NDArray[np.int32], terms_in_all: int) -> Matrix:
    """One field's BM25 scores. `sizes` are the rows' numbers of terms."""
    rows = max(len(sizes), 1)
    pairs = numbers.astype(np.int64) * rows + np.repeat(np.arange(len(sizes)), sizes)
    pairs.sort()
    begins = np.flatnonzero(np.diff(pairs, prepend=-1))
    count = np.diff(begins, append=len(pairs)).astype(np.float64)
    term, row = np.divmod(pairs[begins], rows)
    having = np.bincount(term, minlength=terms_in_all)
    idf = np.log1p((len(sizes) - having + 0.5) / (having + 0.5)).astype(np.float32)
    length = sizes[row] / (sizes.mean() if len(row) else 1.0)
    data = idf[term] * (count / (K1 * (1 - B + B * length) + count))
    indptr = np.concatenate([[0], np.cumsum(having, dtype=np.int64)])
    return data.astype(np.float32), row.astype(np.int32), indptr


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

    def scores(self, query: str, weight: Callable[[str], float] = lambda _: 1.0) -> dict[str, NDArray[np.float32]]:
        """Each field's BM25 score of every row, where each term counts by `weight`; one that the query repeats counts once."""
        known = [
            (self.vocabulary[t], np.float32(weight(t))) for t in dict.fromkeys(terms(query)) if t in self.vocabulary
        ]
        found = {}
        for name, field in self._fields.items():
            total = np.zeros(self._rows, np.float32)
            for number, factor in known:
                low, high = field.indptr[number], field.indptr[number + 1]
                total[field.indices[low:high]] += factor * field.data[low:high]
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
