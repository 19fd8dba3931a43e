"""Fetching from a site on loopback: short ways to say what it answers and to fetch from it."""

from __future__ import annotations

from typing import Any

from corpus import FetchReport, Resource, refresh
from corpus.connection import Limits
from corpus.politeness import Manners
from corpus.snapshot import Archive
from tests.loopback import Answer, Site, page

QUICK = Manners(delay=0.0, jitter=0.0, backoff=0.01)
TIGHT = Limits(bytes_read=300_000, bytes_unpacked=600_000, seconds=1.0, idle_seconds=0.4)
ONCE = Manners(delay=0.0, jitter=0.0, tries=1)


def html(title: str = "A page", **sent: str) -> Answer:
    return lambda exchange: exchange.reply(200, page(title), "text/html; charset=utf-8", **sent)


def to(target: str, status: int = 302) -> Answer:
    return lambda exchange: exchange.reply(status, Location=target)


def links(*urls: str) -> list[Resource]:
    return [Resource(url, "label", "", "kb/a.md", "links", "Links") for url in urls]


class Fetching:
    """A site, an archive, and `fetch` between them."""

    def __init__(self, site: Site, archive: Archive) -> None:
        self.site, self.archive = site, archive

    def fetch(self, *paths: str, manners: Manners = QUICK, limits: Limits = TIGHT, **options: Any) -> FetchReport:
        urls = [path if "://" in path else self.site.url + path for path in paths]
        allowed = frozenset([self.site.host, *options.pop("allowed", ())])
        return refresh(
            links(*urls), self.archive, allow_private_hosts=allowed, manners=manners, limits=limits, **options
        )

    def reasons(self, *paths: str, **options: Any) -> list[str]:
        return [failure.reason for failure in self.fetch(*paths, **options).failures]

    def urls(self, *paths: str) -> tuple[str, ...]:
        return tuple(self.site.url + path for path in paths)
