"""llama-index's five-line starter as a baseline: its splitter, its Chroma store, all defaults, our encoder.

    documents = [Document(text=…) …]
    index = VectorStoreIndex.from_documents(documents)
    print(index.as_query_engine().query(question))

Built once a corpus into the data folder (it embeds every page again). Without a model its answer is the first chunk;
with one (`OKA_LLM_…`) there are also its query engine and its CitationQueryEngine, asked as they come.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from assistant.answers import Answer, Sentence
from assistant.settings import Settings
from evals.metrics.retrieval import Found
from evals.pages import Corpus
from evals.questions import Question
from evals.systems import LIMIT, History, query_vector, quoting
from index.sentences import sentence_ranges

_BATCH = 200  # pages that are embedded between two reports of progress
_VERSION = 2  # raise it when the same corpus gives another index than before


class Starter:
    """Retrieval by the starter; the answer is its first chunk."""

    name = "llama-index starter"
    about = "VectorStoreIndex over whole pages, all defaults, same encoder; the first chunk is the answer"

    def __init__(self, corpus: Corpus, folder: Path, progress: Callable[[int, int], None]) -> None:
        self.corpus = corpus
        self.index = _open_or_build(corpus, folder / f"starter-{_VERSION}-{corpus.texts_digest[:16]}", progress)
        self._retriever = self.index.as_retriever(similarity_top_k=LIMIT)
        self._places = lru_cache(maxsize=4096)(self._retrieve)

    def search(self, question: Question, history: History) -> list[Found]:
        """The nearest chunks. Knows no history."""
        return [place for place, _ in self._places(question.question)]

    def answer(self, question: Question, history: History) -> Answer:
        """The first chunk, whole; its score is the confidence."""
        first = self._places(question.question)[:1]
        return quoting(question.question, [place for place, _ in first], self.corpus, first[0][1] if first else 0.0)

    def _retrieve(self, text: str) -> list[tuple[Found, float]]:
        return [(self.place(hit.node), float(hit.score or 0.0)) for hit in self._retriever.retrieve(text)]

    def place(self, node: Any) -> Found:
        """A chunk as a place: every section that it overlaps, the one that it starts in first."""
        url = node.metadata["file_path"]
        start, end = node.start_char_idx or 0, node.end_char_idx or 0
        anchors = [passage.anchor for passage in self._passages(url) if passage.start < end and start < passage.end]
        return Found(url, tuple(dict.fromkeys(anchors)), node.get_content(metadata_mode="none"))

    @lru_cache(maxsize=4096)  # noqa: B019  # one starter lives as long as the run
    def _passages(self, url: str) -> list[Any]:
        return self.corpus.passages_of(url)


class StarterWithModel:
    """The starter's query engine, or its CitationQueryEngine, with the user's model."""

    def __init__(self, starter: Starter, settings: Settings, kind: Literal["query engine", "citations"]) -> None:
        from llama_index.core.query_engine import CitationQueryEngine
        from llama_index.llms.openai_like import OpenAILike

        self.name = f"starter, {kind}"
        self.about = f"the starter's {'CitationQueryEngine' if kind == 'citations' else 'query engine'} with {settings.llm_model}"
        self._starter = starter
        key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else "none"
        options = {"model": settings.llm_model, "api_base": settings.llm_base_url, "api_key": key}
        llm = OpenAILike(is_chat_model=True, temperature=0.0, timeout=settings.llm_timeout, max_retries=0, **options)
        index = starter.index
        self._engine = (
            CitationQueryEngine.from_args(index, llm=llm) if kind == "citations" else index.as_query_engine(llm=llm)
        )

    def search(self, question: Question, history: History) -> list[Found]:
        """The starter's list."""
        return self._starter.search(question, history)

    def answer(self, question: Question, history: History) -> Answer:
        """What the model wrote; a sentence cites the sources that it names, or all of them where it names none."""
        response = self._engine.query(question.question)
        reply = quoting(
            question.question, [self._starter.place(hit.node) for hit in response.source_nodes], self._starter.corpus
        )
        text = str(response.response or "")
        everything = tuple(citation.number for citation in reply.citations)
        sentences = []
        for start, end in sentence_ranges(text, 0, len(text)):
            named = tuple(int(n) for n in re.findall(r"\[(\d+)\]", text[start:end]) if int(n) in everything)
            sentences.append(Sentence(re.sub(r"\s?\[\d+\]", "", text[start:end]), named or everything))
        return replace(
            reply, text=text, sentences=tuple(sentences), abstained=not text.strip() or text == "Empty Response"
        )


def _open_or_build(corpus: Corpus, folder: Path, progress: Callable[[int, int], None]) -> Any:
    """The cached index of this corpus; it counts as built once it has its marker."""
    marker = folder / "built"
    if marker.exists():
        return _vector_index(corpus, folder)
    for older in folder.parent.glob("starter-*"):
        shutil.rmtree(older)
    index = _vector_index(corpus, folder)
    _fill(index, corpus, progress)
    marker.touch()
    return index


def _fill(index: Any, corpus: Corpus, progress: Callable[[int, int], None]) -> None:
    from llama_index.core import Document
    from llama_index.core.node_parser import SentenceSplitter

    splitter = SentenceSplitter(id_func=lambda number, document: f"{document.node_id}#{number}")
    urls = sorted(corpus.urls)
    for first in range(0, len(urls), _BATCH):
        # SimpleDirectoryReader gives every document its path, which the splitter leaves in what is embedded.
        batch = [
            Document(text=corpus.page_text(url) or "", id_=url, metadata={"file_path": url})
            for url in urls[first : first + _BATCH]
        ]
        index.insert_nodes(splitter.get_nodes_from_documents(batch))
        progress(min(first + _BATCH, len(urls)), len(urls))


def _vector_index(corpus: Corpus, folder: Path) -> Any:
    import chromadb
    from chromadb.config import Settings as ChromaSettings
    from llama_index.core import VectorStoreIndex
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.vector_stores.chroma import ChromaVectorStore

    class Encoder(BaseEmbedding):  # type: ignore[misc]  # llama-index is untyped here
        """Our encoder under llama-index's interface."""

        def _get_query_embedding(self, query: str) -> list[float]:
            vector: list[float] = query_vector(corpus.index, query).tolist()
            return vector

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            vectors: list[list[float]] = corpus.index.embedder.encode(texts).tolist()
            return vectors

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

    client = chromadb.PersistentClient(str(folder), ChromaSettings(anonymized_telemetry=False))
    # Its search is approximate and, at the default breadth, one question in 600 had another first chunk in a second run.
    hnsw = {"hnsw": {"num_threads": 1, "ef_search": 2000}}
    collection = client.get_or_create_collection("starter", embedding_function=None, configuration=hnsw)
    encoder = Encoder(model_name=corpus.index.embedder.name, embed_batch_size=256)
    return VectorStoreIndex.from_vector_store(ChromaVectorStore(chroma_collection=collection), embed_model=encoder)
