"""The question file: its form, its splits, and what the validator finds."""

import json
from pathlib import Path

import pytest
from rapidfuzz import fuzz, process

from assistant.settings import Settings
from evals.errors import EvalError
from evals.questions import (
    BLIND,
    ELSEWHERE,
    FILE,
    SLICES,
    TRAINING,
    Question,
    digest,
    questions_to_learn_from,
    read_questions,
    split_of,
    write_questions,
)
from evals.validate import new_record, validate

QUESTIONS = read_questions(FILE)
MORE = read_questions(TRAINING)
UNFITTED = read_questions(BLIND)
RECORD = {
    "id": "a",
    "cluster": "c",
    "slice": "factoid-kb",
    "corpus": "kb",
    "question": "What suits ML?",
    "answerable": "yes",
    "gold": [{"url": "kb/orchestration-knowledge-base.md", "anchor": "prefect", "quote": "ML pipelines"}],
    "facts": [{"id": "f1", "text": "ML pipelines", "any": ["ML pipelines"]}],
}


def test_there_are_questions_of_every_slice_in_both_splits() -> None:
    assert len(QUESTIONS) >= 300
    for slice_ in SLICES:
        own = [question.split for question in QUESTIONS if question.slice == slice_]
        assert 0.2 <= own.count("dev") / len(own) <= 0.7, slice_


def test_splits_cut_no_cluster_and_new_clusters_are_split_by_their_names() -> None:
    splits: dict[str, str] = {}
    for question in QUESTIONS:
        assert splits.setdefault(question.cluster, question.split) == question.split
    named = {cluster: split for cluster, split in splits.items() if cluster.startswith("more-")}
    assert len(named) > 100
    assert {cluster: split_of(cluster) for cluster in named} == named
    assert 0.3 < sum(split == "dev" for split in named.values()) / len(named) < 0.5


def test_nothing_that_is_learned_from_is_reported_on() -> None:
    """Neither a question of the test split, nor its sections, nor one in nearly the same words."""
    reported = [question for question in QUESTIONS if question.split == "test"]
    learned = questions_to_learn_from()
    assert len(learned) == sum(question.split == "dev" for question in QUESTIONS) + len(MORE)
    assert not {question.id for question in learned} & {question.id for question in reported}
    assert not {question.cluster for question in learned} & {question.cluster for question in reported}
    assert not {question.id for question in learned} & {question.id for question in UNFITTED}
    assert not {question.cluster for question in reported} & {question.cluster for question in UNFITTED}
    asked = [question.question.lower() for question in reported]
    other = [question.question for question in (*MORE, *UNFITTED)] + ELSEWHERE.read_text("utf-8").splitlines()
    likeness = process.cdist([text.lower() for text in other], asked, scorer=fuzz.token_set_ratio, score_cutoff=90).max(
        axis=1
    )
    assert [text for text, most in zip(other, likeness, strict=True) if most >= 90] == []


def test_what_is_written_reads_the_same_and_order_does_not_matter_to_the_digest(tmp_path: Path) -> None:
    write_questions(tmp_path / "q.jsonl", QUESTIONS)
    assert read_questions(tmp_path / "q.jsonl") == QUESTIONS
    assert (tmp_path / "q.jsonl").read_bytes() == FILE.read_bytes()
    assert digest(QUESTIONS[::-1]) == digest(QUESTIONS) != digest(QUESTIONS[1:])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"answerable": "no"}, "neither gold nor facts"),
        ({"gold": []}, "needs gold"),
        ({"facts": []}, "vital fact"),
        ({"turn": 2}, "chain"),
        ({"base": "b"}, "come together"),
        ({"facts": [{"id": "f", "text": "t", "any": ["("]}]}, "regular expression"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused_with_its_line(
    tmp_path: Path, change: dict[str, object], says: str
) -> None:
    (tmp_path / "q.jsonl").write_text(json.dumps(RECORD | change) + "\n")
    with pytest.raises(EvalError, match=rf"Line 1 of .*{says}"):
        read_questions(tmp_path / "q.jsonl")


def test_every_record_of_the_knowledge_base_is_proven_and_the_others_are_skipped_without_pages(tmp_path: Path) -> None:
    found = validate(QUESTIONS, Settings(data_dir=tmp_path))
    assert found.problems == ()
    beyond = {question.id for question in QUESTIONS if any(not g.url.startswith("kb/") for g in question.gold)}
    assert set(found.skipped) == beyond


def test_every_record_is_proven_against_the_linked_pages(linked_data: Path) -> None:
    found = validate([*QUESTIONS, *MORE, *UNFITTED], Settings(data_dir=linked_data))
    assert found.problems == ()
    assert {q.corpus for q in (*QUESTIONS, *MORE, *UNFITTED) if q.id in found.skipped} == {"deep"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"gold": [RECORD["gold"][0] | {"quote": "ML pipes"}]}, "doesn't stand on"),  # type: ignore[operator]  # a dict of JSON values
        ({"gold": [RECORD["gold"][0] | {"anchor": "celery"}]}, "not under celery"),  # type: ignore[operator]  # a dict of JSON values
        ({"facts": [{"id": "f1", "text": "x", "any": ["batch jobs"]}]}, "no pattern of fact f1"),
        ({"must_not": ["pipelines"]}, "matches the gold"),
        ({"required_urls": ["https://nowhere.test/"]}, "no link of the documents"),
        ({"base": "b", "perturbation": "typo"}, "its base b is missing"),
    ],
)
def test_the_validator_finds_what_is_wrong(tmp_path: Path, change: dict[str, object], says: str) -> None:
    problems = validate([Question.model_validate(RECORD | change)], Settings(data_dir=tmp_path)).problems
    assert any(says in problem.message for problem in problems)


def test_a_new_record_is_valid(tmp_path: Path) -> None:
    address = "kb/orchestration-knowledge-base.md"
    record = new_record("What suits ML?", address, "Data science workflows, ML pipelines", Settings(data_dir=tmp_path))
    assert record.gold[0].anchor == "prefect"
    assert validate([record], Settings(data_dir=tmp_path)).problems == ()
    with pytest.raises(EvalError, match="doesn't stand on"):
        new_record("What suits ML?", address, "words that nobody wrote", Settings(data_dir=tmp_path))
    with pytest.raises(EvalError, match="oka fetch"):
        new_record("What suits ML?", "https://nowhere.test/", "words", Settings(data_dir=tmp_path))
