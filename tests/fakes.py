"""Stand-ins whose results can be computed by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray


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

    def token_vectors(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        return [self.encode(re.findall(r"\w+", text.lower()) or [""]) for text in texts]
