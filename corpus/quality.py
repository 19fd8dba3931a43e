"""Whether a page that arrived with status 200 is a page at all: login forms, consent walls, soft 404s, empty shells.

The checks look for what such pages have in common, and only call a page bad that has little text of its own: a long
article about cookies, logins or 404s stays.
"""

from __future__ import annotations

import re

from corpus.inline import one_line
from corpus.pages import Page
from corpus.webpage import parse_html

SOFT_404 = "a page that says that it doesn't exist"
_SHORT = 1200  # characters; a longer text is no wall, form or error page
_PROSE = 80  # characters that the main part of a real page has at least
_SOFT_404 = re.compile(
    r"\b404\b|\bnot found\b|\bpage (?:is )?missing\b|\bnothing (?:here|was found)\b"
    r"|\b(?:page|document|content|article)(?: that)?(?: you(?:['’]re| are) looking for| you requested)? "
    r"(?:does(?:n['’]t| not) exist|(?:is|was) no longer|has been removed"
    r"|(?:could(?:n['’]t| not)|can(?:['’]t|not)) be found)",
    re.IGNORECASE,
)
_CONSENT = re.compile(
    r"(?:we(?: and our partners)? use|uses?|accept|agree to|about|before you continue).{0,60}\bcookies?\b"
    r"|\bcookies?\b.{0,40}\b(?:consent|preferences|settings)|privacy choices|your consent",
    re.IGNORECASE | re.DOTALL,
)
_NEEDS_SCRIPT = re.compile(
    r"(?:enable|requires?|need|turn on|activate).{0,30}java ?script|java ?script (?:is )?(?:disabled|required)"
    r"|checking your browser|verify(?:ing)? (?:that )?you are (?:a )?human|just a moment",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"\b(?:log ?in|sign ?in|sign ?on|password)\b", re.IGNORECASE)


def problem_of(page: Page, content: bytes = b"", content_type: str = "") -> str:
    """Why a page should not be indexed, in a few words; "" where nothing speaks against it.

    `content` is the page as it came, where it is HTML; without it only the text is judged.
    """
    prose = sum(block.end - block.start for section in page.sections for block in section.blocks)
    if prose >= _SHORT:
        return ""
    root = parse_html(content, content_type) if content else None
    if root is not None and any((field.get("type") or "").lower() == "password" for field in root.iter("input")):
        return "a login form"
    start = f"{page.title}\n{page.text}"[:400]
    if _SOFT_404.search(start):
        return SOFT_404
    everything = "" if root is None else one_line(" ".join(root.itertext("body", "p", "div", "span", "noscript")))
    if _NEEDS_SCRIPT.search(f"{start}\n{everything[:2000]}"):
        return "an empty page that needs JavaScript"
    if _CONSENT.search(page.text[:600]):
        return "a cookie or consent notice"
    if _LOGIN.search(page.title) and prose < 4 * _PROSE:
        return "a login page"
    if prose < _PROSE and root is not None and next(root.iter("script"), None) is not None:
        return "an empty page that needs JavaScript"
    return "" if prose else "no text"
