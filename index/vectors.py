"""Search by meaning: the vectors of all passages, kept twice.

`vectors.npy` is the plain matrix, mapped into memory by readers and searched exactly: up to 100,000 rows that takes 1
to 17 ms, and any number of processes may read. Chroma holds the same vectors with the passages as llama-index nodes,
for other programs; oka's own readers never open its files.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus.errors import StoreError
from index.nearest import Exact
from index.passages import Passage
from index.products import products

VECTORS = "vectors.npy"
COLLECTION = "passages"
LAYERS = ("body", "headings and body")  # what a passage's vectors stand for; part of the index's settings
_COPIED = 1 << 20  # bytes at once, from file to file
_BATCH = 1000  # rows that are on their way to Chroma at once; its own limit is above 5,000


class Vectors:
    """The mapped matrix: one row a passage, one layer a kind of vector (body; headings and body)."""

    def __init__(self, file: Path) -> None:
        mapped = np.load(file, mmap_mode="r")
        self._layers: NDArray[np.float32] = np.asarray(mapped)  # shape (layers, rows, dimension)

    def __len__(self) -> int:
        return int(self._layers.shape[1])

    def nearest(self, vectors: NDArray[np.float32]) -> list[Exact]:
        """See `Searched`. Reading the rows from memory is what takes the time: three vectors cost little more than one."""
        layers, rows, dimension = self._layers.shape
        cosines = products(self._layers.reshape(layers * rows, dimension), vectors)
        return [Exact(np.ascontiguousarray(column).reshape(layers, rows)) for column in cosines.T]

    def rows(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """The body's vectors of some rows."""
        found: NDArray[np.float32] = self._layers[0][list(rows)]
        return found


class MatrixWriter:
    """A new `.npy` file of shape (layers, rows, dimension), written by rows.

    Plain writes, not a mapped file: where the disk is full they say so, a mapped file ends the process. How many rows
    there will be isn't known, so each layer is a file of its own until the end.
    """

    def __init__(self, file: Path, layers: int, dimension: int) -> None:
        self._file = file
        self._dimension = dimension
        self._rows = 0
        self._layers = [file.with_suffix(f".{layer}") for layer in range(layers)]
        self._streams = [layer.open("wb") for layer in self._layers]

    def __enter__(self) -> MatrixWriter:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        for stream in self._streams:
            stream.close()
        if kind is None:
            self._join()

    def write(self, rows: NDArray[np.float32]) -> None:
        """The next rows; shape (layers, rows, dimension)."""
        for stream, layer in zip(self._streams, rows, strict=True):
            stream.write(np.ascontiguousarray(layer, "<f4").tobytes())
        self._rows += rows.shape[1]

    def _join(self) -> None:
        shape = (len(self._layers), self._rows, self._dimension)
        with self._file.open("wb") as whole:
            np.lib.format.write_array_header_1_0(whole, {"descr": "<f4", "fortran_order": False, "shape": shape})
            for layer in self._layers:
                with layer.open("rb") as stream:
                    shutil.copyfileobj(stream, whole, _COPIED)
                layer.unlink()


def text_nodes(passages: Sequence[Passage], vectors: NDArray[np.float32]) -> list[Any]:
    """llama-index nodes with the passages' words, places and vectors."""
    from llama_index.core.schema import TextNode

    return [
        TextNode(
            id_=passage.id,
            text=passage.text,
            embedding=vector.tolist(),
            start_char_idx=passage.start,
            end_char_idx=passage.end,
            metadata=node_metadata(passage),
        )
        for passage, vector in zip(passages, vectors, strict=True)
    ]


def node_metadata(passage: Passage) -> dict[str, str | int]:
    """Where a passage stands, flat, as Chroma and llama-index keep it."""
    return {
        "url": passage.url,
        "anchor": passage.anchor or "",
        "title": passage.title,
        "headings": " > ".join(passage.headings),
        "source": passage.source,
        "start": passage.start,
        "end": passage.end,
    }


def _metadata_like(known: dict[str, Any], passage: Passage) -> dict[str, Any]:
    """What llama-index would keep of a passage, by what it keeps of another one: to import it takes longer than to build.

    Of a node's own fields only id, metadata and offsets differ between passages, see `text_nodes`.
    """
    own = node_metadata(passage)
    node = json.loads(known["_node_content"])
    node |= {"id_": passage.id, "metadata": own, "start_char_idx": passage.start, "end_char_idx": passage.end}
    return {**known, **own, "_node_content": json.dumps(node)}


@contextmanager
def chroma_collection(folder: Path) -> Iterator[Any]:
    """The collection of passages in the Chroma files in `folder`, made where there is none; closed at the end."""
    import chromadb
    from chromadb.config import Settings
    from chromadb.errors import ChromaError

    client = None
    try:
        client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
        yield client.get_or_create_collection(
            COLLECTION, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
    except ChromaError as error:
        raise StoreError(f"Chroma can't write to {folder} ({error}): make room, then run `oka build`.") from error
    finally:
        if client:
            client.close()


PassagesAt = Callable[[Sequence[int]], list[Passage]]
Progress = Callable[[int, int], None]


def fill_chroma(folder: Path, passages_at: PassagesAt, vectors: NDArray[np.float32], progress: Progress) -> None:
    """Put all passages into new Chroma files in `folder`, as a llama-index vector store."""
    from llama_index.vector_stores.chroma import ChromaVectorStore

    with chroma_collection(folder) as collection:
        store = ChromaVectorStore(chroma_collection=collection)
        for first in range(0, len(vectors), _BATCH):
            rows = range(first, min(first + _BATCH, len(vectors)))
            store.add(text_nodes(passages_at(rows), vectors[first : rows.stop]))
            progress(rows.stop, len(vectors))


def update_collection(
    collection: Any,
    like: dict[str, Any],
    passages_at: PassagesAt,
    vectors: NDArray[np.float32],
    gone: Sequence[str],
    added: Sequence[int],
) -> None:
    """Take the passages `gone` out of the collection, put the rows `added` in; `like` is what it keeps of a passage."""
    for first in range(0, len(gone), _BATCH):
        collection.delete(ids=list(gone[first : first + _BATCH]))
    for first in range(0, len(added), _BATCH):
        rows = added[first : first + _BATCH]
        passages = passages_at(rows)
        collection.add(
            ids=[passage.id for passage in passages],
            embeddings=vectors[list(rows)],
            documents=[passage.text for passage in passages],
            metadatas=[_metadata_like(like, passage) for passage in passages],
        )
