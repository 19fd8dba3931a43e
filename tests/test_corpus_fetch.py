"""Fetching from a real server on loopback: every answer a site may give, and what we make of it."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from corpus import FetchReport, Resource, load_pages, refresh
from corpus.connection import USER_AGENT, Limits
from corpus.fetch import Progress
from corpus.markdown import document_from_markdown
from corpus.politeness import Manners
from corpus.snapshot import Archive
from tests.archives import pdf
from tests.loopback import PROSE, Answer, Exchange, Site, page

QUICK = Manners(delay=0.0, jitter=0.0, backoff=0.01)
TIGHT = Limits(bytes_read=300_000, bytes_unpacked=600_000, seconds=1.0, idle_seconds=0.4)


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


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture
def fetching(site: Site, tmp_path: Path) -> Fetching:
    return Fetching(site, Archive(tmp_path / "pages.warc.gz"))


# -- what arrives


def test_pages_arrive_with_who_asked(fetching: Fetching) -> None:
    fetching.site.answers = {"/a": html("A"), "/b": html("B")}
    report = fetching.fetch("/a#part", "/b", "/a")
    assert report.new == fetching.urls("/a", "/b")
    assert report.failures == ()
    assert fetching.site.pages == ["/a", "/b"]
    assert {sent["User-Agent"] for sent in fetching.site.headers} == {USER_AGENT}
    assert not any("Cookie" in sent for sent in fetching.site.headers)
    document = document_from_markdown("a.md", f"# L\n\n[a]({fetching.site.url}/a)\n")
    assert [(p.title, p.source) for p in load_pages([document], fetching.archive)] == [("A", "linked"), ("B", "deep")]


def test_redirects_are_followed_and_remembered(fetching: Fetching) -> None:
    refresh_page = '<meta http-equiv="refresh" content="0; url=/end">'
    fetching.site.answers = {
        "/a": to("/b", 301),
        "/b": to("c?utm_source=x#part", 307),
        "/c": lambda exchange: exchange.reply(200, refresh_page),
        "/end": html("End"),
    }
    report = fetching.fetch("/a")
    assert report.redirects == fetching.urls("/a", "/b", "/c")
    assert report.new == fetching.urls("/end")
    (loaded,) = load_pages([], fetching.archive)
    assert loaded.aliases == fetching.urls("/a", "/b", "/c")


def test_redirect_loops_and_long_chains_end(fetching: Fetching) -> None:
    fetching.site.answers = {"/a": to("/b"), "/b": to("/a")}
    fetching.site.answers |= {f"/{n}": to(f"/{n + 1}") for n in range(30)}
    report = fetching.fetch("/a", "/0")
    assert len(fetching.site.pages) == 2 + 11
    assert [failure.reason for failure in report.failures] == ["more than 10 redirects lead there"]


def test_unchanged_pages_are_not_sent_again(fetching: Fetching) -> None:
    def conditional(exchange: Exchange) -> None:
        if exchange.headers["If-None-Match"] == '"1"' and exchange.headers["If-Modified-Since"] == "yesterday":
            exchange.reply(304)
        else:
            exchange.reply(200, page("A"), ETag='"1"', Last_Modified="yesterday")

    fetching.site.answers = {"/a": conditional, "/b": html("B")}
    fetching.fetch("/a", "/b")
    digest = fetching.archive.digest()
    size = fetching.archive.path.stat().st_size
    report = fetching.fetch("/a", "/b")
    assert report.unchanged == fetching.urls("/a", "/b")  # /b gives neither header: compared by its bytes
    assert fetching.archive.digest() == digest
    assert fetching.archive.path.stat().st_size - size < 2000
    fetching.site.answers["/b"] = html("B changed")
    assert fetching.fetch("/a", "/b").changed == fetching.urls("/b")
    assert fetching.archive.digest() != digest


def test_404_then_200(fetching: Fetching) -> None:
    fetching.site.answers = {"/a": lambda exchange: html()(exchange) if exchange.turn > 1 else exchange.reply(404)}
    assert fetching.fetch("/a").missing == fetching.urls("/a")
    assert fetching.fetch("/a").new == fetching.urls("/a")


def test_a_page_that_fails_keeps_its_copy(fetching: Fetching) -> None:
    fetching.site.answers = {"/a": lambda exchange: html()(exchange) if exchange.turn == 1 else exchange.reply(404)}
    fetching.fetch("/a")
    first = fetching.archive.histories()[fetching.site.url + "/a"].confirmed_at
    fetching.fetch("/a")
    fetching.fetch("/a")
    (kept,) = load_pages([], fetching.archive)
    assert kept.fetched_at == first
    assert [capture.status for capture in fetching.archive.failures()] == [404]


def test_a_pdf_arrives(fetching: Fetching) -> None:
    fetching.site.answers = {"/a.pdf": lambda exchange: exchange.reply(200, pdf("A line of text."), "application/pdf")}
    assert fetching.fetch("/a.pdf").new == fetching.urls("/a.pdf")
    (loaded,) = load_pages([], fetching.archive)
    assert "A line of text." in loaded.text


@pytest.mark.parametrize("coding", ["gzip", "deflate", "bare deflate"])
def test_packed_pages(fetching: Fetching, coding: str) -> None:
    import zlib

    packed = {"gzip": gzip.compress, "deflate": zlib.compress, "bare deflate": lambda data: zlib.compress(data)[2:-4]}
    body = packed[coding](page("Packed").encode())
    fetching.site.answers = {"/a": lambda e: e.reply(200, body, Content_Encoding=coding.removeprefix("bare "))}
    assert fetching.fetch("/a").new == fetching.urls("/a")
    assert [loaded.title for loaded in load_pages([], fetching.archive)] == ["Packed"]


def test_a_wrong_charset_is_read_as_well_as_can_be(fetching: Fetching) -> None:
    body = page("Caf\xe9 Z\xfcrich").replace("utf-8", "iso-8859-1").encode("latin-1")
    fetching.site.answers = {"/a": lambda e: e.reply(200, body, "text/html; charset=x-unknown")}
    fetching.fetch("/a")
    assert [loaded.title for loaded in load_pages([], fetching.archive)] == ["Café Zürich"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (page("Sign in", "Your name", body="<form><input name=u><input type=password></form>"), "a login form"),
        (
            "<html><body><div id=root></div><script src=app.js></script></body></html>",
            "an empty page that needs JavaScript",
        ),
        (page("App", "You need to enable JavaScript to run this app."), "an empty page that needs JavaScript"),
        (page("Just a moment...", "Verifying you are human."), "an empty page that needs JavaScript"),
        (page("Before you continue", "We and our partners use cookies. Accept all?"), "a cookie or consent notice"),
        (page("Oops", "The page you're looking for doesn't exist."), "a page that says that it doesn't exist"),
        (page("404", "Not found"), "a page that says that it doesn't exist"),
        ("<html><body><nav><a href=/>Home</a></nav></body></html>", "no text"),
    ],
)
def test_what_is_no_page_is_recognised_reported_and_left_out(fetching: Fetching, body: str, reason: str) -> None:
    fetching.site.answers = {"/a": lambda exchange: exchange.reply(200, body)}
    assert fetching.reasons("/a") == [reason]
    assert list(load_pages([], fetching.archive)) == []


@pytest.mark.parametrize(
    "words",
    [
        "Cookies are small files. We use cookies in the examples of this chapter. " + PROSE * 6,
        "A 404 status says that a page was not found. " + PROSE * 6,
        "The log in form asks for a password. " + PROSE * 6,
    ],
)
def test_articles_about_such_things_stay(fetching: Fetching, words: str) -> None:
    fetching.site.answers = {"/a": lambda exchange: exchange.reply(200, page("An article", words))}
    assert fetching.reasons("/a") == []


# -- limits


def drip(exchange: Exchange) -> None:
    exchange.send_response(200)
    exchange.send_header("Content-Type", "text/html")
    exchange.send_header("Content-Length", "1000")
    exchange.end_headers()
    for _ in range(50):
        exchange.wfile.write(b"x")
        exchange.wfile.flush()
        time.sleep(0.1)


def endless(exchange: Exchange) -> None:
    exchange.send_response(200)
    exchange.send_header("Content-Type", "text/html")
    exchange.send_header("Connection", "close")
    exchange.end_headers()
    while True:
        exchange.wfile.write(b"<p>more " * 1000)


def silent(exchange: Exchange) -> None:
    time.sleep(1.5)
    exchange.reply(200, page("Late"))


BOMB = gzip.compress(bytes(50 * 2**20))  # 50 KB over the wire


def bomb(exchange: Exchange) -> None:
    exchange.reply(200, BOMB, Content_Encoding="gzip")


def huge_headers(exchange: Exchange) -> None:
    exchange.reply(200, page("A"), X_Long="x" * 200_000)


def too_long(exchange: Exchange) -> None:
    exchange.reply(200, page("A"), Content_Length="99999")
    exchange.close_connection = True


def damaged(exchange: Exchange) -> None:
    exchange.reply(200, gzip.compress(b"words" * 1000)[:10] + b"damaged" * 20, Content_Encoding="gzip")


ONCE = Manners(delay=0.0, jitter=0.0, tries=1)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (drip, "no whole answer within 1 s"),
        (silent, "no byte for 0.4 s"),
        (endless, "larger than 292 KiB"),
        (bomb, "larger than 585 KiB when unpacked"),
        (huge_headers, "the answer is no valid HTTP, or broke off"),
        (too_long, "the answer is no valid HTTP, or broke off"),
        (damaged, "its gzip packing is damaged"),
        (lambda e: e.reply(200, b"x", "image/png"), "content type image/png"),
        (lambda e: e.reply(200, b"x", ""), "content type unknown"),
        (lambda e: e.reply(200, b"x", Content_Encoding="br"), "content encoding br"),
        (lambda e: e.reply(401), "HTTP status 401"),
        (lambda e: e.reply(500), "HTTP status 500"),
        (lambda e: e.reply(301), "HTTP status 301"),
    ],
)
def test_limits_and_refusals_are_reasons(fetching: Fetching, answer: Answer, reason: str) -> None:
    fetching.site.answers = {"/a": answer, "/b": html("B")}
    started = time.monotonic()
    report = fetching.fetch("/a", "/b", manners=ONCE)
    assert [failure.reason for failure in report.failures] == [reason]
    assert report.new == fetching.urls("/b")  # the next page of the host is not affected
    assert time.monotonic() - started < 4
    assert [capture.reason for capture in fetching.archive.failures()] == [reason]


def test_a_body_shorter_than_it_says_is_not_taken_for_whole(fetching: Fetching) -> None:
    fetching.site.answers = {"/a": too_long}
    fetching.fetch("/a", manners=ONCE)
    assert fetching.archive.histories()[fetching.site.url + "/a"].page is None


def test_slow_headers_end_too(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):  # the client has enough at some time
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                for _ in range(100):
                    connection.sendall(b"X-A: b\r\n")
                    time.sleep(0.05)

        threading.Thread(target=answer, daemon=True).start()
        host = f"127.0.0.1:{server.getsockname()[1]}"
        archive = Archive(tmp_path / "pages.warc.gz")
        options: dict[str, Any] = {"manners": ONCE, "limits": TIGHT, "allow_private_hosts": frozenset([host])}
        started = time.monotonic()
        (failure,) = refresh(links(f"http://{host}/a"), archive, **options).failures
        assert failure.reason == "robots.txt: no whole answer within 1 s"
        assert time.monotonic() - started < 2


# -- safety


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:127.0.0.1]:{port}/secret",
        "http://127.0.0.2:{port}/secret",
        "http://localhost:{port}/secret",
        "http://2130706433:{port}/secret",
        "http://user:password@127.0.0.1:{port}/secret",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
    ],
)
def test_redirects_are_checked_before_anything_is_sent(fetching: Fetching, target: str) -> None:
    target = target.format(port=fetching.site.host.partition(":")[2])
    fetching.site.answers = {"/a": to(target), "/secret": html("Secret")}
    report = fetching.fetch("/a")
    assert [failure.cause for failure in report.failures] == ["unsafe"]
    assert fetching.site.pages == ["/a"]
    meta = f'<meta http-equiv="refresh" content="0; url={target}">'
    fetching.site.answers["/b"] = lambda exchange: exchange.reply(200, meta)
    assert [failure.cause for failure in fetching.fetch("/b").failures] == ["unsafe"]
    assert fetching.site.pages == ["/a", "/b"]


def test_no_request_goes_out_without_leave(site: Site, tmp_path: Path) -> None:
    site.answers = {"/a": html()}
    report = refresh(links(site.url + "/a"), Archive(tmp_path / "pages.warc.gz"), manners=QUICK)
    assert [failure.cause for failure in report.failures] == ["unsafe"]
    assert site.requests == []


def test_a_name_with_a_private_answer_is_not_asked(fetching: Fetching) -> None:
    port = fetching.site.host.partition(":")[2]
    answers = ["93.184.215.14", "127.0.0.1"]
    report = fetching.fetch(f"http://docs.example.org:{port}/a", resolver=lambda host, port: answers)
    assert [(failure.cause, failure.reason) for failure in report.failures] == [
        ("unsafe", "robots.txt: docs.example.org resolves to 127.0.0.1, which is not a public address")
    ]
    assert fetching.site.requests == []


def test_offline_is_told_from_failing(fetching: Fetching) -> None:
    def no_network(host: str, port: int) -> list[str]:
        raise OSError("no network")

    report = fetching.fetch("https://a.example.org/", "https://b.example.org/x", resolver=no_network)
    assert report.is_offline
    assert fetching.archive.captures() == {}  # the links are not to blame
    assert report.failures[0].reason == "robots.txt: the name a.example.org can't be resolved"
    fetching.site.answers = {"/a": html()}
    assert not fetching.fetch("/a").is_offline


# -- politeness


def test_robots_rules_hold(fetching: Fetching) -> None:
    fetching.site.robots = "User-agent: *\nDisallow: /private\n\nUser-agent: oka\nDisallow: /no\nAllow: /no/but\n"
    fetching.site.answers = {path: html() for path in ("/private", "/no", "/no/but")}
    report = fetching.fetch("/private", "/no", "/no/but")
    assert [(f.url, f.cause) for f in report.failures] == [(fetching.site.url + "/no", "robots")]
    assert fetching.site.pages == ["/private", "/no/but"]


@pytest.mark.parametrize(("status", "allowed"), [(404, True), (403, True), (500, False), (503, False), (200, True)])
def test_robots_status(fetching: Fetching, status: int, allowed: bool) -> None:
    fetching.site.answers = {"/robots.txt": lambda e: e.reply(status, "", "text/plain"), "/a": html(), "/b": html()}
    report = fetching.fetch("/a", "/b", manners=ONCE)
    assert fetching.site.pages == (["/a", "/b"] if allowed else [])
    assert [f.reason for f in report.failures] == ([] if allowed else [f"robots.txt: HTTP status {status}"] * 2)


def test_robots_redirects_are_followed(fetching: Fetching) -> None:
    rules = "User-agent: *\nDisallow: /a"
    fetching.site.answers = {"/robots.txt": to("/r"), "/r": lambda e: e.reply(200, rules, "text/plain"), "/a": html()}
    assert fetching.reasons("/a") == ["robots.txt doesn't allow it"]
    assert "/a" not in fetching.site.requests


def test_robots_are_kept_for_a_day(fetching: Fetching) -> None:
    fetching.site.robots = "User-agent: *\nDisallow: /no"
    fetching.site.answers = {"/a": html()}
    fetching.fetch("/a", "/no")
    fetching.fetch("/a", "/no")
    assert fetching.site.requests == ["/robots.txt", "/a", "/a"]


def test_one_connection_a_host_with_a_delay(fetching: Fetching) -> None:
    fetching.site.answers = {f"/{n}": html(str(n)) for n in range(4)}
    report = fetching.fetch(*fetching.site.answers, manners=Manners(delay=0.15, jitter=0.1))
    pauses = [after - before for before, after in zip(fetching.site.times, fetching.site.times[1:], strict=False)]
    assert len(pauses) == 4
    assert min(pauses) >= 0.14
    assert fetching.site.most_open == 1
    assert report.requests == 5


def test_crawl_delay_is_honoured(fetching: Fetching) -> None:
    fetching.site.robots = "User-agent: *\nCrawl-delay: 0.3"
    fetching.site.answers = {"/a": html("A"), "/b": html("B")}
    fetching.fetch("/a", "/b")
    assert fetching.site.times[2] - fetching.site.times[1] >= 0.29
    fetching.site.robots = "User-agent: *\nCrawl-delay: 600"


def test_a_crawl_delay_of_minutes_leaves_the_host_alone(fetching: Fetching) -> None:
    fetching.site.robots = "User-agent: *\nCrawl-delay: 600"
    assert fetching.reasons("/a") == ["robots.txt asks for 600 s between requests"]


def busy(status: int, times: int, **sent: str) -> Answer:
    return lambda exchange: exchange.reply(status, **sent) if exchange.turn <= times else html()(exchange)


def test_what_may_pass_is_tried_again(fetching: Fetching) -> None:
    fetching.site.answers = {"/a": busy(503, 2), "/b": busy(408, 1), "/c": busy(500, 9)}
    report = fetching.fetch("/a", "/b", "/c")
    assert report.new == fetching.urls("/a", "/b")
    assert [failure.reason for failure in report.failures] == ["HTTP status 500"]
    assert fetching.site.pages == ["/a"] * 3 + ["/b"] * 2 + ["/c"] * 3


def test_retry_after_is_waited_for(fetching: Fetching) -> None:
    fetching.site.answers = {"/a": busy(429, 1, Retry_After="1")}
    assert fetching.fetch("/a").new == fetching.urls("/a")
    assert fetching.site.times[2] - fetching.site.times[1] >= 0.95


def test_a_long_retry_after_ends_the_host_for_now(fetching: Fetching) -> None:
    fetching.site.answers = {"/a": busy(503, 9, Retry_After="3600"), "/b": html()}
    assert fetching.reasons("/a", "/b") == [
        "HTTP status 503",
        "the host asks to come back in 3600 s (HTTP status 503)",
    ]
    assert fetching.site.pages == ["/a"]


def test_a_host_that_refuses_again_and_again_is_left_alone(fetching: Fetching) -> None:
    fetching.site.answers = {f"/{n}": lambda exchange: exchange.reply(403) for n in range(6)}
    reasons = fetching.reasons(*(f"/{n}" for n in range(6)))
    assert reasons == ["HTTP status 403"] * 3 + ["the host refused 3 times in a row (HTTP status 403)"] * 3
    assert fetching.site.pages == ["/0", "/1", "/2"]


def test_hosts_are_asked_side_by_side(fetching: Fetching) -> None:
    with Site({"/a": html("Other")}, latency=0.3) as other:
        fetching.site.latency = 0.3
        fetching.site.answers = {"/a": html()}
        started = time.monotonic()
        report = fetching.fetch("/a", other.url + "/a", allowed=[other.host])
        assert len(report.new) == 2
        assert time.monotonic() - started < 1.1  # one after the other would take 1.2 s


# -- the run


def test_progress_and_figures(fetching: Fetching) -> None:
    fetching.site.answers = {"/a": html("A"), "/b": to("/a")}
    seen: list[Progress] = []
    report = fetching.fetch("/a", "/b", "/none", progress=seen.append)
    assert (seen[-1].done, seen[-1].total) == (3, 3)
    assert seen[-1].bytes_read == report.bytes_read > len(page("A"))
    assert report.requests == 4


def test_a_time_limit_ends_the_run_and_the_next_one_goes_on(fetching: Fetching) -> None:
    fetching.site.answers = {f"/{n}": html(str(n)) for n in range(6)}
    paths = list(fetching.site.answers)
    report = fetching.fetch(*paths, manners=Manners(delay=0.3, jitter=0), time_limit=0.8)
    assert 0 < len(report.new) < 6
    assert report.not_reached == 6 - len(report.new)
    rest = fetching.fetch(*paths)
    assert (rest.resumed, len(rest.new)) == (len(report.new), report.not_reached)
    assert sorted(set(fetching.site.pages)) == paths
    assert fetching.fetch(*paths).resumed == 0  # that one was finished: the next run asks anew


def test_only_missing_leaves_out_what_is_there(fetching: Fetching) -> None:
    fetching.site.answers = {"/a": html(), "/b": html("B")}
    fetching.fetch("/a", "/none")
    assert fetching.fetch("/a", "/b", "/none", only_missing=True).new == fetching.urls("/b")
    assert fetching.site.pages == ["/a", "/none", "/b", "/none"]


def test_an_interrupt_keeps_what_arrived(fetching: Fetching) -> None:
    fetching.site.answers = {"/a": html("A"), "/b": html("B")}

    def interrupt(progress: Progress) -> None:
        if progress.done:
            raise KeyboardInterrupt

    report = fetching.fetch("/a", "/b", manners=Manners(delay=0.2, jitter=0), progress=interrupt)
    assert (report.interrupted, report.new, report.not_reached) == (True, fetching.urls("/a"), 1)
    assert fetching.fetch("/a", "/b").new == fetching.urls("/b")


# -- deeper


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
