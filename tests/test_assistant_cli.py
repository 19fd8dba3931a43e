"""The `oka` command as a user runs it: what it prints where, and its exit codes."""

import json
import time
from pathlib import Path

from tests.command import oka

ROOT = Path(__file__).resolve().parents[1]
KB = ROOT / "corpus" / "documents"


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


def test_an_answer_without_citations_has_nothing_to_verify(kb_data: Path) -> None:
    saved = oka("ask", "How do I bake sourdough bread?", "--json", data=kb_data).stdout
    done = oka("verify", "-", data=kb_data, stdin=saved)
    assert (done.returncode, done.stdout) == (0, "The answer has no citations to check: it abstains.\n")
    done = oka("verify", "-", data=kb_data, stdin=saved.replace('"abstained": true', '"abstained": false'))
    assert (done.returncode, done.stdout) == (1, "The answer has no citations to check.\n")


def test_a_document_of_any_name_is_linked_to_filtered_by_and_verified(models: Path, tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(models)
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "notes on #1.md").write_text("# Relays\n\n## Relay\n\nA relay sends events between queues.\n")
    for only in ("kb/notes on #1.md", "kb/notes%20on%20%231.md"):
        asked = oka("ask", "What is a relay?", "--json", "--only", only, data=tmp_path, documents=str(documents))
        (cited,) = json.loads(asked.stdout)["citations"]
        assert cited["url"] == "kb/notes%20on%20%231.md"
        assert cited["link"] == "kb/notes%20on%20%231.md#relay"
    checked = oka("verify", "-", stdin=asked.stdout, data=tmp_path, documents=str(documents))
    assert checked.stdout.endswith("1 of 1 quotes hold.\n")


def test_an_answer_is_exported_with_footnotes_and_quotes(kb_data: Path) -> None:
    text = oka("ask", "What is Prefect best for?", "--markdown", data=kb_data).stdout
    assert "[^1]:" in text
    assert "ML pipelines" in text


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
