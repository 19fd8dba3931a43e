"""How quotes look in Markdown: nothing is rewritten, and nothing of a page becomes markup."""

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from assistant.choosing import Claim
from assistant.layout import NOT_STATED, Comparison, Quotes, Words, in_markdown, lay_out
from index.passages import Unit
from tests.passages import passage


def test_every_claim_ends_in_its_marker_and_labels_need_none() -> None:
    listed = passage(("label", "States:"), ("item", "Open"), ("item", "Closed"))
    laid_out = lay_out([Quotes((Claim(listed, listed.units),))])
    assert laid_out.text == "**States:**\n\n- Open [1]\n- Closed [1]"
    assert [(sentence.text, sentence.citations) for sentence in laid_out.sentences] == [
        ("Open", (1,)),
        ("Closed", (1,)),
    ]


def test_a_table_keeps_its_head() -> None:
    rows = passage(("row", "Name\tUse"), ("row", "acks_late\tlate"))
    head = Unit("row", 0, 8, 0, header=True)
    text = lay_out([Quotes((Claim(rows, (head, rows.units[1])),))]).text
    assert text.splitlines() == ["| Name | Use |", "|---|---|", "| acks_late | late [1] |"]


def test_rows_of_one_table_are_shown_as_one_under_its_head() -> None:
    page = passage(("row", "Name\tUse"), ("row", "one\tfirst"), ("row", "two\tnext"), ("row", "three\tlast"))
    page = replace(page, units=(replace(page.units[0], header=True), *page.units[1:]))
    claims = tuple(Claim(page, (page.units[at],)) for at in (1, 3))
    laid_out = lay_out([Quotes(claims)])
    assert laid_out.text.splitlines() == ["| Name | Use |", "|---|---|", "| one | first [1] |", "| three | last [2] |"]
    assert [sentence.citations for sentence in laid_out.sentences] == [(1,), (2,)]
    apart = lay_out([Quotes((claims[0], replace(claims[1], under="Further")))]).text
    assert apart.count("| Name | Use |") == 2


def test_a_comparison_is_a_table_of_quotes_and_says_what_is_missing() -> None:
    one, two = passage(("sentence", "A | B"), id="a"), passage(("item", "Second"), ("item", "Third"), id="b")
    table = Comparison(
        ("Temporal", "[x](evil)"),
        (
            ("What it is", ((Claim(one, one.units),), ())),
            ("Limits", ((), (Claim(two, two.units), Claim(one, one.units)))),
        ),
    )
    laid_out = lay_out([Words("### Both"), table])
    assert laid_out.text.splitlines() == [
        "### Both",
        "",
        "|  | **Temporal** | **`[x](evil)`** |",
        "|---|---|---|",
        f"| **What it is** | A `\\|` B [1] | {NOT_STATED} |",
        f"| **Limits** | {NOT_STATED} | Second [2] · Third [2] · A `\\|` B [1] |",
    ]
    assert [claim.passage.id for claim in laid_out.quoted] == ["a", "b"]
    assert [sentence.citations for sentence in laid_out.sentences] == [(1,), (2,), (2,), (1,)]


def test_a_heading_above_a_claim_is_plain_text() -> None:
    page = passage(("sentence", "It waits."))
    assert (
        lay_out([Quotes((Claim(page, page.units, under="A <b> heading"),))]).text
        == "**A `<b>` heading**\n\nIt waits. [1]"
    )


@given(st.text(alphabet="ab <>[]`*_~\\|#&!;:/hpst.", min_size=1, max_size=60))
def test_no_words_of_a_page_become_markup(words: str) -> None:
    from markdown_it import MarkdownIt

    if not words.strip():
        return
    page = passage(("sentence", words.strip()))
    html = MarkdownIt("commonmark", {"linkify": False}).render("start " + in_markdown(page, page.units[0]) + " end")
    assert set(re.findall(r"<(\w+)", html)) <= {"p", "code", "em", "strong"}
    assert "<a" not in html
    assert "<img" not in html


def test_code_with_fences_in_it_stays_one_block() -> None:
    page = passage(("code", "```\nx\n```"))
    shown = in_markdown(page, page.units[0])
    assert shown.startswith("````\n")
    assert shown.endswith("\n````")
