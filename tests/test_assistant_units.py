"""What a sentence is weighed by, on a page of four sentences and another one that says less."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assistant.query import understand
from assistant.retrieval import Found, retrieve
from assistant.topics import read_topics
from assistant.units import UNIT_FEATURES, unit_features, weigh
from corpus.markdown import document_from_markdown
from index.store import Index, open_index
from tests.fakes import BagOfWords
from tests.indexes import build

LONG = "A worker " + "and another worker " * 20 + "wait."
PAGES = {
    "worker": f"# Worker\n\nThe worker waits. By default the worker waits. The worker waits 30 seconds. {LONG}\n",
    "broker": "# Broker\n\nA broker has a worker. It runs.\n",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder: Path = tmp_path_factory.mktemp("units") / "index"
    build(
        folder,
        [
            replace(document_from_markdown(f"{name}.md", text), url=f"https://example.org/{name}", source="linked")
            for name, text in PAGES.items()
        ],
    )
    return open_index(folder, BagOfWords())


def features(index: Index, question: str) -> dict[str, list[float]]:
    """Each feature of all units, those of the best passage first."""
    query = understand(question, {})
    rows = np.concatenate(unit_features(query, found(index, question), 4))
    return {name: column.tolist() for name, column in zip(UNIT_FEATURES, rows.T, strict=True)}


def found(index: Index, question: str) -> Found:
    return retrieve(index, read_topics(index), understand(question, {}), limit=4)


def test_the_second_passage_is_behind_and_has_its_rank(index: Index) -> None:
    own = features(index, "What does the worker do when it waits?")
    assert own["rank"] == pytest.approx([0, 0, 0, 0, np.log(2), np.log(2)])
    assert own["behind"][:4] == [0] * 4
    assert own["behind"][4] == own["behind"][5] > 0


def test_a_figure_counts_where_one_is_asked_for(index: Index) -> None:
    assert features(index, "How long does the worker wait?")["number"] == [0, 0, 1, 0, 0, 0]
    assert not any(features(index, "Why does the worker wait?")["number"])


def test_a_default_counts_where_one_is_asked_for(index: Index) -> None:
    for question in ("Does the worker wait by default?", "Does the worker wait out of the box?"):
        assert features(index, question)["default"] == [0, 1, 0, 0, 0, 0]
    assert not any(features(index, "Does the worker wait?")["default"])


def test_only_what_has_many_words_is_long(index: Index) -> None:
    words = len(LONG.split())
    assert features(index, "worker")["long"] == pytest.approx([0, 0, 0, np.log(words / 30), 0, 0])


def test_the_sentence_with_the_figure_leads_where_one_is_asked_for(index: Index) -> None:
    question = "How many seconds does the worker wait?"
    best, _ = weigh(understand(question, {}), found(index, question), 4)
    assert int(np.argmax(best)) == 2
