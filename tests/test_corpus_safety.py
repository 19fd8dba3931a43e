"""Which addresses may be fetched: every way we know to write a private one is refused, before any request."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from corpus.connection import Connection, Limits
from corpus.errors import FetchError, UnsafeAddress
from corpus.safety import check, public_addresses, refuse_private
from tests.connects import watched
from tests.loopback import Site

UNSAFE = [
    # other schemes, no scheme, credentials
    "file:///etc/passwd",
    "ftp://example.org/",
    "gopher://example.org/",
    "data:text/html,words",
    "javascript:alert(1)",
    "ws://example.org/",
    "//example.org/",
    "example.org/page",
    "http:///page",
    "http://",
    "http://user:secret@example.org/",
    "http://user@example.org/",
    "http://example.org@127.0.0.1/",
    "http://@example.org/",
    # IPv4 as it is usually written
    "http://0.0.0.0/",
    "http://0.1.2.3/",
    "http://10.0.0.1/",
    "http://10.255.255.255/",
    "http://100.64.0.1/",
    "http://100.127.255.254/",
    "http://127.0.0.1/",
    "http://127.255.255.255/",
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.170.2/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.0.0.192/",
    "http://192.0.2.1/",
    "http://192.88.99.1/",
    "http://192.168.0.1/",
    "http://198.18.0.1/",
    "http://198.51.100.7/",
    "http://203.0.113.9/",
    "http://224.0.0.1/",
    "http://239.255.255.250/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://100.100.100.200/latest/meta-data/",
    "http://168.63.129.16/metadata",
    # IPv4 in odd spellings
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.0.0.1./",
    "http://127.0.0.01/",
    "http://1.1.1.0x1/",
    "http://256.1.1.1/",
    "http://1.2.3.4.5/",
    "http://１２７.０.０.１/",
    "http://127。0。0。1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://%31%32%37.0.0.1/",
    # IPv6, and IPv4 inside it
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:8.8.8.8]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001:0:7f00:1::]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[100::1]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[::1/",
    "http://[nonsense]/",
    # names of the local network
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://foo.localhost/",
    "http://printer/",
    "http://printer.local/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://wiki.corp/",
    "http://nas.home.arpa/",
    # names that are none
    "http://-a.example.org/",
    "http://exa mple.org/",
    "http://example..org/",
    "http://.example.org/",
    "http://example.org\\@127.0.0.1/",
    "http://example.org\t/",
    "http://example.org\r\nHost: localhost/",
    "http://" + "a" * 64 + ".org/",
    "http://" + "a." * 130 + "org/",
    # ports
    "http://example.org:22/",
    "http://example.org:25/",
    "http://example.org:65536/",
    "http://example.org:-1/",
    "http://example.org:http/",
]

SAFE = [
    ("http://example.org/", ("http", "example.org", 80)),
    ("HTTPS://Example.ORG:8443/a?b#c", ("https", "example.org", 8443)),
    ("https://docs.example.org./", ("https", "docs.example.org.", 443)),
    ("http://1.1.1.1/", ("http", "1.1.1.1", 80)),
    ("http://[2606:4700:4700::1111]/", ("http", "2606:4700:4700::1111", 80)),
    ("http://[64:ff9b::8.8.8.8]/", ("http", "64:ff9b::8.8.8.8", 80)),
    ("https://bücher.example.org/", ("https", "bücher.example.org", 443)),
    ("https://local.example.org/", ("https", "local.example.org", 443)),
    ("https://3com.example.org/", ("https", "3com.example.org", 443)),
]


@pytest.fixture(scope="module")
def connection() -> Connection:
    return Connection(Limits())


@pytest.mark.parametrize("url", UNSAFE)
def test_unsafe_addresses_are_refused_before_anything_is_sent(url: str, connection: Connection) -> None:
    with watched() as seen, pytest.raises(UnsafeAddress):
        connection.get(url)
    assert (seen.names, seen.addresses) == ([], [])


def test_there_are_enough_cases() -> None:
    assert len(set(UNSAFE)) >= 60


@pytest.mark.parametrize(("url", "expected"), SAFE)
def test_public_addresses_pass(url: str, expected: tuple[str, str, int]) -> None:
    assert check(url) == expected


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["93.184.215.14", "10.0.0.7"],
        ["2606:4700::1111", "::1"],
        ["93.184.215.14", "::ffff:169.254.169.254"],
        ["fe80::1%eth0"],
        ["nonsense"],
    ],
)
def test_one_private_answer_refuses_the_name(answers: list[str]) -> None:
    with pytest.raises(UnsafeAddress, match=r"docs\.example\.org resolves to"):
        public_addresses("docs.example.org", 443, resolver=lambda host, port: answers)


def test_public_answers_are_what_is_connected_to() -> None:
    answers = ["93.184.215.14", "2606:4700::1111"]
    assert public_addresses("docs.example.org", 443, resolver=lambda host, port: answers) == answers


def test_mixed_answers_connect_to_none_of_them() -> None:
    connection = Connection(Limits(), resolver=lambda host, port: ["93.184.215.14", "10.0.0.7"])
    with watched() as seen, pytest.raises(UnsafeAddress, match=r"docs\.example\.org resolves to 10\.0\.0\.7"):
        connection.get("https://docs.example.org/")
    assert seen.addresses == []


def test_a_name_that_does_not_resolve() -> None:
    def fail(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    with pytest.raises(FetchError, match="can't be resolved"):
        public_addresses("docs.example.org", 443, resolver=fail)


def test_refuse_private_knows_both_families() -> None:
    refuse_private("8.8.8.8")
    refuse_private("2a00:1450:4001::1")
    with pytest.raises(UnsafeAddress):
        refuse_private("::ffff:8.8.8.8")


@pytest.mark.parametrize("spelling", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/"])
def test_no_request_goes_out_to_a_refused_address(spelling: str) -> None:
    with Site() as site:
        connection = Connection(Limits())
        with pytest.raises(UnsafeAddress):
            connection.get(spelling.format(port=site.host.partition(":")[2]))
        assert site.requests == []


def test_no_request_goes_out_to_a_name_that_resolves_to_a_private_address() -> None:
    with Site() as site:
        port = site.host.partition(":")[2]
        connection = Connection(Limits(), resolver=lambda host, port: ["127.0.0.1"])
        with pytest.raises(UnsafeAddress, match=r"rebind\.example\.org resolves to 127\.0\.0\.1"):
            connection.get(f"http://rebind.example.org:{port}/")
        assert site.requests == []


def test_the_checked_address_is_connected_to_and_the_name_is_kept() -> None:
    with Site({"/": lambda exchange: exchange.reply(200, "hello")}) as site:
        port = site.host.partition(":")[2]
        asked: list[str] = []

        def once(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"]

        name = f"wiki.example.org:{port}"
        connection = Connection(Limits(), frozenset([name]), once)
        assert connection.get(f"http://{name}/").body == b"hello"
        assert asked == ["wiki.example.org"]
        assert site.headers[0]["Host"] == name


def test_allowing_one_host_and_port_allows_no_other() -> None:
    assert check("http://127.0.0.1:8000/", frozenset(["127.0.0.1:8000"])) == ("http", "127.0.0.1", 8000)
    assert check("http://[::1]:8000/", frozenset(["[::1]:8000"])) == ("http", "::1", 8000)
    for url in (
        "http://127.0.0.1:8001/",
        "http://127.0.0.2:8000/",
        "file://127.0.0.1:8000/",
        "http://u@127.0.0.1:8000/",
    ):
        with pytest.raises(UnsafeAddress):
            check(url, frozenset(["127.0.0.1:8000"]))
