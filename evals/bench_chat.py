"""How the web chat does: `python -m evals.bench_chat` (start, paint, one user, twenty users; JSON on standard output).

Everything is measured from outside, on loopback, against `oka serve` in a process of its own with the index that is there.
A client speaks to the page's own event, as a browser tab does: it sends its whole conversation along, reads the stream, asks
for follow-ups after each answer. Twenty clients that never pause keep twenty questions under way; on n cores those can't
be answered in less than 20 / n times what one takes (Little's law), which is the floor reported beside that figure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

from assistant.answering import Assistant
from assistant.settings import Settings, load_settings
from evals.errors import EvalError
from evals.questions import FILE, read_questions

CLIENTS, EACH = 20, 10
READING_S = 3.0
"""What a client takes to read an answer before its next question, where it pauses; people take longer."""
BOUNDS = {"start_s": 6.0, "paint_s": 1.5, "p95_over_p50": 6.0, "first_words_ms": 300.0, "memory_growth": 1.1}
CHROMIUM = os.environ.get("OKA_TEST_CHROMIUM", "/usr/bin/chromium")
_CALL = "/gradio_api/call/ask"
_WAIT_S = 60.0


def measure(settings: Settings, *, starts: int = 3, paints: int = 5) -> dict[str, Any]:
    """All figures, and the bounds that they are to keep; needs a built index. Takes some three minutes.

    `reading`: each client pauses `READING_S` on average before each question; `without_pause`: none does. No question is
    asked twice. Raises EvalError where an answer is missing or is not the one that its asker gets alone.
    """
    questions = iter(dict.fromkeys(q.question for q in read_questions(FILE) if q.turn == 1))
    found: dict[str, Any] = {"cores": os.cpu_count(), "bounds": BOUNDS}
    found["start_s"] = [round(_start(settings), 2) for _ in range(starts)]
    found["start_median_s"] = statistics.median(found["start_s"])
    with serving(settings) as (url, pid):
        found["paint"] = _paint(url, paints)

        def ask(clients: int, each: int, pause: float = 0.0) -> dict[str, Any]:
            tabs = asyncio.run(_many(url, [list(islice(questions, each)) for _ in range(clients)], pause))
            _check(settings, tabs)
            return _summary(tabs)

        ask(CLIENTS, EACH)  # fills what is kept for later questions; from here on memory is to stay as it is
        before = memory_mb(pid)
        found["one"] = one = ask(1, 2 * CLIENTS)
        for name, pause in (("reading", READING_S), ("without_pause", 0.0)):
            found[name] = ask(CLIENTS, EACH, pause)
            found[name]["p95_over_p50"] = round(found[name]["p95_ms"] / one["p50_ms"], 1)
        found["without_pause"]["floor"] = round(CLIENTS / (os.cpu_count() or 1), 1)
        after = memory_mb(pid)
    found["memory_mb"] = {"before": before, "after": after, "growth": round(after / before, 3)}
    return found


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[str, int]]:
    """A fresh `oka serve`: its address, answering or not yet, and its process id."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "assistant.cli", "--data-dir", str(settings.data_dir), "--offline"]
    command += ["--documents", str(settings.documents), "serve", "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)


def memory_mb(pid: int) -> float:
    """What a process holds in memory now."""
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return round(int(shown.stdout) / 2**10, 1)


def _start(settings: Settings) -> float:
    """Seconds from the command to the first answer in the client's hands."""
    began = time.monotonic()
    with serving(settings) as (url, _), httpx.Client(base_url=url, timeout=_WAIT_S) as client:
        _await(client)
        event = client.post(_CALL, json={"data": ["Which message brokers does Celery support?", None, None]}).json()
        stream = client.get(f"{_CALL}/{event['event_id']}").text
        took = time.monotonic() - began
    if "event: complete" not in stream:
        raise EvalError(f"The first question had no answer but: {stream[:200]}")
    return took


def _await(client: httpx.Client) -> None:
    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            client.get("/healthz").raise_for_status()
            return
        except httpx.TransportError as error:
            if time.monotonic() > deadline:
                raise EvalError(f"`oka serve` didn't come up within {_WAIT_S:.0f} s; run it to see why.") from error
            time.sleep(0.02)


class Tab:
    """One client with its conversation, and how long each of its answers took."""

    def __init__(self, client: httpx.AsyncClient, events: dict[str, dict[str, Any]]) -> None:
        self._client, self._events = client, events
        self._session = secrets.token_hex(6)
        self._inbox: defaultdict[str, asyncio.Queue[dict[str, Any]]] = defaultdict(asyncio.Queue)
        self._waiting = 0
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.kept = ""
        self.asked: list[str] = []
        self.first_ms: list[float] = []
        self.whole_ms: list[float] = []

    async def open(self) -> None:
        """What the page asks for when it is opened; from then on the server knows the tab."""
        await self._run("load", [], lambda message: None)

    async def ask(self, question: str) -> None:
        """Asks, waits for the whole answer, then has the follow-ups made, as the page does."""
        began = time.perf_counter()
        times: list[float] = []
        last = await self._run(
            "reply", [question, self.kept, ""], lambda _: times.append((time.perf_counter() - began) * 1000)
        )
        self.kept = last["output"]["data"][1]
        self.asked.append(question)
        self.first_ms.append(times[0])
        self.whole_ms.append(times[-1])
        if "after" not in self._tasks or self._tasks["after"].done():
            self._tasks["after"] = asyncio.create_task(self._after())

    async def close(self) -> None:
        """Waits for what is still under way."""
        await asyncio.gather(*self._tasks.values())

    async def _after(self) -> None:
        await self._run("after", [self.kept, None], lambda message: None)

    async def _run(self, name: str, data: list[Any], seen: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Sends an event, has `seen` see each state of its outputs; gives the last."""
        event = self._events[name]
        self._waiting += 1
        body = {"data": data, "event_data": None, "fn_index": event["id"], "trigger_id": event["targets"][0][0]}
        joined = await self._client.post("/gradio_api/queue/join", json={**body, "session_hash": self._session})
        joined.raise_for_status()
        if "stream" not in self._tasks or self._tasks["stream"].done():
            self._tasks["stream"] = asyncio.create_task(self._read())
        inbox = self._inbox[joined.json()["event_id"]]
        while True:
            message = await inbox.get()
            if message["msg"] in ("process_generating", "process_completed"):
                seen(message)
            if message["msg"] == "process_completed":
                self._waiting -= 1
                if not message["success"]:
                    raise EvalError(f"{name} failed on the server: {message['output']}")
                return message

    async def _read(self) -> None:
        """The tab's stream, opened anew where an event came in just when the server closed it."""
        while self._waiting:
            query = {"session_hash": self._session}
            async with self._client.stream("GET", "/gradio_api/queue/data", params=query) as stream:
                async for line in stream.aiter_lines():
                    if not line:
                        continue
                    message = json.loads(line.removeprefix("data: "))
                    if message["msg"] == "close_stream":
                        break
                    self._inbox[message.get("event_id") or ""].put_nowait(message)
            await asyncio.sleep(0)  # whoever waited for the last message counts himself out


async def _many(url: str, shares: Sequence[Sequence[str]], pause: float = 0.0) -> list[Tab]:
    """One client for each share of the questions: all at once, or each with a pause before each question."""
    async with httpx.AsyncClient(base_url=url, timeout=_WAIT_S, limits=httpx.Limits()) as client:
        events = {event["api_name"]: event for event in (await client.get("/config")).json()["dependencies"]}
        events["load"] = next(
            event for event in events.values() if event["targets"] and event["targets"][0][1] == "load"
        )
        tabs = [Tab(client, events) for _ in shares]
        await asyncio.gather(*(tab.open() for tab in tabs))

        async def converse(tab: Tab, questions: Sequence[str], chance: random.Random) -> None:
            for question in questions:
                await asyncio.sleep(pause * 2 * chance.random())
                await tab.ask(question)
            await tab.close()

        await asyncio.gather(
            *(converse(tab, share, random.Random(n)) for n, (tab, share) in enumerate(zip(tabs, shares, strict=True)))
        )
    return tabs


def _check(settings: Settings, tabs: Sequence[Tab]) -> None:
    """Every conversation holds its own questions, each with the answer that it gets when nobody else asks."""
    assistant = Assistant(settings)
    for tab in tabs:
        turns = json.loads(tab.kept)["turns"]
        if [turn["question"] for turn in turns] != tab.asked:
            raise EvalError(f"A client that asked {tab.asked} has the conversation {[t['question'] for t in turns]}.")
        history: list[dict[str, str]] = []
        for turn in turns:
            alone = assistant.answer(turn["question"], history=history)
            if turn["answer"]["text"] != alone.text:
                raise EvalError(f"“{turn['question']}” was answered among others with: {turn['answer']['text'][:200]}")
            history += [
                {"role": "user", "content": turn["question"]}, {"role": "assistant", "content": alone.text},
            ]  # fmt: skip


def _summary(tabs: Sequence[Tab]) -> dict[str, Any]:
    whole = sorted(ms for tab in tabs for ms in tab.whole_ms)
    first = sorted(ms for tab in tabs for ms in tab.first_ms)
    return {
        "clients": len(tabs),
        "answers": len(whole),
        "p50_ms": round(statistics.median(whole), 1),
        "p95_ms": round(_quantile(whole, 0.95), 1),
        "first_words_p50_ms": round(statistics.median(first), 1),
        "first_words_p95_ms": round(_quantile(first, 0.95), 1),
    }


def _quantile(values: Sequence[float], share: float) -> float:
    """Nearest rank, of sorted values."""
    return values[min(len(values) - 1, int(share * len(values)))]


def _paint(url: str, times: int) -> dict[str, Any]:
    """Seconds until the input box can be typed into, nothing cached, and what came over the wire by then."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return {"skipped": "playwright isn't installed"}
    if not Path(CHROMIUM).exists():
        return {"skipped": f"no browser at {CHROMIUM}; install Debian's chromium"}
    with httpx.Client(base_url=url, timeout=_WAIT_S) as client:
        _await(client)
    seconds: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(times):
            page = browser.new_context().new_page()
            sizes: list[int] = []
            wire = page.context.new_cdp_session(page)
            wire.send("Network.enable")
            wire.on("Network.loadingFinished", lambda event, sizes=sizes: sizes.append(int(event["encodedDataLength"])))
            page.goto(url, wait_until="commit")
            page.locator("#oka-box textarea").wait_for()
            seconds.append(page.evaluate("performance.now() / 1000"))
            first = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000")
            page.wait_for_timeout(500)
            page.context.close()
        browser.close()
    weight = {"requests": len(sizes), "kib": round(sum(sizes) / 1024)}
    return {"usable_s": round(statistics.median(seconds), 2), "first_contentful_s": round(first, 2), **weight}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="as OKA_DATA_DIR")
    given = parser.parse_args()
    print(json.dumps(measure(load_settings(**({"data_dir": given.data_dir} if given.data_dir else {}))), indent=1))


if __name__ == "__main__":
    main()
