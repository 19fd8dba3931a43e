"""One request over the network within limits: checked addresses, bytes read, time taken.

No cookies, no proxies, no automatic redirects: a redirect is an answer like any other, and its target is checked anew.
"""

from __future__ import annotations

import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import httpcore
import httpx

from corpus.errors import FetchError, TemporaryError
from corpus.safety import Resolver, check, public_addresses, resolve

_ACCEPT = "text/html, application/xhtml+xml, application/pdf;q=0.9, */*;q=0.1"

_PURPOSE = "reads the pages that one person's notes link to"

Wanted = Callable[[str], bool]  # whether to read a body of this Content-Type


def user_agent(contact: str = "") -> str:
    """Who asks, for a site's operator: the program, and where the person who runs it is reached, if they say so."""
    return f"oka/{version('oka')} ({f'+{contact}; ' if contact else ''}{_PURPOSE})"


@dataclass(frozen=True)
class Limits:
    """What one page may cost."""

    bytes_read: int = 20 * 2**20  # over the wire, headers included
    bytes_unpacked: int = 40 * 2**20
    seconds: float = 30.0  # for the whole page, from the name's resolution to the last byte
    idle_seconds: float = 10.0  # without a byte


@dataclass(frozen=True)
class Reply:
    """What a server answered. `body` is unpacked; of a body that isn't wanted, it is empty."""

    url: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    bytes_read: int

    def header(self, name: str) -> str:
        """A header's value, "" where there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class _Clock:
    """The deadline and the count of bytes of the request that is under way."""

    def __init__(self) -> None:
        self.deadline = 0.0
        self.bytes_left = 0

    def left(self, timeout: float | None) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for the page is over")
        return left if timeout is None else min(left, timeout)


class _CheckedStream(httpcore.NetworkStream):
    """A connection that knows its deadline and how many bytes it may still read."""

    def __init__(self, stream: httpcore.NetworkStream, clock: _Clock) -> None:
        self._stream, self._clock = stream, clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, self._clock.left(timeout))
        self._clock.bytes_left -= len(data)
        if self._clock.bytes_left < 0:
            raise httpcore.ReadError("too large")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._clock.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._clock.left(timeout)
        return _CheckedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _CheckedBackend(httpcore.NetworkBackend):
    """Connects to the addresses that were checked; the pool above it keeps the name for TLS and Host."""

    def __init__(self, allowed: frozenset[str], resolver: Resolver, clock: _Clock) -> None:
        self._allowed, self._resolver, self._clock = allowed, resolver, clock
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError("no address")
        for ip in public_addresses(host, port, self._allowed, self._resolver)[:4]:
            try:
                stream = self._network.connect_tcp(ip, port, self._clock.left(timeout), None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            return _CheckedStream(stream, self._clock)
        raise failure

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Connection:
    """The one connection to a host; not to be shared by threads."""

    def __init__(
        self,
        limits: Limits,
        allowed: frozenset[str] = frozenset(),
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
        contact: str = "",
    ) -> None:
        self._limits, self._allowed, self._user_agent = limits, allowed, user_agent(contact)
        self._clock = _Clock()
        self._transport = httpx.HTTPTransport(verify=tls or httpx.create_ssl_context(), trust_env=False)
        # httpx has no argument for httpcore's network backend; the pool is made anew with ours.
        self._transport._pool.close()
        self._transport._pool = httpcore.ConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(),
            max_connections=1,
            max_keepalive_connections=1,
            keepalive_expiry=30.0,
            network_backend=_CheckedBackend(allowed, resolver, self._clock),
        )

    def close(self) -> None:
        """Close it; it can't be used again."""
        self._transport.close()

    def get(self, url: str, headers: Mapping[str, str] | None = None, wanted: Wanted = lambda _: True) -> Reply:
        """Ask for an address; the body is read where the status is 200 and its Content-Type is `wanted`.

        Raises UnsafeAddress before anything is sent, TemporaryError, or FetchError.
        """
        check(url, self._allowed)
        self._clock.deadline = time.monotonic() + self._limits.seconds
        self._clock.bytes_left = self._limits.bytes_read
        idle = self._limits.idle_seconds
        request = httpx.Request(
            "GET",
            url,
            headers={
                "User-Agent": self._user_agent,
                "Accept": _ACCEPT,
                "Accept-Encoding": "gzip, deflate",
                **(headers or {}),
            },
            extensions={"timeout": {"connect": idle, "read": idle, "write": idle, "pool": idle}},
        )
        try:
            response = self._transport.handle_request(request)
            try:
                read = response.status_code == 200 and wanted(response.headers.get("content-type", ""))
                body = self._read(response) if read else b""
            finally:
                response.close()
        except httpx.TimeoutException as error:
            over = time.monotonic() >= self._clock.deadline
            limit = self._limits.seconds if over else idle
            raise TemporaryError(
                f"no whole answer within {limit:g} s" if over else f"no byte for {limit:g} s"
            ) from error
        except httpx.ReadError as error:
            if self._clock.bytes_left < 0:
                raise FetchError(f"larger than {_size(self._limits.bytes_read)}") from error
            raise TemporaryError("the connection broke off") from error
        except httpx.ConnectError as error:
            if "CERTIFICATE" in str(error).upper():
                raise FetchError("the server's certificate is not valid for it") from error
            raise TemporaryError("the server can't be reached") from error
        except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
            raise TemporaryError("the answer is no valid HTTP, or broke off") from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise FetchError(f"the request failed ({type(error).__name__})") from error
        reason = response.extensions.get("reason_phrase", b"").decode("latin-1")
        pairs = tuple((name, value) for name, value in response.headers.multi_items())
        return Reply(url, response.status_code, reason, pairs, body, self._limits.bytes_read - self._clock.bytes_left)

    def _read(self, response: httpx.Response) -> bytes:
        packed = response.headers.get("content-encoding", "identity").strip().lower()
        if packed not in ("identity", "", "gzip", "x-gzip", "deflate"):
            raise FetchError(f"content encoding {packed}")
        chunks = response.stream
        assert isinstance(chunks, httpx.SyncByteStream)
        parts, size = [], 0
        for part in _unpacked(iter(chunks), packed):
            size += len(part)
            if size > self._limits.bytes_unpacked:
                raise FetchError(f"larger than {_size(self._limits.bytes_unpacked)} when unpacked")
            if time.monotonic() > self._clock.deadline:
                raise httpx.ReadTimeout("the time for the page is over")
            parts.append(part)
        return b"".join(parts)


def _unpacked(chunks: Iterator[bytes], packed: str) -> Iterator[bytes]:
    """The chunks unpacked in steps of at most 64 KiB, so that a limit on the result holds before memory is taken."""
    if packed in ("identity", ""):
        yield from chunks
        return
    unpacker: Any = None
    for chunk in chunks:
        if unpacker is None:  # "deflate" is meant to be zlib's format, but some servers send the bare one
            bare = packed == "deflate" and chunk[:1] and chunk[0] & 0x0F != 8
            unpacker = zlib.decompressobj(-15 if bare else 15 if packed == "deflate" else 31)
        try:
            while chunk and not unpacker.eof:
                yield unpacker.decompress(chunk, 2**16)
                chunk = unpacker.unconsumed_tail
        except zlib.error as error:
            raise FetchError(f"its {packed} packing is damaged") from error
    if unpacker is not None:
        yield unpacker.flush(2**16)


def _size(count: int) -> str:
    return f"{count // 2**20} MiB" if count >= 2**20 else f"{count // 2**10} KiB"
