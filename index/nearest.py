"""How near the passages are to one question, whether their vectors lie on this machine or on a Chroma server.

A passage has a vector of its body and one of its headings and body: the layers BODY and HEADED.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.lexical import top

BODY, HEADED = 0, 1


class Nearest(Protocol):
    """The cosines of one question's vector with the passages'."""

    def best(
        self, count: int, *, layer: int | None = None, within: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """The rows of the `count` best cosines, best first: by one layer, or for None by the better of a row's two.

        `within` leaves out every other row.
        """
        ...

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The cosines of these rows, shape (layers, len(rows))."""
        ...


class Searched(Protocol):
    """The vectors of all passages, wherever they are."""

    def nearest(self, vectors: NDArray[np.float32]) -> Sequence[Nearest]:
        """The cosines with each of some vectors of unit length, shape (vectors, dimension)."""
        ...

    def rows(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """The body's vectors of these rows."""
        ...


class Exact:
    """All cosines, computed: what a question to vectors on this machine does."""

    def __init__(self, cosines: NDArray[np.float32]) -> None:
        self._cosines = cosines  # shape (layers, rows)

    def best(
        self, count: int, *, layer: int | None = None, within: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """See `Nearest`; equals come in row order."""
        scores = self._cosines.max(axis=0) if layer is None else self._cosines[layer]
        return top(scores, count)[0] if within is None else within[top(scores[within], count)[0]]

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Nearest`."""
        return self._cosines[:, rows]
