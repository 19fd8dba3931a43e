"""The index that answers now, for what a build can take over from it: the passages of unchanged pages, their terms, the
vectors of the same words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from corpus.pages import Page, Unread
from index.lexical import StoredTerms, stored_terms
from index.manifest import Manifest
from index.parts import Parts
from index.passages import Passage
from index.texts import Known, Texts
from index.vectors import VECTORS


class Previous:
    """An older build that was made with the same embedder; `settings` are those of the new one."""

    def __init__(self, build: Path, manifest: Manifest, settings: dict[str, Any]) -> None:
        self.build = build
        self.file = build / "texts.sqlite"
        self.texts = Texts(self.file)
        self.vectors = np.load(build / VECTORS, mmap_mode="r")
        self.parts = Parts(build / "parts", self.vectors.shape[2])
        same = {name: manifest.settings[name] == settings[name] for name in ("chunker", "terms")}
        self.terms: StoredTerms | None = stored_terms(build / "lexical") if same["terms"] else None
        self._digests = self.texts.digests() if same["chunker"] else {}
        self._known = self.texts.known() if same["chunker"] and self.terms else {}

    def knows(self, page: Unread) -> bool:
        """Whether it was parsed before, with the same outcome for certain."""
        known = self._known.get(page.key)
        return page.key in self._known and (known is None or known.source == page.source)

    def known(self, page: Unread) -> Known | None:
        """What came of a page that it knows; None where that is no page worth indexing."""
        return self._known[page.key]

    def passages(self, page: Page) -> list[Passage] | None:
        """The page's passages where its words and structure are the same; where and when it was found may differ."""
        if self._digests.get(page.url) != page.digest:
            return None
        passages = self.texts.passages(self.texts.rows_of(page.url))
        if any(passage.source != page.source for passage in passages):
            return None
        return [
            replace(
                passage,
                fetched_at=page.fetched_at,
                resources=passage.resources if page.source == "document" else page.resources,
                aliases=page.aliases,
            )
            for passage in passages
        ]

    def close(self) -> None:
        """Give the files back."""
        self.texts.close()
