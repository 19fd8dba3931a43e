"""Products in blocks, on several threads: the same numbers as one product gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.products import products
from index.vectors import Vectors


@pytest.mark.parametrize("count", [0, 1, 2, 7])
@pytest.mark.parametrize("rows", [0, 1, 500, 20_000])
def test_blocks_and_threads_change_nothing(rows: int, count: int) -> None:
    random = np.random.default_rng(rows + count)
    stored = random.standard_normal((rows, 32), np.float32)
    vectors = random.standard_normal((count, 32), np.float32)
    found = products(stored, vectors)
    assert found.shape == (rows, count)
    assert found == pytest.approx(np.einsum("rd,vd->rv", stored, vectors), abs=1e-4)


def test_rows_are_read_in_blocks_wherever_they_stand() -> None:
    stored = np.random.default_rng(3).integers(-127, 127, (20_000, 16), np.int8)
    vectors = np.eye(16, dtype=np.float32)[:3]
    blocks: list[int] = []

    def read(block: np.ndarray) -> np.ndarray:
        blocks.append(len(block))
        return block.astype(np.float32)

    assert (products(stored, vectors, read) == stored[:, :3]).all()
    assert sum(blocks) == len(stored)
    assert max(blocks) * vectors.size <= 2**18  # what OpenBLAS does on one thread


def test_each_of_several_vectors_is_as_near_as_by_itself(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    layers = random.standard_normal((2, 6_000, 16), np.float32)
    np.save(tmp_path / "vectors.npy", layers)
    asked = random.standard_normal((3, 16), np.float32)
    stored = Vectors(tmp_path / "vectors.npy")
    every = np.arange(6_000)
    for vector, near in zip(asked, stored.nearest(asked), strict=True):
        assert near.of(every) == pytest.approx(np.einsum("lrd,d->lr", layers, vector), abs=1e-4)
        (alone,) = stored.nearest(vector[None])
        assert near.best(10).tolist() == alone.best(10).tolist()
