from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.markdown import document_from_markdown
from corpus.pages import Block, BlockKind, Page, Resource, Section, page_digest
from index.chunk import Sizes, body, embedded, passages_of, plain_markdown
from index.passages import Passage

SMALL = Sizes(least=6, most=12)


def count(texts: Sequence[str]) -> list[int]:
    """One token a word."""
    return [len(text.split()) for text in texts]


def page(*sections: Sequence[tuple[BlockKind, str]], source: str = "linked") -> Page:
    """A page of sections "S0", "S1"… below their headings' lines, a line a block."""
    text, made = "", []
    for number, written in enumerate(sections):
        start = len(text)
        text += f"S{number}\n"
        blocks = []
        for kind, words in written:
            blocks.append(Block(kind, len(text), len(text) + len(words)))
            text += words + "\n"
        made.append(Section(f"s{number}", ("Page", f"S{number}"), start, len(text) - 1, tuple(blocks)))
    whole = tuple(made)
    return Page("https://example.org/p", "Page", text, whole, "linked", page_digest("Page", text, whole))


def texts(found: Sequence[Passage]) -> list[str]:
    return [passage.text for passage in found]


def test_a_short_section_is_one_passage() -> None:
    found = passages_of(page([("paragraph", "One two. Three four."), ("item", "five")]), count, SMALL)
    assert texts(found) == ["One two. Three four.\nfive"]
    assert [(unit.kind, found[0].words(unit), unit.block) for unit in found[0].units] == [
        ("sentence", "One two.", 0),
        ("sentence", "Three four.", 0),
        ("item", "five", 1),
    ]
    assert (found[0].anchor, found[0].headings) == ("s0", ("Page", "S0"))


def test_sections_are_not_joined_and_empty_ones_give_nothing() -> None:
    found = passages_of(page([("paragraph", "One.")], [], [("paragraph", "Two.")], [("paragraph", " ")]), count, SMALL)
    assert [(passage.anchor, passage.text) for passage in found] == [("s0", "One."), ("s2", "Two.")]


def test_a_long_section_is_cut_evenly() -> None:
    sentences = [f"Word word {number}." for number in range(9)]  # 27 words
    found = passages_of(page([("paragraph", " ".join(sentences))]), count, SMALL)
    assert [len(text.split()) for text in texts(found)] == [9, 9, 9]


def test_no_tiny_rest_is_left() -> None:
    items: list[tuple[BlockKind, str]] = [("item", "a b c d"), ("item", "e f g h"), ("item", "i j k l"), ("item", "m")]
    found = passages_of(page(items), count, SMALL)
    assert [len(text.split()) for text in texts(found)] == [8, 5]


@pytest.mark.parametrize("lead", [("label", "Key Features"), ("paragraph", "It has these parts:"), ("term", "broker")])
def test_what_introduces_stays_with_what_follows(lead: tuple[BlockKind, str]) -> None:
    found = passages_of(
        page([("paragraph", "a b c d e f."), lead, ("item", "g h i j k"), ("item", "l m")]), count, SMALL
    )
    assert len(found) == 2
    assert found[1].text.startswith(lead[1])


def test_an_oversize_sentence_stays_whole() -> None:
    long = " ".join(["word"] * 30) + "."
    found = passages_of(page([("paragraph", f"One two. {long} Three four.")]), count, SMALL)
    assert long in texts(found)


def test_a_long_code_block_is_cut_between_lines_at_empty_ones() -> None:
    lines = ["def one():", "    a = 1 + 2", "    return a", "", "def two():", "    b = 3 + 4", "    return b"]
    found = passages_of(page([("code", "\n".join(lines))]), count, Sizes(least=5, most=10))
    assert texts(found) == ["def one():\n    a = 1 + 2\n    return a", "def two():\n    b = 3 + 4\n    return b"]
    assert [unit.kind for passage in found for unit in passage.units] == ["code", "code"]


def test_ids_tell_places_apart_and_stay() -> None:
    same = page([("paragraph", "Same.")], [("paragraph", "Same.")])
    first, second = passages_of(same, count)
    assert first.id != second.id
    assert [passage.id for passage in passages_of(same, count)] == [first.id, second.id]


def test_a_document_is_embedded_without_its_marks() -> None:
    best = "**Best For:** [Celery](https://example.org/c) and `beat`"
    written = f"# Tools {{#tools}}\n\n{best}\n\n- [Docs](https://d.org) - all\n"
    document = document_from_markdown("d.md", written)
    (found,) = passages_of(document, count)
    assert found.text == written[found.start : found.end].strip()
    assert body(found) == "Best For: Celery and beat\n\n- Docs - all"
    text, spans = embedded(found)
    assert text == f"Tools\n{body(found)}"
    assert [text[start:end] for start, end in spans] == [
        body(found),
        "Tools",
        "Best For: Celery and beat",
        "Docs - all",
    ]
    assert found.resources == (
        Resource("https://example.org/c", "Celery", "", "kb/d.md", "tools", "Tools"),
        Resource("https://d.org", "Docs", "all", "kb/d.md", "tools", "Tools"),
    )


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("**bold** and *thin* and ***both***", "bold and thin and both"),
        ("`acks_late` and snake_case_name", "acks_late and snake_case_name"),
        ('[a [b] c](https://e.org/x_(y) "t") ![img](i.png) [ref][1]', "a [b] c img ref"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("_one_ __two__", "one two"),
    ],
)
def test_plain_markdown(markdown: str, plain: str) -> None:
    assert plain_markdown(markdown) == plain


BLOCKS = st.lists(
    st.tuples(
        st.sampled_from(["paragraph", "item", "code", "row", "term", "label"]),
        st.text(st.sampled_from("ab .:!?\n()é日\t"), min_size=1, max_size=120),
    ),
    max_size=12,
)


@settings(max_examples=150)
@given(st.lists(BLOCKS, min_size=1, max_size=3))
def test_passages_hold_all_words_in_order(sections: list[list[tuple[BlockKind, str]]]) -> None:
    whole = page(*sections)
    found = passages_of(whole, count, SMALL)
    units = [unit for passage in found for unit in passage.units]
    assert all(passage.text == whole.text[passage.start : passage.end] for passage in found)
    assert all(one.end <= other.start for one, other in pairwise(units))
    assert all(passage.words(unit) == whole.text[unit.start : unit.end] for passage in found for unit in passage.units)
    in_blocks = "".join(whole.text[b.start : b.end] for section in whole.sections for b in section.blocks)
    assert "".join("".join(whole.text[u.start : u.end].split()) for u in units) == re.sub(r"\s", "", in_blocks)
    by_anchor = {section.anchor: section for section in whole.sections}
    for passage in found:
        section = by_anchor[passage.anchor]
        assert section.start <= passage.start < passage.end <= section.end
        assert len(passage.units) == 1 or sum(count([passage.words(unit) for unit in passage.units])) <= SMALL.most
