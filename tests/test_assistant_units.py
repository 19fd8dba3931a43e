"""Remembered unit vectors: the same numbers with less work."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assistant.units import Remembered


class Counting:
    """Vectors that can be computed in the head: a text's length and 1; counts the texts it was given."""

    name, revision, dimension = "counting", "1", 2

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.encoded += texts
        return np.array([[len(text), 1] for text in texts], np.float32).reshape(-1, 2)


def test_a_text_is_encoded_once_and_order_is_kept() -> None:
    embedder = Counting()
    remembered = Remembered(embedder)
    assert remembered.encode(["a", "bbb", "a"]).tolist() == [[1, 1], [3, 1], [1, 1]]
    assert remembered.encode(["bbb", "cc"]).tolist() == [[3, 1], [2, 1]]
    assert embedder.encoded == ["a", "bbb", "cc"]


def test_the_memory_is_bounded_and_the_longest_unused_goes_first() -> None:
    embedder = Counting()
    remembered = Remembered(embedder, most=2)
    remembered.encode(["a", "b"])
    remembered.encode(["a"])
    remembered.encode(["c"])  # "b" has to go
    embedder.encoded.clear()
    remembered.encode(["a", "c", "b"])
    assert embedder.encoded == ["b"]


def test_no_texts_give_no_rows() -> None:
    assert Remembered(Counting()).encode([]).shape == (0, 2)
