"""Deeper than the linked pages: what is followed, in which order, and where it ends."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from tests.fetching import Fetching, html
from tests.loopback import Exchange, page


def linking(title: str, *targets: str, head: str = "") -> Callable[[Exchange], None]:
    anchors = "".join(f'<a href="{target}">x</a>' for target in targets)
    return lambda exchange: exchange.reply(200, page(title, body=anchors, head=head))


def test_follow_takes_pages_under_the_linked_page_breadth_first(fetching: Fetching) -> None:
    fetching.site.answers = {
        "/docs/": linking("Docs", "b", "a?x=1", "a#part", "/other", "pic.png", "http://b.example.org/", "mailto:x@y.z"),
        "/docs/a?x=1": linking("A", "deep", "/docs/"),
        "/docs/b": linking("B", "deeper"),
        "/docs/a": html("A"),
        "/docs/deep": linking("Deep", "deepest"),
        "/docs/deeper": html("Deeper"),
        "/docs/deepest": html("Deepest"),
    }
    fetching.fetch("/docs/", follow_links=2)
    asked = [path for path in fetching.site.pages if path != "/sitemap.xml"]
    assert asked == ["/docs/", "/docs/b", "/docs/a?x=1", "/docs/a", "/docs/deeper", "/docs/deep"]


def test_follow_stops_at_max_pages_and_obeys_robots_and_nofollow(fetching: Fetching) -> None:
    fetching.site.robots = "User-agent: *\nDisallow: /docs/no"
    quiet = "<meta name='robots' content='noindex, nofollow'>"
    fetching.site.answers = {
        "/docs/": linking("Docs", "no", "a", "b", "c"),
        "/docs/a": linking("A", "x", head=quiet),
        "/docs/b": html("B"),
    }
    fetching.fetch("/docs/", follow_links=3, max_pages=3)
    assert [p for p in fetching.site.pages if p != "/sitemap.xml"] == ["/docs/", "/docs/a", "/docs/b"]


def test_the_sitemap_comes_first(fetching: Fetching) -> None:
    url = fetching.site.url
    index = f"<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><sitemap><loc>{url}/s.gz</loc></sitemap></sitemapindex>"
    named = "".join(f"<url><loc>{url}{path}</loc></url>" for path in ("/docs/z", "/elsewhere", "/docs/a"))
    packed = gzip.compress(f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{named}</urlset>".encode())
    fetching.site.robots = f"Sitemap: {url}/index.xml\nSitemap: http://169.254.169.254/s.xml"
    fetching.site.answers = {
        "/index.xml": lambda e: e.reply(200, index, "application/xml"),
        "/s.gz": lambda e: e.reply(200, packed, "application/gzip"),
        "/docs/": linking("Docs", "linked"),
        "/docs/z": html("Z"),
        "/docs/a": html("A"),
        "/docs/linked": html("Linked"),
    }
    fetching.fetch("/docs/", follow_links=1)
    assert fetching.site.pages == ["/docs/", "/index.xml", "/s.gz", "/docs/z", "/docs/a", "/docs/linked"]
