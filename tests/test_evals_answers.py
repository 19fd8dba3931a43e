"""The answers for people to read are chosen by a rule, and each can be checked."""

import re
from pathlib import Path

from assistant.answering import Assistant
from assistant.settings import load_settings
from evals.answers import chosen, write_answers
from evals.questions import FILE, read_questions


def test_kinds_take_turns_in_the_order_of_the_file(kb_data: Path) -> None:
    urls = Assistant(load_settings({}, data_dir=kb_data)).index.urls
    questions = read_questions(FILE)
    asked = chosen(questions, urls)
    assert len(asked) == 20
    assert all(question.split == "test" and question.turn == 1 for question in asked)
    kinds = [question.slice for question in asked]
    assert kinds[: len(set(kinds))] == list(dict.fromkeys(kinds))
    first = next(question for question in questions if question.split == "test" and question.slice == asked[0].slice)
    assert asked[0] == first


def test_the_file_has_every_answer_with_its_quotes(kb_data: Path, tmp_path: Path) -> None:
    assistant = Assistant(load_settings({}, data_dir=kb_data))
    file = tmp_path / "docs" / "answers.md"
    questions = read_questions(FILE)
    assert write_answers(assistant, questions, file) == 20
    text = file.read_text(encoding="utf-8")
    assert re.findall(r"(?m)^## (\d+)\.", text) == [str(number) for number in range(1, 21)]
    used, defined = (
        set(re.findall(pattern, text)) for pattern in (r"\[\^(\d+\.\d+)\](?!:)", r"(?m)^\[\^(\d+\.\d+)\]:")
    )
    assert used == defined != set()
