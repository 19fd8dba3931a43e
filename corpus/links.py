"""What became of each link of the documents, for people, programs and the documents' own editor.

Judged from the archive alone: no request goes out. Whether that is worth an exit code is the command's decision.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from corpus.addresses import address, fragment
from corpus.documents import linked_resources
from corpus.errors import CorpusError
from corpus.history import History, follow
from corpus.load import Found, parse
from corpus.markdown import slug
from corpus.pages import Page, Resource, document_name
from corpus.quality import SOFT_404
from corpus.snapshot import Archive
from corpus.warc import Capture, media
from corpus.webpage import anchors_of

State = Literal[
    "ok", "moved", "changed", "missing anchor", "gone", "soft 404", "not a page", "blocked", "unsafe", "failed",
    "never fetched",
]  # fmt: skip
_BROKEN = ("missing anchor", "gone", "soft 404", "not a page", "unsafe", "failed")
_PERMANENT = (301, 308, 200)  # 200: a page that is only a meta refresh
_NEAR = 0.5  # how alike, of 1, an anchor must be to be named as the nearest


@dataclass(frozen=True)
class LinkState:
    """What became of one address of the documents."""

    url: str  # as written in the documents
    resources: tuple[Resource, ...]  # every link with this address
    state: State
    detail: str  # one line for people, "" where there is nothing to add
    final_url: str  # where it leads, fragment included; the address itself where nothing is known
    suggestion: str  # what to write instead, "" where nothing better is known
    fetched_at: str  # when its page was last seen to be current, "" where there is no page
    has_text: bool  # whether a page with text stands behind it

    @property
    def is_broken(self) -> bool:
        """Whether the document needs an edit or a look: it leads nowhere, or not where it says.

        A failure that leaves us with a good copy may pass, and breaks nothing yet.
        """
        return self.state in _BROKEN and not (self.state == "failed" and self.has_text)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "url": self.url,
            "state": self.state,
            "broken": self.is_broken,
            "detail": self.detail,
            "final_url": self.final_url,
            "suggestion": self.suggestion or None,
            "fetched_at": self.fetched_at or None,
            "has_text": self.has_text,
            "links": [
                {"label": r.label, "document": r.document, "anchor": r.section, "section": r.section_title}
                for r in self.resources
            ],
        }


def link_states(documents: Sequence[Page], archive: Archive) -> list[LinkState]:
    """The state of each distinct address as written, in document order."""
    histories = archive.histories()
    by_url: dict[str, list[Resource]] = {}
    for resource in linked_resources(documents):
        by_url.setdefault(resource.url, []).append(resource)
    return [_state(url, tuple(resources), histories, archive) for url, resources in by_url.items()]


def _state(url: str, resources: tuple[Resource, ...], histories: dict[str, History], archive: Archive) -> LinkState:
    final, hops = follow(address(url), histories)
    mark = fragment(url)
    ending = f"#{mark}" if mark else ""
    history = histories.get(final)
    page = history.page if history and not history.is_gone else None

    def state(name: State, detail: str = "", suggestion: str = "", has_text: bool = page is not None) -> LinkState:
        confirmed = history.confirmed_at if history and page else ""
        return LinkState(url, resources, name, detail, final + ending, suggestion, confirmed, has_text)

    if history is None:
        return state("never fetched", f"leads to {final}" if hops else "")
    if history.redirect:
        return state("failed", "its redirects lead in a circle" if len(hops) < 10 else "more than 10 redirects")
    if history.is_gone:
        return state("gone", (f"leads to {final}, " if hops else "") + f"HTTP status {history.newest.status}")
    newest = history.newest
    if newest.kind == "failure" or newest.status in (404, 410):
        kept = f"; the copy of {history.confirmed_at[:10]} is kept" if page else ""
        names: dict[str, State] = {"robots": "blocked", "unsafe": "unsafe", "content": "not a page"}
        detail = (newest.reason or f"HTTP status {newest.status}") + f" on {newest.fetched_at[:10]}{kept}"
        return state(names.get(newest.cause, "failed"), detail)
    if page is None:
        return state("failed", f"HTTP status {newest.status}")
    if hops and urlsplit(final).path == "/" and urlsplit(address(url)).path.count("/") > 1:
        return state("soft 404", f"sends its reader to the front page {final}")
    try:
        parsed = parse(Found(page, history.confirmed_at, resources, ()), archive)
    except CorpusError as error:
        return state("soft 404" if str(error) == SOFT_404 else "not a page", str(error), has_text=False)
    moved_to = _moved_to(hops)
    if mark and not mark.startswith((":~:", "!", "/")) and media(page.content_type) == "html":
        known = anchors_of(archive.body(page), page.content_type)
        if unquote(mark) not in known and mark not in known:
            near = _nearest(unquote(mark), parsed)
            detail = f"the page has no #{mark}" + (f"; nearest is #{near[0]} ({near[1]})" if near else "")
            return state("missing anchor", detail, (moved_to or final) + (f"#{near[0]}" if near else ""))
    if moved_to:
        return state("moved", f"permanently to {moved_to}", moved_to + ending)
    change = _change(history, page, parsed, archive)
    if change:
        return state("changed", change)
    return state("ok", f"leads to {final}" if hops else "")


def _moved_to(hops: Sequence[Capture]) -> str:
    """The address that the permanent redirects before any temporary one lead to; "" where the first is temporary."""
    target = ""
    for hop in hops:
        if hop.status not in _PERMANENT:
            break
        target = hop.location.partition("#")[0]
    return target


def _nearest(mark: str, page: Page) -> tuple[str, str] | None:
    """The anchor and heading most like a missing anchor; None where none is like it."""
    words = set(re.split(r"\W+", mark.lower()))
    best: tuple[float, str, str] | None = None
    for section in page.sections:
        if not section.anchor or not section.headings:
            continue
        for name in (section.anchor.lower(), slug(section.headings[-1])):
            shared = len(words & set(re.split(r"\W+", name))) / len(words)
            alike = max(
                difflib.SequenceMatcher(None, mark.lower(), name).ratio(), 0.99 * shared if shared == 1 else 0.0
            )
            if alike >= _NEAR and (best is None or alike > best[0]):
                best = (alike, section.anchor, section.headings[-1])
    return (best[1], best[2]) if best else None


def _change(history: History, page: Capture, parsed: Page, archive: Archive) -> str:
    """How much the newest copy differs from the one before; "" where the last attempt brought no new copy."""
    earlier = [capture for capture in history.captures if capture.is_page and capture.digest != page.digest]
    if not earlier or history.newest is not page:
        return ""
    before = earlier[-1]
    try:
        old = parse(Found(before, "", (), ()), archive).text.splitlines()
    except CorpusError:
        return f"since {before.fetched_at[:10]}, when it was no page"
    new = parsed.text.splitlines()
    if old == new:
        return ""
    same = 2 * sum(
        match.size for match in difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    )
    share = 100 * (1 - same / max(len(old) + len(new), 1))
    return f"{max(share, 1):.0f} % of its lines since {before.fetched_at[:10]}"


def render_table(states: Sequence[LinkState]) -> str:
    """A line a link for people: state, address, detail; and a line that counts the states."""
    wide = max((len(state.state) for state in states), default=0)
    lines = []
    for state in states:
        lines.append(f"{state.state:<{wide}}  {state.url}" + (f"  {state.detail}" if state.detail else ""))
    return "\n".join([*lines, "", _counts(states)])


def render_markdown(states: Sequence[LinkState]) -> str:
    """The same as a Markdown table, with the section that each link stands in."""
    lines = ["| state | link | section | detail |", "|---|---|---|---|"]
    for state in states:
        sections = ", ".join(dict.fromkeys(resource.section_title for resource in state.resources))
        label = state.resources[0].label.replace("|", "\\|")
        detail = state.detail.replace("|", "\\|")
        lines.append(f"| {state.state} | [{label}]({state.url}) | {sections} | {detail} |")
    return "\n".join([*lines, "", _counts(states)])


def _counts(states: Sequence[LinkState]) -> str:
    names = [state.state for state in states]
    counted = ", ".join(f"{names.count(name)} {name}" for name in dict.fromkeys(names))
    return f"{len(states)} links: {counted}"


def suggested_edits(states: Sequence[LinkState], documents: Sequence[Page]) -> str:
    """A unified diff that writes the suggested addresses into the documents; "" where there is nothing to suggest."""
    diffs: list[str] = []
    for document in documents:
        name = document_name(document.url)
        text = document.text
        for state in states:
            if state.suggestion and any(resource.document == document.url for resource in state.resources):
                # Only the whole address: another one may begin with the same characters.
                whole = re.escape(state.url) + r"(?=[\s)>\"'\]]|$)"
                text = re.sub(whole, state.suggestion.replace("\\", r"\\"), text)
        old, new = document.text.splitlines(keepends=True), text.splitlines(keepends=True)
        diffs += difflib.unified_diff(old, new, f"a/{name}", f"b/{name}")
    return "".join(diffs)
