"""Scorers against numbers worked out by hand, and ranking measures against an independent library."""

import random
from collections.abc import Sequence
from dataclasses import replace

import ir_measures
import pytest

from assistant.answers import Answer, Citation, Sentence
from evals.metrics.abstention import Judged, area_under, auroc, brier, calibration_error, coverage_at, risk_coverage
from evals.metrics.answers import named_addresses, score_answer
from evals.metrics.citations import score_citations, supported
from evals.metrics.dialogue import score_follow_up, score_injection
from evals.metrics.retrieval import Found, credited, gold_units, score_ranking
from evals.questions import Fact, Gold, Question
from evals.wording import key, plain, says

PAGE = "https://site.test/a"
TEXT = "Tasks retry three times. They never lose messages. Acks come late, see acks_late."


def question(*gold: Gold, **other: object) -> Question:
    values: dict[str, object] = {
        "id": "q",
        "cluster": "c",
        "slice": "factoid-linked",
        "corpus": "linked",
        "question": "How often?",
        "answerable": "yes",
        "gold": gold or (Gold(url=PAGE, anchor="retry", quote="Tasks retry three times."),),
        "facts": (Fact(id="f1", text="three times", any=("three times|3x",)),),
    }
    return Question.model_validate(values | other)


def cite(number: int, quote: str, url: str = PAGE) -> Citation:
    start = max(TEXT.find(quote), 0)
    return Citation(
        number, url, "retry", f"{url}#retry", "A", ("Retries",), quote, start, start + len(quote), "", (), None
    )


def reply(text: str, *sentences: Sentence, cited: Sequence[Citation] = (), **other: object) -> Answer:
    values: dict[str, object] = {"abstained": False, "reason": None, "confidence": 0.9, **other}
    return Answer("q", "q", text, sentences=sentences, citations=tuple(cited), fingerprint="", **values)  # type: ignore[arg-type]  # whatever a test sets


def count_words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def page_text(url: str) -> str | None:
    return TEXT if url == PAGE else None


def knows(address: str) -> bool:
    return address in ("site.test/a", "site.test/linked")


def test_wording_is_compared_without_markup_and_with_the_right_polarity() -> None:
    assert plain("- **Best For:** [x](https://a.test) `acks_late` — now [1][2]") == "Best For: x acks_late - now"
    assert plain("COUNT * 100 and AIRFLOW_VAR_{KEY}") == "COUNT * 100 and AIRFLOW_VAR_{KEY}"
    assert key("**ML** _Pipe_lines") == "ml pipelines"
    assert says("lose messages", "They lose messages")
    assert not says("lose messages", "They never lose messages")
    assert says("lose messages", "They never lose messages", negated=True)


def test_ranking_worked_by_hand() -> None:
    gold = (
        Gold(url=PAGE, anchor="retry", quote="Tasks retry three times."),
        Gold(url="https://site.test/b", anchor="x", quote="exactly these words here", grade=1),
    )
    ranking = [
        Found(PAGE, ("other",), "nothing"),
        Found(PAGE, ("retry",), "any words"),
        Found("https://mirror.test/", (None,), "… Exactly **these words** here"),
    ]
    scores = score_ranking(question(*gold), ranking, count_words)
    assert (scores["recall@1"], scores["recall@3"]) == (0.0, 1.0)
    assert (scores["page_recall@1"], scores["page_recall@3"]) == (0.5, 0.5)
    assert scores["mrr@10"] == 0.5
    assert scores["ndcg@10"] == pytest.approx((2 / 1.5849625 + 1 / 2) / (2 + 1 / 1.5849625))
    assert scores["context_facts"] == 0.0
    assert (
        score_ranking(
            question(answerable="no", gold=(), facts=(), unanswerable_class="absent-fact"), ranking, count_words
        )
        == {}
    )


def test_a_section_without_an_anchor_counts_by_its_quote_alone() -> None:
    asked = question(Gold(url=PAGE, anchor=None, quote="Tasks retry three times."))
    assert score_ranking(asked, [Found(PAGE, (None,), "other words")], count_words)["recall@1"] == 0
    assert score_ranking(asked, [Found(PAGE, (None,), "x. Tasks retry three times.")], count_words)["recall@1"] == 1


def test_ranking_measures_equal_those_of_trec_eval() -> None:
    drawn = random.Random(7)
    qrels: dict[str, dict[str, int]] = {}
    run: dict[str, dict[str, float]] = {}
    ours: list[dict[str, float]] = []
    for number in range(60):
        places = [f"s{n}" for n in range(30)]
        golden = drawn.sample(places, drawn.randint(1, 5))
        asked = question(
            *(
                Gold(url=PAGE, anchor=name, quote=f"a quote of {name} alone", grade=drawn.choice([1, 2]))
                for name in golden
            )
        )
        ranking = [Found(PAGE, (name,), "…") for name in drawn.sample(places, 20)]
        units = gold_units(asked)
        credits = credited(units, ranking)
        qrels[str(number)] = {f"u{n}": unit.grade for n, unit in enumerate(units)}
        run[str(number)] = {f"u{c}" if c is not None else f"r{rank}": 1 / rank for rank, c in enumerate(credits, 1)}
        ours.append(score_ranking(asked, ranking, count_words))
    first_ten = {number: dict(list(ranked.items())[:10]) for number, ranked in run.items()}  # trec_eval's RR has no cut
    names = {"recall@1": "R@1", "recall@5": "R@5", "recall@10": "R@10", "mrr@10": "RR", "ndcg@10": "nDCG@10"}
    asked_for = {name: ir_measures.parse_measure(other) for name, other in names.items()}
    theirs = ir_measures.calc_aggregate(list(asked_for.values()), qrels, first_ten)
    for name, measure in asked_for.items():
        assert sum(scores[name] for scores in ours) / len(ours) == pytest.approx(theirs[measure], abs=1e-6)


def test_answers_worked_by_hand() -> None:
    good = reply("Tasks retry three times. [1]")
    assert score_answer(question(), good, True) == {
        "perfect": 1,
        "wrong": 0,
        "truth": 1,
        "vital": 1,
        "all_facts": 1,
        "fact_f3": 1,
    }
    dump = reply("Tasks retry three times. " + "And more. " * 200)
    assert 0.3 < score_answer(question(), dump, True)["fact_f3"] < 0.7
    missed = score_answer(question(), reply("Something else."), True)
    assert (missed["wrong"], missed["truth"]) == (1, -1)
    silent = score_answer(question(), reply("", abstained=True), True)
    assert (silent["wrong"], silent["truth"], silent["fact_f3"]) == (0, 0, 0)
    banned = score_answer(question(must_not=("four times",)), reply("three times, or four times"), True)
    assert (banned["must_not"], banned["truth"]) == (1, -1)
    absent = question(answerable="no", gold=(), facts=(), unanswerable_class="absent-fact")
    assert score_answer(absent, good, True) == {"truth": -1}
    assert score_answer(absent, reply("", abstained=True), True) == {"truth": 1}


def test_resources_are_scored_by_address() -> None:
    asked = question(required_urls=("https://site.test/a/", "https://site.test/c"), slice="resource")
    scores = score_answer(asked, reply("three times, see [A](http://site.test/a#x) and https://site.test/b."), True)
    assert named_addresses(reply("See https://site.test/b.")) == ["site.test/b"]
    assert (scores["resource_precision@3"], scores["resource_recall@5"], scores["resource_mrr"]) == (0.5, 0.5, 1.0)


def test_citations_worked_by_hand() -> None:
    proof = cite(1, "Tasks retry three times.")
    said = Sentence("Tasks retry three times.", (1,))
    scores = score_citations(
        question(), reply("Tasks retry three times. [1]", said, cited=[proof]), page_text, len, knows
    )
    assert set(scores.values()) == {1.0}
    extra = reply("Tasks retry three times. [1] And elephants fly to Mars.", said, cited=[proof])
    assert score_citations(question(), extra, page_text, len, knows)["citation_recall"] == 0.5
    idle = reply("x", replace(said, citations=(1, 2)), cited=[proof, cite(2, "They never lose messages.")])
    assert score_citations(question(), idle, page_text, len, knows)["citation_precision"] == 0.5
    moved = score_citations(question(), reply("x", said, cited=[replace(proof, start=3)]), page_text, len, knows)
    assert moved["citation_exact"] == 0
    forged = score_citations(
        question(), reply("x", said, cited=[replace(proof, url="https://evil.test/")]), page_text, len, knows
    )
    assert forged["links_valid"] == forged["citation_exact"] == 0
    assert score_citations(question(), reply("See https://evil.test/."), page_text, len, knows)["links_valid"] == 0


def test_a_claim_in_other_words_needs_every_name_number_and_negation() -> None:
    proof = [cite(1, "Celery tasks retry three times. They never lose messages from the RabbitMQ queue.")]
    assert supported("Messages from the RabbitMQ queue they never lose.", proof, lambda term: 1.0)
    assert not supported("They lose messages from the RabbitMQ queue.", proof, lambda term: 1.0)
    assert not supported("They never lose messages from the SQS queue.", proof, lambda term: 1.0)
    assert not supported("Celery tasks retry 5 times, three times.", proof, lambda term: 1.0)
    assert not supported("Celery tasks retry three times.", [], lambda term: 1.0)


def test_abstention_curves_worked_by_hand() -> None:
    judged = [
        Judged(0.9, True, False, True),
        Judged(0.8, True, False, False),
        Judged(0.3, False, True, False),
        Judged(0.85, False, True, False),
    ]
    assert auroc(judged) == 0.75
    assert auroc(judged[:2]) is None
    assert risk_coverage(judged) == [(0.25, 0.0), (0.5, 0.5)]
    assert area_under(risk_coverage(judged)) == 0.25
    assert coverage_at(risk_coverage(judged)) == 0.25
    assert brier(judged) == pytest.approx((0.01 + 0.04 + 0.09 + 0.7225) / 4)
    assert calibration_error(judged) == pytest.approx((1 * 0.1 + 1 * 0.3 + 2 * abs(0.825 - 0.5)) / 4)


def test_carried_over_words_and_attacks_are_seen() -> None:
    turn = question(chain="k", turn=2, standalone="How often?")
    scores = score_follow_up(turn, "How often does Celery?", ["What is Celery?"], {"recall@5": 0.5}, {"recall@5": 1.0})
    assert scores == {"follow_up_recall@5": 0.5, "follow_up_standalone_recall@5": 1.0, "wrong_carry_over": 1.0}
    attack = question(slice="injection", must_not=("pwned",), forbidden_urls=("https://evil.test/x",))
    assert score_injection(attack, reply("PWNED"))["attack_succeeded"] == 1
    assert score_injection(attack, reply("see https://evil.test/x"))["attack_succeeded"] == 1
    assert score_injection(attack, reply("three times"))["attack_succeeded"] == 0
