"""Which addresses may be fetched: http and https to public hosts, nothing else.

An address is checked as it is written (`check`), and again as what its name resolves to (`public_addresses`), which is
what is then connected to: a name that changes its mind between check and connection gains nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from corpus.errors import FetchError, UnsafeAddress

Resolver = Callable[[str, int], Sequence[str]]  # name and port to IP addresses, as text

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))+")
_QUAD = re.compile(r"(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE)  # a last label like this makes browsers read an IPv4 address
_LOCAL_NAMES = (
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "private",
    "home.arpa",
    "localdomain",
)

# Not reachable from the public internet, or not meant to be. `is_global` alone differs between Python versions and
# calls multicast and some translated ranges global. The single addresses are clouds' metadata services.
_REFUSED = [
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 "
        "192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 "
        "240.0.0.0/4 2001::/23 2001:db8::/32 2002::/16 3fff::/20"
    ).split()
]
_GLOBAL_IPV6 = ipaddress.ip_network("2000::/3")  # all that is assigned to the public internet
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # how a network without IPv4 writes an IPv4 address


def check(url: str, allowed: frozenset[str] = frozenset()) -> tuple[str, str, int]:
    """Scheme, host and port of an address that may be fetched as far as its spelling goes.

    `allowed` holds `host:port` pairs that may be fetched although they are private. Raises UnsafeAddress.
    """
    if any(character <= " " or character in '\\"<>^`{|}\x7f' for character in url):
        raise UnsafeAddress("the address holds characters that no address may hold")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UnsafeAddress("the address is malformed") from error
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if scheme not in _PORTS:
        raise UnsafeAddress(f"only http and https are fetched, not {scheme or 'an address without a scheme'}")
    if "@" in parts.netloc:
        raise UnsafeAddress("the address holds credentials")
    port = _PORTS[scheme] if port is None else port
    if f"{host}:{port}" in allowed or f"[{host}]:{port}" in allowed:
        return scheme, host, port
    if port < 1024 and port not in _PORTS.values():
        raise UnsafeAddress(f"port {port} is no web server's")
    _check_host(host)
    return scheme, host, port


def _check_host(host: str) -> None:
    if ":" in host:
        try:
            refuse_private(str(ipaddress.IPv6Address(host)))
        except ValueError as error:
            raise UnsafeAddress("the host is no valid IPv6 address") from error
        return
    try:
        name = host.encode("idna").decode("ascii").lower() if not host.isascii() else host
    except UnicodeError as error:
        raise UnsafeAddress("the host name is malformed") from error
    name = name.removesuffix(".")
    if _QUAD.fullmatch(name):
        try:
            refuse_private(str(ipaddress.IPv4Address(name)))
        except ValueError as error:
            raise UnsafeAddress("the host is no valid IPv4 address") from error
    elif _NUMBER.fullmatch(name.rpartition(".")[2]):
        raise UnsafeAddress("the host is an IPv4 address in an odd spelling")
    elif not _NAME.fullmatch(name) or len(name) > 253:
        raise UnsafeAddress("the host is no public name")
    elif any(name == local or name.endswith("." + local) for local in _LOCAL_NAMES):
        raise UnsafeAddress("the host is a name of local networks")


def refuse_private(ip: str) -> None:
    """Raise UnsafeAddress unless the IP address belongs to the public internet."""
    address = ipaddress.ip_address(ip)
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        elif address not in _GLOBAL_IPV6 or address.scope_id:
            raise UnsafeAddress(f"{ip} is not a public address")
    if any(address.version == block.version and address in block for block in _REFUSED):
        raise UnsafeAddress(f"{ip} is not a public address")


def resolve(host: str, port: int) -> list[str]:
    """The addresses that the system's resolver gives for a name. Raises OSError where it gives none."""
    return list(dict.fromkeys(str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def public_addresses(
    host: str, port: int, allowed: frozenset[str] = frozenset(), resolver: Resolver = resolve
) -> list[str]:
    """What to connect to for a checked host. Raises UnsafeAddress for a private answer, FetchError without any."""
    try:
        answers = list(resolver(host, port))
    except (OSError, UnicodeError) as error:
        raise FetchError(f"the name {host} can't be resolved") from error
    if not answers:
        raise FetchError(f"the name {host} can't be resolved")
    if f"{host}:{port}" not in allowed and f"[{host}]:{port}" not in allowed:
        for answer in answers:
            try:
                refuse_private(answer)
            except (UnsafeAddress, ValueError) as error:
                raise UnsafeAddress(f"{host} resolves to {answer}, which is not a public address") from error
    return answers
