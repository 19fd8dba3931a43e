from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from corpus.errors import ModelError
from index.embed import Embedder, SentenceTransformerEmbedder, load_embedder, loaded
from index.minilm import MiniLM
from tests.fakes import BagOfWords
from tests.loopback import Site
from tests.scripted_llm import refused_url

TEXTS = [
    "Which message brokers does Celery support?",
    "acks_late",
    "A circuit breaker stops calls to a service that keeps failing, and tries again after a while. " * 3,
    "Two-phase commit asks every participant to prepare; the coordinator commits once all of them have voted yes.",
    "A directed acyclic graph of tasks says which of them must be done before which others may begin.",
    "word " * 400,
]


@pytest.fixture(scope="module")
def minilm(models: Path) -> MiniLM:
    return MiniLM(models)


def test_the_fake_is_an_embedder() -> None:
    fake: Embedder = BagOfWords(dimension=8)
    vectors = fake.encode(["one two", "two one", "three"])
    assert vectors.shape == (3, 8)
    assert vectors[0] @ vectors[1] == pytest.approx(1)
    assert fake.encode([]).shape == (0, 8)
    assert fake.count_tokens(["one, two", ""]) == [3, 0]


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="OKA_EMBEDDER"):
        load_embedder(str(tmp_path / "none"), tmp_path, offline=True)


def test_no_hub_is_asked_again_for_each_file_of_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub tries 23 s a file; where nothing answers, only what was fetched earlier is looked for."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub := refused_url())
    asked = []

    def load(name: str, local_files_only: bool) -> None:
        asked.append((name, local_files_only))
        raise OSError("not here")

    with pytest.raises(ModelError, match=re.escape(f"{hub} can't be reached")):
        loaded(load, "embedder", "no-such/model", "advice", offline=False)
    assert asked == [("no-such/model", True)]


def test_a_hub_that_answers_is_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", site.url)
    assert loaded(lambda name, local_files_only: (name, local_files_only), "", "a/b", "", offline=False) == (
        "a/b",
        False,
    )


def test_tokens_are_counted_whole(tmp_path: Path) -> None:
    assert MiniLM(tmp_path).count_tokens(["word " * 400, "acks_late", ""]) == [400, 4, 0]
    assert MiniLM(tmp_path).count_tokens([]) == []


@pytest.mark.model
def test_minilm_is_close_to_sentence_transformers(minilm: MiniLM) -> None:
    reference = SentenceTransformerEmbedder(str(minilm._source), offline=True)
    ours, theirs = minilm.encode(TEXTS), reference.encode(TEXTS)
    assert ours.shape == (len(TEXTS), 384)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    assert (ours * theirs).sum(axis=1).min() > 0.97
    assert minilm.count_tokens(TEXTS[:3]) == reference.count_tokens(TEXTS[:3])
    assert reference.dimension == 384
    assert len(reference.revision) == 64


@pytest.mark.model
def test_one_reading_gives_the_whole_its_spans_and_its_tokens(minilm: MiniLM) -> None:
    text = "Celery > Brokers\nCelery supports Redis. RabbitMQ is the default broker."
    spans = [(0, 16), (17, 39), (40, len(text)), (5, 5)]
    reference = SentenceTransformerEmbedder(str(minilm._source), offline=True)
    (ours,), (theirs,) = minilm.read([text], [spans]), reference.read([text], [spans])
    np.testing.assert_allclose(ours.whole, minilm.encode([text])[0], atol=1e-5)
    assert ours.offsets.tolist() == theirs.offsets.tolist()
    assert [text[start:end] for start, end in ours.offsets][:4] == ["Ce", "ler", "y", ">"]
    assert (ours.tokens * theirs.tokens).sum(axis=1).mean() > 0.95
    # A span in its context is near to what the same words are alone, and nearer to it than to the other spans.
    likeness = ours.spans[:3] @ theirs.spans[:3].T
    assert likeness.argmax(axis=1).tolist() == [0, 1, 2]
    np.testing.assert_array_equal(ours.spans[3], ours.whole)  # no token of its own


@pytest.mark.model
def test_a_reading_goes_beyond_what_a_question_may_have(minilm: MiniLM) -> None:
    text = "word " * 400 + "the end of it"
    (reading,) = minilm.read([text], [[(len(text) - 3, len(text))]])
    assert len(reading.tokens) == 404
    assert len(next(iter(minilm.read(["word " * 600], [[]]))).tokens) == 510


@pytest.mark.model
def test_a_vector_does_not_depend_on_its_neighbours(minilm: MiniLM) -> None:
    together = minilm.encode(TEXTS)
    assert all(np.array_equal(minilm.encode([text])[0], row) for text, row in zip(TEXTS, together, strict=True))
    assert minilm.encode([]).shape == (0, 384)
    assert minilm.encode([""]).shape == (1, 384)


@pytest.mark.model
def test_no_weight_needs_more_than_seven_bits(minilm: MiniLM) -> None:
    """Two products of 8-bit inputs and 7-bit weights fit 16 bits, so that no processor's sums overflow."""
    import onnx

    minilm.encode(["made"])
    (file,) = minilm._cache.glob("*.onnx")
    arrays = [onnx.numpy_helper.to_array(one) for one in onnx.load(file).graph.initializer]
    weights = [array.astype(int) for array in arrays if array.dtype == np.int8 and array.ndim == 2]
    assert len(weights) == 36  # six layers of six
    assert max(np.abs(array).max() for array in weights) <= 64


@pytest.mark.model
def test_once_made_it_needs_no_torch(minilm: MiniLM) -> None:
    minilm.encode(["made"])
    code = (
        "import sys; from pathlib import Path; from index.embed import load_embedder;"
        f"load_embedder(None, Path({str(minilm._cache)!r})).encode(['a question']);"
        "print([name for name in ('torch', 'transformers', 'sentence_transformers', 'onnx') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.model
def test_a_damaged_model_file_is_named(minilm: MiniLM, tmp_path: Path) -> None:
    minilm.encode(["made"])
    shutil.copytree(minilm._cache, tmp_path / "models")
    file = next((tmp_path / "models").iterdir())
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ModelError, match="delete it"):
        MiniLM(tmp_path / "models").encode(["word"])


def test_other_weights_are_refused(tmp_path: Path) -> None:
    model = MiniLM(tmp_path / "models")
    shutil.copytree(model._source, tmp_path / "source", ignore=shutil.ignore_patterns("*.safetensors"))
    (tmp_path / "source" / "model.safetensors").write_bytes(b"other")
    model._source = tmp_path / "source"
    with pytest.raises(ModelError, match="reinstall"):
        model.encode(["word"])


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="can't be written"):
        MiniLM(tmp_path / "file" / "models").encode(["word"])
