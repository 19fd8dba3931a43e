"""Documents and linked pages as readable text with structure. Knows nothing of indexing or answering."""

from corpus.documents import linked_resources, read_documents
from corpus.fetch import FetchReport, refresh
from corpus.links import LinkState, link_states
from corpus.load import load_pages
from corpus.pages import Block, Page, Resource, Section
from corpus.snapshot import Archive, ImportReport

__all__ = [
    "Archive",
    "Block",
    "FetchReport",
    "ImportReport",
    "LinkState",
    "Page",
    "Resource",
    "Section",
    "link_states",
    "linked_resources",
    "load_pages",
    "read_documents",
    "refresh",
]
