"""Search by meaning: the vectors of all passages, kept twice.

`vectors.npy` is the plain matrix, mapped into memory by readers and searched exactly: up to 100,000 rows that takes 1
to 17 ms, and any number of processes may read. Chroma holds the same vectors with the passages as llama-index nodes,
for other programs; oka's own readers never open its files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus.errors import StoreError
from index.nearest import Exact
from index.passages import Passage

VECTORS = "vectors.npy"
COLLECTION = "passages"
LAYERS = ("body", "headings and body")  # what a passage's vectors stand for; part of the index's settings
_BATCH = 1000  # rows that are on their way to Chroma at once; its own limit is above 5,000


class Vectors:
    """The mapped matrix: one row a passage, one layer a kind of vector (body; headings and body)."""

    def __init__(self, file: Path) -> None:
        mapped = np.load(file, mmap_mode="r")
        self._layers: NDArray[np.float32] = np.asarray(mapped)  # shape (layers, rows, dimension)

    def __len__(self) -> int:
        return int(self._layers.shape[1])

    def layers(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """The cosine of every row with the vector, which is of unit length, a layer a row of the result."""
        found: NDArray[np.float32] = self._layers @ vector
        return found

    def nearest(self, vector: NDArray[np.float32]) -> Exact:
        """The cosines with a vector of unit length."""
        return Exact(self.layers(vector))

    def rows(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """The body's vectors of some rows."""
        found: NDArray[np.float32] = self._layers[0][list(rows)]
        return found


class MatrixWriter:
    """A new `.npy` file of the given shape, written in parts.

    Plain writes, not a mapped file: where the disk is full they say so, a mapped file ends the process.
    """

    def __init__(self, file: Path, shape: tuple[int, int, int]) -> None:
        self._shape = shape
        self._stream = file.open("wb")
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._stream, header)
        self._start = self._stream.tell()

    def __enter__(self) -> MatrixWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def write(self, layer: int, first: int, rows: NDArray[np.float32]) -> None:
        """Rows of one layer, from row `first` on."""
        _, height, width = self._shape
        self._stream.seek(self._start + (layer * height + first) * width * 4)
        self._stream.write(np.ascontiguousarray(rows, "<f4").tobytes())


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


@contextmanager
def chroma_store(folder: Path) -> Iterator[Any]:
    """The llama-index vector store over the Chroma files in `folder`, made where there are none; closed at the end."""
    import chromadb
    from chromadb.config import Settings
    from chromadb.errors import ChromaError
    from llama_index.vector_stores.chroma import ChromaVectorStore

    client = None
    try:
        client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
        collection = client.get_or_create_collection(
            COLLECTION, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        yield ChromaVectorStore(chroma_collection=collection)
    except ChromaError as error:
        raise StoreError(f"Chroma can't write to {folder} ({error}): make room, then run `oka build`.") from error
    finally:
        if client:
            client.close()


def fill_chroma(
    folder: Path,
    gone: Sequence[str],
    added: Sequence[int],
    passages_at: Callable[[Sequence[int]], list[Passage]],
    vectors: NDArray[np.float32],
    progress: Callable[[int, int], None],
) -> None:
    """Take the passages `gone` out of the Chroma files in `folder` and put the rows `added` in."""
    with chroma_store(folder) as store:
        for first in range(0, len(gone), _BATCH):
            store.delete_nodes(list(gone[first : first + _BATCH]))
        for first in range(0, len(added), _BATCH):
            rows = added[first : first + _BATCH]
            store.add(text_nodes(passages_at(rows), vectors[list(rows)]))
            progress(first + len(rows), len(added))
