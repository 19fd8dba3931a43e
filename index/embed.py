"""Texts to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Embedder(Protocol):
    """All that oka needs from an encoder; anything with these members fits, a test's fake included."""

    name: str  # as in the settings; part of the fingerprint
    revision: str  # tells two versions of the model apart: a sha256
    dimension: int

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, special tokens left out."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text, of unit length; shape (len(texts), dimension). No texts give shape (0, dimension)."""
        ...
