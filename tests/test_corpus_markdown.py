"""Markdown documents: sections, exact ranges, resources."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.markdown import document_from_markdown, slug

DOCUMENT = """# Harbour notes

First words, see [the port](https://port.example/a_(b)?x=1&y=2#quay "Title") - with cranes.

## Moor & anchor {#mooring}

**Best For:** boats, ships
**Rules:**

- Never `drop` it
  and never throw it
  - [Anchors](https://anchors.example/) – of iron; [ropes](https://ropes.example)
- second

  its own paragraph

```python title="x"
# no heading
def f(): ...
```

| Name | Length |
|------|--------|
| Ada  | 12 m   |

Setext heading
--------------

> quoted words
> go on

    indented code

## Moor & anchor

<!-- a comment -->

[mail](mailto:a@b.example) [inside](other.md)
"""


def blocks(text: str) -> list[tuple[str, int, str]]:
    page = document_from_markdown("a.md", text)
    return [(b.kind, b.depth, page.text[b.start : b.end]) for s in page.sections for b in s.blocks]


def test_a_document_keeps_its_text_and_its_blocks_are_ranges_of_it() -> None:
    page = document_from_markdown("notes.md", DOCUMENT)
    assert (page.url, page.title, page.text, page.source) == ("kb/notes.md", "Harbour notes", DOCUMENT, "document")
    assert [(s.anchor, s.headings) for s in page.sections] == [
        ("harbour-notes", ("Harbour notes",)),
        ("mooring", ("Harbour notes", "Moor & anchor")),
        ("setext-heading", ("Harbour notes", "Setext heading")),
        ("moor--anchor", ("Harbour notes", "Moor & anchor")),
    ]
    assert [block[2] for block in blocks(DOCUMENT)] == [
        'First words, see [the port](https://port.example/a_(b)?x=1&y=2#quay "Title") - with cranes.',
        "**Best For:** boats, ships\n**Rules:**",
        "Never `drop` it\n  and never throw it",
        "[Anchors](https://anchors.example/) – of iron; [ropes](https://ropes.example)",
        "second",
        "its own paragraph",
        "# no heading\ndef f(): ...",
        "| Name | Length |",
        "| Ada  | 12 m   |",
        "quoted words\n> go on",
        "    indented code",
        "[mail](mailto:a@b.example) [inside](other.md)",
    ]


def test_sections_begin_with_their_heading() -> None:
    page = document_from_markdown("notes.md", DOCUMENT)
    assert page.text[page.sections[1].start :].startswith("## Moor & anchor {#mooring}")
    assert page.text[: page.sections[2].end].endswith("    indented code")


def test_links_are_resources_as_they_are_written() -> None:
    page = document_from_markdown("notes.md", DOCUMENT)
    found = [(r.url, r.label, r.note, r.section, r.section_title) for s in page.sections for r in s.resources]
    assert found == [
        ("https://port.example/a_(b)?x=1&y=2#quay", "the port", "with cranes.", "harbour-notes", "Harbour notes"),
        ("https://anchors.example/", "Anchors", "of iron;", "mooring", "Moor & anchor"),
        ("https://ropes.example", "ropes", "", "mooring", "Moor & anchor"),
    ]


def test_kinds_and_depths() -> None:
    text = "**Key Features:**\n- one\n  1. two\n\n     more\n\n__Note__\n\n**Closed:** open\n\n- ```sh\n  ls\n  ```\n"
    assert blocks(text) == [
        ("label", 0, "**Key Features:**"),
        ("item", 0, "one"),
        ("item", 1, "two"),
        ("paragraph", 2, "more"),
        ("label", 0, "__Note__"),
        ("paragraph", 0, "**Closed:** open"),
        ("code", 1, "  ls"),
    ]


def test_inline_code_and_languages() -> None:
    page = document_from_markdown("a.md", "Use ``a`b`` and `c`.\n\n```yaml\nk: v\n```\n")
    prose, code = page.sections[0].blocks
    assert [page.text[start:end] for start, end in prose.inline_code] == ["a`b", "c"]
    assert code.language == "yaml"


@pytest.mark.parametrize(
    ("text", "anchors"),
    [
        ("# Pub/Sub Pattern\n", ["pubsub-pattern"]),
        ("# A\n# A\n# A\n", ["a", "a-1", "a-2"]),
        ("# `code` and *more* [link](x)\n", ["code-and-more-link"]),
        ("---\ntitle: x\n---\n# After front matter\n", ["after-front-matter"]),
        ("no heading\n", [None]),
        ("", []),
    ],
)
def test_anchors(text: str, anchors: list[str | None]) -> None:
    assert [section.anchor for section in document_from_markdown("a.md", text).sections] == anchors


def test_unclosed_fence_and_windows_line_ends() -> None:
    assert blocks("# A\r\n\r\n- one\r\n- two\r\n\r\n```\r\nx = 1\r\n") == [
        ("item", 0, "one"),
        ("item", 0, "two"),
        ("code", 0, "x = 1"),
    ]


def test_slug() -> None:
    assert slug("What's new? (Übersicht_1)") == "whats-new-übersicht_1"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["# h\n", "- a b\n", "  c\n", "> q\n", "```\n", "**l:**\n", "\n", "| a |\n|--|\n", "x `y`\n", "\t1. z\n"]
        )
    )
)
def test_blocks_are_in_order_and_never_empty(lines: list[str]) -> None:
    text = "".join(lines)
    page = document_from_markdown("a.md", text)
    end = 0
    for section in page.sections:
        assert end <= section.start <= section.end <= len(text)
        for block in section.blocks:
            assert end <= block.start < block.end <= section.end
            assert text[block.start : block.end].strip()
            end = block.end
