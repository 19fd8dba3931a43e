"""The feedback log: what is written, what survives a crash, eval records, groups of unanswered questions."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.feedback import Feedback, eval_record, group_unanswered
from corpus.errors import FeedbackError
from tests.fakes_app import FakeAssistant

QUESTION = "Which message brokers does Celery support?"


@pytest.fixture
def log(tmp_path: Path) -> Feedback:
    return Feedback(tmp_path / "data" / "feedback.jsonl")


def test_nothing_yet(log: Feedback) -> None:
    assert log.entries() == []


def test_a_note_adds_to_its_vote_and_the_newest_vote_counts(log: Feedback) -> None:
    answer = FakeAssistant().answer(QUESTION).to_dict()
    log.add("up", answer, id="a1")
    log.add("down", answer, id="a1", note="Kafka\nis missing")
    log.add("up", answer, id="a2")
    first, second = log.entries()
    assert (first.id, first.kind, first.note, first.question) == ("a1", "down", "Kafka is missing", QUESTION)
    assert first.sources == ("kb/orchestration-knowledge-base.md#celery",)
    assert (second.id, second.kind) == ("a2", "up")


def test_a_vote_on_an_abstention_does_not_hide_the_question(log: Feedback) -> None:
    answer = FakeAssistant().answer("How do I bake sourdough bread?").to_dict()
    log.add("unanswered", answer, id="a1")
    log.add("down", answer, id="a1")
    assert [entry.kind for entry in log.entries()] == ["unanswered", "down"]


def test_a_line_cut_short_is_passed_over(log: Feedback) -> None:
    answer = FakeAssistant().answer(QUESTION).to_dict()
    log.add("up", answer, id="a1")
    with log.path.open("ab") as file:
        file.write(b'{"id": "a2", "kind": "do')
    assert [entry.id for entry in log.entries()] == ["a1"]


def test_a_newer_version_s_keys_are_kept(log: Feedback) -> None:
    log.add("up", FakeAssistant().answer(QUESTION).to_dict(), id="a1")
    values = json.loads(log.path.read_text())
    log.path.write_text(json.dumps(values | {"mood": "sunny"}) + "\n")
    assert log.entries()[0].extra == {"mood": "sunny"}


def test_many_writers_at_once(log: Feedback) -> None:
    answer = FakeAssistant().answer(QUESTION).to_dict()
    threads = [threading.Thread(target=log.add, args=("up", answer), kwargs={"id": f"a{n}"}) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry.id for entry in log.entries()} == {f"a{n}" for n in range(20)}


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FeedbackError, match=r"can't be written to .*feedback\.jsonl"):
        Feedback(tmp_path / "file" / "feedback.jsonl").add("up", FakeAssistant().answer(QUESTION).to_dict(), id="a1")


def test_a_bad_answer_becomes_an_eval_record(log: Feedback) -> None:
    entry = log.add("down", FakeAssistant().answer(QUESTION).to_dict(), id="a1", note="Kafka is missing")
    record = eval_record(entry)
    assert (record["id"], record["question"], record["answerable"]) == ("feedback-a1", QUESTION, "yes")
    assert record["gold"] == record["facts"] == []  # only a person knows what would have been right
    assert record["notes"]["said"] == "Kafka is missing"
    unanswered = log.add("unanswered", FakeAssistant().answer("sourdough").to_dict(), id="a2")
    assert (eval_record(unanswered)["answerable"], eval_record(unanswered)["slice"]) == ("no", "unanswerable")


def test_unanswered_questions_alike_are_grouped(log: Feedback) -> None:
    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        """Two directions: bread and boats."""
        return np.array([[1, 0] if "bread" in text else [0, 1] for text in texts], np.float32)

    fake = FakeAssistant()
    for number, question in enumerate(["sourdough bread", "sourdough boats", "more sourdough bread"]):
        log.add("unanswered", fake.answer(question).to_dict(), id=f"a{number}")
    groups = group_unanswered(log.entries("unanswered"), embed)
    assert [[entry.question for entry in group] for group in groups] == [
        ["sourdough bread", "more sourdough bread"],
        ["sourdough boats"],
    ]
    assert group_unanswered([], embed) == []
