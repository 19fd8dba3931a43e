"""Choosing units and laying them out: nothing is rewritten, and nothing of a page becomes markup."""

import re

from hypothesis import given
from hypothesis import strategies as st

from assistant.compose import Claim, choose, in_markdown, layout, merge
from index.passages import Hit, Passage, Unit, UnitKind


def passage(*parts: tuple[UnitKind, str], source: str = "linked", id: str = "p") -> Passage:
    """A passage made of units, each a block of its own, a line each."""
    units, text = [], ""
    for number, (kind, words) in enumerate(parts):
        units.append(Unit(kind, len(text), len(text) + len(words), number))
        text += words + "\n"
    return Passage(
        id=id, url=f"https://example.org/{id}", anchor="a", title="T", headings=("T",), start=0, end=len(text) - 1,
        text=text[:-1], units=tuple(units), source=source,  # type: ignore[arg-type]  # one of the three by construction
    )  # fmt: skip


def said(chosen: list[Claim]) -> list[str]:
    return [claim.passage.words(unit) for claim in chosen for unit in claim.units]


def test_a_list_is_whole_and_has_its_label() -> None:
    listed = passage(
        ("sentence", "Other."), ("label", "States:"), ("item", "Open"), ("item", "Closed"), ("item", "Half")
    )
    claims = choose([Hit(listed, 1.0, ())], [[-9.0, 0.0, -1.0, 3.0, -1.0]], "list")
    assert said(claims) == ["States:", "Open", "Closed", "Half"]


def test_a_lead_in_brings_what_it_introduces() -> None:
    steps = passage(("sentence", "Set the option like this:"), ("code", "x = 1\ny = 2"), ("sentence", "Done."))
    claims = choose([Hit(steps, 1.0, ())], [[3.0, -5.0, -5.0]], "fact")
    assert said(claims)[:2] == ["Set the option like this:", "x = 1\ny = 2"]


def test_a_sentence_that_leans_back_brings_the_one_before() -> None:
    one = passage(("sentence", "A task is retried."), ("sentence", "It waits a second first."))
    units = tuple(Unit(unit.kind, unit.start, unit.end, 0) for unit in one.units)
    leaning = Passage(**{**vars(one), "units": units}) if hasattr(one, "__dict__") else one
    claims = choose([Hit(leaning, 1.0, ())], [[-5.0, 3.0]], "fact")
    assert said(claims) == ["A task is retried.", "It waits a second first."]


def test_the_same_words_are_said_once() -> None:
    first, second = passage(("sentence", "Same words."), id="a"), passage(("sentence", "Same words."), id="b")
    assert said(choose([Hit(first, 2.0, ()), Hit(second, 1.0, ())], [[2.0], [2.0]], "fact")) == ["Same words."]


def test_what_falls_far_behind_is_left_out() -> None:
    long = " ".join(["word"] * 40)
    both = passage(("sentence", f"Best {long}."), ("sentence", f"Worse {long}."))
    assert said(choose([Hit(both, 1.0, ())], [[5.0, 0.0]], "fact")) == [f"Best {long}."]


def test_nothing_to_choose_from_gives_nothing() -> None:
    assert choose([], [], "fact") == []


def test_every_claim_ends_in_its_marker_and_labels_need_none() -> None:
    listed = passage(("label", "States:"), ("item", "Open"), ("item", "Closed"))
    text, sentences = layout([Claim(listed, listed.units)], [1])
    assert text == "**States:**\n\n- Open [1]\n- Closed [1]"
    assert [(sentence.text, sentence.citations) for sentence in sentences] == [("Open", (1,)), ("Closed", (1,))]


def test_a_table_keeps_its_head() -> None:
    rows = passage(("row", "Name\tUse"), ("row", "acks_late\tlate"))
    head = Unit("row", 0, 8, 0, header=True)
    text, _ = layout([Claim(rows, (head, rows.units[1]))], [2])
    assert text.splitlines() == ["| Name | Use |", "|---|---|", "| acks_late | late [2] |"]


def test_neighbouring_claims_share_a_citation() -> None:
    one = passage(("sentence", "One."), ("sentence", "Two."), ("sentence", "Three."))
    merged = merge([Claim(one, one.units[:1]), Claim(one, one.units[1:2])])
    assert len(merged) == 1
    assert one.text[merged[0].start : merged[0].end] == "One.\nTwo."


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
