"""Fetching from a real server on loopback: what arrives, what is remembered of it, and the run as a whole."""

from __future__ import annotations

import gzip
import zlib

import pytest

from corpus import load_pages
from corpus.connection import user_agent
from corpus.fetch_report import Progress
from corpus.markdown import document_from_markdown
from corpus.politeness import Manners
from corpus.warc import read_record
from tests.archives import pdf
from tests.fetching import Fetching, html, to
from tests.loopback import PROSE, Exchange, page


def test_pages_arrive_with_who_asked(fetching: Fetching) -> None:
    fetching.site.answers = {"/a": html("A"), "/b": html("B")}
    report = fetching.fetch("/a#part", "/b", "/a")
    assert report.new == fetching.urls("/a", "/b")
    assert report.failures == ()
    assert fetching.site.pages == ["/a", "/b"]
    assert {sent["User-Agent"] for sent in fetching.site.headers} == {user_agent()}
    document = document_from_markdown("a.md", f"# L\n\n[a]({fetching.site.url}/a)\n")
    assert [(p.title, p.source) for p in load_pages([document], fetching.archive)] == [("A", "linked"), ("B", "deep")]


def test_cookies_are_neither_kept_nor_sent_back(fetching: Fetching) -> None:
    fetching.site.answers = {"/a": html("A", Set_Cookie="visitor=7"), "/b": html("B", Set_Cookie="visitor=7")}
    fetching.fetch("/a", "/b")
    fetching.fetch("/a", "/b")
    assert fetching.site.pages == ["/a", "/b"] * 2
    assert not any("Cookie" in sent for sent in fetching.site.headers)
    captures = [capture for history in fetching.archive.histories().values() for capture in history.captures]
    with fetching.archive.path.open("rb") as stream:
        assert not any(b"visitor" in read_record(stream, capture.offset) for capture in captures)


def test_who_asks_can_be_reached(fetching: Fetching) -> None:
    fetching.site.answers = {"/a": html()}
    fetching.fetch("/a", manners=Manners(contact="https://notes.example.org/bot", delay=0))
    assert [sent["User-Agent"] for sent in fetching.site.headers] == [user_agent("https://notes.example.org/bot")] * 2
    assert "+https://notes.example.org/bot;" in user_agent("https://notes.example.org/bot")


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
    assert report.unchanged == fetching.urls("/a", "/b")
    captures = fetching.archive.captures()  # /b gives neither header: it came again and was compared by its bytes
    assert [captures[url].status for url in report.unchanged] == [304, 200]
    assert fetching.archive.digest() == digest
    assert fetching.archive.path.stat().st_size - size < 2000
    fetching.site.answers["/b"] = html("B changed")
    assert fetching.fetch("/a", "/b").changed == fetching.urls("/b")
    assert fetching.archive.digest() != digest


@pytest.mark.parametrize(
    ("given", "asked"), [({"ETag": '"1"'}, "If-None-Match"), ({"Last_Modified": "yesterday"}, "If-Modified-Since")]
)
def test_one_of_the_two_headers_is_enough(fetching: Fetching, given: dict[str, str], asked: str) -> None:
    (value,) = given.values()
    fetching.site.answers = {
        "/a": lambda exchange: exchange.reply(304) if exchange.headers[asked] == value else html("A", **given)(exchange)
    }
    fetching.fetch("/a")
    assert fetching.fetch("/a").unchanged == fetching.urls("/a")
    assert fetching.archive.captures()[fetching.site.url + "/a"].status == 304


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
    for _ in range(2):  # also when it is seen again to be unchanged
        assert [(c.url, c.cause, c.reason) for c in fetching.archive.failures()] == [
            (*fetching.urls("/a"), "content", reason)
        ]
        assert fetching.fetch("/a").unchanged == fetching.urls("/a")
    fetching.site.answers = {"/a": html()}
    assert fetching.fetch("/a").changed == fetching.urls("/a")
    assert fetching.archive.failures() == []


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


def test_progress_and_figures(fetching: Fetching) -> None:
    fetching.site.answers = {"/a": html("A"), "/b": to("/a")}
    seen: list[Progress] = []
    report = fetching.fetch("/a", "/b", "/none", progress=seen.append)
    assert (seen[-1].done, seen[-1].total) == (3, 3)
    assert seen[-1].bytes_read == report.bytes_read > len(page("A"))
    assert report.requests == 4
    assert fetching.site.host in {progress.waiting_for for progress in seen}


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
