"""One spelling for each address; what Retry-After and sitemaps say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from corpus.addresses import address, fragment, host_of
from corpus.follow import is_under, links_of, sitemap_addresses
from corpus.politeness import retry_after


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://Docs.Example.ORG:443", "https://docs.example.org/"),
        ("http://a.example:80/x#part", "http://a.example/x"),
        ("http://a.example:8080/x", "http://a.example:8080/x"),
        ("https://a.example./x/../y?b=2&a=1", "https://a.example/x/../y?b=2&a=1"),
        ("https://a.example/?utm_source=x&id=7&gclid=y", "https://a.example/?id=7"),
        ("https://a.example/?q=a+b%20c&empty=", "https://a.example/?q=a+b%20c&empty="),
        ("https://a.example/wiki/Caf\xe9 au lait", "https://a.example/wiki/Caf%C3%A9%20au%20lait"),
        ("https://a.example/a%2Fb/(c)!", "https://a.example/a%2Fb/(c)!"),
        ("https://b\xfccher.example/", "https://xn--bcher-kva.example/"),
        ("http://[::1]:8000/x", "http://[::1]:8000/x"),
        ("http://[::1/x#y", "http://[::1/x"),
        ("mailto:a@b.example", "mailto:a@b.example"),
        ("  https://a.example/x \n", "https://a.example/x"),
    ],
)
def test_addresses_have_one_spelling(url: str, expected: str) -> None:
    assert address(url) == expected
    assert address(expected) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("../c?d#e", "https://a.example/c?d"),
        ("//b.example", "https://b.example/"),
        ("#part", "https://a.example/b/"),
        ("file:///etc/passwd", "file:///etc/passwd"),
    ],
)
def test_relative_addresses(url: str, expected: str) -> None:
    assert address(url, "https://a.example/b/") == expected


def test_parts() -> None:
    assert (fragment("https://a.example/#b#c"), fragment("https://a.example/")) == ("b#c", "")
    assert host_of("http://user@A.example:81/x") == "a.example:81"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after(value, datetime(2026, 1, 1, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/docs/x/y.html", True),
        ("https://a.example/docs/index.html", True),
        ("https://a.example/docsx", False),
        ("https://a.example/", False),
        ("http://a.example/docs/x", False),
        ("https://b.example/docs/x", False),
        ("https://a.example/docs/x.tar.gz", False),
        ("https://a.example/docs/x.pdf", True),
    ],
)
def test_what_lies_under_a_linked_page(url: str, expected: bool) -> None:
    assert is_under(url, "https://a.example/docs/index.html") is expected


def test_links_of_a_page() -> None:
    body = b"<base href='/b/'><a href=c>1</a><a href='#x'>2</a><a href='c#y'>3</a><a rel=nofollow href=d>4</a><a href=ftp://x/>5</a>"
    assert links_of("https://a.example/", body) == ["https://a.example/b/c"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no xml",
        b"<html><loc>x",
        b"\x1f\x8b\x08damaged",
        b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    ],
)
def test_what_is_no_sitemap_names_nothing(content: bytes) -> None:
    assert sitemap_addresses(content) in (([], []), (["x"], []))
