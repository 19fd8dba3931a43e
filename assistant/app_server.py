"""`oka serve`: who may come in, what the browser may load, and the server that runs it all.

One ASGI layer before Gradio checks the password, keeps to an allow-list of Gradio's routes (its uploads, proxies and
monitoring are closed), limits size and rate, and sets a content security policy whose scripts need a nonce. Leaves out the
page itself (app.py).
"""

from __future__ import annotations

import ctypes
import errno
import json
import platform
import re
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from assistant.accounts import Accounts
from assistant.app_fetch import FetchJob, Work
from assistant.app_gradio import prepare
from assistant.app_knowledge import knowledge_html, unknown_html
from assistant.feedback import Feedback
from assistant.settings import Settings
from corpus import Archive, link_states, read_documents
from corpus.errors import ServeError
from corpus.pages import document_address
from index.manifest import pointer

if TYPE_CHECKING:
    from assistant.answering import Assistant

_HERE = Path(__file__).parent
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_OPEN = re.compile(
    r"/(|config/?|theme\.css|favicon\.ico|robots\.txt|manifest\.json|healthz|kb(/.*)?|oka/[\w.]+|assets/.*|static/.*|svelte/.*|"
    r"gradio_api/(info/?|openapi\.json|startup-events|theme\.css|app_id/?|queue/(join|data|status)|cancel|reset/?|"
    r"heartbeat/[\w-]+|call/(ask|search)(/\w+)?|call/v2/(ask|search)(/\w+)?|run/(ask|search|predict)|api/(ask|search)|mcp(/.*)?))"
)
"""All that is reachable. What a newer Gradio adds stays closed until it is named here."""
_LARGEST = 4 * 2**20
"""Bytes of a request: a conversation of 50 turns travels with each question."""
_A_MINUTE = 240
"""Requests that ask for work, a minute, from one address that isn't this machine (a question takes two or three); half as a burst."""

_M_ARENA_MAX = -8  # malloc.h
_SESSIONS = 200
"""Tabs of which Gradio keeps its own copy of the page (some 200 KiB each). It never lets go of one otherwise; a tab that drops
out loses nothing, its conversation is in the browser."""


def policy(nonce: str) -> str:
    """The content security policy. Gradio runs its `js=` handlers with `new Function`, hence 'unsafe-eval'; an event-handler
    attribute, a `javascript:` link or an inline script without the nonce never runs."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'none'; "
        "frame-ancestors 'self'; base-uri 'self'; form-action 'self'"
    )


class Gate:
    """The ASGI layer before everything; `users` None lets everyone in."""

    def __init__(self, app: Any, users: Accounts | None = None, a_minute: int = _A_MINUTE) -> None:
        self._app, self._users, self._limit = app, users, Limit(a_minute)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Refuses with a sentence, or passes on with the headers set."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path = unquote(scope["path"])
        if (
            path != "/healthz"
            and self._users
            and not await _in_thread(self._users.admits, headers.get("authorization", ""))
        ):
            await _refuse(
                send,
                401,
                "Give your user name and password.",
                ("www-authenticate", 'Basic realm="oka", charset="UTF-8"'),
            )
        elif not _OPEN.fullmatch(path):
            await _refuse(send, 404, "There is no such page; the chat is at /.")
        elif (
            not headers.get("content-length", "0").isdigit()
            or int(headers.get("content-length", "0")) > _LARGEST
            or (scope["method"] == "POST" and "content-length" not in headers)
        ):
            await _refuse(
                send, 413, f"A request may have {_LARGEST:,} bytes at most and must say how many; shorten it."
            )
        elif scope["method"] == "POST" and (wait := self._limit.wait((scope.get("client") or ("", 0))[0])):
            await _refuse(
                send,
                429,
                f"Too many questions from your address; try again in {wait:.0f} s.",
                ("retry-after", f"{wait:.0f}"),
            )
        else:
            if path == "/":  # the page gets its nonces here, so it must arrive uncompressed
                scope = {
                    **scope,
                    "headers": [pair for pair in scope["headers"] if pair[0].lower() != b"accept-encoding"],
                }
            await self._app(scope, receive, _Secured(send, _HEAD if path == "/" else b"").send)


class Limit:
    """A token bucket an address. This machine's own address is not limited."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = a_minute / 60, a_minute / 2, clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, address: str) -> float:
        """Takes a token and gives 0, or the seconds until there is one again."""
        if address in _LOOPBACK:
            return 0.0
        now = self._clock()
        if len(self._buckets) > 10_000:
            self._buckets = {a: (left, at) for a, (left, at) in self._buckets.items() if now - at < 60}
        left, at = self._buckets.get(address, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        self._buckets[address] = (left - 1 if left >= 1 else left, now)
        return 0.0 if left >= 1 else max(1.0, (1 - left) / self._rate)


_HEAD = b'<script src="oka/app.js"></script><link rel="stylesheet" href="oka/app.css">'
"""Put into the page itself: what Gradio's own `head` parameter adds is loaded too late, after the components that call it."""


class _Secured:
    """Sends a response on with our headers; an HTML page gets a nonce on each of its script elements, and `head`."""

    def __init__(self, send: Any, head: bytes) -> None:
        self._send, self._head = send, head
        self._start: dict[str, Any] | None = None
        self._body = b""

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            kind = dict(message["headers"]).get(b"content-type", b"")
            nonce = secrets.token_urlsafe(16)
            ours = {
                "content-security-policy": policy(nonce),
                "x-content-type-options": "nosniff",
                "referrer-policy": "no-referrer",
                "cross-origin-opener-policy": "same-origin",
            }
            kept = [(name, value) for name, value in message["headers"] if name.decode().lower() not in ours]
            message["headers"] = kept + [(name.encode(), value.encode()) for name, value in ours.items()]
            if not kind.startswith(b"text/html"):
                await self._send(message)
                return
            self._start, self._nonce = message, nonce
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish(self._start)

    async def _finish(self, start: dict[str, Any]) -> None:
        body = self._body.replace(b"</head>", self._head + b"</head>", 1)
        body = re.sub(rb"<script(?=[\s>])", f'<script nonce="{self._nonce}"'.encode(), body)
        start["headers"] = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
        start["headers"].append((b"content-length", str(len(body)).encode()))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


async def _refuse(send: Any, status: int, sentence: str, *more: tuple[str, str]) -> None:
    """A question is refused in JSON: the chat shows the `detail` of that, and a syntax error for anything else."""
    kind, body = "text/plain; charset=utf-8", sentence + "\n"
    if status in (413, 429):
        kind, body = "application/json", json.dumps({"detail": sentence})
    headers = [("content-type", kind), ("cache-control", "no-store"), *more]
    await send(
        {"type": "http.response.start", "status": status, "headers": [(n.encode(), v.encode()) for n, v in headers]}
    )
    await send({"type": "http.response.body", "body": body.encode()})


async def _in_thread(work: Callable[..., Any], *args: Any) -> Any:
    from anyio import to_thread

    return await to_thread.run_sync(work, *args)


def build_server(
    assistant: Assistant, *, work: Work, users: Accounts | None = None, a_minute: int = _A_MINUTE, mcp: bool = False
) -> Gate:
    """The whole web application; `work` is what the fetch button does. Raises ServeError where MCP can't be served."""
    prepare()
    import gradio as gr
    from fastapi import FastAPI
    from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response

    from assistant.app import build_app

    settings = assistant.settings
    documents = read_documents(settings.documents)
    feedback = Feedback(settings.data_dir / "feedback.jsonl")
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    def healthz() -> Response:
        return JSONResponse({"ready": True})

    @lru_cache(maxsize=1)
    def known(_stamp: object) -> tuple[dict[str, Any], str]:
        """The state of the corpus and the page that shows it; every linked page is read for it, a quarter of a second."""
        states = link_states(documents, Archive(settings.archive))
        return assistant.status(), knowledge_html(documents, states, "oka/app.css")

    def status() -> dict[str, Any]:
        return known(_stamp(settings))[0]

    @app.get("/kb")
    @app.get("/kb/{file:path}")
    def knowledge(file: str = "") -> Response:
        if file and not any(page.url == document_address(file) for page in documents):
            return HTMLResponse(unknown_html(file, "oka/app.css"), 404)
        return HTMLResponse(known(_stamp(settings))[1])

    @app.get("/oka/{name}")
    def own(name: str) -> Response:
        if name not in ("app.js", "app.css"):
            return Response("There is no such file.\n", 404)
        return FileResponse(_HERE / name, headers={"cache-control": "no-cache"})

    page = build_app(assistant, feedback, FetchJob(work), documents, status)
    page.state_session_capacity = _SESSIONS
    gr.mount_gradio_app(
        app, page, path="/", theme=_theme(), footer_links=[], run_history=False, show_error=False, ssr_mode=False,
        enable_monitoring=False, pwa=False, mcp_server=mcp, max_file_size=1, allowed_paths=[], favicon_path=None,
    )  # fmt: skip
    if mcp and page.mcp_error:  # Gradio goes on without
        raise ServeError(f'--mcp can\'t be served ({page.mcp_error}); install what it needs with: pip install "mcp<2"')
    return Gate(app, users, a_minute)


def _stamp(settings: Settings) -> tuple[object, ...]:
    """Changes with the archive, the index and the documents."""
    found = []
    for file in (settings.archive, pointer(settings.index), *sorted(settings.documents.glob("*.md"))):
        try:
            state = file.stat()
        except FileNotFoundError:
            found.append((str(file), 0, 0))
        else:
            found.append((str(file), state.st_mtime_ns, state.st_size))
    return tuple(found)


def _theme() -> Any:
    import gradio as gr

    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )


def serve(
    assistant: Assistant,
    host: str = "127.0.0.1",
    port: int = 7860,
    *,
    work: Work,
    auth_file: Path | None = None,
    mcp: bool = False,
) -> None:
    """Runs the web chat until it is interrupted. Raises ServeError for a used port, a host that isn't this machine's, or
    an auth file that can't be read."""
    import uvicorn

    _share_memory()
    listener = _listen(host, port)
    users = Accounts(auth_file) if auth_file else None
    if host not in _LOOPBACK and users is None:
        print(
            f"WARNING: the chat on {host}:{port} is open to everyone who can reach this machine, without a password. "
            "Give --auth-file FILE (python -m assistant.accounts NAME > FILE), or leave --host out.",
            file=sys.stderr,
        )
    # The first question loads what the later ones share; that goes on while Gradio is loaded.
    threading.Thread(target=assistant.answer, args=("What is workflow orchestration?",), daemon=True).start()
    gate = build_server(assistant, work=work, users=users, mcp=mcp)
    config = uvicorn.Config(
        gate, log_level="warning", timeout_graceful_shutdown=2, h11_max_incomplete_event_size=_LARGEST
    )
    shown = f"[{host}]" if ":" in host else host
    print(f"oka answers on http://{shown}:{listener.getsockname()[1]} (Ctrl+C ends it)", file=sys.stderr, flush=True)
    uvicorn.Server(config).run(sockets=[listener])


def _share_memory() -> None:
    """Has glibc keep two heaps instead of up to eight a core: with a heap for each of the server's forty threads, 600 questions
    of twenty people left 250 MB in them that nothing used."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, OverflowError) as error:
        raise ServeError(
            f"{host}:{port} is no address to listen on ({error}); give another --host or --port."
        ) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        problem = f"can't be listened on ({error.strerror}); give another --host or --port."
        if error.errno == errno.EADDRINUSE:
            problem = f"is in use by another program; give another with: oka serve --port {port + 1}"
        raise ServeError(f"{host}:{port} {problem}") from error
    return listener
