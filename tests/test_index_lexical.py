from __future__ import annotations

from pathlib import Path

import bm25s
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.lexical import K1, B, Lexical, LexicalWriter, top
from index.terms import terms


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Set acks_late", ["set", "acks_late", "ack", "late"]),
        ("task_acks_late=True", ["task_acks_late", "task", "ack", "late", "true"]),
        ("States.Timeout", ["states.timeout", "state", "timeout"]),
        ("use --pool now", ["use", "--pool", "pool", "now"]),
        ("celery.utils.log", ["celery.utils.log", "celeri", "util", "log"]),
        ("KubernetesPodOperator", ["kubernetespodoper", "kubernet", "pod", "oper"]),
        ("kubernetespodoperator", ["kubernetespodoper"]),
        ("event-driven", ["event-driven", "event", "driven"]),
        ("DAGs and XComs", ["dag", "xcom", "com"]),
        ("v2.10.3 or 2.10.3", ["2.10.3", "2.10.3"]),
        ("the workers' tasks don't run", ["worker", "task", "don", "run"]),
        ("Celery's café", ["celeri", "cafe"]),
        ("Airflow™ and Raft℠", ["airflow", "raft"]),
        ("C++ and C#", ["c++", "c#"]),
        ("2PC", ["2pc", "pc"]),
        ("日本", ["日本"]),
        ("a" * 200, []),
        ("", []),
    ],
)
def test_terms(text: str, found: list[str]) -> None:
    assert terms(text) == found


@given(st.text())
def test_any_text_has_terms_without_white_space(text: str) -> None:
    assert all(term and not any(character.isspace() for character in term) for term in terms(text))


ROWS = [
    ("Tasks", "Set acks_late so that a task is acknowledged late."),
    ("Workers", "A worker runs a task. A worker waits."),
    ("Retry", ""),
    ("", "Retries wait longer each time; a task may fail."),
]


@pytest.fixture
def words(tmp_path: Path) -> Lexical:
    writer = LexicalWriter()
    for headings, body in ROWS:
        writer.add(headings, body)
    writer.save(tmp_path / "lexical")
    return Lexical(tmp_path / "lexical", len(ROWS))


@pytest.mark.parametrize("query", ["worker task", "acks_late", "late", "retry", "nothing known", ""])
def test_scores_are_those_of_bm25s(words: Lexical, query: str) -> None:
    scorer = bm25s.BM25(k1=K1, b=B, method="lucene")
    scorer.index([terms(body) for _, body in ROWS], show_progress=False)
    known = [term for term in dict.fromkeys(terms(query)) if term in scorer.vocab_dict]
    expected = scorer.get_scores(known) if known else np.zeros(len(ROWS))
    np.testing.assert_allclose(words.scores(query)["body"], expected, rtol=1e-6)


def test_fields_are_scored_apart(words: Lexical) -> None:
    scores = words.scores("retry")
    assert np.flatnonzero(scores["headings"]).tolist() == [2]
    assert np.flatnonzero(scores["body"]).tolist() == [3]


def test_words_count_by_their_weight(words: Lexical) -> None:
    half = words.scores("worker late", lambda term: 0.5 if term == "late" else 1.0)["body"]
    expected = words.scores("worker")["body"] + words.scores("late")["body"] / 2
    np.testing.assert_allclose(half, expected, rtol=1e-6)


def test_a_repeated_word_counts_once(words: Lexical) -> None:
    assert words.scores("task task")["body"].tolist() == words.scores("task")["body"].tolist()


def test_no_body_scores_more_than_the_ceiling(words: Lexical) -> None:
    for query in ("worker task", "acks_late late"):
        assert words.scores(query)["body"].max() < words.ceiling(query)
    assert words.ceiling("unheard word") > words.ceiling("worker task")


def test_frequency(words: Lexical) -> None:
    assert [words.frequency(term) for term in ("task", "worker", "acks_late", "unheard")] == [3, 1, 1, 0]


def test_no_words_at_all(tmp_path: Path) -> None:
    LexicalWriter().save(tmp_path / "none")
    assert len(Lexical(tmp_path / "none", 0).scores("word")["body"]) == 0
    writer = LexicalWriter()
    writer.add("Heading", "")
    writer.save(tmp_path / "one")
    assert Lexical(tmp_path / "one", 1).scores("heading")["body"].tolist() == [0.0]


def test_top_takes_earlier_rows_of_equals() -> None:
    scores = np.array([1, 3, 1, 2, 1], np.float32)
    assert top(scores, 3)[0].tolist() == [1, 3, 0]
    assert top(scores, 9)[0].tolist() == [1, 3, 0, 2, 4]
    assert top(scores, 9, above=1.0)[0].tolist() == [1, 3]
    assert top(scores, 0)[0].tolist() == []


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(0, 12))
def test_top_is_a_stable_sort(values: list[int], k: int) -> None:
    rows, scores = top(np.array(values, np.float32), k)
    expected = sorted(range(len(values)), key=lambda row: (-values[row], row))[:k]
    assert rows.tolist() == expected
    assert scores.tolist() == [values[row] for row in expected]
