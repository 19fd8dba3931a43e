"""What a Chroma server costs beside exact search on this machine: handing over all passages, answers, memory of a reader.

Server and reader share this machine's cores, so a reader's own machine would do somewhat better.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from assistant.answering import Assistant
from evals.bench_data import assistant_of, data_folder, questions_for
from evals.bench_timing import Context, Ratio, figure, median, ms, percentile
from evals.errors import EvalError

_RUN = "import sys; from chromadb.cli.cli import app; sys.argv[0] = 'chroma'; app()"  # what the script `chroma` runs
_STARTS_S = 30.0


def measure(context: Context) -> dict[str, Any]:
    """Each question in turn to both, medians of the rounds, each with nothing remembered."""
    sources = data_folder(context, context.deep, context.all_pages)
    sources.build()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as url:
        remote = Assistant(sources.settings.model_copy(update={"chroma_url": url})).sources
        began = time.perf_counter()
        remote.build()
        handed = time.perf_counter() - began
        asked = [q.question for q in questions_for(sources.open_or_build().urls, 10 if context.quick else 40)]
        times: dict[str, dict[str, list[float]]] = {"exact": {}, "server": {}}
        for number in range(context.rounds + 1):
            fresh = {"exact": assistant_of(sources), "server": assistant_of(remote)}
            for question in asked:
                for name, assistant in fresh.items():
                    began = time.perf_counter()
                    assistant.answer(question)
                    if number:
                        times[name].setdefault(question, []).append(time.perf_counter() - began)
        same = sum(fresh["exact"].answer(one).text == fresh["server"].answer(one).text for one in asked)
    medians = {name: [median(runs) for runs in one.values()] for name, one in times.items()}
    p50 = {name: percentile(values, 0.5) for name, values in medians.items()}
    values: dict[str, Any] = {"passages": len(sources.open_or_build()), "handed over in s": round(handed, 1)}
    for name, one in medians.items():
        values |= {f"answer, {name}, p50 ms": ms(p50[name]), f"answer, {name}, p95 ms": ms(percentile(one, 0.95))}
    values["same answer"] = f"{same} of {len(asked)}"
    return figure(values, {"answer p50 by the server / exact": Ratio(p50["server"] / p50["exact"], "lower")})


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A Chroma server on loopback; its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", _RUN, "run", "--path", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        limit = time.monotonic() + _STARTS_S
        while not _answers(url):
            if time.monotonic() > limit:
                raise EvalError(
                    f"`chroma run` did not answer within {_STARTS_S:g} s: see what it says when run by hand."
                )
            time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v2/heartbeat", timeout=1, trust_env=False).is_success
    except httpx.TransportError:
        return False
