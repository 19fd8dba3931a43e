"""Which further pages a linked page leads to: those of the site's sitemap, then its links, all under its own path."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from lxml import etree

from corpus.addresses import address
from corpus.webpage import parse_html

# Files that are no pages; asking for them only to refuse their content type would be impolite.
_NO_PAGE = re.compile(
    r"\.(?:png|jpe?g|gif|svg|webp|ico|css|m?js|json|xml|rss|atom|txt|csv|zip|t?gz|tar|bz2|xz|whl|jar|exe|dmg|deb|rpm|woff2?"
    r"|ttf|mp[34]|webm|mov|avi|ya?ml|toml|ipynb|docx?|xlsx?|pptx?)$",
    re.IGNORECASE,
)
_MAX_SITEMAP = 50_000  # addresses, as the sitemap protocol has it
_MAX_UNPACKED = 50 * 2**20


def is_under(url: str, scope: str) -> bool:
    """Whether a page belongs to what follows from the linked page `scope`: same site, under the same folder."""
    page, linked = urlsplit(url), urlsplit(scope)
    folder = linked.path.rpartition("/")[0] + "/"
    if (page.scheme, page.netloc) != (linked.scheme, linked.netloc) or not page.path.startswith(folder):
        return False
    return not _NO_PAGE.search(page.path)


def links_of(url: str, content: bytes, content_type: str = "") -> list[str]:
    """The addresses that an HTML page links to, in page order, each once; none where it asks robots not to follow."""
    root = parse_html(content, content_type)
    for meta in root.iter("meta"):
        if (meta.get("name") or "").lower() in ("robots", "oka") and "nofollow" in (meta.get("content") or "").lower():
            return []
    base = next((element.get("href") for element in root.iter("base") if element.get("href")), "")
    base = address(base, url) if base else url
    found = []
    for link in root.iter("a", "area"):
        href, relation = (link.get("href") or "").strip(), (link.get("rel") or "").lower().split()
        if href and not href.startswith("#") and "nofollow" not in relation:
            target = address(href, base)
            if target.startswith(("http://", "https://")):
                found.append(target)
    return list(dict.fromkeys(found))


def sitemap_addresses(content: bytes) -> tuple[list[str], list[str]]:
    """What a sitemap names: pages, and further sitemaps. Both are empty where it is none."""
    if content.startswith(b"\x1f\x8b"):
        try:
            content = zlib.decompressobj(31).decompress(content, _MAX_UNPACKED)
        except zlib.error:
            return [], []
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, huge_tree=False)
    try:
        root = etree.fromstring(content, parser=parser)
    except etree.XMLSyntaxError:
        return [], []
    pages: list[str] = []
    sitemaps: list[str] = []
    for place in _places(root):
        parent = etree.QName(place.getparent()).localname
        (sitemaps if parent == "sitemap" else pages).append(address((place.text or "").strip()))
        if len(pages) >= _MAX_SITEMAP:
            break
    return list(dict.fromkeys(pages)), list(dict.fromkeys(sitemaps))


def _places(root: etree._Element | None) -> Iterator[etree._Element]:
    for element in () if root is None else root.iter("{*}loc"):
        if element.getparent() is not None and (element.text or "").strip():
            yield element
