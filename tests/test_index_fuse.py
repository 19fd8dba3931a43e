from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from index.build import build_index
from index.fuse import Weights, convex, reciprocal_ranks
from index.store import open_index
from tests.fakes import BagOfWords
from tests.indexes import make_pages


def row(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_convex_by_hand() -> None:
    found = convex(row(1, 0, 0), row(1, 4, 0), row(0.5, 0.2, 0.9), Weights(headings=2, dense=0.25))
    # words: 2·1+1=3, 4, 0 -> of the best: .75, 1, 0
    np.testing.assert_allclose(found, [0.25 * 0.5 + 0.75 * 0.75, 0.25 * 0.2 + 0.75, 0.25 * 0.9])


def test_without_a_common_word_only_meaning_counts() -> None:
    np.testing.assert_allclose(convex(row(0, 0), row(0, 0), row(0.4, -0.2), Weights(dense=0.5)), [0.2, 0])


def test_the_floor_of_the_cosine() -> None:
    np.testing.assert_allclose(convex(row(0), row(0), row(0.6), Weights(dense=1, floor=0.2)), [0.5], rtol=1e-6)


def test_reciprocal_ranks_by_hand() -> None:
    rows, scores = zip(*reciprocal_ranks([[7, 8], [8, 9]], k=1), strict=True)
    assert rows == (8, 7, 9)
    assert scores == pytest.approx((1 / 3 + 1 / 2, 1 / 2, 1 / 3))


def test_the_retriever_for_llama_index(tmp_path: Path) -> None:
    from index.retriever import HybridRetriever

    build_index(tmp_path / "index", [], make_pages(), BagOfWords(), source_digest="x")
    index = open_index(tmp_path / "index", BagOfWords())
    nodes = HybridRetriever(index, limit=3).retrieve("airflow worker")
    hits = index.search("airflow worker", 3)
    assert [(node.node_id, node.text, node.score) for node in nodes] == [
        (hit.passage.id, hit.passage.text, hit.score) for hit in hits
    ]
    assert (nodes[0].metadata["url"], nodes[0].metadata["anchor"]) == ("https://example.org/1", "queues")


def test_opening_and_searching_import_nothing_heavy(tmp_path: Path) -> None:
    build_index(tmp_path / "index", [], make_pages(), BagOfWords(), source_digest="x")
    code = (
        "import sys; from pathlib import Path; from index import open_index; from tests.fakes import BagOfWords;"
        f"open_index(Path({str(tmp_path / 'index')!r}), BagOfWords()).search('celery');"
        "print([name for name in ('torch', 'chromadb', 'llama_index', 'bm25s', 'scipy', 'onnxruntime')"
        " if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_importing_the_package_imports_nothing() -> None:
    code = "import sys, index; print([name for name in ('numpy', 'sqlite3', 'Stemmer') if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
