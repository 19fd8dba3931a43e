"""A cross-encoder that the user names reads question and passage together and puts the best hits in a new order.

None is installed with oka. What it costs is its own: a small one takes about a second for one question on two cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corpus.errors import ModelError
from index.chunk import embedded
from index.embed import digest_of_weights, loaded
from index.passages import Passage

DEPTH = 30
"""Hits that are read again; published rerankers gain little beyond 30 to 50."""


class Reranker:
    """Any cross-encoder with one score a pair that sentence-transformers can load, by name or folder.

    `offline`: a model that isn't on this machine is not looked for. Raises ModelError.
    """

    def __init__(self, name: str, *, offline: bool = False) -> None:
        from sentence_transformers import CrossEncoder

        self.name = name
        self._model: Any = loaded(CrossEncoder, f"reranker {name}", name, _ADVICE, offline=offline)
        if self._model.num_labels != 1:
            raise ModelError(f"The reranker {name} gives {self._model.num_labels} scores a pair, not one: {_ADVICE}")
        self.revision = digest_of_weights(self._model)

    def scores(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """How well each passage, with its headings, answers; the more the better, in the model's own unit."""
        if not passages:
            return []
        pairs = [(question, embedded(passage)[0]) for passage in passages]
        return [float(score) for score in self._model.predict(pairs, show_progress_bar=False)]


_ADVICE = "set OKA_RERANKER to the name or folder of a sentence-transformers cross-encoder, or unset it."
