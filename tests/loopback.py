"""A small web server on loopback whose every answer is written by hand, and which remembers what it was asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

Answer = Callable[["Exchange"], None]


class Exchange(BaseHTTPRequestHandler):
    """One request and the means to answer it."""

    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        site = cast("_Server", self.server).site
        with site.lock:
            site.requests.append(self.path)
            site.times.append(time.monotonic())
            site.headers.append(dict(self.headers.items()))
            site.open += 1
            site.most_open = max(site.most_open, site.open)
        self.site = site
        try:
            time.sleep(site.latency)
            site.answer(self.path)(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client had enough
        finally:
            with site.lock:
                site.open -= 1

    @property
    def turn(self) -> int:
        """How often this address has been asked for, this time included."""
        return self.site.requests.count(self.path)

    def reply(self, status: int, body: bytes | str = b"", content_type: str = "text/html", **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        if content_type:
            self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers and status != 304:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    site: Site

    def handle_error(self, request: Any, client_address: Any) -> None:
        return


class Site:
    """`with Site({"/a": lambda exchange: exchange.reply(200, "…")}) as site:` serves on a free port."""

    def __init__(
        self, answers: dict[str, Answer] | None = None, *, robots: str | None = None, latency: float = 0.0
    ) -> None:
        self.answers = dict(answers or {})
        self.robots = robots
        self.latency = latency
        self.lock = threading.Lock()
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.open = self.most_open = 0

    def answer(self, path: str) -> Answer:
        if path == "/robots.txt" and path not in self.answers:
            return lambda exchange: (
                exchange.reply(404) if self.robots is None else exchange.reply(200, self.robots, "text/plain")
            )
        return self.answers.get(path, lambda exchange: exchange.reply(404, page("Not found", "No such page.")))

    @property
    def pages(self) -> list[str]:
        """What was asked for, robots.txt aside."""
        return [path for path in self.requests if path != "/robots.txt"]

    def __enter__(self) -> Site:
        self.server = _Server(("127.0.0.1", 0), Exchange)
        self.server.site = self
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = f"http://{self.host}"
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


PROSE = (
    "A lighthouse keeper writes down the weather every four hours. The book lies open on the desk, so that the next "
    "watch can see at a glance what the wind did during the night. Nothing is ever crossed out in it. "
)


def page(title: str, words: str = PROSE, head: str = "", body: str = "") -> str:
    """A page with enough text to count as one, unless `words` says otherwise."""
    return (
        f"<!doctype html><html><head><meta charset='utf-8'><title>{title}</title>{head}</head>"
        f"<body><main><h1 id='top-heading'>{title}</h1><p>{words}</p>{body}</main></body></html>"
    )
