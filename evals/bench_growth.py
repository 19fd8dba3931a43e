"""From a thousand passages to half a million, the questions staying the same: speed, memory, disk, what is still found.

The small sizes are real pages. Beyond those that there are, pages are made up by lot (the same each time): sentences of
the real pages' words, a vector between those of two real passages, the parts of a real one. So they resemble what is
asked for without answering it. Their encoding is left out, all else is stored as a build stores it.
`python -m evals.bench_growth FOLDER ROUNDS` asks one such index.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.answering import Assistant
from corpus.pages import Page
from evals.bench_answers import LIMIT, chroma_query
from evals.bench_data import SEED, assistant_of, data_folder, questions_for, settings_for
from evals.bench_timing import Context, Ratio, figure, median, ms, percentile, run_process
from evals.metrics.retrieval import score_ranking
from evals.systems import found_from
from index import lexical
from index.build import index_settings
from index.chunk import body
from index.manifest import Finished, Manifest, current_build, publish
from index.nearest import BODY
from index.parts import PartsWriter
from index.passages import Passage, Unit
from index.store import Index, open_index
from index.texts import TextsWriter
from index.vectors import MatrixWriter

SIZES = (1_000, 10_000, 100_000, 500_000)
_PAGE = 50  # made-up passages of a page
_QUESTIONS = 40
_HNSW_UP_TO = 100_000  # beyond, filling Chroma takes longer than everything else together
_WORDS = 14  # of a made-up sentence


def measure(context: Context) -> dict[str, Any]:
    """Every size in turn; exact search beside Chroma's HNSW for the same vectors."""
    sources = data_folder(context, context.deep, context.all_pages)
    sources.build()
    real = open_index(sources.settings.index, sources.embedder)
    matrix = np.load(current_build(sources.settings.index)[0] / "vectors.npy", mmap_mode="r")
    sizes = (500, 2_000) if context.quick else SIZES
    values: dict[str, Any] = {}
    speeds: dict[int, tuple[float, float]] = {}  # exact search and HNSW, seconds
    for size in sizes:
        folder = context.folder / "growth"
        shutil.rmtree(folder, ignore_errors=True)
        data_folder(context, folder, ())
        began = time.perf_counter()
        store(real, matrix, size, folder / "index")
        took = time.perf_counter() - began
        run = run_process([sys.executable, "-m", __name__, str(folder), str(context.rounds)], context.threads)
        found = json.loads(run.output.splitlines()[-1])
        disk = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        found |= {"stored in s": round(took, 1), "disk MB": round(disk / 2**20), "peak MB": round(run.peak_mb)}
        if size <= _HNSW_UP_TO:
            index = open_index(folder / "index", sources.embedder)
            speeds[size] = exact_and_hnsw(index, context, found)
            index.close()
        values[f"{size:,}"] = found
        context.say(f"{size:,}: {found}")
        shutil.rmtree(folder)
    small, large = sizes[0], sizes[2] if len(sizes) > 2 else sizes[-1]
    first, then = values[f"{small:,}"], values[f"{large:,}"]
    values["HNSW is faster than exact search from"] = switch(speeds)
    least = (first["recall@5"] - 0.05) / first["recall@5"]
    return figure(
        values,
        {
            f"answer p50 at {large:,} / at {small:,}": Ratio(
                then["answer p50 ms"] / first["answer p50 ms"], "lower", 4
            ),
            f"recall@5 at {large:,} / at {small:,}": Ratio(
                then["recall@5"] / first["recall@5"], "higher", round(least, 4)
            ),
        },
        [
            "Stored in s: texts, words, vectors and parts, without encoding. Exact search is of both of a passage's vectors, "
            "as oka does it; HNSW of one of them, by Chroma in the same process."
        ],
    )


def exact_and_hnsw(index: Index, context: Context, found: dict[str, Any]) -> tuple[float, float]:
    """Seconds of a search of all passages each way, medians; fills in `found`, also how much HNSW finds of the ten best."""
    vectors = index.embedder.encode([q.question for q in questions_for(index.urls, 20)])
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        query = chroma_query(index, folder)
        found["HNSW built in s"] = round(time.perf_counter() - began, 1)
        exact, hnsw, shares = [], [], []
        for number in range(context.rounds + 1):
            for vector in vectors:
                began = time.perf_counter()
                index.nearest(vector[None])[0].best(LIMIT)
                middle = time.perf_counter()
                got: Any = query(vector.tolist())
                if number:
                    exact.append(middle - began)
                    hnsw.append(time.perf_counter() - middle)
                else:
                    best = set(index.nearest(vector[None])[0].best(LIMIT, layer=BODY).tolist())
                    shares.append(len(best & {int(id_) for id_ in got["ids"][0]}) / LIMIT)
    found["exact search ms"], found["HNSW ms"] = ms(median(exact)), ms(median(hnsw))
    found["HNSW finds of the ten nearest"] = round(sum(shares) / len(shares), 3)
    return median(exact), median(hnsw)


def switch(speeds: dict[int, tuple[float, float]]) -> str:
    """The number of passages from which HNSW is the faster, between two sizes by interpolation of the logarithms."""
    sizes = sorted(speeds)
    if speeds[sizes[0]][0] > speeds[sizes[0]][1]:
        return f"below {sizes[0]:,}"
    for low, high in pairwise(sizes):
        before, after = (float(np.log(exact / hnsw)) for exact, hnsw in (speeds[low], speeds[high]))
        if after > 0:
            return f"{int(low * (high / low) ** (-before / (after - before))):,}"
    return f"beyond {sizes[-1]:,}"


def store(real: Index, matrix: NDArray[np.float32], size: int, folder: Path) -> None:
    """An index of so many passages, by the writers that a build uses; `matrix` has the real ones' vectors."""
    build = folder / "build-growth"
    build.mkdir(parents=True)
    rng = np.random.default_rng(SEED)
    near = [row for url in real.texts.urls("document", "linked") for row in real.texts.rows_of(url)]
    far = [row for url in real.texts.urls("deep") for row in real.texts.rows_of(url)]
    keep = sorted([*near, *rng.permutation(far)[: max(0, size - len(near))].tolist()])
    templates = rng.choice(far or near, max(0, size - len(keep)))
    words = lexical.LexicalWriter()
    with (
        closing(TextsWriter(build / "texts.sqlite")) as texts,
        MatrixWriter(build / "vectors.npy", len(matrix), real.embedder.dimension) as written,
        PartsWriter(build / "parts") as parts,
    ):
        url = ""
        for first in range(0, len(keep), 1000):
            rows = keep[first : first + 1000]
            for row, passage in zip(rows, real.passages(rows), strict=True):
                if passage.url != url:
                    url = passage.url
                    texts.add_page(_page_of(real, url))
                texts.add_passage(passage, row.to_bytes(16, "big"))
                words.add(lexical.heading_words(passage), body(passage))
                parts.add(real.parts.inside(row))
            written.write(matrix[:, rows])
        for first in range(0, len(templates), 1000):
            chosen = templates[first : first + 1000]
            for number, (row, passage) in enumerate(zip(chosen, _made_up(real, chosen, first, rng), strict=True)):
                if (first + number) % _PAGE == 0:
                    texts.add_page(_made_up_page(passage))
                texts.add_passage(passage, (first + number).to_bytes(16, "big"))
                words.add(lexical.heading_words(passage), passage.text)
                parts.add(real.parts.inside(int(row)))
            written.write(_between(matrix, chosen, rng))
    words.save(build / "lexical")
    settings = index_settings(real.embedder)
    made = real.manifest
    with Finished(build) as finished:
        manifest = Manifest(made.built_at, "", f"{size}", settings, made.pages, texts.rows, finished.records())
    publish(folder, build, manifest)


def _between(matrix: NDArray[np.float32], rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
    """Vectors between those of these rows and of others, with some noise."""
    others = rng.permutation(rows)
    mixed = np.float32(0.7) * matrix[:, rows] + np.float32(0.3) * matrix[:, others]
    mixed += rng.standard_normal(mixed.shape, dtype=np.float32) * np.float32(0.01)
    found: NDArray[np.float32] = mixed / np.linalg.norm(mixed, axis=2, keepdims=True)
    return found


def _made_up(index: Index, rows: NDArray[np.int64], first: int, rng: np.random.Generator) -> Iterator[Passage]:
    """A passage for each row: as many sentences as it has units, of words drawn from all these rows' texts."""
    passages = index.passages(rows.tolist())
    pool = " ".join(passage.text for passage in passages).split()
    for number, passage in enumerate(passages, first):
        units: list[Unit] = []
        pieces: list[str] = []
        at = 0
        drawn = rng.integers(0, len(pool), len(passage.units) * _WORDS)
        for block in range(len(passage.units)):
            sentence = " ".join(pool[word] for word in drawn[block * _WORDS : (block + 1) * _WORDS]) + "."
            units.append(Unit("sentence", at, at + len(sentence), block))
            pieces.append(sentence)
            at += len(sentence) + 1
        page = number // _PAGE
        text = " ".join(pieces)
        headings = (f"{passage.headings[0] if passage.headings else 'Page'} {page}", pool[int(drawn[0])])
        yield Passage(
            *(f"made-up-{number}", f"https://made-up.example/{page}", f"part-{number}", headings[0], headings),
            *(0, len(text), text),
            units=tuple(units),
            source="deep",
        )


def _made_up_page(passage: Passage) -> Page:
    return Page(passage.url, passage.title, passage.text, (), "deep", passage.id)


def _page_of(index: Index, url: str) -> Page:
    stored = index.page(url)
    lists = (stored.resources, stored.aliases, stored.flags)
    return Page(url, stored.title, stored.text, (), stored.source, stored.digest, stored.fetched_at, *lists)


def ask(folder: Path, rounds: int) -> dict[str, Any]:
    """Answer times over the questions (medians of the rounds), and recall@5."""
    sources = Assistant(settings_for(folder)).sources
    assistant = assistant_of(sources)
    questions = questions_for(assistant.index.urls, _QUESTIONS)
    times: dict[str, list[float]] = {question.id: [] for question in questions}
    for number in range(rounds + 1):
        assistant = assistant_of(sources)
        assistant.answer("What is a dead letter queue?")
        for question in questions:
            began = time.perf_counter()
            assistant.answer(question.question)
            if number:
                times[question.id].append(time.perf_counter() - began)
    medians = [median(one) for one in times.values()]
    recalls = []
    for question in questions:
        ranking = [found_from(hit.passage) for hit in assistant.search(question.question, 20)]
        scores = score_ranking(question, ranking, assistant.index.embedder.count_tokens)
        recalls += [scores["recall@5"]] if "recall@5" in scores else []
    return {
        "answer p50 ms": ms(percentile(medians, 0.5)),
        "answer p95 ms": ms(percentile(medians, 0.95)),
        "recall@5": round(sum(recalls) / len(recalls), 4),
    }


if __name__ == "__main__":
    print(json.dumps(ask(Path(sys.argv[1]), int(sys.argv[2]))))
