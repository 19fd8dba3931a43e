"""How a host wants to be asked, and asking it so: robots.txt, one request at a time, pauses, few retries.

A `Host` is used by one thread. It knows nothing of pages or of the archive.
"""

from __future__ import annotations

import email.utils
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from protego import Protego

from corpus.addresses import address
from corpus.connection import Connection, Reply, Wanted
from corpus.errors import BlockedByRobots, FetchError, Stopped, TemporaryError

ROBOT = "oka"  # the name that robots.txt may address us by
_ROBOTS_BYTES = 500 * 1024  # RFC 9309, 2.5: at least 500 KiB are to be read
_ROBOTS_REDIRECTS = 5  # RFC 9309, 2.3.1.2
_MAY_PASS = (408, 425, 429, 500, 502, 503, 504)
_REFUSALS = (403, 429)


@dataclass(frozen=True)
class Manners:
    """How a host is treated, and by whom; times in seconds."""

    delay: float = 1.0  # from the start of one request to the start of the next
    jitter: float = 0.2  # each delay is up to this share longer
    longest_delay: float = 30.0  # a longer Crawl-delay means that the host is left alone in this run
    tries: int = 3
    backoff: float = 2.0  # before the second try; doubles with each further one
    longest_wait: float = 60.0  # a longer Retry-After ends the tries
    refusals: int = 3  # so many 403 or 429 one after another, and the host is left alone in this run
    contact: str = ""  # where a site's operator reaches who asks: an address of the web or of mail; "": not told


class Host:
    """One host: `get` asks it politely."""

    def __init__(
        self, connection: Connection, manners: Manners, stop: threading.Event, robots: str | None = None
    ) -> None:
        """`robots` is the text of its robots.txt where it is known from the last day."""
        self._connection, self._manners, self._stop = connection, manners, stop
        self._rules: Protego | None = None if robots is None else Protego.parse(robots)
        self._next = 0.0  # monotonic time from which on the next request may start
        self._refusals = 0
        self._closed = ""  # why this host is not asked any more in this run
        self.robots_text: str | None = None  # what was fetched of robots.txt, to be remembered; "" where there is none
        self.requests = 0

    def close(self) -> None:
        """Close its connection; the host can't be asked any more."""
        self._connection.close()

    def get(self, url: str, headers: Mapping[str, str] | None, wanted: Wanted) -> Reply:
        """Ask for a page, if robots.txt lets us. Raises FetchError with the reason why there is no answer."""
        if self._closed:
            raise FetchError(self._closed)
        rules = self._rules_for(url)
        if not rules.can_fetch(url, ROBOT):
            raise BlockedByRobots("robots.txt doesn't allow it")
        delay = rules.crawl_delay(ROBOT) or 0.0
        if delay > self._manners.longest_delay:
            raise FetchError(f"robots.txt asks for {delay:g} s between requests")
        reply = self._patiently(url, headers, wanted, max(self._manners.delay, delay))
        self._refusals = self._refusals + 1 if reply.status in _REFUSALS else 0
        if self._refusals >= self._manners.refusals:
            self._closed = f"the host refused {self._refusals} times in a row (HTTP status {reply.status})"
        return reply

    def sitemaps(self, url: str) -> list[str]:
        """The sitemaps that robots.txt names, for the host of `url`."""
        return list(self._rules_for(url).sitemaps)

    def _patiently(self, url: str, headers: Mapping[str, str] | None, wanted: Wanted, delay: float) -> Reply:
        """Up to `tries` requests; what still may pass after the last one is the answer."""
        for number in range(1, self._manners.tries + 1):
            last = number == self._manners.tries
            self._pause(delay)
            pause = self._manners.backoff * 2 ** (number - 1)
            try:
                self.requests += 1
                reply = self._connection.get(url, headers, wanted)
            except TemporaryError:
                if last:
                    raise
            else:
                asked = retry_after(reply.header("retry-after"))
                if reply.status not in _MAY_PASS or last:
                    return reply
                if asked is not None and asked > self._manners.longest_wait:
                    self._closed = f"the host asks to come back in {asked:.0f} s (HTTP status {reply.status})"
                    return reply
                pause = max(pause, asked or 0.0)
            self._next = max(self._next, time.monotonic() + pause)
        raise AssertionError("not reached: the last try returns or raises")

    def _pause(self, delay: float) -> None:
        wait = self._next - time.monotonic()
        if (wait > 0 and self._stop.wait(wait)) or self._stop.is_set():
            raise Stopped("the run ended before its turn came")
        self._next = time.monotonic() + delay * (1 + random.random() * self._manners.jitter)

    def _rules_for(self, url: str) -> Protego:
        if self._rules is None:
            parts = urlsplit(url)
            try:
                text = self._fetch_robots(f"{parts.scheme}://{parts.netloc}/robots.txt")
            except Stopped:
                raise
            except FetchError as error:
                # RFC 9309, 2.3.1.4: where robots.txt can't be reached, everything is disallowed for now.
                self._closed = f"robots.txt: {error}"
                raise type(error)(self._closed) from error
            self.robots_text = text
            self._rules = Protego.parse(text)
        return self._rules

    def _fetch_robots(self, url: str) -> str:
        for _ in range(_ROBOTS_REDIRECTS + 1):
            reply = self._patiently(url, None, lambda _: True, self._manners.delay)
            if 300 <= reply.status < 400 and reply.header("location"):
                url = address(reply.header("location"), url)
                continue
            if reply.status == 200:
                return reply.body[:_ROBOTS_BYTES].decode("utf-8", "replace")
            if 400 <= reply.status < 500 and reply.status != 429:
                return ""  # RFC 9309, 2.3.1.3: none there, everything is allowed
            raise FetchError(f"HTTP status {reply.status}")
        return ""


def retry_after(value: str, now: datetime | None = None) -> float | None:
    """The seconds that a Retry-After header asks for, given as a number or as a date; None where it makes no sense."""
    if value.strip().isdecimal():
        return float(value)
    try:
        when = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
