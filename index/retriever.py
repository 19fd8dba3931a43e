"""oka's search as a llama-index retriever, for the pipelines of others."""

from __future__ import annotations

from typing import Any

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from index.store import Index
from index.vectors import node_metadata


class HybridRetriever(BaseRetriever):  # type: ignore[misc]  # llama-index is untyped here
    """Searches an open index by words and meaning. Each node's metadata has `url`, `anchor`, `title`, `headings`."""

    def __init__(self, index: Index, limit: int = 10, **more: Any) -> None:
        self._index = index
        self._limit = limit
        super().__init__(**more)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [
            NodeWithScore(
                node=TextNode(
                    id_=hit.passage.id,
                    text=hit.passage.text,
                    start_char_idx=hit.passage.start,
                    end_char_idx=hit.passage.end,
                    metadata=node_metadata(hit.passage),
                ),
                score=hit.score,
            )
            for hit in self._index.search(query_bundle.query_str, self._limit)
        ]
