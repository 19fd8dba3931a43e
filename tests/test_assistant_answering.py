"""From a question to a cited answer on the documents, and on the snapshot of the linked pages where it is present."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.answering import Assistant
from assistant.answers import Answer
from assistant.candidates import searches_for
from assistant.layout import lay_out
from assistant.message import MAX_CHARACTERS, asks_of_an_answer
from assistant.query import understand
from assistant.retrieval import Found, retrieve
from assistant.settings import load_settings
from assistant.topics import read_topics
from corpus.errors import QuestionError, SettingsError
from index.store import open_index
from tests.fakes import BagOfWords

ROOT = Path(__file__).resolve().parents[1]


def questions(corpus: str) -> list[str]:
    lines = (ROOT / "evals" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return [record["question"] for record in records if record["corpus"] == corpus]


def assert_contract(reply: Answer, stored: Callable[[str], str | None]) -> None:
    """Every key of the JSON form is there, and every quote stands in what documents and archive hold now."""
    values = reply.to_dict()
    keys = "question searched text abstained reason confidence sentences citations fingerprint timings_ms"
    assert set(keys.split()) <= set(values)
    assert values["abstained"] == (values["reason"] is not None) == (not values["citations"])
    laps = {"cache"} if "cache" in values["timings_ms"] else {"retrieve", "compose"}  # an answer given before has none
    assert laps | {"total"} <= set(values["timings_ms"])
    assert all({"text", "citations"} <= set(sentence) for sentence in values["sentences"])
    for citation in values["citations"]:
        keys = "number url anchor link title headings quote resources fetched_at"
        assert set(keys.split()) <= set(citation)
        assert all({"title", "url"} <= set(resource) for resource in citation["resources"])
        assert citation["quote"]
        assert citation["quote"] in (stored(citation["url"]) or "")


def test_every_quote_stands_in_its_document_and_every_claim_in_a_quote(kb: Assistant) -> None:
    stored = cache(kb.sources.text_of)
    for question in questions("kb"):
        reply = kb.answer(question)
        assert_contract(reply, stored)
        for citation in reply.citations:
            assert kb.page_text(citation.url)[citation.start : citation.end] == citation.quote
            assert citation.resources or citation.anchor in ("orchestration", None)  # the one section without links
        by_number = {citation.number: citation for citation in reply.citations}
        for sentence in reply.sentences:
            assert all(sentence.text in " ".join(by_number[n].quote.split()) for n in sentence.citations), question
        assert sorted(by_number) == list(range(1, len(by_number) + 1))


def test_the_same_question_gives_the_same_bytes(kb: Assistant, kb_data: Path) -> None:
    other = Assistant(load_settings({}, data_dir=kb_data))
    for question in ("What is Prefect best for?", "When would I choose orchestration?", "What does it cost?"):
        one, two = kb.answer(question).to_dict(), other.answer(question).to_dict()
        one.pop("timings_ms")
        two.pop("timings_ms")
        assert json.dumps(one) == json.dumps(two)


def test_a_follow_up_shows_what_was_searched(kb: Assistant) -> None:
    history = [{"role": "user", "content": "What is Celery best for?"}, {"role": "assistant", "content": "…"}]
    reply = kb.answer("What about Prefect?", history=history)
    assert reply.question == "What about Prefect?"
    assert reply.searched == "What is Prefect best for?"
    assert "ML pipelines" in reply.text


def test_asking_about_a_tool_leaves_the_last_question_behind(kb: Assistant) -> None:
    history = [{"role": "user", "content": "What is Temporal best for?"}, {"role": "assistant", "content": "…"}]
    assert kb.answer("Tell me about Celery", history=history).text == kb.answer("What is Celery?").text


def test_another_subject_drops_the_conversation(kb: Assistant) -> None:
    history = [{"role": "user", "content": "Airflow vs Temporal?"}, {"role": "assistant", "content": "…"}]
    reply = kb.answer("How do I bake sourdough bread?", history=history)
    assert reply.searched == "How do I bake sourdough bread?"
    assert (reply.abstained, reply.citations) == (True, ())


@pytest.mark.parametrize(
    ("question", "searched"),
    [
        ("which broker does celery suport", "which broker does celery suport (support)?"),
        ("Wich brokrs can sit under Clery?", "Wich (which) brokrs (broker) can sit under Clery (celery)?"),
        ("what is OTel for?", "what is OTel (opentelemetry) for?"),
        ("why are saggas coordinatd", "why are saggas (sagas) coordinatd (coordinate)?"),
        # not errors: a word that the corpus lacks, and the name of a tool that nobody told us of
        ("training and scoring models", "training and scoring models?"),
        ("how does it blow up when one swift step fails", "how does it blow up when one swift step fails?"),
        ("What does Restate cost?", "What does Restate cost?"),
        ("Does Dagster need Kestra?", "Does Dagster need Kestra?"),
    ],
)
def test_a_typing_error_is_searched_with_what_was_meant(kb: Assistant, question: str, searched: str) -> None:
    assert kb.understand(question).text == searched


def test_a_word_that_is_explained_weighs_nothing(kb: Assistant) -> None:
    query = kb.understand("What is Clery best for?")
    assert query.explained == {"cleri"}
    assert not query.names
    assert not kb.answer("What is Clery best for?").abstained
    assert kb.understand("What is Celery best for?").explained == set()


def test_a_filter_stays_within_its_section(kb: Assistant) -> None:
    assert {hit.passage.anchor for hit in kb.search("retries", only="temporal")} == {"temporal"}
    with pytest.raises(SettingsError, match="celery"):
        kb.search("retries", only="nonsense")
    filter_that_is_none: Any = 3
    with pytest.raises(SettingsError, match="only is 3"):
        kb.search("retries", only=filter_that_is_none)


def test_a_history_may_hold_more_than_a_question(kb: Assistant) -> None:
    asked = "Which brokers does Celery support? "
    told = [{"role": "user", "content": asked * 1000}]
    assert len(kb.understand("And what monitors it?", told).text) < 5000  # 35,000 took seconds
    with pytest.raises(QuestionError, match="UTF-8"):
        kb.understand("And what monitors it?", [{"role": "user", "content": asked + "\ud800"}])


def test_search_gives_at_most_what_was_asked_for(kb: Assistant) -> None:
    assert len(kb.search("workflow", limit=3)) == 3
    with pytest.raises(QuestionError):
        kb.search(" ")


def test_streaming_ends_with_the_answer(kb: Assistant) -> None:
    *pieces, last = kb.stream("What are the states of a circuit breaker?")
    assert pieces[-1] == last.text  # type: ignore[union-attr]  # the last item is the Answer


def test_an_answer_is_verified_against_the_documents(kb: Assistant) -> None:
    checks = kb.verify(kb.answer("What are the states of a circuit breaker?"))
    assert [check.state for check in checks] == ["same"] * len(checks) != []


def test_quotes_of_pages_are_exact_and_links_lead_to_them(linked: Assistant) -> None:
    from urllib.parse import unquote

    from assistant.citations import Fragment, find_fragment

    fragments = 0
    stored = cache(linked.sources.text_of)
    for question in questions("linked"):
        reply = linked.answer(question)
        assert_contract(reply, stored)
        for citation in reply.citations:
            text = linked.page_text(citation.url)
            assert text[citation.start : citation.end] == citation.quote
            if ":~:text=" in citation.link:
                parts = citation.link.split(":~:text=")[1].split(",")
                prefix = parts.pop(0)[:-1] if parts[0].endswith("-") else ""
                suffix = parts.pop()[1:] if parts[-1].startswith("-") else ""
                named = [unquote(part) for part in (parts[0], parts[1] if len(parts) > 1 else "", prefix, suffix)]
                found = find_fragment(text, Fragment(*named))
                assert found is not None
                assert citation.start <= found[0] < found[1] <= citation.end  # code may begin with white space
                assert text[slice(*found)] == citation.quote.strip()
                fragments += 1
    assert fragments > 30


SAGA = [{"role": "user", "content": "What is a saga?"}, {"role": "assistant", "content": "…"}]


@pytest.mark.model
@pytest.mark.parametrize("words", ["asdfghjkl", "thanks", "x" * 300])
def test_what_says_nothing_is_not_read_with_the_question_before(kb: Assistant, words: str) -> None:
    reply = kb.answer(words, history=SAGA)
    assert (reply.searched, reply.reason) == (words, "out_of_scope")
    assert reply.text.startswith("You're welcome.") == (words == "thanks")


@pytest.mark.model
@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("are you sure?", "quoted"),
        ("Source?", "quoted"),
        ("hm, is that true?", "quoted"),
        ("Prove it!", "quoted"),
        ("in one sentence please", "word by word"),
        ("can you summarize that?", "word by word"),
        ("explain it in simple terms", "word by word"),
    ],
)
def test_what_is_asked_of_an_answer_is_not_looked_up(kb: Assistant, words: str, says: str) -> None:
    before = [{"role": "user", "content": "What are the states of a circuit breaker?"}]
    reply = kb.answer(words, history=before)
    assert (reply.abstained, reply.reason, reply.searched) == (True, "out_of_scope", words)
    assert says in reply.text
    after = kb.answer("and what happens in the half-open one?", history=[*before, {"role": "user", "content": words}])
    assert "circuit breaker" in after.searched
    assert words.strip("?!") not in after.searched


@pytest.mark.parametrize(
    "asked", ["Is it true that Celery retries a task?", "Summarize the saga pattern", "Sources of Airflow DAGs?"]
)
def test_a_question_with_a_subject_is_no_talk_about_the_answer(asked: str) -> None:
    assert not asks_of_an_answer(asked)


@pytest.mark.model
def test_of_an_earlier_message_no_more_is_read_than_a_question_may_have(kb: Assistant) -> None:
    long = [
        {"role": "user", "content": f"What is Celery? {'tasks ' * MAX_CHARACTERS}\ud800"}
    ]  # what can't be read is far behind
    assert "Celery" in kb.understand("is it fast?", long).text
    with pytest.raises(QuestionError, match="history"):
        kb.understand("is it fast?", [{"role": "user", "content": "What is Celery?\ud800"}])


@pytest.mark.model
def test_what_says_nothing_is_no_question_before(kb: Assistant) -> None:
    talk = [*SAGA, {"role": "user", "content": "thanks!"}, {"role": "assistant", "content": "…"}]
    assert kb.answer("who invented it?", history=talk).searched == "who invented it? (What is a saga)"


@pytest.mark.model
def test_what_something_is_is_asked_anew_where_what_was_said_before_defines_none(kb: Assistant) -> None:
    assert kb.answer("What is a workflow?", history=SAGA).searched == "What is a workflow?"
    assert kb.answer("What are the uses?", history=SAGA).searched == "What are the uses? (What is a saga)"


@pytest.mark.model
def test_where_one_section_alone_has_no_answer_it_is_named(kb: Assistant) -> None:
    reply = kb.answer("What does Temporal Cloud cost?", only="celery")
    assert "Only “celery” was searched" in reply.text
    assert "was searched" not in kb.answer("What does Temporal Cloud cost?").text


def test_what_defines_a_thing_is_looked_for_among_more_passages(kb: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []

    def watched(*given: Any, limit: int, **more: Any) -> Found:
        limits.append(limit)
        return retrieve(*given, limit=limit, **more)

    monkeypatch.setattr("assistant.answering.retrieve", watched)
    kb.answer("Which uses has a saga?")
    kb.answer("What is a choreography?")
    assert limits == [10, 50]


def test_words_of_a_meaning_count_half(kb: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.candidates.expansions", lambda form: ("broker",))
    query = kb.understand("celery")
    (search,) = searches_for(kb.index, kb.topics, query, [query.text])
    celery, broker = (kb.index.words.scores(word)["body"] for word in ("celery", "broker"))
    assert broker.any()
    np.testing.assert_allclose(search.body, (celery + broker / 2) / search.rarity["celeri"], rtol=1e-5)


@pytest.mark.model
def test_of_two_questions_what_it_is_begins_with_that(linked: Assistant) -> None:
    reply = linked.answer("What is two-phase commit and why avoid it?")
    assert "is a type of atomic commitment protocol" in reply.sentences[0].text


def test_arguments_of_another_kind_are_named(kb: Assistant) -> None:
    for wrong in (0, -1, 1.5, None):
        with pytest.raises(QuestionError, match="limit"):
            kb.search("celery", limit=wrong)  # type: ignore[arg-type]  # that is what is tried
    with pytest.raises(QuestionError, match="no text"):
        kb.answer(5)  # type: ignore[arg-type]  # likewise
    with pytest.raises(QuestionError, match="no answer of oka"):
        kb.verify({"citations": [{}]})


@pytest.mark.model
def test_where_nothing_may_be_quoted_the_answer_says_so(kb: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.answering.compose", lambda *_: lay_out([]))
    reply = kb.answer("Which use cases has the message queue pattern?")
    assert (reply.abstained, reply.reason, reply.citations) == (True, "not_stated", ())
    assert reply.text.startswith("The sources don't answer this.")
    assert reply.confidence == 0.05


@pytest.mark.model
def test_who_names_a_tool_is_led_to_its_resources_where_only_others_were_found(
    kb: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def celery_alone(*asked: Any, **more: Any) -> Found:
        found = retrieve(*asked, **more)
        return found.of([at for at, hit in enumerate(found.hits) if hit.passage.anchor == "celery"])

    monkeypatch.setattr("assistant.answering.retrieve", celery_alone)
    reply = kb.answer("What is Airflow best for?")
    assert (reply.abstained, reply.reason, reply.confidence) == (True, "not_stated", 0.05)
    assert "- [Apache Airflow](https://airflow.apache.org/)" in reply.text


def test_what_lies_outside_is_told_with_the_words_that_the_sources_lack(kb: Assistant) -> None:
    said = kb.answer("How do I bake sourdough bread?").text
    assert said.startswith("I answer questions about workflow orchestration")
    assert "They say nothing of “bake”, “sourdough”, “bread”. Ask for example" in said


def test_a_name_alone_asks_what_it_is(kb: Assistant) -> None:
    expected = kb.answer("What is Celery?").text
    for asked in ("Celery", "celery?", "Tell me about Celery", "Is there anything about Celery?"):
        assert kb.answer(asked).text == expected
    assert kb.understand("Celery workers").intent == kb.understand("Celery and Airflow").intent == "fact"
    assert kb.understand("retries?").intent == "define"
    history = [{"role": "user", "content": "How long do messages stay in a queue?"}]
    assert kb.understand("retries?", history).intent == "fact"


def test_who_asks_on_stays_with_the_page_but_leaves_the_section_that_was_read(kb: Assistant, small_index: Path) -> None:
    index = open_index(small_index, BagOfWords())
    topics = read_topics(index)
    first = understand("What waits in the celery worker?", {})
    asked = understand("And each retry?", {}, ("What waits in the celery worker",))
    found, alone = (
        {hit.passage.id: hit for hit in retrieve(index, topics, query, limit=99).hits}
        for query in (replace(asked, before=first), asked)
    )
    (read,) = retrieve(index, topics, first, limit=1).hits
    gained = {key: round(hit.score - alone[key].score, 3) for key, hit in found.items()}
    assert gained == {
        key: (hit.passage.url == read.passage.url) * (0.5 if hit.passage.headings == read.passage.headings else 1.0)
        for key, hit in found.items()
    }
    assert set(gained.values()) == {0.0, 0.5, 1.0}

    history = [{"role": "user", "content": "Which brokers does Celery support?"}]
    query = kb.understand("And what monitors it?", history)
    assert query.before == kb.understand("Which brokers does Celery support?")
