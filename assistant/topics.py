"""What the documents are about: their sections as topics, and which sites each topic's links lead to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from assistant.names import Entity, expansions, find_entities, known_names
from corpus.addresses import name_of_host
from corpus.errors import SettingsError
from corpus.pages import document_name
from index.passages import Passage
from index.store import Index


@dataclass(frozen=True)
class Topics:
    """Read from the index once; `anchors` maps each section's heading to its anchor, in document order."""

    anchors: dict[str, str]
    names: frozenset[str]  # single words that the sections' subjects are called by, in lower case
    sites: dict[str, frozenset[str]]  # anchor -> sites that the section's resources are on
    all_sites: frozenset[str]
    document_rows: NDArray[np.int64]  # the passages of the documents
    near_rows: NDArray[np.int64]  # these, and the passages of the pages that they link to
    _index: Index

    def is_about(self, entity: Entity, passage: Passage) -> bool:
        """Whether a passage is of an entity's section, of a page that the section links to, or of a site of its own."""
        if passage.source == "deep":
            return site_of(passage.url) in self.sites.get(entity.anchor, frozenset())
        if passage.source == "document":
            return passage.anchor == entity.anchor
        return any(resource.section == entity.anchor for resource in passage.resources)

    def is_about_any(self, entities: Sequence[Entity], passage: Passage) -> bool:
        """Whether it is about one of these."""
        return any(self.is_about(entity, passage) for entity in entities)

    def names_any(self, entities: Sequence[Entity], passage: Passage) -> bool:
        """Whether a passage names one of these, by any of its names."""
        words = "\n".join((passage.title, *passage.headings, passage.text))
        return not {entity.anchor for entity in entities}.isdisjoint(
            entity.anchor for entity in find_entities(words, self.anchors)
        )

    def rows_within(self, only: str) -> NDArray[np.int64]:
        """The passages of a section of the documents and of what it links to, of a site, or of a depth; in row order.

        `only` is the section's anchor ("celery"), a site ("docs.celeryq.dev"), a document alone ("kb/guide.md"), or
        "linked": the documents and the pages they link to, without those further on. Raises SettingsError for another.
        """
        if not isinstance(only, str):
            raise SettingsError(f"only is {only!r}; the name of a section, a site or a document is expected.")
        texts = self._index.texts
        if only == "linked":
            return self.near_rows
        own = texts.urls("document")
        document = only if only in own else {document_name(url): url for url in own}.get(only.removeprefix("kb/"))
        if document:
            return np.array(sorted(texts.rows_of(document)), np.int64)
        wanted = only.strip().lower().removeprefix("#").removeprefix("www.")
        led_to = texts.led_to()
        rows: list[int] = []
        for url in texts.urls():
            if url.startswith("kb/"):
                here = texts.rows_of(url)
                rows += [row for row, place in zip(here, texts.places(here), strict=True) if place.anchor == wanted]
            elif site_of(url) == wanted or (
                wanted in led_to[url] if url in led_to else site_of(url) in self.sites.get(wanted, ())
            ):
                rows += texts.rows_of(url)
        if not rows:
            known = ", ".join(["linked", *own, *self.sites, *sorted(self.all_sites)])
            raise SettingsError(f"There is nothing under {only!r} to stay within; choose one of: {known}.")
        return np.array(sorted(rows), np.int64)

    def sites_named(self, question: str, entities: Sequence[Entity]) -> frozenset[str]:
        """The sites of the tools that a question names: by the site's own name, or by a topic whose links lead there."""
        spoken = set(re.findall(r"[a-z]{4,}", f"{question} {' '.join(expansions(question))}".lower()))
        by_topic = {site for entity in entities for site in self.sites.get(entity.anchor, ())}
        by_name = {
            site for site in self.all_sites if any(label.startswith(word) for label in _labels(site) for word in spoken)
        }
        return frozenset(by_name or by_topic)


def read_topics(index: Index) -> Topics:
    """From the passages of the documents."""
    urls = index.texts.urls()
    anchors: dict[str, str] = {}
    sites: dict[str, set[str]] = {}
    for url in urls:
        if not url.startswith("kb/"):
            continue
        for passage in index.passages(index.texts.rows_of(url)):
            if passage.anchor and passage.headings:
                anchors.setdefault(passage.headings[-1], passage.anchor)
                found = sites.setdefault(passage.anchor, set())
                found.update(site_of(resource.url) for resource in passage.resources)
    own = [row for url in index.texts.urls("document") for row in index.texts.rows_of(url)]
    near = [row for url in index.texts.urls("document", "linked") for row in index.texts.rows_of(url)]
    return Topics(
        anchors,
        known_names(anchors),
        {anchor: frozenset(found) for anchor, found in sites.items()},
        frozenset(site_of(url) for url in urls if not url.startswith("kb/")),
        np.array(sorted(own), np.int64),
        np.array(sorted(near), np.int64),
        index,
    )


@lru_cache(maxsize=4096)
def site_of(url: str) -> str:
    """The host of an address: pages of one host are taken to be about one tool."""
    return (name_of_host(url) or url).removeprefix("www.")


def _labels(site: str) -> list[str]:
    """The telling parts of a host's name: "docs.celeryq.dev" -> ["celeryq"]."""
    return [label for label in site.split(".")[:-1] if label not in ("docs", "www", "cloud", "blog", "en")]
