"""Documents and linked pages as readable text with structure. Knows nothing of indexing or answering.

What is exported is imported when it is first asked for: a command that only prints its help loads no parser and no
HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from corpus.pages import Block, Page, Resource, Section, Unread

if TYPE_CHECKING:
    from corpus.documents import linked_resources, read_documents
    from corpus.fetch import refresh
    from corpus.fetch_report import FetchReport
    from corpus.importing import ImportReport, import_warc
    from corpus.links import LinkState, link_states
    from corpus.load import load_pages, parser_version, unread_pages
    from corpus.snapshot import Archive

_WHERE = {
    "Archive": "corpus.snapshot",
    "FetchReport": "corpus.fetch_report",
    "ImportReport": "corpus.importing",
    "LinkState": "corpus.links",
    "import_warc": "corpus.importing",
    "link_states": "corpus.links",
    "linked_resources": "corpus.documents",
    "load_pages": "corpus.load",
    "parser_version": "corpus.load",
    "read_documents": "corpus.documents",
    "refresh": "corpus.fetch",
    "unread_pages": "corpus.load",
}

__all__ = [
    "Archive",
    "Block",
    "FetchReport",
    "ImportReport",
    "LinkState",
    "Page",
    "Resource",
    "Section",
    "Unread",
    "import_warc",
    "link_states",
    "linked_resources",
    "load_pages",
    "parser_version",
    "read_documents",
    "refresh",
    "unread_pages",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'corpus' has no attribute {name!r}")
