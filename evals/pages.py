"""What the scorers need to know of the corpus under test, read from the product's own index."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cached_property, lru_cache

from evals.metrics.answers import canonical
from index.passages import Passage
from index.store import Index


class Corpus:
    """The pages that all systems of a run search."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.page_text = lru_cache(maxsize=None)(self._page_text)
        self.rarity = lru_cache(maxsize=None)(index.words.rarity)

    @cached_property
    def urls(self) -> frozenset[str]:
        """The addresses of all pages, documents of ours included."""
        return self.index.urls

    @cached_property
    def _addresses(self) -> frozenset[str]:
        own = [passage for url in self.urls if url.startswith("kb/") for passage in self.passages_of(url)]
        links = {resource.url for passage in own for resource in passage.resources}
        return frozenset(map(canonical, self.urls | links))

    def knows(self, address: str) -> bool:
        """Whether a `canonical` address is that of a page, or of a link of the documents."""
        return address in self._addresses

    @property
    def fingerprint(self) -> str:
        """Of documents, pages, embedder and chunker."""
        return self.index.fingerprint

    @cached_property
    def texts_digest(self) -> str:
        """Of the pages' texts and the encoder: what an index with chunks of its own depends on."""
        pages = sorted(self.index.texts.digests().items())
        return hashlib.sha256(repr((self.index.embedder.revision, pages)).encode()).hexdigest()

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The encoder's tokens of each text, the same measure for every system."""
        return [self._tokens(text) for text in texts]

    def passages_of(self, url: str) -> list[Passage]:
        """A page's passages in page order; none for an unknown page."""
        return self.index.passages(self.index.texts.rows_of(url))

    def _page_text(self, url: str) -> str | None:
        return self.index.page(url).text if url in self.urls else None

    @lru_cache(maxsize=65536)  # noqa: B019  # one corpus lives as long as the run
    def _tokens(self, text: str) -> int:
        return self.index.embedder.count_tokens([text])[0]


def locate(quote: str, text: str, start: int = 0) -> tuple[int, int] | None:
    """Where a quote stands in a page's text, white space apart; None where it doesn't."""
    words = quote.split()
    match = re.compile(r"\s+".join(map(re.escape, words))).search(text, start) if words else None
    return match.span() if match else None
