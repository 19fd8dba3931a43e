"""The `oka` command as a user runs it: a process of its own, exit codes, streams, and one sentence for every mistake."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
KB = ROOT / "corpus" / "documents"


def oka(*arguments: str, data: Path, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in a folder without an oka.toml."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OKA_")}
    environment |= {"PYTHONPATH": str(ROOT), "OKA_DATA_DIR": str(data)}
    environment |= {f"OKA_{key.upper()}": value for key, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "assistant.cli", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd="/",
        input=stdin,
        timeout=120,
        check=False,
    )


def assert_one_sentence(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """A mistake: the right exit code, nothing on standard output, one line on standard error with these words."""
    lines = [line for line in done.stderr.strip().splitlines() if line]
    assert (done.returncode, done.stdout, len(lines)) == (code, "", 1), done
    assert lines[0].startswith("oka: ")
    for word in words:
        assert word in lines[0]


def test_a_fact_of_the_document_is_cited_with_the_original_resources(kb_data: Path) -> None:
    done = oka("ask", "Which message brokers does Celery support?", "--json", data=kb_data)
    assert done.returncode == 0
    reply = json.loads(done.stdout)
    keys = "question searched text abstained reason confidence sentences citations fingerprint timings_ms"
    assert set(keys.split()) <= set(reply)
    assert all(broker in reply["text"] for broker in ("Redis", "RabbitMQ", "Amazon SQS"))
    cited = [
        c for c in reply["citations"] if (c["url"], c["anchor"]) == ("kb/orchestration-knowledge-base.md", "celery")
    ]
    assert cited
    assert "https://docs.celeryq.dev/" in [resource["url"] for resource in cited[0]["resources"]]
    text = (KB / "orchestration-knowledge-base.md").read_text(encoding="utf-8")
    assert all(citation["quote"] in text for citation in reply["citations"])


def test_what_the_sources_do_not_say_is_not_answered(kb_data: Path) -> None:
    reply = json.loads(oka("ask", "How do I bake sourdough bread?", "--json", data=kb_data).stdout)
    assert reply["abstained"]
    assert reply["citations"] == []
    assert reply["reason"]


def test_the_question_can_come_on_standard_input(kb_data: Path) -> None:
    done = oka("ask", "-", data=kb_data, stdin="What is Temporal best for?\n")
    assert "mission-critical" in done.stdout


def test_a_conversation_carries_its_subject(kb_data: Path) -> None:
    done = oka("chat", data=kb_data, stdin="What is Celery best for?\nWhat about Prefect?\n\n")
    assert done.returncode == 0
    assert "Prefect" in done.stderr
    assert "Data science workflows" in done.stdout


def test_search_gives_ranked_passages(kb_data: Path) -> None:
    hits = json.loads(oka("search", "circuit breaker states", "--limit", "3", "--json", data=kb_data).stdout)
    assert hits[0]["anchor"] == "circuit-breaker-pattern"
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    assert set(hits[0]) == {"url", "anchor", "headings", "title", "text", "score", "found_by"}


def test_status_says_what_answers_come_from(kb_data: Path) -> None:
    assert "the knowledge base and 0 of 42 linked pages" in oka("status", data=kb_data).stdout


def test_a_saved_answer_is_verified_and_a_forged_one_refuted(kb_data: Path, tmp_path: Path) -> None:
    saved = oka("ask", "What are the states of a circuit breaker?", "--json", data=kb_data).stdout
    (tmp_path / "good.json").write_text(saved)
    (tmp_path / "bad.json").write_text(saved.replace("fail fast", "fail slowly"))
    assert oka("verify", str(tmp_path / "good.json"), data=kb_data).returncode == 0
    bad = oka("verify", str(tmp_path / "bad.json"), data=kb_data)
    assert bad.returncode == 1
    assert "forged" in bad.stdout


def test_an_answer_is_exported_with_footnotes_and_quotes(kb_data: Path) -> None:
    text = oka("ask", "What is Prefect best for?", "--markdown", data=kb_data).stdout
    assert "[^1]:" in text
    assert "ML pipelines" in text


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


@pytest.mark.parametrize(
    ("settings", "code", "word"),
    [
        ({"documents": "/no/such/folder"}, 1, "/no/such/folder"),
        ({"colour": "red"}, 2, "colour"),
        ({"offline": "perhaps"}, 2, "offline"),
        ({"embedder": "no/such-model", "offline": "1"}, 1, "no/such-model"),
    ],
)
def test_a_setting_that_cannot_work(settings: dict[str, str], code: int, word: str, tmp_path: Path) -> None:
    assert_one_sentence(oka("build", data=tmp_path, **settings), code, word)


def test_documents_that_cannot_be_read(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    assert_one_sentence(oka("build", data=tmp_path / "var", documents=str(documents)), 1, "*.md")
    (documents / "latin.md").write_bytes("# Überschrift\n".encode("latin-1"))
    assert_one_sentence(oka("build", data=tmp_path / "var", documents=str(documents)), 1, "latin.md", "UTF-8")


def test_a_data_folder_that_cannot_be_written(tmp_path: Path, models: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert_one_sentence(oka("build", data=tmp_path / "file"), 1, "file")


def test_a_damaged_warc_gives_what_is_whole(tmp_path: Path) -> None:
    (tmp_path / "damaged.warc.gz").write_bytes(b"this is no archive at all")
    done = oka("fetch", "--from-warc", str(tmp_path / "damaged.warc.gz"), data=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "damaged.warc.gz" in done.stdout + done.stderr
    assert oka("fetch", "--from-warc", str(tmp_path / "missing.warc.gz"), data=tmp_path).returncode == 1


def test_a_corrupted_chroma_folder_is_found_and_mended(kb_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "var"
    shutil.copytree(kb_data, data, symlinks=True)
    chroma = next((data / "index").glob("build-*/chroma/chroma.sqlite3"))
    chroma.write_bytes(b"\0" * chroma.stat().st_size)
    assert_one_sentence(oka("ask", "What is a saga?", data=data), 1, "oka build --fresh")
    assert oka("build", "--fresh", data=data).returncode == 0
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
    assert done.returncode == 1
    assert str(port) in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_wrong_usage_is_exit_code_2(tmp_path: Path) -> None:
    for wrong in (["ask"], ["search", "x", "--limit", "0"], ["no-such-command"]):
        done = oka(*wrong, data=tmp_path)
        assert done.returncode == 2
        assert done.stdout == ""


def test_help_is_quick(tmp_path: Path) -> None:
    took = []
    for _ in range(3):
        began = time.monotonic()
        assert "oka serve" in oka("--help", data=tmp_path).stdout
        took.append(time.monotonic() - began)
    assert min(took) < 1.5  # 0.5 s on an idle machine; the rest is room for a busy one


def test_linked_pages_are_answered_at_their_sections(linked_data: Path) -> None:
    asked = {
        "Why should I avoid top-level code in a DAG file?": (
            "https://airflow.apache.org/docs/apache-airflow/stable/best-practices.html",
            "top-level-python-code",
        ),
        "How does the coordinator decide to commit in two-phase commit?": (
            "https://en.wikipedia.org/wiki/Two-phase_commit_protocol",
            None,
        ),
    }
    for question, (url, anchor) in asked.items():
        citations = json.loads(oka("ask", question, "--json", data=linked_data).stdout)["citations"]
        assert any(c["url"] == url and anchor in (None, c["anchor"]) for c in citations), question


def test_links_tells_the_state_of_every_link(linked_data: Path) -> None:
    done = oka("links", "--json", data=linked_data)
    states = json.loads(done.stdout)
    assert len(states) == 42
    assert sum(state["state"] == "never fetched" for state in states) == 20
    assert done.returncode == 1
