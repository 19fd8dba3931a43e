"""The gate is green on oka as it is and red on oka broken on purpose; strategies without merit lose where they must."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from assistant.answering import Assistant
from assistant.answers import Answer
from assistant.settings import load_settings
from corpus.errors import RagError
from evals.gate import Floors, failures, floors_from, lowered, means, read_floors, run_gate, stricter, write_floors
from evals.metrics.retrieval import Found
from evals.pages import Corpus
from evals.questions import FILE, Question, digest, read_questions
from evals.runner import Result, askable, run_system
from evals.systems import (
    Abstainer,
    Gold,
    History,
    Lists,
    Oka,
    Oracle,
    Printer,
    RandomCiter,
    Remembered,
    System,
    quoting,
)


@dataclass(frozen=True)
class Bench:
    """The knowledge base alone: what can be asked of it, and oka's outcomes."""

    assistant: Assistant
    corpus: Corpus
    questions: list[Question]
    oka: System
    result: Result

    def run(self, system: System) -> Result:
        return run_system(system, self.questions, self.corpus)

    def red(self, system: System) -> list[str]:
        floors = floors_from(self.result.outcomes, digest(self.questions), self.corpus.fingerprint)
        return failures(floors, self.run(system).outcomes, digest(self.questions))


@pytest.fixture(scope="module")
def bench(kb_data: Path) -> Bench:
    assistant = Assistant(load_settings({}, data_dir=kb_data))
    corpus = Corpus(assistant.index)
    questions, _ = askable(read_questions(FILE), corpus.urls)
    oka = Remembered(Oka(assistant))
    return Bench(assistant, corpus, questions, oka, run_system(oka, questions, corpus))


@dataclass(frozen=True)
class Broken:
    """Oka with its list or its reply changed on the way out."""

    inner: System
    find: Callable[[list[Found]], list[Found]] = list
    say: Callable[[Question, Answer], Answer] = lambda question, reply: reply
    name: str = "broken"
    about: str = "broken on purpose"

    def search(self, question: Question, history: History) -> list[Found]:
        return self.find(self.inner.search(question, history))

    def answer(self, question: Question, history: History) -> Answer:
        return self.say(question, self.inner.answer(question, history))


def test_the_gate_is_green_on_the_knowledge_base(bench: Bench) -> None:
    assert failures(read_floors()["documents"], bench.result.outcomes, digest(bench.questions)) == []


def test_the_gate_is_green_on_the_linked_pages(linked_data: Path) -> None:
    said = list(run_gate(load_settings({}, data_dir=linked_data), read_questions(FILE), set_floors=False, lower=False))
    assert said[0].startswith("gate: green on linked")


def test_without_bm25_the_gate_is_red(bench: Bench) -> None:
    red = bench.red(Lists("dense", "", bench.corpus, lexical=False))
    assert any("ndcg@10" in line for line in red)
    assert any("vital" in line for line in red)


def test_with_the_second_best_passage_first_the_gate_is_red(bench: Bench) -> None:
    def second(question: Question, reply: Answer) -> Answer:
        found = bench.oka.search(question, ())[1:2]
        return (
            reply
            if reply.abstained
            else replace(quoting(question.question, found, bench.corpus), confidence=reply.confidence)
        )

    red = bench.red(Broken(bench.oka, lambda found: found[1:2] + found[:1] + found[2:], second))
    assert any("mrr@10" in line for line in red)
    assert any("vital" in line for line in red)


def test_with_the_wrong_citation_the_gate_is_red(bench: Bench) -> None:
    red = bench.red(RandomCiter(bench.oka, bench.corpus))
    assert any("citation_recall" in line for line in red)
    assert any("perfect" in line for line in red)


def test_when_it_never_abstains_the_gate_is_red(bench: Bench) -> None:
    def insist(question: Question, reply: Answer) -> Answer:
        return (
            quoting(question.question, bench.oka.search(question, ())[:1], bench.corpus, 1.0)
            if reply.abstained
            else reply
        )

    red = bench.red(Broken(bench.oka, say=insist))
    assert any("abstained" in line for line in red)


def test_a_quote_that_is_not_on_its_page_is_red_whatever_the_floors(bench: Bench) -> None:
    def invent(question: Question, reply: Answer) -> Answer:
        return replace(reply, citations=tuple(replace(c, quote=c.quote + "!") for c in reply.citations))

    assert any("citation_exact" in line and "must be 1" in line for line in bench.red(Broken(bench.oka, say=invent)))


def test_gold_scores_one_and_strategies_without_merit_lose(bench: Bench) -> None:
    ours = means(bench.result.outcomes)
    gold = means(bench.run(Gold(bench.corpus)).outcomes)
    ones = (
        "recall@5",
        "ndcg@10",
        "vital",
        "fact_f3",
        "perfect",
        "citation_recall",
        "citation_precision",
        "truth",
        "abstained",
    )
    assert {name: gold[name] for name in ones} == dict.fromkeys(ones, 1.0)
    assert gold["wrong"] == gold["over_refusal"] == 0
    assert means(bench.run(Printer(bench.oka, bench.corpus)).outcomes)["fact_f3"] < 0.5 * ours["fact_f3"]
    assert means(bench.run(Abstainer(bench.corpus)).outcomes)["over_refusal"] == 1
    answerable = [question for question in bench.questions if question.answerable == "yes"]
    silent = run_system(Abstainer(bench.corpus), answerable, bench.corpus)
    assert (
        means(silent.outcomes)["truth"] == 0 < means(run_system(bench.oka, answerable, bench.corpus).outcomes)["truth"]
    )
    assert means(bench.run(RandomCiter(bench.oka, bench.corpus)).outcomes)["citation_recall"] < 0.5
    assert means(bench.run(Oracle(bench.corpus, bench.assistant)).outcomes)["recall@5"] == 1


def test_two_runs_have_equal_outcomes(bench: Bench, kb_data: Path) -> None:
    again = Assistant(load_settings({}, data_dir=kb_data))
    few = bench.questions[:40]
    assert run_system(Oka(again), few, Corpus(again.index)) == run_system(bench.oka, few, bench.corpus)


def test_questions_without_their_pages_are_skipped_and_said() -> None:
    questions = read_questions(FILE)
    asked, skipped = askable(questions, frozenset({"kb/orchestration-knowledge-base.md"}))
    assert len(asked) + sum(map(len, skipped.values())) == len(questions)
    assert any("airflow.apache.org" in reason for reason in skipped)
    kept = {question.id for question in asked}
    assert all(question.base in kept for question in asked if question.base)


def test_floors_fall_only_when_told_to(tmp_path: Path, bench: Bench) -> None:
    floors = floors_from(bench.result.outcomes, "q", "c")
    write_floors({"documents": floors}, tmp_path / "floors.json")
    assert read_floors(tmp_path / "floors.json") == {"documents": floors}
    worse = Floors("q", "c", floors.least | {"vital": 0.0}, floors.most | {"wrong": 1.0})
    assert lowered(floors, worse) == ["vital", "wrong"]
    assert lowered(floors, floors) == []
    better = Floors("q", "d", floors.least | {"vital": 1.0, "truth": 0.0}, floors.most | {"wrong": 0.0})
    risen = stricter(floors, better)
    assert (risen.least["vital"], risen.least["truth"], risen.most["wrong"]) == (1.0, floors.least["truth"], 0.0)
    assert (lowered(floors, risen), risen.corpus) == ([], "d")
    with pytest.raises(RagError, match="gate --set"):
        failures(floors, bench.result.outcomes, "other questions")
