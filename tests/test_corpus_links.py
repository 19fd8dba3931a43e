"""The link report: what became of each link, and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from corpus import link_states, read_documents
from corpus.importing import import_warc
from corpus.links import LinkState, render_markdown, render_table, suggested_edits
from corpus.markdown import document_from_markdown
from corpus.snapshot import Archive
from tests.archives import Written
from tests.loopback import PROSE, page

ROOT = Path(__file__).parent.parent
URL = "https://a.example/page"


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path / "pages.warc.gz")


def judge(written: Written, url: str = URL) -> LinkState:
    (state,) = link_states([document_from_markdown("a.md", f"# Links\n\n[label]({url})\n")], written.archive)
    return state


def test_ok(written: Written) -> None:
    written.page(URL, page("A"))
    state = judge(written)
    assert (state.state, state.detail, state.is_broken, state.has_text) == ("ok", "", False, True)
    assert state.fetched_at == "2026-01-01T12:00:00Z"


def test_never_fetched(written: Written) -> None:
    state = judge(written)
    assert (state.state, state.is_broken, state.has_text, state.final_url) == ("never fetched", False, False, URL)


def test_moved_permanently_names_the_new_address(written: Written) -> None:
    written.redirect(URL, "https://a.example/new", 308)
    written.redirect("https://a.example/new", "https://a.example/today", 307)
    written.page("https://a.example/today", page("A"))
    state = judge(written, URL + "#top-heading")
    assert (state.state, state.suggestion) == ("moved", "https://a.example/new#top-heading")
    assert state.final_url == "https://a.example/today#top-heading"


def test_a_temporary_redirect_is_ok(written: Written) -> None:
    written.redirect(URL, "https://a.example/today", 302)
    written.page("https://a.example/today", page("A"))
    assert (judge(written).state, judge(written).suggestion) == ("ok", "")


def test_a_meta_refresh_counts_as_moved(written: Written) -> None:
    written.page(URL, '<meta http-equiv="refresh" content="0; url=new">')
    written.page("https://a.example/new", page("A"))
    assert (judge(written).state, judge(written).suggestion) == ("moved", "https://a.example/new")


def test_missing_anchor_names_the_nearest(written: Written) -> None:
    written.page(URL, page("A", body="<h2 id='tips-and-best-practices'>Tips and Best Practices</h2><p>x</p>"))
    state = judge(written, URL + "#best-practices")
    assert (state.state, state.is_broken) == ("missing anchor", True)
    assert (
        state.detail == "the page has no #best-practices; nearest is #tips-and-best-practices (Tips and Best Practices)"
    )
    assert state.suggestion == URL + "#tips-and-best-practices"
    assert judge(written, URL + "#zebra").detail == "the page has no #zebra"
    for fragment in ("top-heading", ":~:text=lighthouse", "%74op-heading"):
        assert judge(written, f"{URL}#{fragment}").state == "ok"


def test_gone_only_after_separate_days_where_there_was_a_page(written: Written) -> None:
    written.page(URL, page("A"))
    written.missing(URL, 2)
    written.missing(URL, 2)
    state = judge(written)
    assert (state.state, state.has_text, state.is_broken) == ("failed", True, False)
    assert state.detail == "HTTP status 404 on 2026-01-02; the copy of 2026-01-01 is kept"
    written.missing(URL, 3)
    assert (judge(written).state, judge(written).has_text) == ("gone", False)


def test_a_redirect_is_not_gone_on_one_404_either(written: Written) -> None:
    written.redirect(URL, "https://a.example/new")
    written.page("https://a.example/new", page("A"))
    written.missing(URL, 2)
    assert judge(written).state == "moved"
    written.missing(URL, 3)
    assert (judge(written).state, judge(written).final_url) == ("gone", URL)


def test_gone_at_once_where_there_never_was_a_page(written: Written) -> None:
    written.redirect(URL, "https://a.example/new", 308)
    written.missing("https://a.example/new")
    state = judge(written)
    assert (state.state, state.detail, state.is_broken) == (
        "gone",
        "leads to https://a.example/new, HTTP status 404",
        True,
    )


@pytest.mark.parametrize(
    ("cause", "expected", "broken"),
    [
        ("robots", "blocked", False),
        ("unsafe", "unsafe", True),
        ("network", "failed", True),
        ("content", "not a page", True),
    ],
)
def test_failures(written: Written, cause: str, expected: str, broken: bool) -> None:
    written.failed(URL, "the reason", cause)  # type: ignore[arg-type]  # one of the causes by construction
    state = judge(written)
    assert (state.state, state.is_broken, state.detail) == (expected, broken, "the reason on 2026-01-01")


def test_redirects_in_a_circle(written: Written) -> None:
    written.redirect(URL, "https://a.example/b")
    written.redirect("https://a.example/b", URL)
    assert (judge(written).state, judge(written).detail) == ("failed", "its redirects lead in a circle")


def test_soft_404s(written: Written) -> None:
    written.page(URL, page("Oops", "Sorry, the page you are looking for does not exist."))
    assert (judge(written).state, judge(written).has_text) == ("soft 404", False)
    deep = "https://b.example/docs/page"
    written.redirect(deep, "https://b.example/")
    written.page("https://b.example/", page("Home"))
    assert judge(written, deep).state == "soft 404"


def test_changed_says_how_much(written: Written) -> None:
    lines = "".join(f"<p>{number}. {PROSE}</p>" for number in range(9))
    first = written.page(URL, page("A", body=lines))
    written.page(URL, page("A", body=lines.replace("<p>3.", "<p>three.")), 4)
    state = judge(written)
    assert (state.state, state.detail, state.is_broken) == ("changed", "9 % of its lines since 2026-01-01", False)
    written.unchanged(written.archive.histories()[URL].page or first, 5)
    assert judge(written).state == "ok"


def test_json_and_tables(written: Written) -> None:
    written.redirect(URL, "https://a.example/new")
    written.page("https://a.example/new", page("A"))
    document = document_from_markdown("a.md", f"# Links\n\n[a | b]({URL}) [again]({URL}) [other](https://b.example/)\n")
    states = link_states([document], written.archive)
    assert states[0].to_dict() == {
        "url": URL,
        "state": "moved",
        "broken": False,
        "detail": "permanently to https://a.example/new",
        "final_url": "https://a.example/new",
        "suggestion": "https://a.example/new",
        "fetched_at": "2026-01-01T12:00:00Z",
        "has_text": True,
        "links": [
            {"label": label, "document": "kb/a.md", "anchor": "links", "section": "Links"}
            for label in ("a | b", "again")
        ],
    }
    assert render_table(states).splitlines() == [
        f"moved          {URL}  permanently to https://a.example/new",
        "never fetched  https://b.example/",
        "",
        "2 links: 1 moved, 1 never fetched",
    ]
    assert f"| moved | [a \\| b]({URL}) | Links | permanently to https://a.example/new |" in render_markdown(states)


def test_suggested_edits_touch_whole_addresses_only(written: Written) -> None:
    written.redirect(URL, "https://a.example/new")
    written.page("https://a.example/new", page("A"))
    document = document_from_markdown("a #1.md", f"# Links\n\n[a]({URL}) [b]({URL}/more)\n[c]({URL} 'title')\n")
    assert suggested_edits(link_states([document], written.archive), [document]) == (
        "--- a/a #1.md\n+++ b/a #1.md\n@@ -1,4 +1,4 @@\n # Links\n \n"
        f"-[a]({URL}) [b]({URL}/more)\n-[c]({URL} 'title')\n"
        f"+[a](https://a.example/new) [b]({URL}/more)\n+[c](https://a.example/new 'title')\n"
    )


def test_the_snapshot_of_the_linked_pages(snapshot: Path, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "pages.warc.gz")
    import_warc(archive, snapshot / "linked-pages.warc.gz")
    states = {state.url: state for state in link_states(read_documents(ROOT / "corpus" / "documents"), archive)}
    assert len(states) == 42
    names = [state.state for state in states.values()]
    assert {name: names.count(name) for name in set(names)} == {
        "ok": 15,
        "moved": 5,
        "gone": 1,
        "missing anchor": 1,
        "never fetched": 20,
    }
    assert states["https://docs.temporal.io/dev-guide/patterns"].state == "gone"
    assert states["https://www.rabbitmq.com/getstarted.html"].suggestion == "https://www.rabbitmq.com/tutorials"
    tasks = "https://docs.celeryq.dev/en/stable/userguide/tasks.html"
    assert states[f"{tasks}#best-practices"].suggestion == f"{tasks}#tips-and-best-practices"
    assert sum(state.has_text for state in states.values()) == 21
