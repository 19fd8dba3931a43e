"""Addresses of pages: one spelling for each, so that the same page is one page.

Whether an address may be fetched is another file's question (`corpus.safety`).
"""

from __future__ import annotations

import contextlib
import re
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

# Parameters that only tell the site where a reader came from.
_TRACKING = re.compile(
    r"utm_\w+|gclid|dclid|fbclid|msclkid|yclid|mc_[ce]id|igshid|_hsenc|_hsmi|hsctatracking|vero_id", re.I
)
_SAFE = "!#$%&'()*+,/:;=?@[]~"  # quoted text stays as it is; only what no address may hold is quoted
_PORTS = {"http": 80, "https": 443}


def address(url: str, base: str = "") -> str:
    """The address without fragment in its one spelling: host in lower case, no default port, no tracking parameters.

    A relative `url` is read against `base`. What isn't an address at all comes back as it is, without fragment.
    """
    try:
        parts = urlsplit(urljoin(base, url.strip()) if base else url.strip())
        host, port = (parts.hostname or "").lower().rstrip("."), parts.port
    except ValueError:
        return url.strip().partition("#")[0]
    if not host:
        return url.strip().partition("#")[0]
    with contextlib.suppress(UnicodeError):  # a name that no resolver takes is refused when it is fetched
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    scheme = parts.scheme.lower()
    place = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS.get(scheme):
        place += f":{port}"
    if parts.username is not None:
        place = parts.netloc.rpartition("@")[0] + "@" + place
    query = parts.query
    if query and _TRACKING.search(query):
        kept = [
            (name, value) for name, value in parse_qsl(query, keep_blank_values=True) if not _TRACKING.fullmatch(name)
        ]
        query = urlencode(kept)
    return urlunsplit((scheme, place, quote(parts.path or "/", safe=_SAFE), quote(query, safe=_SAFE), ""))


def fragment(url: str) -> str:
    """What stands behind the `#`, "" where nothing does."""
    return url.partition("#")[2]


def host_of(url: str) -> str:
    """Host and port of an address, the unit of politeness: "docs.example.org" or "127.0.0.1:8000"."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def name_of_host(url: str) -> str:
    """The host's name alone, in lower case; "" where it has none or isn't an address at all: "http://[host]/"."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
