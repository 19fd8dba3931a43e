"""The web chat on a free port of the loopback, in a thread of the test's own process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assistant.accounts import Accounts
from assistant.app_fetch import Work
from assistant.settings import Settings


def no_work(_report: Any, _stopped: Any) -> str:
    return "Nothing to fetch."


@contextmanager
def running(
    assistant: Any,
    data: Path,
    *,
    work: Work = no_work,
    users: Accounts | None = None,
    a_minute: int = 240,
    mcp: bool = False,
) -> Iterator[str]:
    """Gives the address."""
    import uvicorn

    from assistant.app_server import build_server

    if not hasattr(assistant, "settings"):
        assistant.settings = Settings(data_dir=data)
    gate = build_server(assistant, work=work, users=users, a_minute=a_minute, mcp=mcp)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(gate, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
