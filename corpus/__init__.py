"""Documents and linked pages as readable text with structure. Knows nothing of indexing or answering."""

from corpus.documents import linked_resources, read_documents
from corpus.pages import Block, Page, Resource, Section

__all__ = ["Block", "Page", "Resource", "Section", "linked_resources", "read_documents"]
