"""Stand-ins whose results can be computed by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from index.embed import Reading


class BagOfWords:
    """An embedder that counts words: each lower-case word has one of `dimension` places, by its CRC-32.

    Texts with the same words have cosine 1, texts without a common word 0 (but for two words of one place). A token is
    a run of letters, digits or underscores, or any other visible character.
    """

    name = "bag-of-words"
    revision = "1"

    def __init__(self, dimension: int = 64, revision: str = "1") -> None:
        self.dimension = dimension
        self.revision = revision
        self.encoded: list[str] = []  # every text that was asked for, in order

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.encoded.extend(texts)
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                row[crc32(word.encode()) % self.dimension] += 1
            if not row.any():
                row[0] = 1  # a text without words
            row /= np.linalg.norm(row)
        return rows

    def read(self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]) -> Iterator[Reading]:
        for text, parts in zip(texts, spans, strict=True):
            offsets = [match.span() for match in re.finditer(r"\w+", text)]
            words = [text[start:end] for start, end in [*parts, *offsets]]
            rows = self.encode([text, *words])
            self.encoded = self.encoded[: -len(words)] if words else self.encoded
            at = 1 + len(parts)
            yield Reading(rows[0], rows[1:at], rows[at:], np.array(offsets, np.int64).reshape(-1, 2))
