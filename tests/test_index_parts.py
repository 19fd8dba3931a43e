from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.embed import Reading
from index.parts import Inside, Parts, PartsWriter, inside_of
from index.terms import is_content

TEXT = "The brokers\nUse Redis. Or not."
SPANS = [(0, 11), (12, 22), (23, 30)]


def reading() -> Reading:
    """Four dimensions; a token's vector has its one 1 at the token's number, but -1 for "Or"."""
    words = ["The", "brokers", "Use", "Redis", "Or", "not"]
    offsets = [(TEXT.index(word), TEXT.index(word) + len(word)) for word in words]
    tokens = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [-1, -1, -1, -1], [0, 0, 0, 1]])
    spans = np.array([[0.6, 0.8, 0, 0], [0, 0, 1, 0], [0, 0, 0, -1.0]])
    return Reading(spans[0], spans.astype(np.float32), tokens.astype(np.float32), np.array(offsets))


def test_function_words_are_no_content() -> None:
    text = "the acks_late of it"
    assert "".join("x" if content else "." for content in is_content(text)) == "....xxxxxxxxx......"
    assert is_content("").shape == (0,)


def test_tokens_of_function_words_are_left_out() -> None:
    kept = inside_of(TEXT, SPANS, reading())
    assert kept.sizes.tolist() == [1, 2, 1]  # "brokers"; "Use" and "Redis"; "not", but neither "The" nor "Or"
    assert np.unpackbits(kept.tokens, axis=1, count=4).tolist() == [
        [0, 1, 0, 0],
        [1, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
    ]


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    with PartsWriter(tmp_path / "parts") as writer:
        writer.add(inside_of(TEXT, SPANS, reading()))
        writer.add(
            Inside(
                np.zeros((0, 4), np.int8), np.zeros(0, np.float32), np.zeros((0, 1), np.uint8), np.zeros(0, np.int64)
            )
        )
        one = np.full((1, 4), 0.5, np.float32)
        writer.add(inside_of("the", [(0, 3)], Reading(one[0], one, one, np.array([[0, 3]], np.int64))))
    return Parts(tmp_path / "parts", 4)


def test_cosines_of_parts(parts: Parts) -> None:
    first, second, third = parts.cosines([0, 1, 2], np.array([0, 1, 0, 0], np.float32))
    np.testing.assert_allclose(first, [0.8, 0, 0], atol=0.01)
    assert second.shape == (0,)
    np.testing.assert_allclose(third, [0.5], atol=0.01)
    assert parts.cosines([], np.zeros(4, np.float32)) == []


def test_likenesses_are_the_best_token_of_each_part(parts: Parts) -> None:
    asked = np.array([[0, 0, 1, 0], [1, 1, 0, 0]], np.float32)  # signs of tokens are ±1/2 here
    third, first = parts.likenesses([2, 0], asked)
    # "brokers" (-+--): -1/2 and 0; "Use" (++--): -1/2 and 1, "Redis" (--+-): 1/2 and -1; "not" (---+): -1/2 and -1.
    assert first.tolist() == [[-0.5, 0.0], [0.5, 1.0], [-0.5, -1.0]]
    assert third.tolist() == [[0.0, 0.0]]  # a part without content
    assert parts.likenesses([], asked) == []


def test_what_was_written_is_read_again(parts: Parts, tmp_path: Path) -> None:
    with PartsWriter(tmp_path / "copy") as writer:
        for row in range(3):
            writer.add(parts.inside(row))
    copy = Parts(tmp_path / "copy", 4)
    asked = np.eye(4, dtype=np.float32)
    for one, other in zip(parts.likenesses(range(3), asked), copy.likenesses(range(3), asked), strict=True):
        np.testing.assert_array_equal(one, other)


def test_nothing_at_all(tmp_path: Path) -> None:
    with PartsWriter(tmp_path / "parts"):
        pass
    assert Parts(tmp_path / "parts", 4).cosines([], np.zeros(4, np.float32)) == []
