"""Pages and passages in one SQLite file: written once by a build, then only read.

A passage's row number is its place in every other file of the index. `sources` remembers what was parsed: a key as in
`corpus.pages.Unread`, and the page that came of it, or none.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from corpus.pages import Page, Resource, Source, Unread
from index.passages import Passage, Unit

_SCHEMA = """
CREATE TABLE pages(
    page INTEGER PRIMARY KEY, url TEXT UNIQUE, title TEXT, text TEXT, source TEXT, digest TEXT,
    fetched_at TEXT, resources TEXT, aliases TEXT, flags TEXT
);
CREATE TABLE sources(key TEXT PRIMARY KEY, page INTEGER) WITHOUT ROWID;
CREATE TABLE passages(
    row INTEGER PRIMARY KEY, page INTEGER, id TEXT, anchor TEXT, headings TEXT, first INTEGER, last INTEGER,
    text TEXT, units TEXT, resources TEXT, key BLOB
);
"""
_AFTER = "CREATE INDEX passages_of_page ON passages(page);"
_PASSAGE = """
SELECT p.row, p.id, g.url, p.anchor, g.title, p.headings, p.first, p.last, p.text, p.units, g.source, g.fetched_at,
    coalesce(p.resources, g.resources), g.aliases
FROM passages p JOIN pages g ON g.page = p.page
"""
_PLACES = 20_000  # that are remembered, the first that are asked for: about 10 MB


@dataclass(frozen=True)
class Place:
    """Where a passage stands, without its words: all that ranking needs, at a tenth of the time."""

    url: str
    anchor: str | None
    headings: tuple[str, ...]
    source: Source


@dataclass(frozen=True)
class StoredPage:
    """A page as the index keeps it: everything but its structure."""

    url: str
    title: str
    text: str
    source: Source
    digest: str
    fetched_at: str | None
    resources: tuple[Resource, ...]
    aliases: tuple[str, ...]
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """A page of an older index, for a build that takes it over: its number, its rows, and what it is known by."""

    page: int
    first: int  # row
    end: int  # row, of the next page
    digest: str
    source: Source
    resources: tuple[Resource, ...]
    flags: tuple[str, ...]


def embedding_key(text: str, spans: Sequence[tuple[int, int]]) -> bytes:
    """Tells what is embedded for passages apart: vectors are used again for the same key."""
    return sha256(f"{spans} {text}".encode("utf-8", "surrogatepass")).digest()[:16]


class TextsWriter:
    """A new file of pages and passages."""

    def __init__(self, file: Path, before: Path | None = None) -> None:
        """`before` is the file of an older build, from which pages can be taken over."""
        self._db = sqlite3.connect(file.resolve().as_uri(), uri=True)
        if before:
            self._db.execute("ATTACH ? AS before", [f"{before.resolve().as_uri()}?mode=ro&immutable=1"])
        # Nothing reads the file before it is whole and flushed, so no journal is needed.
        self._db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)
        self.pages = 0
        self.rows = 0

    def add_page(self, page: Page, key: str = "") -> None:
        """The page that the following passages belong to; `key` is the one that it had before it was parsed."""
        self.pages += 1
        if key:
            self._db.execute("INSERT INTO sources VALUES (?, ?)", [key, self.pages])
        lists = (_resources_json(page.resources), _json(page.aliases), _json(page.flags))
        values = (self.pages, page.url, page.title, page.text, page.source, page.digest, page.fetched_at, *lists)
        self._db.execute(f"INSERT INTO pages VALUES ({','.join('?' * len(values))})", values)

    def add_nothing(self, key: str) -> None:
        """What this key stands for is no page."""
        self._db.execute("INSERT INTO sources VALUES (?, NULL)", [key])

    def take_page(self, known: Known, page: Unread) -> None:
        """A page of the file before with its passages, found as `page` says."""
        self.pages += 1
        self._db.execute("INSERT INTO sources VALUES (?, ?)", [page.key, self.pages])
        self._db.execute(
            "INSERT INTO pages SELECT ?, url, title, text, source, digest, ?, ?, ?, flags FROM before.pages WHERE page = ?",
            [self.pages, page.fetched_at, _resources_json(page.resources), _json(page.aliases), known.page],
        )
        self._db.execute(
            "INSERT INTO passages SELECT row + ?, ?, id, anchor, headings, first, last, text, units, resources, key "
            "FROM before.passages WHERE row >= ? AND row < ? ORDER BY row",
            [self.rows - known.first, self.pages, known.first, known.end],
        )
        self.rows += known.end - known.first

    def add_passage(self, passage: Passage, key: bytes) -> None:
        """The next row, with the key of what is embedded for it."""
        own = _resources_json(passage.resources) if passage.source == "document" else None
        values = (
            *(self.rows, self.pages, passage.id, passage.anchor, _json(passage.headings), passage.start, passage.end),
            *(passage.text, _json([_unit_list(unit) for unit in passage.units]), own, key),
        )
        self._db.execute(f"INSERT INTO passages VALUES ({','.join('?' * len(values))})", values)
        self.rows += 1

    def close(self) -> None:
        """Finish the file."""
        self._db.executescript(_AFTER)
        self._db.commit()
        self._db.close()


class Texts:
    """A finished file, opened read-only. May be used by several threads."""

    def __init__(self, file: Path) -> None:
        # immutable: the file never changes, so SQLite takes no lock and looks for no journal.
        self._db = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
        self._lock = threading.Lock()
        self._places: dict[int, Place] = {}

    def __len__(self) -> int:
        return int(self._all("SELECT count(*) FROM passages", [])[0][0])

    def passages(self, rows: Sequence[int]) -> list[Passage]:
        """The passages of these rows, in the order asked for."""
        found: dict[int, Passage] = {}
        wanted = [int(row) for row in rows]
        for first in range(0, len(wanted), 500):  # SQLite limits the number of parameters
            part = wanted[first : first + 500]
            records = self._all(f"{_PASSAGE} WHERE p.row IN ({','.join('?' * len(part))})", part)
            found.update((record[0], _passage(record)) for record in records)
        return [found[row] for row in wanted]

    def places(self, rows: Sequence[int]) -> list[Place]:
        """Where the passages of these rows stand, in the order asked for."""
        wanted = [int(row) for row in rows]
        found = {row: self._places[row] for row in wanted if row in self._places}
        missing = [row for row in wanted if row not in found]
        for first in range(0, len(missing), 500):
            part = missing[first : first + 500]
            query = (
                "SELECT p.row, g.url, p.anchor, p.headings, g.source FROM passages p JOIN pages g ON g.page = p.page "
                f"WHERE p.row IN ({','.join('?' * len(part))})"
            )
            for row, url, anchor, headings, source in self._all(query, part):
                found[row] = Place(url, anchor, tuple(json.loads(headings)), source)
        if len(self._places) < _PLACES:
            self._places.update((row, found[row]) for row in missing)
        return [found[row] for row in wanted]

    def page(self, url: str) -> StoredPage:
        """The page of this address. KeyError where there is none."""
        records = self._all(
            "SELECT url, title, text, source, digest, fetched_at, resources, aliases, flags FROM pages WHERE url = ?",
            [url],
        )
        if not records:
            raise KeyError(url)
        url, title, text, source, digest, fetched_at, resources, aliases, flags = records[0]
        lists = (_resources(resources), tuple(json.loads(aliases)), tuple(json.loads(flags)))
        return StoredPage(url, title, text, source, digest, fetched_at, *lists)

    def urls(self, *sources: Source) -> list[str]:
        """The addresses of all pages in row order, or of those from these sources."""
        chosen = sources or ("document", "linked", "deep")
        query = f"SELECT url FROM pages WHERE source IN ({','.join('?' * len(chosen))}) ORDER BY page"
        return [url for (url,) in self._all(query, chosen)]

    def led_to(self) -> dict[str, frozenset[str]]:
        """For each page that a document links to, the anchors of the sections that do."""
        found = self._all("SELECT url, resources FROM pages WHERE source = 'linked'", [])
        return {url: frozenset(resource.section for resource in _resources(text)) for url, text in found}

    def rows_of(self, url: str) -> list[int]:
        """The rows of a page's passages, in page order; none for an unknown page."""
        query = "SELECT row FROM passages JOIN pages USING (page) WHERE url = ? ORDER BY row"
        return [row for (row,) in self._all(query, [url])]

    def entries(self) -> list[tuple[str, bytes, Source]]:
        """Every row's passage id, embedding key and page's source, in row order."""
        return self._all("SELECT p.id, p.key, g.source FROM passages p JOIN pages g USING (page) ORDER BY p.row", [])

    def keys(self) -> list[bytes]:
        """Every row's embedding key, in row order."""
        return [key for (key,) in self._all("SELECT key FROM passages ORDER BY row", [])]

    def digests(self) -> dict[str, str]:
        """The digest of each page by its address."""
        return dict(self._all("SELECT url, digest FROM pages", []))

    def known(self) -> dict[str, Known | None]:
        """What came of each key; None for what is no page. Empty for the file of an oka that didn't keep the keys."""
        if not self._all("SELECT 1 FROM sqlite_master WHERE name = 'sources'", []):
            return {}
        found: dict[str, Known | None] = dict.fromkeys(
            key for (key,) in self._all("SELECT key FROM sources WHERE page IS NULL", [])
        )
        records = self._all(
            "SELECT s.key, g.page, min(p.row), max(p.row) + 1, g.digest, g.source, g.resources, g.flags FROM sources s "
            "JOIN pages g USING (page) LEFT JOIN passages p USING (page) GROUP BY s.key",
            [],
        )
        for key, page, first, end, digest, source, resources, flags in records:
            lists = (_resources(resources), tuple(json.loads(flags)))
            found[key] = Known(page, first or 0, end or 0, digest, source, *lists)
        return found

    def counts(self) -> dict[str, int]:
        """The number of pages of each source."""
        return dict(self._all("SELECT source, count(*) FROM pages GROUP BY source", []))

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def _all(self, query: str, values: Iterable[Any]) -> list[Any]:
        with self._lock:
            return self._db.execute(query, tuple(values)).fetchall()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _unit_list(unit: Unit) -> list[Any]:
    """The unit's fields without those at the end that have their default."""
    values = list(astuple(unit))
    defaults = [0, "", False, ()]
    while defaults and values[-1] == defaults[-1]:
        values.pop()
        defaults.pop()
    return values


def _unit(values: list[Any]) -> Unit:
    if len(values) == 8:
        values[7] = tuple((low, high) for low, high in values[7])
    return Unit(*values)


def _resources_json(resources: Sequence[Resource]) -> str:
    return _json([astuple(resource) for resource in resources])


def _resources(text: str) -> tuple[Resource, ...]:
    return tuple(Resource(*values) for values in json.loads(text))


def _passage(record: Any) -> Passage:
    _, id_, url, anchor, title, headings, start, end, text, units, source, fetched_at, resources, aliases = record
    return Passage(
        *(id_, url, anchor, title, tuple(json.loads(headings)), start, end, text),
        units=tuple(_unit(values) for values in json.loads(units)),
        source=source,
        fetched_at=fetched_at,
        resources=_resources(resources),
        aliases=tuple(json.loads(aliases)),
    )
