"""A loaded oka: answer and search beside a bare encoding of the question, and beside that and a bare Chroma query."""

from __future__ import annotations

import cProfile
import io
import pstats
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from evals.bench_data import assistant_of, linked, questions_for
from evals.bench_timing import Context, Ratio, figure, median, ms, percentile
from index.store import Index
from index.vectors import node_metadata

LIMIT = 10
_BATCH = 1000


def measure(context: Context) -> dict[str, Any]:
    """Each question in turn to each contestant, its median over the rounds; then p50 and p95 over the questions.

    In every round oka starts with nothing remembered; what is asked twice in a round is counted apart.
    """
    sources = linked(context)
    assistant = assistant_of(sources)
    index = assistant.index
    asked = [q.question for q in questions_for(index.urls, 12 if context.quick else 60)]
    context.say(f"{len(asked)} questions, {context.rounds} rounds, {len(index):,} passages")
    times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder:
        query = chroma_query(index, folder)
        for number in range(context.rounds + 1):  # the first is the warm-up
            assistant = assistant_of(sources)
            assistant.answer("What is a dead letter queue?")

            def contestants(question: str, oka: Any = assistant) -> dict[str, Callable[[], object]]:
                return {
                    "answer": lambda: oka.answer(question),
                    "encode": lambda: index.embedder.encode([question]),
                    "search": lambda: oka.search(question, LIMIT),
                    "encode and query Chroma": lambda: query(index.embedder.encode([question])[0].tolist()),
                    "answer again": lambda: oka.answer(f" {question.rstrip('?')} ?"),
                }

            for question in asked:
                for name, run in contestants(question).items():
                    began = time.perf_counter()
                    run()
                    if number:
                        times[name][question].append(time.perf_counter() - began)
    medians = {name: [median(one) for one in by_question.values()] for name, by_question in times.items()}
    p50 = {name: percentile(values, 0.5) for name, values in medians.items()}
    p95 = {name: percentile(values, 0.95) for name, values in medians.items()}
    values: dict[str, float] = {"questions": len(asked), "passages": len(index)}
    values |= {f"{name} p50 ms": ms(value) for name, value in p50.items()}
    values |= {f"{name} p95 ms": ms(value) for name, value in p95.items()}
    rival = "encode and query Chroma"
    return figure(
        values,
        {
            "answer p50 / encode p50": Ratio(p50["answer"] / p50["encode"], "lower", 4),
            "answer p95 / encode p95": Ratio(p95["answer"] / p95["encode"], "lower", 8),
            "answer again / answer p50": Ratio(p50["answer again"] / p50["answer"], "lower", 0.1),
            "search p50 / encode and Chroma p50": Ratio(p50["search"] / p50[rival], "lower"),
            "search p95 / encode and Chroma p95": Ratio(p95["search"] / p95[rival], "lower"),
        },
    )


def chroma_query(index: Index, folder: str) -> Callable[[list[float]], object]:
    """A function that asks Chroma, embedded, for the ten nearest of all passages by their bodies' vectors."""
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(folder, Settings(anonymized_telemetry=False))
    cosine = {"hnsw": {"space": "cosine"}}
    collection = client.create_collection("bench", embedding_function=None, configuration=cosine)
    for first in range(0, len(index), _BATCH):
        rows = range(first, min(first + _BATCH, len(index)))
        passages = index.passages(rows)
        collection.add(
            ids=[str(row) for row in rows],
            embeddings=index.vectors(rows).tolist(),
            documents=[passage.text for passage in passages],
            metadatas=[node_metadata(passage) for passage in passages],
        )
    return lambda vector: collection.query(query_embeddings=[vector], n_results=LIMIT)


def profile(context: Context) -> str:
    """Where the time of an answer goes: the functions with most time of their own."""
    sources = linked(context)
    assistant_of(sources).answer("What is a dead letter queue?")
    assistant = assistant_of(sources)
    asked = [q.question for q in questions_for(assistant.index.urls, 60)]
    profiler = cProfile.Profile()
    profiler.enable()
    for question in asked:
        assistant.answer(question)
    profiler.disable()
    out = io.StringIO()
    pstats.Stats(profiler, stream=out).strip_dirs().sort_stats("tottime").print_stats(25)
    return out.getvalue()
