"""Repeated questions: the same answer sooner, never an older build's, never another question's."""

import json
import shutil
import statistics
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.answering import Assistant
from assistant.answers import Answer
from assistant.cache import Answers, in_one_form
from assistant.query import understand
from assistant.settings import Settings, load_settings

QUESTION = "What are the states of a circuit breaker?"


@pytest.fixture
def settings(kb_data: Path) -> Settings:
    return load_settings({}, data_dir=kb_data)


def words(reply: Answer) -> str:
    """All of an answer but the question's own spelling and the times."""
    return json.dumps(replace(reply, question="", searched="", timings_ms={}).to_dict())


def test_what_ends_a_question_makes_no_other_question() -> None:
    for asked in ("What is a saga", "What is a saga?", "What is a saga??", "What is a saga ?", "What is a saga…"):
        assert in_one_form(asked) == "What is a saga?"
    assert in_one_form("...") == "...?"


@pytest.mark.parametrize(
    "again", [QUESTION, QUESTION.lower(), QUESTION.upper(), f"  {QUESTION[:-1]} .", QUESTION.replace(" ", "\n ")]
)
def test_a_near_identical_question_gets_the_answer_that_it_would_have_got_alone(settings: Settings, again: str) -> None:
    one = Assistant(settings)
    first, second = one.answer(QUESTION), one.answer(again)
    alone = Assistant(settings).answer(again)
    assert words(second) == words(alone) == words(first)
    assert "cache" not in alone.timings_ms
    assert (second.question, second.searched) == (alone.question, alone.searched)


def test_a_repeated_question_takes_a_tenth_at_most_and_says_how_long(settings: Settings) -> None:
    asked = [f"{QUESTION[:-1]}, and what is {tool}?" for tool in ("Celery", "Prefect", "Temporal", "Zipkin", "Jaeger")]
    assistant = Assistant(settings)
    assistant.answer("What is a saga?")
    first = [assistant.answer(question).timings_ms for question in asked]
    second = [assistant.answer(question).timings_ms for question in asked]
    assert [set(times) for times in first] == [{"retrieve", "compose", "total"}] * 5
    assert [set(times) for times in second] == [{"cache", "total"}] * 5
    assert all(0 < times["cache"] <= times["total"] for times in second)
    ratio = statistics.median(t["total"] for t in second) / statistics.median(t["total"] for t in first)
    assert ratio <= 0.1


def test_whatever_is_kept_as_one_question_has_one_answer(settings: Settings) -> None:
    """Every question to the documents, and the same in lower case without its stop: answered apart, by two assistants."""
    file = Path(__file__).resolve().parents[1] / "evals" / "questions.jsonl"
    records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    asked = [record["question"] for record in records if record["corpus"] == "kb" and record["turn"] == 1]
    one, other = Assistant(settings), Assistant(settings)
    answers = Answers(cased=False)
    anchors = one.topics.anchors
    same = 0
    for question in asked:
        variant = question.lower().rstrip("?!.")
        first, second = one.answer(question), other.answer(variant)
        keys = [
            answers.key(understand(in_one_form(reply.searched), anchors), None, one.index, "")
            for reply in (first, second)
        ]
        if keys[0] == keys[1]:
            assert words(first) == words(second), question
            same += 1
    assert same > len(asked) / 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is Celery?", "What is Prefect?"),
        ("Does it speak to RabbitMQ?", "Does it speak to rabbitmq?"),  # searched as rabbit and mq too, or not
        ("What does Dagstor cost?", "What does dagstor cost?"),  # a name that is unknown, or a typing error
    ],
)
def test_questions_that_differ_in_what_counts_are_kept_apart(settings: Settings, one: str, other: str) -> None:
    assistant = Assistant(settings)
    assistant.answer(one)
    assert "cache" not in assistant.answer(other).timings_ms


def test_filter_and_history_count(settings: Settings) -> None:
    assistant = Assistant(settings)
    celery, prefect = ([{"role": "user", "content": f"What is {tool} best for?"}] for tool in ("Celery", "Prefect"))
    follow_up = "How does it retry?"
    assert "cache" not in assistant.answer(follow_up, history=celery).timings_ms
    assert "cache" not in assistant.answer(follow_up, history=prefect).timings_ms
    assert "cache" not in assistant.answer(follow_up, history=celery, only="celery").timings_ms
    again = assistant.answer(follow_up, history=celery)
    assert "cache" in again.timings_ms
    assert "Celery" in again.searched


def test_a_new_build_is_never_answered_from_the_old_one(kb_data: Path, tmp_path: Path) -> None:
    shutil.copytree(kb_data, tmp_path / "data", symlinks=True)
    documents = tmp_path / "documents"
    documents.mkdir()
    written = documents / "lamps.md"
    written.write_text("# Lamps\n\n## Lantern {#lantern}\n\nThe lantern burns for nine hours.\n", encoding="utf-8")
    assistant = Assistant(load_settings({}, data_dir=tmp_path / "data", documents=documents))
    assistant.sources.build()
    asked = "How many hours does the lantern burn?"
    assert "nine hours" in assistant.answer(asked).text
    assert "cache" in assistant.answer(asked).timings_ms
    written.write_text("# Lamps\n\n## Lantern {#lantern}\n\nThe lantern burns for seven hours.\n", encoding="utf-8")
    assistant.sources.build()
    reply = assistant.answer(asked)
    assert "seven hours" in reply.text
    assert "cache" not in reply.timings_ms


def reply_of(fingerprint: str, text: str) -> Answer:
    return Answer("q", "q", text, False, None, 0.5, (), (), fingerprint)


def test_it_is_bounded_and_drops_what_was_not_asked_for_longest(settings: Settings) -> None:
    index = Assistant(settings).index
    answers = Answers(cased=False, most=2)
    keys = [answers.key(understand(f"celery {number}", {}), None, index, "f") for number in range(3)]
    answers.put(keys[0], reply_of("f", "0"))
    answers.put(keys[1], reply_of("f", "1"))
    assert answers.get(keys[0]) is not None
    answers.put(keys[2], reply_of("f", "2"))
    assert len(answers) == 2
    assert [answers.get(key) is not None for key in keys] == [True, False, True]


def test_an_answer_made_while_a_build_ended_is_not_kept(settings: Settings) -> None:
    index = Assistant(settings).index
    answers = Answers(cased=False)
    key = answers.key(understand("celery", {}), None, index, "f")
    answers.put(key, reply_of("of the next build", "…"))
    assert answers.get(key) is None


def test_an_encoder_that_knows_case_makes_it_count(settings: Settings) -> None:
    assistant = Assistant(settings)
    upper, lower = (understand(word, assistant.topics.anchors) for word in ("CELERY?", "celery?"))
    either, cased = Answers(cased=False), Answers(cased=True)
    assert either.key(upper, None, assistant.index, "f") == either.key(lower, None, assistant.index, "f")
    assert cased.key(upper, None, assistant.index, "f") != cased.key(lower, None, assistant.index, "f")


def test_many_threads_get_what_one_would(settings: Settings) -> None:
    asked = [f"What is {tool} best for?" for tool in ("Celery", "Prefect", "Temporal", "Apache Airflow")]
    alone = {question: words(Assistant(settings).answer(question)) for question in asked}
    assistant = Assistant(settings)
    wrong: list[str] = []

    def ask() -> None:
        for question in asked * 10:
            if words(assistant.answer(question)) != alone[question]:
                wrong.append(question)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_stops_that_tell_which_sentence_asks_make_another_question(kb: Assistant) -> None:
    told, asked = (
        f"What is Celery best for? We have no {word} yet{stop}" for word, stop in (("zebra", "."), ("zebra", "?"))
    )
    keys = [kb._answers.key(kb.understand(text), None, kb.index, "f") for text in (told, asked)]
    assert keys[0] != keys[1]


def test_what_was_carried_is_no_part_of_a_question_that_looks_alike(settings: Settings) -> None:
    assistant = Assistant(settings)
    typed, carried = understand("Is it safe? (Celery)", {}), understand("Is it safe?", {}, ("Celery",))
    assert typed.text == carried.text
    kept = Answers(cased=False)
    assert kept.key(typed, None, assistant.index, "f") != kept.key(carried, None, assistant.index, "f")
    again = replace(carried, before=typed)
    assert kept.key(again, None, assistant.index, "f") != kept.key(carried, None, assistant.index, "f")
