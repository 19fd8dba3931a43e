"""txtai's hybrid search as a baseline: its BM25 and its dense index over our passages, with our vectors."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.answers import Answer
from evals.metrics.retrieval import Found
from evals.pages import Corpus
from evals.questions import Question
from evals.systems import LIMIT, History, found_from, query_vector, quoting


class Txtai:
    """Hybrid search, all defaults; the answer is the first passage. Needs the extra `baselines`."""

    name = "txtai hybrid"
    about = "txtai's hybrid search over our passages, same encoder; the first passage is the answer"

    def __init__(self, corpus: Corpus, folder: Path) -> None:
        self.corpus = corpus
        self._engine = _open_or_build(corpus, folder / f"txtai-{corpus.fingerprint[:16]}")

    @staticmethod
    def is_installed() -> bool:
        """Whether the extra is there."""
        return find_spec("txtai") is not None

    def search(self, question: Question, history: History) -> list[Found]:
        """Knows no history."""
        return [place for place, _ in self._places(question.question)]

    def answer(self, question: Question, history: History) -> Answer:
        """The first passage, whole; txtai's score is the confidence."""
        first = self._places(question.question)[:1]
        return quoting(question.question, [place for place, _ in first], self.corpus, first[0][1] if first else 0.0)

    def _places(self, text: str) -> list[tuple[Found, float]]:
        found = self._engine.search(text, LIMIT)
        passages = self.corpus.index.passages([int(row) for row, _ in found])
        return [(found_from(passage), float(score)) for passage, (_, score) in zip(passages, found, strict=True)]


def _open_or_build(corpus: Corpus, folder: Path) -> Any:
    """The cached index of this corpus, built with the vectors that we have already."""
    from txtai import Embeddings

    index = corpus.index
    known: dict[str, NDArray[np.float32]] = {}

    def transform(batch: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([known[text] if text in known else query_vector(index, text) for text in batch])

    if not folder.exists():
        for older in folder.parent.glob("txtai-*"):
            shutil.rmtree(older)
        rows = list(range(len(index)))
        texts = [passage.text for passage in index.passages(rows)]
        known.update(zip(texts, index.vectors(rows), strict=True))
        # Exact search: its default, faiss, trains on random choices.
        engine = Embeddings(method="external", transform=transform, hybrid=True, content=False, backend="numpy")
        engine.index(list(zip(rows, texts, [None] * len(rows), strict=True)))
        engine.config["transform"] = None  # a function can't be saved
        engine.save(str(folder))
        known.clear()
    engine = Embeddings()
    engine.load(str(folder), config={"transform": transform})
    return engine
