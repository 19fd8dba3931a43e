"""What this process looks up and connects to, by the audit events of Python itself: proof that no request went out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Connects:
    """Names that were looked up and addresses that were connected to, as "host:port", in order."""

    names: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)


_watching: list[Connects] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    for seen in _watching:
        if event == "socket.connect":
            host, port = arguments[1][:2]
            seen.addresses.append(f"{host}:{port}")
        elif event == "socket.getaddrinfo":
            seen.names.append(f"{arguments[0]}:{arguments[1]}")


sys.addaudithook(_note)  # can't be taken away again; without a watcher it does nothing


@contextmanager
def watched() -> Iterator[Connects]:
    """Gives what is looked up and connected to inside the block, by any thread."""
    seen = Connects()
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.remove(seen)
