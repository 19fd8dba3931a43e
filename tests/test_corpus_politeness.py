"""How a host is asked: robots.txt, delays, retries, and when it is left alone."""

from __future__ import annotations

import threading

import pytest

from corpus.connection import Limits
from corpus.politeness import Manners
from tests.fetching import ONCE, Fetching, html, to
from tests.loopback import Answer, Exchange, Site


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
    report = fetching.fetch(*fetching.site.answers, manners=Manners(delay=0.2, jitter=0.1))
    first, *_, last = fetching.site.times
    assert last - first >= 4 * 0.2 - 0.15  # the first request may be noticed a little late on a busy machine
    assert fetching.site.most_open == 1
    assert report.requests == 5


def test_crawl_delay_is_honoured(fetching: Fetching) -> None:
    fetching.site.robots = "User-agent: *\nCrawl-delay: 0.3"
    fetching.site.answers = {"/a": html("A"), "/b": html("B")}
    fetching.fetch("/a", "/b")
    assert fetching.site.times[2] - fetching.site.times[1] >= 0.2
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
    assert fetching.site.times[2] - fetching.site.times[1] >= 0.8


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
    both = threading.Barrier(2, timeout=10)

    def together(exchange: Exchange) -> None:
        both.wait()  # goes on only when the other host has been asked too
        html()(exchange)

    fetching.site.answers = {"/a": together}
    with Site({"/a": together}) as other:
        patient = Limits(seconds=20, idle_seconds=20)
        report = fetching.fetch("/a", other.url + "/a", allowed=[other.host], limits=patient, manners=ONCE)
    assert len(report.new) == 2
