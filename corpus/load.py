"""From documents and archive to parsed pages: which link leads to which page, and what became of each link."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from corpus.addresses import address, fragment
from corpus.documents import linked_resources
from corpus.errors import CorpusError
from corpus.pages import Page, Resource
from corpus.pdf import page_from_pdf
from corpus.snapshot import Archive, History, follow
from corpus.warc import Capture, media
from corpus.webpage import page_from_html

Progress = Callable[[int, int], None]  # pages done, pages in all


@dataclass(frozen=True)
class Found:
    """A page of the archive before it is parsed: its capture, and who leads to it."""

    capture: Capture
    confirmed_at: str
    resources: tuple[Resource, ...]
    aliases: tuple[str, ...]


def find_pages(documents: Sequence[Page], archive: Archive) -> list[Found]:
    """Every page that the archive has text of: linked ones in document order, then the others by address."""
    histories = archive.histories()
    leading: dict[str, list[Resource]] = {}
    for resource in linked_resources(documents):
        leading.setdefault(follow(address(resource.url), histories)[0], []).append(resource)
    aliases: dict[str, list[str]] = {}
    for url, history in histories.items():
        if history.redirect:
            aliases.setdefault(follow(url, histories)[0], []).append(url)
    found = []
    for url in [*leading, *sorted(set(histories) - set(leading))]:
        known = histories.get(url)
        page = known.page if known and not known.is_gone else None
        if known and page:
            linked = tuple(leading.get(url, ()))
            found.append(Found(page, known.confirmed_at, linked, tuple(sorted(aliases.get(url, ())))))
    return found


def load_pages(documents: Sequence[Page], archive: Archive, progress: Progress | None = None) -> Iterator[Page]:
    """Parse the pages of the archive one by one, in the order of `find_pages`; one without any text is left out."""
    found = find_pages(documents, archive)
    for number, one in enumerate(found, 1):
        try:
            page = parse(one, archive)
        except CorpusError:
            page = None  # `link_states` and `oka status` say so
        if page and page.sections:
            yield page
        if progress:
            progress(number, len(found))


def parse(found: Found, archive: Archive) -> Page:
    """One page with its text. Raises CorpusError where its body can't be read."""
    capture = found.capture
    body = archive.body(capture)
    if media(capture.content_type) == "pdf":
        page = page_from_pdf(capture.url, body, fetched_at=found.confirmed_at)
    else:
        page = page_from_html(capture.url, body, content_type=capture.content_type, fetched_at=found.confirmed_at)
    source: Literal["linked", "deep"] = "linked" if found.resources else "deep"
    return replace(page, source=source, resources=found.resources, aliases=found.aliases)


State = Literal["ok", "moved", "gone", "failed", "never fetched", "missing anchor"]


@dataclass(frozen=True)
class LinkState:
    """What became of one address of the documents."""

    url: str  # as written in the documents
    resources: tuple[Resource, ...]  # every link with this address
    state: State
    detail: str  # one line for people, "" where there is nothing to add
    final_url: str  # where it leads, the address itself where nothing is known
    fetched_at: str  # when its page was last confirmed, "" where there is no page
    has_text: bool  # whether a page with text stands behind it


def link_states(documents: Sequence[Page], archive: Archive) -> list[LinkState]:
    """The state of each distinct address as written, in document order."""
    histories = archive.histories()
    by_url: dict[str, list[Resource]] = {}
    for resource in linked_resources(documents):
        by_url.setdefault(resource.url, []).append(resource)
    return [_state(url, tuple(resources), histories) for url, resources in by_url.items()]


def _state(url: str, resources: tuple[Resource, ...], histories: dict[str, History]) -> LinkState:
    final, hops = follow(address(url), histories)
    history = histories.get(final)
    page = history.page if history and not history.is_gone else None
    state: State = "ok"
    detail = ""
    if history is None:
        state = "never fetched"
    elif history.is_gone:
        state, detail = "gone", f"HTTP status {history.newest.status}"
    elif page is None:
        state, detail = "failed", history.newest.reason or f"HTTP status {history.newest.status}"
    elif hops and all(hop.status in (200, 301, 308) for hop in hops):
        state, detail = "moved", "permanently"
    return LinkState(
        url,
        resources,
        state,
        detail,
        final + ("#" + fragment(url) if fragment(url) else ""),
        history.confirmed_at if history else "",
        page is not None,
    )
