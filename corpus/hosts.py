"""All hosts of a run side by side: a thread and a connection each, their answers in one place.

Used by one thread, which asks (`ask`) and takes the answers (`next`). Knows nothing of pages or of the archive.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

import httpx

from corpus.addresses import host_of
from corpus.connection import Connection, Limits, Reply, Wanted
from corpus.errors import FetchError, Stopped
from corpus.politeness import Host, Manners
from corpus.safety import Resolver

_AT_ONCE = 16  # hosts that are asked at the same time

Answer = Reply | FetchError
_Task = tuple[str, Mapping[str, str]]  # address, headers


class Hosts:
    """Hosts come into being when they are first asked; what is known of their robots.txt is asked of `known_robots`."""

    def __init__(
        self,
        manners: Manners,
        limits: Limits,
        allowed: frozenset[str],
        resolver: Resolver,
        wanted: Wanted,
        known_robots: Callable[[str], str | None],
    ) -> None:
        self._manners, self._limits, self._allowed, self._resolver = manners, limits, allowed, resolver
        self._wanted, self._known_robots = wanted, known_robots
        self._tls = httpx.create_ssl_context()
        self._stop = threading.Event()
        self._hosts: dict[str, Host] = {}
        self._tasks: dict[str, deque[_Task]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._busy: dict[str, float] = {}  # hosts whose thread is at work, since when
        # Bounded: pages wait with their hosts, not in memory, where they arrive faster than they are stored. An answer
        # without an address says that the host's thread has ended.
        self._answers: queue.Queue[tuple[str, str, Answer]] = queue.Queue(2 * _AT_ONCE)
        self.open = 0  # addresses whose answer hasn't been taken

    @property
    def requests(self) -> int:
        """Requests sent so far, those for robots.txt and further tries included."""
        return sum(host.requests for host in self._hosts.values())

    @property
    def waiting_for(self) -> str:
        """The host that has been at work for longest, "" where none is."""
        return min(self._busy, key=lambda name: self._busy[name], default="")

    @property
    def stopped(self) -> bool:
        """Whether the run is over."""
        return self._stop.is_set()

    def host(self, url: str) -> Host:
        """The host of an address, to be asked directly while nothing else asks it."""
        name = host_of(url)
        if name not in self._hosts:
            connection = Connection(self._limits, self._allowed, self._resolver, self._tls, self._manners.contact)
            self._hosts[name] = Host(connection, self._manners, self._stop, self._known_robots(robots_address(url)))
        return self._hosts[name]

    def ask(self, url: str, headers: Mapping[str, str]) -> None:
        """Put an address into the queue of its host."""
        self.open += 1
        self._tasks.setdefault(host_of(url), deque()).append((url, headers))
        self._start_threads()

    def next(self, timeout: float) -> tuple[str, Answer] | None:
        """The next answer and its address; None where none came in time or the run was stopped."""
        until = time.monotonic() + timeout
        while not self.stopped and (left := until - time.monotonic()) > 0:
            with suppress(queue.Empty):  # then the time is over, and the loop ends
                name, url, answer = self._answers.get(timeout=left)
                if not url:
                    self._busy.pop(name, None)
                    self._start_threads()
                elif not isinstance(answer, Stopped):
                    self.open -= 1
                    return url, answer
        return None

    def stop(self) -> None:
        """End the run: no further request starts; answers under way are not waited for."""
        self._stop.set()
        with suppress(queue.Empty):  # so that no host's thread waits for room
            while True:
                self._answers.get_nowait()

    def close(self) -> None:
        """Stop, and close the connections; one with an answer under way is closed by its thread when that is over."""
        self.stop()
        for name, host in self._hosts.items():
            if name in self._threads:
                self._threads[name].join(0.05)
            if name not in self._threads or not self._threads[name].is_alive():
                host.close()

    def _start_threads(self) -> None:
        for name, tasks in self._tasks.items():
            if len(self._busy) >= _AT_ONCE:
                return
            if tasks and name not in self._busy:
                self._busy[name] = time.monotonic()
                work = (name, self.host(tasks[0][0]), tasks)
                self._threads[name] = threading.Thread(target=self._work, args=work, daemon=True)
                self._threads[name].start()

    def _work(self, name: str, host: Host, tasks: deque[_Task]) -> None:
        while tasks and not self.stopped:
            url, headers = tasks.popleft()
            answer: Answer
            try:
                answer = host.get(url, headers, self._wanted)
            except FetchError as error:
                answer = error
            self._answers.put((name, url, answer))
        if self.stopped:
            host.close()
        self._answers.put((name, "", Stopped("no more tasks")))


def robots_address(url: str) -> str:
    """Where the host of an address keeps its robots.txt."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/robots.txt"
