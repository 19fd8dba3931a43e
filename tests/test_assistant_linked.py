"""A question on each of the 21 links whose page the snapshot has: cited at the section that says it, with the link."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.answering import Assistant
from assistant.settings import load_settings
from corpus import link_states, read_documents
from tests.conftest import ROOT

AIRFLOW = "https://airflow.apache.org/docs/apache-airflow/stable"
CELERY = "https://docs.celeryq.dev/en/stable/userguide"

# The link as the document has it; a question; the section's own anchor, None where its heading has none; a word of it.
ASKED: list[tuple[str, str, str | None, str]] = [
    ("https://airflow.apache.org/", "Can Airflow scale to many workers?", "scalable", "message queue"),
    ("https://airflow.apache.org/docs/", "Where is the Airflow Helm chart documented?", "helm-chart", "Helm Chart"),
    (f"{AIRFLOW}/concepts/index.html", "What do Airflow's core concepts cover?", None, "core"),
    (
        f"{AIRFLOW}/best-practices.html",
        "Why should I avoid top-level code in a DAG file?",
        "top-level-python-code",
        "top-level",
    ),
    ("https://docs.temporal.io/", "What is a Temporal worker?", "workers", "Worker"),
    ("https://docs.temporal.io/concepts", "What is the Temporal encyclopedia?", None, "Temporal"),
    ("https://docs.prefect.io/", "How do I get started with Prefect?", "quickstart", "workflow"),
    ("https://docs.prefect.io/latest/concepts/", "What does Prefect turn Python functions into?", None, "Python"),
    (
        "https://states-language.net/",
        "What does a Wait state do in the Amazon States Language?",
        "wait-state",
        "delay",
    ),
    ("https://docs.celeryq.dev/", "Under which license is Celery released?", None, "BSD"),
    (
        f"{CELERY}/tasks.html#best-practices",
        "When does re-queuing a rejected Celery task take effect?",
        "reject",
        "requeue=True",
    ),
    (
        f"{CELERY}/monitoring.html",
        "How do I inspect Celery workers on the command line?",
        "commands",
        "inspect",
    ),
    (
        "https://www.rabbitmq.com/getstarted.html",
        "Which RabbitMQ tutorial shows remote procedure calls?",
        "rabbitmq-tutorials",
        "utorial",
    ),
    (
        "https://cloud.google.com/pubsub/docs/overview",
        "What latency does Google Cloud Pub/Sub have?",
        "what-is-pubsub",
        "latencies",
    ),
    (
        "https://redis.io/docs/manual/pubsub/",
        "What delivery semantics does Redis Pub/Sub have?",
        "delivery-semantics",
        "at-most-once",
    ),
    ("https://en.wikipedia.org/wiki/CAP_theorem", "Who proved the CAP theorem?", "history", "Brewer"),
    ("https://opentelemetry.io/", "Which projects merged into OpenTelemetry?", None, "merger"),
    ("https://www.jaegertracing.io/", "Why are tracing platforms such as Jaeger essential?", "why-jaeger", "essential"),
    ("https://zipkin.io/", "What does the Zipkin UI present?", None, "Zipkin UI"),
    ("https://raft.github.io/", "Where can I see a visualization of Raft?", "raftscope", "browser"),
    (
        "https://en.wikipedia.org/wiki/Two-phase_commit_protocol",
        "How does the coordinator decide to commit in two-phase commit?",
        "two-phase-commit-protocol",
        "coordinator decides",
    ),
]

# Short questions about a thing that no section of the documents is named for are no vague ones.
SHORT: list[tuple[str, str, str | None, str]] = [
    (f"{CELERY}/tasks.html#best-practices", "What does acks_late do?", "reject", "acks_late"),
    ("https://cloud.google.com/pubsub/docs/overview", "What is Google Cloud Pub/Sub?", "what-is-pubsub", "Pub/Sub"),
    ("https://raft.github.io/", "What is RaftScope?", "raftscope", ""),
]

# What anyone asks first, and words of a first sentence that says it.
DEFINED = [
    ("What is Temporal?", "platform"),
    ("What is Airflow?", "is a platform"),
    ("Prefect", "engine"),
    ("tell me about celery", "task queue"),
    ("What is Raft?", "is a consensus algorithm"),
    ("What is 2PC?", "atomic commitment"),
    ("What is Zipkin?", "is a distributed tracing system"),
    ("What is pub/sub?", "messaging service"),
    ("What is the CAP theorem?", "at most two"),
    ("What is Flower?", "monitor"),
    ("What is a Temporal worker?", "long-running process"),
]


@pytest.fixture(scope="module")
def linked(linked_data: Path) -> Assistant:
    return Assistant(load_settings({}, data_dir=linked_data))


def test_these_are_all_links_with_text(linked: Assistant) -> None:
    states = link_states(read_documents(ROOT / "corpus" / "documents"), linked.sources.archive)
    assert [state.url for state in states if state.has_text] == [link for link, *_ in ASKED]
    assert len(ASKED) == 21


@pytest.mark.parametrize(("link", "question", "anchor", "words"), ASKED + SHORT)
def test_each_link_s_page_answers_at_its_section(
    link: str, question: str, anchor: str | None, words: str, linked: Assistant
) -> None:
    reply = linked.answer(question)
    cited = [c for c in reply.citations if link in [url for _, url in c.resources] and c.anchor == anchor]
    assert any(words in c.quote for c in cited), [(c.url, c.anchor, c.quote) for c in reply.citations]
    for citation in cited:
        assert citation.quote in (linked.sources.text_of(citation.url) or "")


@pytest.mark.parametrize(("question", "words"), DEFINED)
def test_what_a_thing_is_is_said_first(question: str, words: str, linked: Assistant) -> None:
    assert words in linked.answer(question).sentences[0].text


def test_what_is_known_of_another_tool_is_no_answer(linked: Assistant) -> None:
    reply = linked.answer("How do I retry a failed task in Airflow with exponential backoff?")
    assert reply.abstained
    assert "https://airflow.apache.org/docs/" in reply.text
