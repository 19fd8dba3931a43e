"""Follow-ups written out without a model, and questions understood."""

from typing import Any

import pytest

from assistant.conversation import from_last_subject, resolve, user_turns
from assistant.message import check_question
from assistant.names import expansions, find_entities
from assistant.query import find_intent, understand
from corpus.errors import QuestionError

TOPICS = {
    "Apache Airflow": "airflow",
    "Temporal": "temporal",
    "Prefect": "prefect",
    "Celery": "celery",
    "AWS Step Functions": "step-functions",
    "Circuit Breaker Pattern": "circuit-breaker-pattern",
    "CAP Theorem": "cap-theorem",
    "Consensus Algorithms": "consensus-algorithms",
}


@pytest.mark.parametrize(
    ("earlier", "question", "own", "carried"),
    [
        (["What is Airflow best for?"], "What about Prefect?", "What is Prefect best for?", []),
        (["What is Airflow best for?", "What about Prefect?"], "And Celery?", "What is Celery best for?", []),
        (["How do I retry a task in Celery?"], "no wait, I meant Airflow", "How do I retry a task in Airflow?", []),
        (["Who runs Celery?"], "And what monitors it?", "what monitors it?", ["Who runs Celery"]),
        (["Who runs Celery (at work)?", "Is it fast?"], "why?", "why?", ["Is it fast", "Who runs Celery at work"]),
        (["Is Celery fast?", "Does it retry?"], "And Airflow?", "Does it retry?", ["Is Airflow fast"]),
        (["Is Celery fast?", "Does it retry?"], "and for chords?", "chords", ["Does it retry", "Is Celery fast"]),
        (["Is Celery fast?", "Does it retry?"], "how often?", "how often?", ["Does it retry", "Is Celery fast"]),
        (["Is Celery fast?", "Does it retry a failed job?", "why?"], "how?", "how?", ["Celery why", "Does it retry a failed job"]),
        (["What is Temporal?"], "is it better than Airflow?", "is it better than Airflow?", ["What is Temporal"]),
        (["What is Celery?"], "what's the default number of retries?", "what's the default number of retries?", ["What is Celery"]),
        (["Since when is that there?"], "we are stuck on version 5.2, what then?", "we are stuck on version 5.2, what then?",
         ["Since when is that there"]),
        (["What is Airflow best for?"], "Celery?", "What is Celery best for?", []),
        (["How fast is it?"], "and Celery?", "Celery", ["How fast is it"]),
        (["We use Raft. Is it fast?"], "any worse than Paxos?", "any worse than Paxos?", []),
        (["We use Raft. Is it fast?"], "is it worse than Airflow?", "is it worse than Airflow?", ["We use Raft, Is it fast"]),
        (["Why is Celery slow?"], "which setting shortens that wait?", "which setting shortens that wait?", ["Why is Celery slow"]),
        (["Why is Celery slow?"], "what does a faster pool cost instead?", "what does a faster pool cost instead?", ["Why is Celery slow"]),
    ],
)  # fmt: skip
def test_a_follow_up_is_written_out(earlier: list[str], question: str, own: str, carried: list[str]) -> None:
    turn = resolve(question, earlier, TOPICS)
    assert (turn.own, list(turn.carried)) == (own, carried)


@pytest.mark.parametrize(
    ("earlier", "question", "own"),
    [
        (
            ["What is Temporal?", "and Prefect?", "and Celery?"],
            "compare them",
            "compare Temporal and Prefect and Celery",
        ),
        (
            ["What is Temporal?", "and Prefect?", "and Celery?"],
            "ok, compare the two please",
            "compare Prefect and Celery",
        ),
        (["What is Temporal?", "and Prefect?"], "what's the difference between them?", "compare Temporal and Prefect"),
        (["What is Temporal?", "and Prefect?"], "How do they differ?", "compare Temporal and Prefect"),
        (["What is Temporal?", "Celery chords or groups?"], "how do they differ?", "how do they differ?"),
        (["What is Temporal?"], "compare them", "compare them"),
        (["What is Temporal?", "and Prefect?"], "how do they?", "how do they?"),
    ],
)
def test_what_was_spoken_of_is_compared(earlier: list[str], question: str, own: str) -> None:
    turn = resolve(question, earlier, TOPICS)
    assert turn.own == own
    assert bool(turn.carried) == (own == question)


@pytest.mark.parametrize(
    "question",
    [
        "What is the CAP theorem?",
        "Is it possible to run Temporal without a database?",
        "Which Celery option makes sure that a task runs once?",
        "How do I deploy a Prefect flow to production with docker?",
        "If it fails, what does Prefect do with a flow?",
        "A task that waits for others that never end: how does one find out?",
        "What does acks_late do?",
    ],
)
def test_a_new_subject_drops_the_history(question: str) -> None:
    turn = resolve(question, ["What is Airflow best for?"], TOPICS)
    assert (turn.own, turn.carried) == (question, ())


def test_a_first_question_stays_as_it_is() -> None:
    assert resolve("And what monitors it?", [], TOPICS).own == "And what monitors it?"


def test_messages_may_come_in_parts_and_only_the_users_count() -> None:
    history: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "text", "text": "What is  Celery?"}]},
        {"role": "assistant", "content": "A task queue."},
    ]
    assert user_turns(history) == ["What is Celery?"]
    assert user_turns(None) == []


@pytest.mark.parametrize("history", [["What is Celery?"], [{"role": "user"}], [{"role": "user", "content": 7}]])
def test_a_history_of_another_shape_is_an_error(history: Any) -> None:
    with pytest.raises(QuestionError):
        user_turns(history)


def test_tools_are_found_by_their_aliases_in_order_and_once() -> None:
    found = find_entities("Is an SFN state machine like a DAG in Airflow?", TOPICS)
    assert [(entity.anchor, entity.mention) for entity in found] == [("step-functions", "SFN"), ("airflow", "DAG")]


@pytest.mark.parametrize(
    ("question", "intent"),
    [
        ("Where can I read about sagas?", "resource"),
        ("Temporal vs Airflow for ETL", "compare"),
        ("Which tool should I use for ML pipelines?", "recommend"),
        ("How do I retry a task?", "how"),
        ("Why is top-level code bad?", "why"),
        ("What are the states of a circuit breaker?", "list"),
        ("Which built-in functions did the second edition bring?", "list"),
        ("What troubles should we expect on a shared disk?", "list"),
        ("What can be done to a pool by HTTP?", "list"),
        ("artifacts - what can they be?", "list"),
        ("subcommands of LATENCY and what they do", "list"),
        ("ready-made cache policies in Prefect", "list"),
        ("Is it a status of a task?", "fact"),
        ("default port of Flower for the web", "fact"),
        ("status of a cancelled task", "fact"),
        ("What is a saga?", "define"),
        ("What does acks_late do?", "define"),
        ("What does a worker do on a retry?", "fact"),
        ("What is the default port of Flower?", "fact"),
        ("What is Celery used for?", "fact"),
        ("max_active_runs default", "fact"),
    ],
)
def test_the_intent_shows_in_the_words(question: str, intent: str) -> None:
    assert find_intent(question) == intent


def test_without_a_choice_to_make_the_rest_of_the_question_tells_the_intent() -> None:
    question = "What troubles should we expect of a shared disk rather than a local one?"
    assert (find_intent(question), find_intent(question, but=("compare", "recommend"))) == ("compare", "list")


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("cap the number of workers", False),
        ("Which is the oldest Go release it compiles with?", False),
        ("what is cap?", True),
        ("cap and consistency", True),
        ("CAP", True),
        ("the cap theorem", True),
        ("Who wrote Release It?", True),
    ],
)
def test_a_name_that_is_a_common_word_too_needs_a_word_that_tells(question: str, named: bool) -> None:
    assert bool(find_entities(question, TOPICS)) == named


def test_acronyms_bring_the_words_they_stand_for() -> None:
    assert "two-phase commit" in expansions("what is 2PC?")
    assert expansions("what is a saga?") == ()
    assert expansions("what is an ſla?") == ()


def test_letters_that_only_match_in_another_case_name_nothing() -> None:
    assert find_entities("a ſaga of Cırcuit Breakers", {"Saga": "saga", "Circuit Breaker Pattern": "cb"}) == ()


def test_white_space_is_collapsed_and_words_are_asked_for() -> None:
    assert check_question("  what\n is  it ") == "what is it"
    with pytest.raises(QuestionError, match="words"):
        check_question("?!")


def test_what_is_carried_weighs_less_and_asks_nothing() -> None:
    query = understand("Does it retry?", TOPICS, ("How many retries does it make", "Is Celery made to retry"))
    assert query.text == "Does it retry? (How many retries does it make Is Celery made to retry)"
    assert query.own == "Does it retry?"
    assert [query.weight(term) for term in ("retri", "make", "celeri")] == [1.0, 0.5, 0.25]
    assert query.intent == find_intent("Does it retry?")
    assert [entity.name for entity in query.entities] == ["Celery"]


def test_asking_for_all_about_something_begins_anew() -> None:
    turns = ["How does Temporal retry?", "Tell me about Celery", "which brokers?", "tell me more about them"]
    assert list(from_last_subject(turns)) == turns[1:]
    assert list(from_last_subject([*turns, "Thanks! Is there anything on sagas?"])) == [
        "Thanks! Is there anything on sagas?"
    ]
    assert list(from_last_subject(turns[:1])) == turns[:1]


def test_something_to_read_is_looked_for_under_the_section_s_heading() -> None:
    topics = {"Circuit Breaker Pattern": "circuit-breaker-pattern"}
    asked = "what happens in half-open?"
    assert resolve("where can I read more?", [asked], topics).carried == (
        "Circuit Breaker Pattern what happens in half-open",
    )
    assert resolve("and then?", [asked], topics).carried == ("what happens in half-open",)
