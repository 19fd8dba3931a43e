"""A search of all pages, as a user of `oka search` waits for it: beside an encoding of the question and a Chroma query."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evals.bench_answers import LIMIT
from evals.bench_data import assistant_of, data_folder, questions_for
from evals.bench_timing import Context, Ratio, figure, median, ms, percentile
from index.manifest import current_build
from index.vectors import chroma_collection

P50_MS, P95_MS = 25, 60


def measure(context: Context) -> dict[str, Any]:
    """Each question in turn to each contestant, its median over the rounds; Chroma is asked in the build's own files."""
    sources = data_folder(context, context.deep, context.all_pages)
    sources.build()
    assistant = assistant_of(sources)
    asked = [q.question for q in questions_for(assistant.index.urls, 12 if context.quick else 60)]
    context.say(f"{len(asked)} questions, {context.rounds} rounds, {len(assistant.index):,} passages")
    times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "chroma"
        shutil.copytree(current_build(sources.settings.index)[0] / "chroma", copy)
        with chroma_collection(copy) as collection:

            def rival(question: str) -> object:
                vector = sources.embedder.encode([question])[0]
                return collection.query(query_embeddings=[vector], n_results=LIMIT)

            contestants: dict[str, Callable[[str], object]] = {
                "search": lambda question: assistant.search(question, LIMIT),
                "encode": lambda question: sources.embedder.encode([question]),
                "encode and query Chroma": rival,
            }
            for number in range(context.rounds + 1):  # the first is the warm-up
                for question in asked:
                    for name, run in contestants.items():
                        began = time.perf_counter()
                        run(question)
                        if number:
                            times[name][question].append(time.perf_counter() - began)
    medians = {name: [median(one) for one in by_question.values()] for name, by_question in times.items()}
    p50 = {name: percentile(values, 0.5) for name, values in medians.items()}
    p95 = {name: percentile(values, 0.95) for name, values in medians.items()}
    values: dict[str, float] = {"questions": len(asked), "passages": len(assistant.index)}
    values |= {f"{name} p50 ms": ms(value) for name, value in p50.items()}
    values |= {f"{name} p95 ms": ms(value) for name, value in p95.items()}
    return figure(
        values,
        {
            f"search p50 / {P50_MS} ms": Ratio(p50["search"] * 1000 / P50_MS, "lower", 1),
            f"search p95 / {P95_MS} ms": Ratio(p95["search"] * 1000 / P95_MS, "lower", 1),
            "search p50 / encode and Chroma p50": Ratio(p50["search"] / p50["encode and query Chroma"], "lower", 3),
        },
    )
