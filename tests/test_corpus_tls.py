"""Over TLS: the name is what the certificate must be for, whatever address is connected to."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trustme

from corpus.connection import Connection, Limits
from corpus.errors import FetchError
from tests.loopback import Site

NAME = "wiki.example.org"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@contextmanager
def served(certificate: trustme.LeafCert) -> Iterator[tuple[Site, list[str]]]:
    """A site behind TLS, and the names that its visitors asked for in the handshake."""
    names: list[str] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with Site({"/": lambda exchange: exchange.reply(200, "hello")}) as site:
        site.server.socket = context.wrap_socket(site.server.socket, server_side=True)
        yield site, names


def connection_to(site: Site, authority: trustme.CA | None) -> tuple[Connection, str]:
    trusted = ssl.create_default_context()
    if authority:
        authority.configure_trust(trusted)
    place = f"{NAME}:{site.host.partition(':')[2]}"
    limits = Limits(seconds=10)
    connection = Connection(
        limits, frozenset([place]), lambda host, port: ["127.0.0.1"], trusted if authority else None
    )
    return connection, f"https://{place}/"


def test_the_name_is_kept_for_tls(authority: trustme.CA) -> None:
    with served(authority.issue_cert(NAME)) as (site, names):
        connection, url = connection_to(site, authority)
        assert connection.get(url).body == b"hello"
        assert names == [NAME]
        assert site.headers[0]["Host"] == url.split("/")[2]


@pytest.mark.parametrize("name", ["other.example.org", "127.0.0.1"])
def test_a_certificate_for_another_name_is_refused(authority: trustme.CA, name: str) -> None:
    with served(authority.issue_cert(name)) as (site, _):
        connection, url = connection_to(site, authority)
        with pytest.raises(FetchError, match="certificate is not valid"):
            connection.get(url)
        assert site.requests == []


def test_a_certificate_that_nobody_vouches_for_is_refused(authority: trustme.CA) -> None:
    with served(authority.issue_cert(NAME)) as (site, _):
        connection, url = connection_to(site, None)
        with pytest.raises(FetchError, match="certificate is not valid"):
            connection.get(url)
        assert site.requests == []
