"""Fetching pages over the network into the archive: all hosts at once, each of them politely, nothing done twice.

Every answer is in the archive before the next one is dealt with, so a run that is interrupted loses at most the pages
under way; the next run goes on where it was. How a host is asked is `corpus.politeness`'s, what may be asked
`corpus.safety`'s.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from corpus.addresses import address, host_of
from corpus.connection import Limits, Reply
from corpus.errors import BlockedByRobots, CorpusError, FetchError, UnsafeAddress
from corpus.fetch_report import Failure, FetchReport, Progress, Tally
from corpus.follow import is_under, links_of, sitemap_addresses
from corpus.history import History, follow
from corpus.hosts import Answer, Hosts, robots_address
from corpus.load import Found, parse
from corpus.pages import Resource
from corpus.politeness import Manners
from corpus.safety import Resolver, check, resolve
from corpus.snapshot import Archive
from corpus.warc import Capture, Cause, failure_record, media, payload_digest, response_record, revisit_record

MAX_REDIRECTS = 10
_ROBOTS_AGE = timedelta(days=1)  # RFC 9309, 2.4
_UNFINISHED_AGE = timedelta(days=1)  # an older interrupted run is not gone on with: its pages are due again
_SITEMAPS = 20  # files of one site
_OFFLINE_AFTER = 2.0  # seconds without any answer after which the last tenth of the addresses isn't waited for


def refresh(
    resources: Iterable[Resource],
    archive: Archive,
    *,
    follow_links: int = 0,
    max_pages: int = 500,
    only_missing: bool = False,
    time_limit: float | None = None,
    allow_private_hosts: frozenset[str] = frozenset(),
    manners: Manners | None = None,
    limits: Limits | None = None,
    resolver: Resolver = resolve,
    progress: Callable[[Progress], None] | None = None,
) -> FetchReport:
    """Fetch the resources' pages, again where they may have changed, and with `follow_links` what lies below them.

    `max_pages` bounds what is asked for beyond the resources and their redirects. `only_missing` leaves out what the
    archive has a page or redirect of. After `time_limit` seconds the run ends with what arrived. Ctrl-C ends it too.
    Raises ArchiveError where the archive can't be written; a page that fails is in the report.
    """
    run = _Run(archive, manners or Manners(), limits or Limits(), allow_private_hosts, resolver, progress)
    linked = list(dict.fromkeys(address(resource.url) for resource in resources))
    with archive.writing():
        return run.run(linked, follow_links, max_pages, only_missing, time_limit)


class _Run:
    def __init__(
        self,
        archive: Archive,
        manners: Manners,
        limits: Limits,
        allowed: frozenset[str],
        resolver: Resolver,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._archive, self._allowed, self._progress = archive, allowed, progress
        self._hosts = Hosts(manners, limits, allowed, resolver, lambda kind: bool(media(kind)), self._known_robots)
        self._hops: dict[str, int] = {}  # every address of this run: by how many redirects it was come to
        self._tally = Tally()
        self._reached = False  # whether any host has answered
        self._waiting: list[bytes] = []  # failures of the network, to be remembered once a host has answered
        self._journal = archive.path.with_name(archive.path.name + ".unfinished")
        self._since = ""
        self._histories: dict[str, History] = {}
        self._robots_saved: set[str] = set()

    def run(
        self, linked: list[str], depth: int, max_pages: int, only_missing: bool, time_limit: float | None
    ) -> FetchReport:
        self._started = time.monotonic()
        self._deadline = self._started + time_limit if time_limit else None
        self._histories = self._archive.histories()
        self._since = self._resume()
        known = {url for url, history in self._histories.items() if history.page or history.redirect}
        interrupted = False
        try:
            level = [url for url in linked if not (only_missing and url in known)]
            self._fetch(level)
            left = max_pages
            scopes = list(dict.fromkeys(follow(url, self._histories)[0] for url in linked))
            for number in range(depth):
                if self._hosts.stopped or left <= 0:
                    break
                level = self._next_level(scopes, level if number else scopes, sitemaps=number == 0)[:left]
                left -= len(level)
                self._fetch(level)
            if not self._hosts.stopped:
                self._journal.unlink(missing_ok=True)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            self._hosts.close()
        return self._tally.report(
            not_reached=self._hosts.open,
            interrupted=interrupted,
            requests=self._hosts.requests,
            seconds=time.monotonic() - self._started,
        )

    def _resume(self) -> str:
        """When the unfinished run that we go on with began; for a new run, now."""
        now = datetime.now(UTC)
        try:
            since = str(json.loads(self._journal.read_text("utf-8"))["started"])
            if now - datetime.fromisoformat(since) < _UNFINISHED_AGE:
                return since
        except (OSError, ValueError, KeyError, TypeError):
            pass  # there is none, or it was never written whole: this is a new run
        since = _stamp(now)
        self._journal.write_text(json.dumps({"started": since}), "utf-8")
        return since

    # -- one level: addresses and the redirects that come of them

    def _fetch(self, urls: Sequence[str]) -> None:
        for url in urls:
            self._add(url)
        while self._hosts.open and not self._hosts.stopped:
            if (self._deadline and time.monotonic() >= self._deadline) or self._is_cut_off():
                self._hosts.stop()
            elif answered := self._hosts.next(timeout=0.2):
                self._save_robots(answered[0])
                self._take(*answered)
            self._report()

    def _is_cut_off(self) -> bool:
        """Whether there seems to be no network: one name that is slow to fail shouldn't be waited for then."""
        return (
            not self._reached
            and 10 * self._hosts.open <= len(self._waiting)
            and time.monotonic() - self._started > _OFFLINE_AFTER
        )

    def _add(self, url: str, hops: int = 0) -> None:
        """Ask for an address, unless this run or the interrupted one that it goes on with has done so."""
        if url in self._hops:
            return
        self._hops[url] = hops
        history = self._histories.get(url)
        if history and history.newest.fetched_at >= self._since:
            self._tally.resumed += 1
            if history.newest.location:
                self._redirect(history.newest)
            return
        try:
            check(url, self._allowed)
        except UnsafeAddress as error:
            self._fail(url, "unsafe", str(error))
            return
        headers = {}
        page = history.page if history else None
        if page and page.etag:
            headers["If-None-Match"] = page.etag
        if page and page.last_modified:
            headers["If-Modified-Since"] = page.last_modified
        self._hosts.ask(url, headers)

    def _known_robots(self, url: str) -> str | None:
        """The text of a robots.txt that was fetched within the last day, "" where there was none; None if not fetched."""
        history = self._histories.get(url)
        if not history or datetime.now(UTC) - datetime.fromisoformat(history.newest.fetched_at) >= _ROBOTS_AGE:
            return None
        if history.newest.status == 200:
            return self._archive.body(history.newest).decode("utf-8", "replace")
        return "" if history.newest.status in (404, 410) else None

    # -- what came

    def _take(self, url: str, answer: Answer) -> None:
        if isinstance(answer, FetchError):
            cause: Cause = "network"
            if isinstance(answer, UnsafeAddress):
                cause = "unsafe"
            elif isinstance(answer, BlockedByRobots):
                cause = "robots"
            self._fail(url, cause, str(answer))
            return
        self._tally.bytes_read += answer.bytes_read
        self._has_answered()
        status, location = answer.status, answer.header("location")
        history = self._histories.get(url)
        page = history.page if history else None
        if status == 304 and page:
            self._remember(revisit_record(page, 304, _now()))
            self._tally.unchanged.append(url)
        elif 300 <= status < 400 and location:
            self._tally.redirects.append(url)
            self._redirect(self._remember(_response(answer)))
        elif status in (404, 410):
            self._remember(_response(answer))
            self._tally.missing.append(url)
        elif status != 200:
            self._fail(url, "status", f"HTTP status {status}", status)
        elif not media(answer.header("content-type")):
            kind = answer.header("content-type").partition(";")[0].strip()
            self._fail(url, "content", f"content type {kind or 'unknown'}", status)
        elif page and payload_digest(answer.body) == page.digest:
            self._remember(revisit_record(page, 200, _now()))
            self._tally.unchanged.append(url)
        else:
            capture = self._remember(_response(answer))
            if capture.location:
                self._tally.redirects.append(url)
                self._redirect(capture)
            else:
                (self._tally.changed if page else self._tally.new).append(url)
                self._judge(capture)

    def _judge(self, capture: Capture) -> None:
        """Say so where a page arrived that will not be indexed; the archive keeps it, as what the server said."""
        try:
            parse(Found(capture, "", (), ()), self._archive)
        except CorpusError as error:
            self._tally.failures.append(Failure(capture.url, "content", str(error)))
            # Of the same time as the page: a verdict on it, not another attempt.
            self._remember(failure_record(capture.url, "content", str(error), capture.fetched_at, capture.status))

    def _redirect(self, capture: Capture) -> None:
        target, hops = capture.location.partition("#")[0], self._hops[capture.url]
        if hops >= MAX_REDIRECTS:
            self._fail(target, "status", f"more than {MAX_REDIRECTS} redirects lead there")
        else:
            self._add(target, hops + 1)

    def _fail(self, url: str, cause: Cause, reason: str, status: int = 0) -> None:
        self._tally.failures.append(Failure(url, cause, reason))
        record = failure_record(url, cause, reason, _now(), status)
        if cause == "network" and not self._reached:
            self._waiting.append(record)  # without a network, it is not the links that are broken
        else:
            self._remember(record)

    def _has_answered(self) -> None:
        """Some host has: there is a network, and what failed before failed by itself."""
        self._reached = True
        while self._waiting:
            self._remember(self._waiting.pop())

    def _remember(self, record: bytes) -> Capture:
        capture = self._archive.append(record)
        known = self._histories.get(capture.url)
        self._histories[capture.url] = History((*(known.captures if known else ()), capture))
        return capture

    def _save_robots(self, url: str) -> None:
        """Keep what was fetched of the robots.txt of this address' host, once a run."""
        text, place = self._hosts.host(url).robots_text, robots_address(url)
        if text is not None and place not in self._robots_saved:
            self._robots_saved.add(place)
            self._has_answered()
            headers = [("Content-Type", "text/plain; charset=utf-8")]
            self._remember(
                response_record(place, 200 if text else 404, "", headers, text.encode("utf-8", "replace"), _now())
            )

    def _report(self) -> None:
        if self._progress:
            total = len(self._hops)
            done = total - self._hosts.open
            self._progress(Progress(done, total, self._tally.bytes_read, self._hosts.waiting_for))

    # -- deeper

    def _next_level(self, scopes: Sequence[str], pages: Sequence[str], sitemaps: bool) -> list[str]:
        """Addresses one link away, in a stable order: of the sitemaps, then of the links; those asked for left out."""
        found: list[str] = []
        for scope in scopes if sitemaps else ():
            found += [url for url in self._sitemap(scope) if is_under(url, scope)]
        for url in pages:
            final = follow(url, self._histories)[0]
            history = self._histories.get(final)
            page = history.page if history else None
            if page and media(page.content_type) == "html":
                try:
                    links = links_of(final, self._archive.body(page), page.content_type)
                except CorpusError:
                    continue  # reported when it arrived
                found += [link for link in links if any(is_under(link, scope) for scope in scopes)]
        return [url for url in dict.fromkeys(found) if url not in self._hops]

    def _sitemap(self, scope: str) -> list[str]:
        parts = urlsplit(scope)
        try:
            check(scope, self._allowed)
            host = self._hosts.host(scope)
            waiting = host.sitemaps(scope) or [f"{parts.scheme}://{parts.netloc}/sitemap.xml"]
        except FetchError:
            return []
        self._save_robots(scope)
        pages: list[str] = []
        read: set[str] = set()
        while waiting and len(read) < _SITEMAPS and not self._hosts.stopped:
            url = address(waiting.pop(0), scope)
            if url in read or host_of(url) != host_of(scope):
                continue
            read.add(url)
            try:
                reply = host.get(url, None, lambda _: True)
            except FetchError:
                continue  # a sitemap is a help, not a page: without it there are the links
            self._tally.bytes_read += reply.bytes_read
            named, further = sitemap_addresses(reply.body)
            pages += named
            waiting += further
        return pages


def _response(reply: Reply) -> bytes:
    return response_record(reply.url, reply.status, reply.reason, reply.headers, reply.body, _now())


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _now() -> str:
    return _stamp(datetime.now(UTC))
