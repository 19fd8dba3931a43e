"""What one page may cost, and what is never asked for: limits and safety of a fetch, on a real server."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from corpus import load_pages, refresh
from corpus.snapshot import Archive
from tests.connects import watched
from tests.fetching import ONCE, QUICK, TIGHT, Fetching, html, links, to
from tests.loopback import Answer, Exchange, Site, page


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


def test_a_body_longer_than_it_says_spoils_nothing_after_it(fetching: Fetching) -> None:
    whole = page("A").encode()
    fetching.site.answers = {
        "/a": lambda exchange: exchange.reply(200, whole, Content_Length=str(len(whole) - 20)),
        "/b": html("B"),
    }
    report = fetching.fetch("/a", "/b")
    assert report.new == fetching.urls("/a", "/b")
    pages = {loaded.url: loaded.title for loaded in load_pages([], fetching.archive)}
    assert pages == dict(zip(fetching.urls("/a", "/b"), ("A", "B"), strict=True))


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
    meta = f'<meta http-equiv="refresh" content="0; url={target}">'
    fetching.site.answers["/b"] = lambda exchange: exchange.reply(200, meta)
    with watched() as seen:
        report = fetching.fetch("/a", "/b")
    assert [failure.cause for failure in report.failures] == ["unsafe"]  # the second link leads to the same address
    assert sorted(report.redirects) == sorted(fetching.urls("/a", "/b"))
    assert fetching.site.pages == ["/a", "/b"]
    assert set(seen.addresses) == {fetching.site.host}
    assert set(seen.names) == {fetching.site.host}


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


def test_one_name_that_is_slow_to_fail_is_not_waited_for_without_a_network(fetching: Fetching) -> None:
    let_go = threading.Event()

    def no_network(host: str, port: int) -> list[str]:
        if host == "slow.example.org":
            let_go.wait(60)
        raise OSError("no network")

    names = ["slow", *(f"a{n}" for n in range(12))]
    started = time.monotonic()
    report = fetching.fetch(*(f"https://{name}.example.org/" for name in names), resolver=no_network)
    let_go.set()
    assert time.monotonic() - started < 20
    assert (report.is_offline, report.not_reached) == (True, 1)


def test_offline_is_told_from_failing(fetching: Fetching) -> None:
    def no_network(host: str, port: int) -> list[str]:
        raise OSError("no network")

    report = fetching.fetch("https://a.example.org/", "https://b.example.org/x", resolver=no_network)
    assert report.is_offline
    assert fetching.archive.captures() == {}  # the links are not to blame
    assert report.failures[0].reason == "robots.txt: the name a.example.org can't be resolved"
    fetching.site.answers = {"/a": html()}
    assert not fetching.fetch("/a").is_offline
