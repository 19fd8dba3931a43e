"""From the archive to parsed pages: which link leads to which page, and which addresses are the same page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path

from corpus.addresses import address, host_of
from corpus.documents import linked_resources
from corpus.errors import CorpusError
from corpus.history import follow
from corpus.instructions import flags_of
from corpus.pages import Page, Resource, Source, Unread
from corpus.pdf import page_from_pdf
from corpus.quality import problem_of
from corpus.snapshot import Archive
from corpus.warc import Capture, media
from corpus.webpage import decode, page_from_html

Progress = Callable[[int, int], None]  # pages done, pages in all


@dataclass(frozen=True)
class Found:
    """A page of the archive before it is parsed: its capture, and who leads to it."""

    capture: Capture
    confirmed_at: str
    resources: tuple[Resource, ...]
    aliases: tuple[str, ...]

    @property
    def source(self) -> Source:
        """Whether a document links to it."""
        return "linked" if self.resources else "deep"


def find_pages(documents: Sequence[Page], archive: Archive) -> list[Found]:
    """Every page that the archive has text of: linked ones in document order, then the others by address."""
    histories = archive.histories()
    leading: dict[str, list[Resource]] = {}
    for resource in linked_resources(documents):
        leading.setdefault(follow(address(resource.url), histories)[0], []).append(resource)
    captures = {
        url: page for url, history in histories.items() if (page := history.page) is not None and not history.is_gone
    }
    ordered = [*(url for url in leading if url in captures), *sorted(set(captures) - set(leading))]
    main = _identities(ordered, captures, archive)
    aliases: dict[str, list[str]] = {}
    for url, history in histories.items():
        final = follow(url, histories)[0] if history.redirect else url
        if main.get(final, final) != url:
            aliases.setdefault(main.get(final, final), []).append(url)
    groups: dict[str, list[str]] = {}
    for url in ordered:
        groups.setdefault(main[url], []).append(url)
    found = []
    for url in ordered:
        if main[url] == url:
            same = groups[url]
            resources = tuple(resource for one in same for resource in leading.get(one, ()))
            confirmed = max(histories[one].confirmed_at for one in same)
            found.append(Found(captures[url], confirmed, resources, tuple(sorted(aliases.get(url, ())))))
    return found


def _identities(ordered: Sequence[str], captures: dict[str, Capture], archive: Archive) -> dict[str, str]:
    """For each address the one that stands for its page: the same bytes on a host, or one canonical address and text.

    A canonical address is believed only where the words agree: a site that gives its front page as everyone's
    canonical address would lose all its pages otherwise.
    """
    main: dict[str, str] = {}
    by_bytes: dict[tuple[str, str], str] = {}
    by_canonical: dict[str, list[str]] = {}
    for url in ordered:
        main[url] = by_bytes.setdefault((host_of(url), captures[url].digest), url)
        if main[url] == url:
            by_canonical.setdefault(captures[url].canonical or url, []).append(url)
    for canonical, urls in by_canonical.items():
        if len(urls) < 2:
            continue
        by_text: dict[str, str] = {}
        # The canonical address itself stands for the page where it was fetched, unless a document links to another.
        for url in sorted(urls, key=lambda url: (ordered.index(url), url != canonical)):
            by_text.setdefault(_text(captures[url], archive) or url, url)
        for url in urls:
            main[url] = by_text[_text(captures[url], archive) or url]
    return {url: main[main[url]] for url in ordered}


def _text(capture: Capture, archive: Archive) -> str:
    try:
        return parse(Found(capture, "", (), ()), archive).text
    except CorpusError:
        return ""


def load_pages(documents: Sequence[Page], archive: Archive, progress: Progress | None = None) -> Iterator[Page]:
    """Parse the pages of the archive one by one, in the order of `find_pages`.

    What isn't worth indexing (see `corpus.quality`) or can't be read is left out; `link_states` says so.
    """
    found = find_pages(documents, archive)
    for number, one in enumerate(found, 1):
        page = _parsed(one, archive)
        if page:
            yield page
        if progress:
            progress(number, len(found))


def unread_pages(documents: Sequence[Page], archive: Archive) -> Iterator[Unread]:
    """What `load_pages` would parse, in the same order; each page is parsed where its reader asks for it."""
    for one in find_pages(documents, archive):
        yield unread(one, archive)


def unread(found: Found, archive: Archive) -> Unread:
    """A page that is parsed where its reader asks for it."""
    capture = found.capture
    read = partial(_parsed, found, archive)
    return Unread(capture.url, _key(capture), found.source, found.confirmed_at, found.resources, found.aliases, read)


@cache
def parser_version() -> str:
    """Changes with all that turns the same bytes into another page: our own files and the libraries behind them."""
    whole = hashlib.sha256(f"{version('lxml')} {version('pypdf')}".encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        whole.update(file.read_bytes())
    return whole.hexdigest()


def _key(capture: Capture) -> str:
    """Tells what is parsed apart. The record's place is part of it: a payload's digest says nothing of its headers."""
    place = (capture.url, capture.content_type, capture.digest, capture.offset, capture.length)
    return hashlib.sha256(f"{parser_version()} {place}".encode()).hexdigest()[:32]


def _parsed(found: Found, archive: Archive) -> Page | None:
    with suppress(CorpusError):  # `link_states` and `Archive.failures` tell why a page is not there
        return parse(found, archive)
    return None


def parse(found: Found, archive: Archive) -> Page:
    """One page with its text. Raises CorpusError where its body can't be read, or is no page in spite of its status."""
    capture = found.capture
    body = archive.body(capture)
    if media(capture.content_type) == "pdf":
        page = page_from_pdf(capture.url, body, fetched_at=found.confirmed_at)
        problem = problem_of(page)
    else:
        page = page_from_html(capture.url, body, content_type=capture.content_type, fetched_at=found.confirmed_at)
        problem = problem_of(page, body, capture.content_type)
    if problem:
        raise CorpusError(problem)
    source_text = "" if media(capture.content_type) == "pdf" else decode(body, capture.content_type)
    flags = flags_of(page.text, host_of(capture.url), source_text)
    return replace(page, source=found.source, resources=found.resources, aliases=found.aliases, flags=flags)
