"""HTML to sections: the hand-written page `tests/data/handbook.html` and small cases."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.pages import Page
from corpus.webpage import anchors_of, canonical_address, decode, page_from_html, refresh_target

HANDBOOK = (Path(__file__).parent / "data" / "handbook.html").read_bytes()
CLASS = "class harbour.Berth(number)"


def outline(page: Page) -> list[tuple[str | None, tuple[str, ...], list[tuple[str, int, str]]]]:
    return [
        (s.anchor, s.headings, [(b.kind, b.depth, page.text[b.start : b.end]) for b in s.blocks]) for s in page.sections
    ]


def small(body: str, head: str = "") -> Page:
    return page_from_html("https://a.example/", f"<html><head>{head}</head><body><main>{body}</main></body></html>")


def words(body: str) -> list[tuple[str, int, str]]:
    return [block for _, _, found in outline(small(body)) for block in found]


def test_the_handbook() -> None:
    page = page_from_html("https://port.example/handbook/", HANDBOOK)
    assert page.title == "Harbour handbook"
    assert outline(page) == [
        (
            "handbook",
            ("Harbour handbook",),
            [("paragraph", 0, "Every vessel reports to the harbour master, see the tides.")],
        ),
        (
            "mooring",
            ("Harbour handbook", "Mooring"),
            [
                ("paragraph", 0, "Set max_lines to two lines; press Ctrl.\nA new line"),
                ("paragraph", 0, "A new paragraph"),
                ("item", 0, "First line"),
                ("item", 1, "Nested line"),
                ("paragraph", 2, "It goes on."),
                ("item", 0, "Second line:"),
                ("code", 1, "def moor(lines):\n    # a comment, no heading\n\n    return lines"),
                ("label", 0, "Warning"),
                ("paragraph", 0, "Never moor in the fairway."),
            ],
        ),
        (None, ("Harbour handbook", "Mooring", "At night"), [("paragraph", 0, "Show a light.")]),
        (
            "fees",
            ("Harbour handbook", "Fees"),
            [
                ("label", 0, "Fees by length"),
                ("row", 0, "Length\tFee"),
                ("row", 0, "up to 10 m\tfive coins"),
                ("row", 0, "longer"),
                ("code", 0, "whole\ncode"),
            ],
        ),
        (
            "words",
            ("Harbour handbook", "Words"),
            [
                ("term", 0, "Bollard"),
                ("paragraph", 1, "A post for lines."),
                ("item", 1, "of iron"),
                ("term", 0, "Fairway"),
                ("paragraph", 1, "The free way."),
            ],
        ),
        ("api", ("Harbour handbook", "Calls"), [("paragraph", 0, "All calls.")]),
        ("harbour.Berth", ("Harbour handbook", "Calls", CLASS), [("paragraph", 0, "A place to moor.")]),
        (
            "harbour.Berth.free",
            ("Harbour handbook", "Calls", CLASS, "free()"),
            [("paragraph", 0, "Whether nobody is there.")],
        ),
        ("harbour.Berth", ("Harbour handbook", "Calls", CLASS), [("paragraph", 0, "Berths are numbered.")]),
        (
            "api",
            ("Harbour handbook", "Calls"),
            [
                ("paragraph", 0, "That were all calls."),
                ("label", 0, "More"),
                ("paragraph", 0, "Folded away."),
                ("paragraph", 0, "Fair winds."),
                ("paragraph", 0, "The harbour from above."),
                ("code", 0, "ls -l\npwd"),
                ("paragraph", 0, "Loud."),
                ("paragraph", 0, "Zerowidth, softhyphen, bidi, tags, no break."),
                ("label", 0, "Only bold:"),
            ],
        ),
        ("feedback", ("Harbour handbook", "Feedback"), [("paragraph", 0, "Write to the harbour master.")]),
    ]


def test_blocks_know_code_languages_and_heads_of_tables() -> None:
    page = page_from_html("https://port.example/handbook/", HANDBOOK)
    blocks = [block for section in page.sections for block in section.blocks]
    code = [page.text[start:end] for block in blocks for start, end in block.inline_code]
    assert code == ["max_lines", "two lines", "Ctrl", "10 m"]
    assert [block.language for block in blocks if block.kind == "code"] == ["python", "", "bash"]
    assert [page.text[block.start : block.end] for block in blocks if block.header] == ["Length\tFee"]


def test_sections_hold_their_heading_and_do_not_overlap() -> None:
    page = page_from_html("https://port.example/handbook/", HANDBOOK)
    assert page.text[page.sections[1].start :].startswith("Mooring\nSet max_lines")
    for before, after in zip(page.sections, page.sections[1:], strict=False):
        assert before.end < after.start


def test_the_same_page_has_the_same_digest() -> None:
    first, second = (page_from_html(url, HANDBOOK) for url in ("https://a.example/", "https://b.example/"))
    assert first.digest == second.digest
    assert first.digest != page_from_html("https://a.example/", HANDBOOK.replace(b"Fair winds", b"Foul winds")).digest


@pytest.mark.parametrize(
    ("body", "anchor"),
    [
        ("<h2 id=own>T</h2>", "own"),
        ("<section id=s><h2>T</h2></section>", "s"),
        ("<section id=s><p>before</p><h2>T</h2></section>", None),
        ("<div id=content><h2>T</h2></div>", None),
        ("<section id=s><div><span id=alias></span><h2>T</h2></div></section>", "s"),
        ("<a name=n></a> <h2>T</h2>", "n"),
        ("<p><a id=n></a></p><h2>T</h2>", "n"),
        ("<a name=n>words</a><h2>T</h2>", None),
        ("<h2><a id=inside></a>T</h2>", "inside"),
        ("<h2>T</h2>", None),
    ],
)
def test_anchors_of_headings(body: str, anchor: str | None) -> None:
    assert [section.anchor for section in small(body).sections if section.headings][-1] == anchor


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p>a<b> b</b>  c <i> d</i></p>", [("paragraph", 0, "a b c d")]),
        ("text <div>block</div> tail", [("paragraph", 0, "text"), ("paragraph", 0, "block"), ("paragraph", 0, "tail")]),
        ("<a href=x><p>inside</p></a>after", [("paragraph", 0, "inside"), ("paragraph", 0, "after")]),
        ("<ul><li>a<pre>b</pre>c</ul>", [("item", 0, "a"), ("code", 1, "b"), ("paragraph", 1, "c")]),
        ("<pre>\n\n  a\n\tb \n\n</pre>", [("code", 0, "  a\n\tb")]),
        ("<table><tr><th>a<td>b<br>c</table>", [("row", 0, "a\tb c")]),
        (
            "<dl><dt>a<dt>b<dd>c<dd>d</dl>",
            [("term", 0, "a"), ("term", 0, "b"), ("paragraph", 1, "c"), ("paragraph", 1, "d")],
        ),
        ("<aside><a href=x>all links</a></aside><p>a</p>", [("paragraph", 0, "a")]),
        ("<aside>mostly <a href=x>prose</a> here</aside>", [("paragraph", 0, "mostly prose here")]),
        ("<p><b>It is bold, and a sentence.</b></p>", [("paragraph", 0, "It is bold, and a sentence.")]),
        ("<p>1<sup>st</sup>, H<sub>2</sub>O, a<wbr>b</p>", [("paragraph", 0, "1st, H2O, ab")]),
        ("<p>see <a href='#f1'>[*]</a></p>", [("paragraph", 0, "see [*]")]),
    ],
)
def test_small_cases(body: str, expected: list[tuple[str, int, str]]) -> None:
    assert words(body) == expected


@pytest.mark.parametrize(
    ("content", "header", "expected"),
    [
        ("é".encode(), "", "é"),
        (b"\xe9", "", "é"),
        (b"\xe9\x80", "text/html; charset=ISO-8859-1", "é€"),
        ("é".encode("utf-16-le"), "text/html; charset=utf-16le", "é"),
        (b"\xef\xbb\xbf\xc3\xa9", "text/html; charset=latin-1", "é"),
        (b'<meta charset="windows-1251">\xe9', "", '<meta charset="windows-1251">й'),
        (b'<meta charset="utf-8">\xc3\xa9', "text/html; charset=nonsense", '<meta charset="utf-8">é'),
        ("é".encode(), 'text/html; charset="UTF-8"', "é"),
        ("é".encode(), "text/html; charset=hex", "é"),
        (b"\xff", "text/html; charset=utf-8", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_charsets(content: bytes, header: str, expected: str) -> None:
    assert decode(content, header) == expected


@pytest.mark.parametrize(
    ("content", "target"),
    [
        (b'<meta http-equiv="refresh" content="0; url=../b.html">', "../b.html"),
        (b"<meta http-equiv=Refresh content=\"3;URL='https://b.example/'\"><p>We moved.</p>", "https://b.example/"),
        (b'<meta http-equiv="refresh" content="30">', None),
        (b'<meta http-equiv="refresh" content="0; url=b">' + b"<p>" + b"words " * 100, None),
        (b"<p>refresh</p>", None),
    ],
)
def test_meta_refresh(content: bytes, target: str | None) -> None:
    assert refresh_target(content) == target


@pytest.mark.parametrize(
    ("content", "canonical"),
    [
        (b'<link rel="canonical" href="/b?x=1&amp;y=2">', "https://a.example/b?x=1&y=2"),
        (b"<link href='https://b.example/' rel=canonical>", "https://b.example/"),
        (b'<link rel="canonical" href="https://a.example/a#part">', ""),
        (b'<link rel="alternate" href="/b">', ""),
        (b'<link rel="canonical" href="javascript:x">', ""),
    ],
)
def test_canonical_addresses(content: bytes, canonical: str) -> None:
    assert canonical_address(content, "https://a.example/a") == canonical


def test_a_page_may_leave_out_its_body_tag() -> None:
    page = page_from_html(
        "https://a.example/", "<!doctype html><title>T</title><meta charset=utf-8><main><h1>H</h1><p>words</p></main>"
    )
    assert (page.title, page.text) == ("T", "H\nwords")


def test_all_anchors_of_a_page() -> None:
    assert anchors_of(b"<p id=a><a name=b></a><input name=c><span id='d e'>") == {"a", "b", "d e"}


@pytest.mark.parametrize("content", [b"", b"   ", b"\x00\x00", b"<!-- -->", b"<html></html>", b"<frameset></frameset>"])
def test_pages_without_anything_have_no_sections(content: bytes) -> None:
    page = page_from_html("https://a.example/", content)
    assert (page.sections, page.text, page.title) == ((), "", "https://a.example/")


def test_deep_nesting_neither_crashes_nor_takes_long() -> None:
    started = time.monotonic()
    page = page_from_html("https://a.example/", "<div>" * 600 + "deep" + "<ul><li>" * 300 + "deeper")
    assert page.text == "deep\ndeeper"
    page_from_html("https://a.example/", "<div>" * 50_000 + "too deep")
    assert time.monotonic() - started < 5


def test_a_long_unclosed_page_is_quick() -> None:
    started = time.monotonic()
    page = page_from_html("https://a.example/", "<p>words &amp; more <b>bold " * 20_000)
    assert time.monotonic() - started < 10
    assert page.text.startswith("words & more bold")


PIECES = [
    "<p>", "</p>", "words ", "<b>bold</b>", "<ul>", "<li>", "</ul>", "<dl>", "<dt id=a>", "<dt>", "<dd>", "</dl>", "<h2>", "</h2>",
    "<h3 id=b>T</h3>", "<pre>", "</pre>", "<code>", "</code>", "<table>", "<tr>", "<td>", "</table>", "<br>", "\n", "<section id=c>",
    "</section>", "<aside class=note>", "</aside>", "<details><summary>", "</details>", "<a href='#x'>¶</a>", "\u200b", "<div hidden>",
    "</div>", "<nav>", "</nav>", "<!-- -->", "&nbsp;",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_whatever_the_page_its_ranges_are_in_order(pieces: list[str]) -> None:
    page = page_from_html("https://a.example/", "".join(pieces))
    end = 0
    for section in page.sections:
        assert end <= section.start <= section.end <= len(page.text)
        if section.headings and not section.blocks:
            assert page.text[section.start : section.end] == section.headings[-1]
        end = section.start
        for block in section.blocks:
            words = page.text[block.start : block.end]
            assert end <= block.start < block.end <= section.end
            assert words.strip()
            assert block.kind == "code" or "\u200b" not in words
            for first, last in block.inline_code:
                assert block.start <= first < last <= block.end
            end = block.end
