"""Markdown to HTML that is safe by construction: raw HTML, images and link definitions are off, links are limited to http(s)
and our own knowledge base, everything else is escaped by `t`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline

OUTSIDE = 'target="_blank" rel="noopener noreferrer"'
_MARKER = re.compile(r"\[(\d{1,3})\]")


def t(value: object) -> str:
    """Text, made safe for HTML text and for attribute values in quotes."""
    return escape(str(value), quote=True)


@lru_cache(maxsize=4096)
def safe_link(address: str) -> str | None:
    """The address if a click may follow it: http(s) with a host, or a document of the knowledge base; else None."""
    if any(ord(char) < 33 or char in '"<>\\' for char in address):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme in ("http", "https"):
        return address if parts.hostname and "@" not in parts.netloc else None
    return address if not parts.scheme and not parts.netloc and re.match(r"kb/[\w.~%-]+(#|$)", address) else None


def markdown_html(text: str, after_link: Callable[[str], str]) -> str:
    """A document of ours as HTML; `after_link` gives what stands behind each link, as HTML."""
    return str(_parser().render(text, {"citations": {}, "after": after_link}))


@lru_cache(maxsize=1024)  # every turn of a conversation is shown again with each question
def answer_markdown(text: str, cited: tuple[tuple[int, str, str, str], ...] = ()) -> str:
    """`cited`: number, turn, link and title of each citation that a marker may lead to."""
    return str(_parser().render(text, {"citations": {number: rest for number, *rest in cited}}))


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.disable(["html_block", "html_inline", "image", "reference"])
    parser.validateLink = lambda url: safe_link(url) is not None  # type: ignore[method-assign]  # a method that markdown-it asks one to replace
    parser.inline.ruler.before("link", "marker", _marker)
    parser.add_render_rule("marker", _render_marker)
    parser.add_render_rule("link_open", _render_link_open)
    parser.add_render_rule("link_close", _render_link_close)
    parser.add_render_rule("fence", _render_code)
    parser.add_render_rule("code_block", _render_code)
    parser.add_render_rule("table_open", _render_table_open)
    parser.add_render_rule("table_close", lambda *_: "</table></div></div>")
    return parser


def _marker(state: StateInline, silent: bool) -> bool:
    """`[3]`, not followed by `(`: a marker where citation 3 exists, else the three characters."""
    match = _MARKER.match(state.src, state.pos)
    if match is None or state.src[match.end() : match.end() + 1] == "(":
        return False
    if not silent:
        state.push("marker", "", 0).content = match.group(1)
    state.pos = match.end()
    return True


def _render_marker(_self: Any, tokens: Any, index: int, _options: Any, env: Any) -> str:
    number = int(tokens[index].content)
    if number not in env["citations"]:
        return f"[{number}]"
    turn_id, link, title = env["citations"][number]
    link = safe_link(link) or f"#oka-c-{turn_id}-{number}"
    return (
        f'<a class="oka-mark oka-c-{t(turn_id)}-{number}" href="{t(link)}" {OUTSIDE} '
        f'title="Source {number}: {t(title)}">[{number}]</a>'
    )


def _render_link_open(_self: Any, tokens: Any, index: int, _options: Any, env: Any) -> str:
    href = str(tokens[index].attrGet("href") or "")
    env.setdefault("open", []).append(href)
    return f'<a href="{t(href)}" {OUTSIDE}>'


def _render_link_close(_self: Any, _tokens: Any, _index: int, _options: Any, env: Any) -> str:
    href = env["open"].pop()
    return "</a>" + (env["after"](href) if "after" in env else "")


def _render_table_open(_self: Any, _tokens: Any, _index: int, _options: Any, _env: Any) -> str:
    return (
        '<div class="oka-tabled"><button type="button" class="oka-copy oka-copy-table">Copy table</button>'
        '<div class="oka-table" tabindex="0" role="region" aria-label="Table"><table>'
    )


def _render_code(_self: Any, tokens: Any, index: int, _options: Any, _env: Any) -> str:
    language = re.sub(r"[^\w+#.-]", "", tokens[index].info.split(" ")[0])
    return (
        f'<div class="oka-code"><span class="oka-language">{t(language)}</span>'
        f'<button type="button" class="oka-copy">Copy code</button><pre tabindex="0"><code>{t(tokens[index].content)}</code></pre></div>'
    )
