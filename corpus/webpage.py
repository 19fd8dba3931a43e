"""A fetched HTML page as a `Page`: decoded, its main content found, its text rendered with sections and anchors.

Whether the page is worth indexing (a login form, an empty shell) is judged elsewhere. Scripts are never run.
"""

from __future__ import annotations

import codecs
import itertools
import re
from html import unescape as html_unescape
from typing import Any

from lxml import etree, html

from corpus.addresses import address
from corpus.cleaning import all_anchors, heading_anchors, main_content
from corpus.inline import one_line
from corpus.pages import Page, page_digest
from corpus.rendering import Renderer

_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_HEAD_BYTES = 2**17
_LINK = re.compile(rb"<link\b[^>]*>", re.IGNORECASE)
_CANONICAL = re.compile(rb"\brel\s*=\s*[\"']?canonical\b", re.IGNORECASE)
_HREF = re.compile(rb"\bhref\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
_HEAD = frozenset("title meta link style script base noscript template".split())
_REFRESH = re.compile(r"\s*[\d.]*\s*[;,]\s*url\s*=\s*['\"]?([^'\"]+)", re.IGNORECASE)
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# Browsers read these names as windows-1252 (WHATWG Encoding, "names and labels").
_AS_WINDOWS_1252 = frozenset(("ascii", "us-ascii", "iso-8859-1", "iso8859-1", "latin1", "latin-1", "l1"))


def page_from_html(url: str, content: bytes | str, *, content_type: str = "", fetched_at: str | None = None) -> Page:
    """Parse a page; `content_type` is the HTTP header, whose charset counts unless a byte order mark says otherwise.

    A page without any readable text has no sections.
    """
    root = parse_html(content, content_type)
    titles = [one_line(element.text_content()) for element in root.iter("title")]
    main = main_content(root)
    rendered = Renderer(heading_anchors(main)).render(main)
    text, sections = rendered.text, rendered.sections
    first = next((one_line(element.text_content()) for element in main.iter("h1")), "")
    title = _title(titles[0] if titles else "", first) or url
    return Page(url, title, text, sections, "linked", page_digest(title, text, sections), fetched_at)


def _title(title: str, first_heading: str) -> str:
    """The first heading where the title confirms it ("Tasks" of "Tasks — Celery 5.6 documentation"), else the title."""
    confirmed = first_heading and first_heading.casefold() in title.casefold()
    return first_heading if confirmed or not title else title


def parse_html(content: bytes | str, content_type: str = "") -> Any:
    """The page's tree as lxml reads it; an empty one where there is nothing to read.

    Elements nested deeper than 2,048 are left out (browsers stop at 512).
    """
    text = content if isinstance(content, str) else decode(content, content_type)
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = html.document_fromstring(text.replace("\x00", "").encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:  # nothing but white space and comments
        return html.Element("html")
    for element in root.iter():
        if ":" in element.tag or "}" in element.tag:  # XHTML and office pages: their prefixes mean nothing here
            element.tag = re.split("[:}]", element.tag)[-1] or "span"
    _end_head(root)
    # A dt or dd ends where the next one starts, which the parser knows of most elements, but not of these.
    for element in reversed(list(root.iter("dt", "dd"))):
        while element.getparent().tag in ("dt", "dd"):
            element.getparent().addnext(element)
    return root


def _end_head(root: Any) -> None:
    """Where a page leaves the `<body>` tag out, the parser takes elements that it doesn't know, `main`, for the head's."""
    head = root.find("head")
    misplaced = [] if head is None else list(itertools.dropwhile(lambda child: child.tag in _HEAD, head))
    if misplaced:
        body = root.find("body")
        if body is None:
            body = etree.SubElement(root, "body")
        misplaced[-1].tail = (misplaced[-1].tail or "") + (body.text or "")
        body.text = None
        for place, element in enumerate(misplaced):
            body.insert(place, element)


def decode(content: bytes, content_type: str = "") -> str:
    """The page's characters: by byte order mark, HTTP header or meta element, else UTF-8 or windows-1252."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    header = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", content_type, re.IGNORECASE)
    meta = _META_CHARSET.search(content[:4096])
    for name in (header.group(1) if header else "", meta.group(1).decode("ascii") if meta else ""):
        try:
            encoding = codecs.lookup(name).name if name else ""
        except LookupError:
            continue
        if encoding:
            try:
                return content.decode("cp1252" if name.lower() in _AS_WINDOWS_1252 else encoding, "replace")
            except (LookupError, UnicodeError):  # a name of Python's that is no character set, such as "hex"
                continue
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def canonical_address(content: bytes, url: str) -> str:
    """The address that the page names as its own (`rel=canonical`), "" where it names none or its own again."""
    for link in _LINK.findall(content[:_HEAD_BYTES]):
        if _CANONICAL.search(link) and (href := _HREF.search(link)):
            named = address(html_unescape(href.group(1).decode("utf-8", "replace")), url)
            return named if named.startswith(("http://", "https://")) and named != url else ""
    return ""


def refresh_target(content: bytes, content_type: str = "") -> str | None:
    """Where a page that is nothing but a meta refresh sends its reader, as written; None for any other page."""
    if len(content) > 20_000 or b"refresh" not in content.lower():
        return None
    root = parse_html(content, content_type)
    for meta in root.iter("meta"):
        target = (
            _REFRESH.match(meta.get("content") or "") if (meta.get("http-equiv") or "").lower() == "refresh" else None
        )
        if target:
            words = one_line(main_content(root).text_content())
            # A line such as "This page has moved to …" still counts as nothing but a redirect.
            return target.group(1).strip() if len(words) < 300 else None
    return None


def anchors_of(content: bytes, content_type: str = "") -> frozenset[str]:
    """Every fragment that leads somewhere in the page, headings or not."""
    return frozenset(all_anchors(parse_html(content, content_type)))
