"""Whatever is wrong, the `oka` command says it in one sentence with the next step, and nothing is lost."""

import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.sources import STALE
from tests.archives import Written, assert_another_reader_agrees
from tests.command import ROOT, assert_one_sentence, environment, oka
from tests.loopback import page

KB = ROOT / "corpus" / "documents"


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


def test_documents_that_changed_since_the_build_are_pointed_out(kb_data: Path, tmp_path: Path) -> None:
    shutil.copytree(KB, tmp_path / "documents")
    (tmp_path / "documents" / "more.md").write_text("# Tides\n\nThe tide turns twice a day.\n")
    asked = oka("ask", "What is Prefect best for?", data=kb_data, documents=str(tmp_path / "documents"))
    assert asked.stderr == f"({STALE})\n"
    assert "ML pipelines" in asked.stdout
    assert STALE in oka("status", data=kb_data, documents=str(tmp_path / "documents")).stdout
    assert STALE not in oka("status", data=kb_data).stdout


def test_documents_that_cannot_be_read(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    assert_one_sentence(oka("build", data=tmp_path / "var", documents=str(documents)), 1, "*.md")
    (documents / "latin.md").write_bytes("# Überschrift\n".encode("latin-1"))
    assert_one_sentence(oka("build", data=tmp_path / "var", documents=str(documents)), 1, "latin.md", "UTF-8")


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


def test_a_damaged_warc_gives_what_is_whole(tmp_path: Path) -> None:
    theirs = Written(tmp_path / "theirs.warc.gz")
    ends = [theirs.page(f"https://a.example/{n}", page(f"Page {n}")).offset for n in range(3)]
    data = (tmp_path / "theirs.warc.gz").read_bytes()
    (tmp_path / "cut.warc.gz").write_bytes(data[: ends[2] + 30])
    done = oka("fetch", "--from-warc", str(tmp_path / "cut.warc.gz"), data=tmp_path / "var")
    assert (done.returncode, done.stderr) == (1, "")
    first, where, following = done.stdout.splitlines()
    assert "2 responses read; 2 pages" in first
    assert f"breaks off in the middle of a record (byte {ends[2]} of {ends[2] + 30}); the 2 whole responses" in where
    assert following == "Next: oka build"
    archive = tmp_path / "var" / "pages.warc.gz"
    sound = archive.read_bytes()
    assert_another_reader_agrees(archive)
    (tmp_path / "none.warc.gz").write_bytes(b"this is no archive at all")
    for name, words in (("none", "is not a WARC file"), ("missing", "check the path")):
        done = oka("fetch", "--from-warc", str(tmp_path / f"{name}.warc.gz"), data=tmp_path / "var")
        assert_one_sentence(done, 1, f"{name}.warc.gz", words)
    assert archive.read_bytes() == sound


def test_an_archive_that_was_cut_is_named_where_the_index_loses_its_pages(models: Path, tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(models)
    archive = Written(tmp_path / "pages.warc.gz")
    for number in range(3):
        archive.page(f"https://a.example/{number}", page(f"Page {number}"))
    archive.archive.path.write_bytes(archive.archive.path.read_bytes()[:-9])
    built = oka("build", data=tmp_path)
    assert built.returncode == 0
    assert "is damaged" in built.stderr
    assert "is damaged" in oka("status", data=tmp_path).stdout


def test_status_tells_of_an_index_that_is_damaged(kb_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "var"
    shutil.copytree(kb_data, data, symlinks=True)
    next((data / "index").glob("build-*/texts.sqlite")).unlink()
    told = oka("status", data=data)
    assert (told.returncode, "oka build --fresh" in told.stdout) == (0, True)


def test_a_file_that_is_a_folder_is_named(kb_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "var"
    shutil.copytree(kb_data, data, symlinks=True)
    (data / "pages.warc.gz").mkdir()
    assert_one_sentence(oka("status", data=data), 1, "pages.warc.gz")


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


def test_a_link_that_is_no_address_stops_no_answer(models: Path, tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(models)
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "a.md").write_text("# Relays\n\n## Relay\n\nA relay sends events. See [it](http://[host]/).\n")
    assert oka("build", data=tmp_path, documents=str(documents)).returncode == 0
    assert "A relay sends events." in oka("ask", "What is a relay?", data=tmp_path, documents=str(documents)).stdout


def test_a_corrupted_chroma_folder_is_found_and_mended(kb_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "var"
    shutil.copytree(kb_data, data, symlinks=True)
    feedback = data / "feedback.jsonl"
    feedback.write_text("")
    chroma = next((data / "index").glob("build-*/chroma/chroma.sqlite3"))
    chroma.write_bytes(b"\0" * chroma.stat().st_size)
    assert_one_sentence(oka("ask", "What is a saga?", data=data), 1, "oka build --fresh")
    assert oka("build", "--fresh", data=data).returncode == 0
    assert feedback.exists()
    assert oka("ask", "What is the saga pattern?", data=data).returncode == 0


def test_an_index_of_other_settings_is_refused_with_the_command_that_mends_it(kb_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "var"
    shutil.copytree(kb_data, data, symlinks=True)
    manifest = next((data / "index").glob("build-*/manifest.json"))
    manifest.write_text(manifest.read_text().replace("all-MiniLM-L6-v2", "another-model"))
    assert_one_sentence(oka("ask", "What is a saga?", data=data), 1, "oka build")


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
