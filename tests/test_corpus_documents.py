"""The documents folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from corpus import linked_resources, read_documents
from corpus.errors import DocumentError
from corpus.markdown import document_from_markdown
from corpus.pages import document_name

OURS = Path(__file__).parent.parent / "corpus" / "documents"


def test_our_document_has_42_addresses_two_of_them_twice() -> None:
    resources = linked_resources(read_documents(OURS))
    assert len(resources) == 44
    assert len({resource.url for resource in resources}) == 42


def test_our_document_keeps_labels_and_ids() -> None:
    (page,) = read_documents(OURS)
    celery = next(section for section in page.sections if section.anchor == "celery")
    assert celery.headings == ("Orchestration Knowledge Base", "Workflow Orchestration Frameworks", "Celery")
    words = [(block.kind, page.text[block.start : block.end]) for block in celery.blocks]
    assert ("label", "**Key Features:**") in words
    assert ("item", "Multiple broker support (Redis, RabbitMQ, Amazon SQS)") in words
    assert words[-1] == (
        "paragraph",
        "**Best For:** Real-time task queues, background job processing, async task execution",
    )


def test_every_markdown_file_is_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# B\nwords\n")
    (tmp_path / "A.MD").write_text("﻿# A\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text("no document")
    assert [(page.url, page.title) for page in read_documents(tmp_path)] == [("kb/A.MD", "A"), ("kb/b.md", "B")]


@pytest.mark.parametrize("name", ["notes on #1, 100%.md", "über?.md", "\udcff.md"])
def test_a_document_has_an_address_whatever_its_name(name: str) -> None:
    page = document_from_markdown(name, "words\n")
    assert re.fullmatch(r"kb/[\w.~%-]+", page.url, re.ASCII)
    assert document_name(page.url) == name
    page.title.encode()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"none doesn't exist: create it"):
        read_documents(tmp_path / "none")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A")
    with pytest.raises(DocumentError, match="is a file, not a folder"):
        read_documents(tmp_path / "a.md")


@pytest.mark.parametrize("text", [None, "", "# Only a heading\n"])
def test_a_folder_without_text_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "a.md").write_text(text)
    with pytest.raises(DocumentError, match="put a document there"):
        read_documents(tmp_path)


def test_a_file_that_is_not_utf8_is_named_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "latin.md").write_bytes("# Caf\xe9".encode("latin-1"))
    with pytest.raises(DocumentError, match=r"latin\.md isn't UTF-8 text \(byte 0xe9 at offset 5\): save it as UTF-8"):
        read_documents(tmp_path)
