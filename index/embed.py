"""Texts to vectors: what oka needs from an encoder, and the two that it has.

The bundled MiniLM runs without torch (`index/minilm.py`); any other model runs in sentence-transformers. Prompts that
some models want before a question are not added.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from corpus.errors import ModelError

_HUB_ANSWERS_WITHIN = 5.0  # seconds; it takes less than one
Span = tuple[int, int]  # first and last character + 1 of a part of a text


@dataclass(frozen=True)
class Reading:
    """One text as an encoder reads it. All vectors are of unit length."""

    whole: NDArray[np.float32]  # shape (dimension,)
    spans: NDArray[np.float32]  # shape (spans asked for, dimension)
    tokens: NDArray[np.float32]  # shape (tokens, dimension), the last layer's, special tokens left out
    offsets: NDArray[np.int64]  # shape (tokens, 2), where in the text each token stands


class Embedder(Protocol):
    """All that oka needs from an encoder; anything with these members fits, a test's fake included."""

    name: str  # as in the settings; part of the fingerprint
    revision: str  # tells two versions of the model apart: a sha256
    dimension: int

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, special tokens left out."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text, of unit length; shape (len(texts), dimension). No texts give shape (0, dimension)."""
        ...

    def read(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> Iterator[Reading]:
        """Each text whole, its spans, and its tokens, in the texts' order; `spans[i]` are ranges of `texts[i]`.

        A text that is longer than the encoder reads has tokens up to there; a span without any has the whole's vector.
        """
        ...


def load_embedder(name: str | None, cache: Path, *, offline: bool = False) -> Embedder:
    """The bundled MiniLM for None, else the sentence-transformers model of that name or folder.

    `cache` is where the bundled model is kept in the form that runs fast; it is made when first needed. `offline`: a
    model that isn't on this machine is not looked for. Raises ModelError.
    """
    if name is None:
        from index.minilm import MiniLM

        return MiniLM(cache)
    return SentenceTransformerEmbedder(name, offline=offline)


class SentenceTransformerEmbedder:
    """Any model that sentence-transformers can load."""

    def __init__(self, name: str, *, offline: bool = False) -> None:
        from sentence_transformers import SentenceTransformer

        self.name = name
        advice = "set OKA_EMBEDDER to the name or folder of a sentence-transformers model, or unset it."
        self._model: Any = loaded(SentenceTransformer, f"embedder {name}", name, advice, offline=offline)
        self.revision = digest_of_weights(self._model)
        self.dimension = int(self._model.get_embedding_dimension())

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, special tokens left out."""
        if not texts:
            return []
        ids = self._model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(tokens) for tokens in ids["input_ids"]]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text, of unit length."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        rows = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(rows, np.float32)

    def read(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> Iterator[Reading]:
        """Spans are encoded as texts of their own: how a model pools its tokens is the model's affair."""
        for text, parts in zip(texts, spans, strict=True):
            words = [text[start:end] for start, end in parts]
            vectors = self.encode([text, *(word if word.strip() else text for word in words)])
            tokens = self._model.encode(text, output_value="token_embeddings", show_progress_bar=False)
            longest = int(self._model.get_max_seq_length() or 512)
            places = self._model.tokenizer(
                text, truncation=True, max_length=longest, return_offsets_mapping=True, return_special_tokens_mask=True
            )
            own = np.flatnonzero(np.array(places["special_tokens_mask"]) == 0)
            rows = np.asarray(tokens.cpu(), np.float32)[own]
            offsets = np.array(places["offset_mapping"], np.int64).reshape(-1, 2)[own]
            yield Reading(vectors[0], vectors[1:], unit_length(rows), offsets)


def loaded(load: Callable[..., Any], what: str, name: str, advice: str, *, offline: bool) -> Any:
    """A model of sentence-transformers by its name or folder. Raises ModelError, which ends with `advice`.

    Where the hub can't be reached, a model that was fetched earlier is taken, and another is refused within seconds.
    """
    is_folder = os.path.exists(name)
    unreachable = "" if offline or is_folder else _why_no_hub()
    try:
        return load(name, local_files_only=offline or is_folder or bool(unreachable))
    except (OSError, ValueError, ImportError) as error:
        said = " ".join([line for line in str(error).splitlines() if line][:2])  # a status, then what it means
        where = "OKA_OFFLINE is set and it isn't on this machine" if offline else unreachable or said
        raise ModelError(f"The {what} can't be loaded ({where}): {advice}") from error


def _why_no_hub() -> str:
    """Why a model that isn't on this machine can't be fetched; "" where it can be.

    Asked once for all: huggingface_hub would try each of a model's files six times, 23 s a file.
    """
    import httpx
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set and it isn't on this machine"
    try:
        httpx.head(constants.ENDPOINT, timeout=_HUB_ANSWERS_WITHIN)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"it isn't on this machine, and {constants.ENDPOINT} can't be reached: {error}"
    return ""


def unit_length(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row divided by its length; a row of zeros stays one."""
    found: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), np.float32(1e-9))
    return found


def digest_of_weights(model: Any) -> str:
    """sha256 over all weights and the length at which texts are cut; about 0.1 s for 100 MB."""
    whole = hashlib.sha256(str(model.get_max_seq_length()).encode())
    for name, tensor in sorted(model.state_dict().items()):
        whole.update(name.encode())
        whole.update(tensor.detach().cpu().contiguous().flatten().view(dtype=_bytes_type()).numpy())
    return whole.hexdigest()


def _bytes_type() -> Any:
    import torch

    return torch.uint8
