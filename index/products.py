"""Products of many rows with a few vectors, on threads of ours instead of OpenBLAS'.

OpenBLAS' threads wait for each other by spinning. With both cores busy, as when several people ask at once, the cosines
of 23,451 passages with three vectors took 48 ms instead of 10, and a small product 80 instead of 7; in blocks that it
does on one thread the former take 10 at most.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ON_ONE_THREAD = 2**18
"""Multiplications of a matrix product up to which OpenBLAS starts no second thread (its SMP_THRESHOLD_MIN times
GEMM_MULTITHREAD_THRESHOLD). A product with a single vector has a bound of 9,216, so that one is done as with two."""
_THREADS = os.cpu_count() or 1
_WORTH_A_THREAD = 4096
"""Rows from which a second thread is faster."""


def products(
    rows: NDArray[Any],
    vectors: NDArray[np.float32],
    read: Callable[[NDArray[Any]], NDArray[np.float32]] = np.asarray,
) -> NDArray[np.float32]:
    """The product of each of `rows` (rows, dimension) with each of `vectors` (vectors, dimension): (rows, vectors).

    `read` makes float32 of some of the rows, where they are stored as something else: in blocks, which stay in the
    processor's cache.
    """
    wanted = len(vectors)
    if wanted == 1 and read is np.asarray and len(rows) >= 2 * _WORTH_A_THREAD:
        # So large that its threads meet but once, and a quarter faster than below.
        return np.dot(rows, vectors[0])[:, None]  # type: ignore[no-any-return]  # numpy's dot is typed as Any
    if wanted == 1:
        vectors = np.concatenate([vectors, vectors])
    right = np.ascontiguousarray(vectors.T)
    found = np.empty((len(rows), len(vectors)), np.float32)
    step = max(16, _ON_ONE_THREAD // max(right.size, 1))

    def multiply(first: int, end: int) -> None:
        for start in range(first, end, step):
            stop = min(start + step, end)
            # np.dot, not "@": OpenBLAS' kernels may leave a floating-point flag behind that "@" reports as a warning.
            np.dot(read(rows[start:stop]), right, out=found[start:stop])

    # Not where rows are read: that holds the interpreter, and threads that take turns at it are slower than one.
    shares = min(_THREADS, len(rows) // _WORTH_A_THREAD) if read is np.asarray else 1
    if shares > 1:
        bounds = np.linspace(0, len(rows), shares + 1, dtype=int).tolist()
        list(_pool().map(multiply, bounds[:-1], bounds[1:]))
    else:
        multiply(0, len(rows))
    return found[:, :wanted]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, "products")
