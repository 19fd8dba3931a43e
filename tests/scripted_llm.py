"""An OpenAI-compatible server on loopback that does what a test tells it: a queue of behaviours, one a request.

with ScriptedLLM(says("Celery supports Redis."), status(429, retry_after=7)) as server:
    ...  # server.base_url; afterwards server.requests holds what it was asked
"""

from __future__ import annotations

import contextlib
import html
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Asked:
    """One request: what the model was told, and how."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def prompt(self) -> str:
        """All messages, one after the other."""
        return "\n".join(str(message["content"]) for message in self.body["messages"])

    @property
    def sources(self) -> list[str]:
        """The texts inside <source> blocks, entities resolved."""
        return [html.unescape(text) for text in re.findall(r"<source [^>]*>(.*?)</source>", self.prompt)]


Behaviour = Callable[[BaseHTTPRequestHandler, Asked], None]


class ScriptedLLM:
    """Behaviours are used up in order; the last one stays for all further requests."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self.requests: list[Asked] = []
        self._behaviours = list(behaviours)
        self.closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked = Asked(self.path, dict(self.headers), body)
                outer.requests.append(asked)
                behaviour = outer._behaviours.pop(0) if len(outer._behaviours) > 1 else outer._behaviours[0]
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client has heard enough
                    behaviour(self, asked)
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def says(text: str, delay: float = 0.0) -> Behaviour:
    """A normal streamed reply, a few characters at a time, `delay` seconds apart."""
    return replies(lambda asked: text, delay)


def replies(reply: Callable[[Asked], str], delay: float = 0.0) -> Behaviour:
    """A reply made from what was asked: `replies(lambda asked: asked.sources[0])` parrots the first source."""

    def behave(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        text = reply(asked)
        _start(handler)
        _send(handler, (text[at : at + 7] for at in range(0, len(text), 7)), delay)
        _finish(handler)

    return behave


def obeys(attack: str) -> Behaviour:
    """Does what a planted text asks: says `attack`, which the test words as the page demands, before and after
    parroting the sources."""
    return replies(lambda asked: "\n".join([attack, *asked.sources, attack]))


def status(code: int, retry_after: int | None = None, message: str = "no") -> Behaviour:
    """An error in the API's own form."""

    def behave(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        handler.send_response(code)
        if retry_after is not None:
            handler.send_header("Retry-After", str(retry_after))
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        handler.wfile.write(json.dumps({"error": {"message": message, "type": "x", "code": code}}).encode())

    return behave


def drips(text: str = "", every: float = 0.05) -> Behaviour:
    """Sends `text`, then a comment line now and then for ever: the connection lives, nothing is said."""

    def behave(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        _start(handler)
        _send(handler, [text] if text else [])
        for _ in range(2_000):
            handler.wfile.write(b": still thinking\n\n")
            handler.wfile.flush()
            time.sleep(every)

    return behave


def breaks(text: str = "") -> Behaviour:
    """Sends `text` and drops the connection in the middle of a chunk."""

    def behave(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        _send(handler, [text] if text else [])
        handler.wfile.write(b'data: {"choices": [{"de')
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)

    return behave


def empty() -> Behaviour:
    """A reply without a word."""
    return says("")


def endless(text: str = "Celery is great and ") -> Behaviour:
    """Says the same for as long as anyone listens."""

    def behave(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        _start(handler)
        _send(handler, (text for _ in range(1_000_000)))

    return behave


def sends(content_type: str, body: bytes) -> Behaviour:
    """Some other server: a web page, a reply that isn't streamed, no JSON."""

    def behave(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def refused_url() -> str:
    """The address of a server that isn't there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


def _start(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
    handler.end_headers()


def _send(handler: BaseHTTPRequestHandler, pieces: Iterable[str], delay: float = 0.0) -> None:
    for piece in pieces:
        chunk = {
            "id": "c1", "object": "chat.completion.chunk", "created": 0, "model": "scripted",
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": piece}, "finish_reason": None}],
        }  # fmt: skip
        handler.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        handler.wfile.flush()
        if delay:
            time.sleep(delay)


def _finish(handler: BaseHTTPRequestHandler) -> None:
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
    chunk |= {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    handler.wfile.write(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode())
    handler.wfile.flush()
