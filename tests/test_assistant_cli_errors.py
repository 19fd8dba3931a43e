"""Wrong questions, settings and usage: the `oka` command says what is wrong in one sentence with the next step."""

import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.archives import Written
from tests.command import assert_one_sentence, environment, oka
from tests.loopback import page


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("", "empty"),
        ("  \t ", "empty"),
        ("why " * 25_000, "2,000"),
        ("what\x07 is a saga", "U+0007"),
        ("🍞🍞", "words"),
    ],
)
def test_a_question_that_cannot_be_asked(question: str, word: str, kb_data: Path) -> None:
    assert_one_sentence(oka("ask", "-", data=kb_data, stdin=question), 2, word)


@pytest.mark.parametrize("command", ["ask", "search"])
def test_a_question_that_is_not_utf8(command: str, kb_data: Path) -> None:
    assert_one_sentence(oka(command, "what is a caf\udce9", data=kb_data), 2, "UTF-8")  # the byte E9, as Latin-1 has é


def test_search_and_chat_refuse_such_questions_too(kb_data: Path) -> None:
    assert_one_sentence(oka("search", "🍞🍞", data=kb_data), 2, "words")
    done = oka("chat", data=kb_data, stdin="🍞🍞\nWhat is Prefect best for?\n\n")
    assert "oka: The question has no words in it; ask it in words." in done.stderr.splitlines()
    assert (done.returncode, "ML pipelines" in done.stdout) == (0, True)  # the conversation goes on


@pytest.mark.parametrize(
    ("settings", "code", "word"),
    [
        ({"documents": "/no/such/folder"}, 1, "/no/such/folder"),
        ({"colour": "red"}, 2, "colour"),
        ({"offline": "perhaps"}, 2, "1 or 0"),
        ({"contact": "ask me"}, 2, "mail address"),
    ],
)
def test_a_setting_that_cannot_work(settings: dict[str, str], code: int, word: str, tmp_path: Path) -> None:
    assert_one_sentence(oka("build", data=tmp_path, **settings), code, word)


def test_an_unknown_setting_in_the_file_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "oka.toml").write_text('colour = "red"\n')
    assert_one_sentence(oka("status", data=tmp_path, cwd=str(tmp_path)), 2, "oka.toml", "colour", "data_dir")


@pytest.mark.parametrize(
    "command", [["ask", "What is Celery?"], ["search", "Celery"], ["links"], ["status"], ["fetch"]]
)
def test_every_command_notices_that_the_documents_folder_is_not_there(command: list[str], kb_data: Path) -> None:
    done = oka(*command, data=kb_data, documents="/no/such/folder")
    assert_one_sentence(done, 1, "/no/such/folder doesn't exist", "OKA_DOCUMENTS")


@pytest.mark.parametrize(("command", "below"), [("build", ""), ("links", "var"), ("feedback", "var"), ("settings", "")])
def test_a_data_folder_that_is_a_file(command: str, below: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = oka(command, data=tmp_path / "file" / below)
    assert_one_sentence(done, 2, "OKA_DATA_DIR", f"a folder is expected, and {tmp_path / 'file'} is a file")
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize(
    "command", [["build"], ["ask", "What is Celery?"], ["fetch"], ["fetch", "--from-warc", "{warc}"]]
)
def test_a_data_folder_that_cannot_be_written(command: list[str], tmp_path: Path) -> None:
    Written(tmp_path / "theirs.warc.gz").page("https://a.example/", page("A"))
    command = [word.format(warc=tmp_path / "theirs.warc.gz") for word in command]
    assert_one_sentence(oka(*command, data=Path("/proc/oka")), 1, "/proc/oka", "OKA_DATA_DIR")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"citations": [{"number": Infinity, "url": "u", "quote": "q"}]}',
        '{"citations": {}}',
        "{}",
        '"x"',
    ],
)
def test_what_is_no_answer_is_not_verified(text: str, kb_data: Path) -> None:
    assert_one_sentence(oka("verify", "-", data=kb_data, stdin=text), 2, "no answer of oka")


def test_fetching_is_refused_when_offline_is_set(tmp_path: Path) -> None:
    assert_one_sentence(oka("fetch", data=tmp_path, offline="1"), 1, "OKA_OFFLINE", "--from-warc")


def test_a_used_port_is_named(kb_data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = oka("serve", "--port", str(port), data=kb_data)
    *before, last = done.stderr.splitlines()
    assert (done.returncode, done.stdout, before) == (
        1,
        "",
        ["Answers come from the knowledge base and 0 of 42 linked pages."],
    )
    assert last == f"oka: 127.0.0.1:{port} is in use by another program; give another with: oka serve --port {port + 1}"


def test_an_address_of_another_machine_is_named(kb_data: Path) -> None:
    done = oka("serve", "--host", "203.0.113.1", data=kb_data)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("oka: 203.0.113.1:7860 can't be listened on (")
    assert done.stderr.rstrip().endswith("; give another --host or --port.")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["ask"], "Missing argument 'question'. (see `oka ask --help`)"),
        (["search", "x", "--limit", "0"], "'--limit'"),
        (["serach"], "Did you mean 'search'? (see `oka --help`)"),
        (["--nothing", "ask"], "--nothing"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(wrong: list[str], words: str, tmp_path: Path) -> None:
    assert_one_sentence(oka(*wrong, data=tmp_path), 2, words)


def test_nothing_is_built_for_a_question_that_cannot_be_asked(tmp_path: Path) -> None:
    assert_one_sentence(oka("ask", "  ", data=tmp_path), 2, "empty")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("command", "code"), [("ask -", 2), ("verify -", 2), ("chat", 0)])
def test_standard_input_that_is_closed(command: str, code: int, kb_data: Path) -> None:
    run = f"{shlex.quote(sys.executable)} -m assistant.cli {command} <&-"
    done = subprocess.run(["sh", "-c", run], capture_output=True, text=True, env=environment(kb_data), timeout=60)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (code, "", 1)
