"""Answers as HTML: what becomes a link, a marker, code; and that nothing else becomes markup, whatever the words are."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.app_conversation import MAX_TURNS, Conversation, around
from assistant.app_markdown import safe_link
from assistant.app_render import (
    _FEATURES,
    answer_html,
    asked_html,
    failure_html,
    partial_html,
    sources_html,
    status_html,
    why_html,
)
from assistant.candidates import FEATURES
from tests.fakes_app import FakeAssistant

ALLOWED = set(
    "a article blockquote br button code details div em h1 h2 h3 h4 h5 h6 hr li mark ol p pre section span strong summary "
    "table tbody td th thead tr ul".split()
)
ATTRIBUTES = set("class id href target rel title type tabindex role aria-label start style".split())
FRAGMENTS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[a](javascript:alert(1))", "[a](JaVaScRiPt:alert(1))",
    "![p](http://evil.test/p.png)", "[1]", "[2]", "[1](http://evil.test)", "[1]: http://evil.test", "</div></details>",
    "<style>*{}</style>", "`<b>`", "```html\n<i onclick=x>\n```", "&lt;script&gt;", "<a href='data:text/html,x'>", "\n\n",
    "<http://ok.test/>", "| a | <b> |\n|---|---|\n| [1] | <img> |", "**", "__", "\\", '"', "'", "\x00", "\u202e", "x",
]  # fmt: skip


class Checker(HTMLParser):
    """Collects what isn't allowed, and every href."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.hrefs: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ALLOWED:
            self.bad.append(tag)
        self.bad += [f"{tag}.{name}" for name, _ in attrs if name not in ATTRIBUTES]
        for name, value in attrs:
            if name == "style" and value not in ("text-align:left", "text-align:right", "text-align:center"):
                self.bad.append(f"style {value}")
        if tag == "a":
            values = dict(attrs)
            self.hrefs.append(values.get("href") or "")
            if values.get("rel") != "noopener noreferrer":
                self.bad.append(f"rel of {values}")
        if tag not in ("br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("br", "hr"):
            return
        if not self.open or self.open.pop() != tag:
            self.bad.append(f"unmatched </{tag}>")


def check(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert checker.bad == []
    assert checker.open == []
    assert all(href.startswith(("http://", "https://", "kb/", "#oka-c-")) for href in checker.hrefs), checker.hrefs
    return checker


def turn(question: str = "q", **answer: Any) -> dict[str, Any]:
    reply = FakeAssistant().answer("Which brokers does Celery support?").to_dict()
    return {"id": "t1", "question": question, "only": None, "vote": None, "answer": reply | answer}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=12)), max_size=12).map(" ".join))
def test_whatever_the_words_are_only_our_markup_comes_out(words: str) -> None:
    base = turn()["answer"]["citations"][0]
    hostile = base | {
        "quote": words,
        "title": words,
        "headings": [words],
        "link": words,
        "before": words,
        "after": words,
    }
    hostile |= {"resources": [{"title": words, "url": words}], "fetched_at": words}
    one = turn(words, text=words, citations=[hostile], searched=words)
    for html in (answer_html(one, last=True), asked_html(one), partial_html(words), sources_html([one])):
        check(html)
    assert "\n\n" not in answer_html(one)  # an empty line would end the HTML block in Gradio's Markdown


def test_markers_are_links_only_where_there_is_such_a_citation() -> None:
    html = answer_html(turn(text="A fact [1]. A fake [2], a code `[1]`, an escaped \\[1], a link [1](http://x.test)."))
    assert html.count('class="oka-mark oka-c-t1-1"') == 1
    assert "A fake [2]" in html
    assert "<code>[1]</code>" in html


def test_the_cards_stand_in_the_order_of_their_markers() -> None:
    cited = turn()["answer"]["citations"][0]
    html = sources_html([turn(citations=[cited | {"number": number} for number in (10, 2, 1)])])
    assert re.findall(r'id="oka-c-t1-(\d+)"', html) == ["1", "2", "10"]


def test_a_definition_in_a_source_does_not_redirect_markers() -> None:
    html = answer_html(turn(text="A fact [1][2]\n\n[1]: http://evil.test\n[2]: http://evil.test"))
    assert "evil.test" not in "".join(check(html).hrefs)


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://docs.celeryq.dev/en/stable/#x:~:text=a%20b", True),
        ("http://127.0.0.1:8000/", True),
        ("kb/orchestration-knowledge-base.md#celery", True),
        ("kb/notes%20on%20%231.md#tides", True),
        ("javascript:alert(1)", False),
        ("JAVASCRIPT:alert(1)", False),
        (" javascript:alert(1)", False),
        ("java\nscript:alert(1)", False),
        ("data:text/html,x", False),
        ("vbscript:x", False),
        ("file:///etc/passwd", False),
        ("//evil.test/", False),
        ("/etc", False),
        ("kb/../x.md", False),
        ("kb/a/b.md", False),
        ("https://user:pass@evil.test/", False),
        ("https://", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_which_links_can_be_followed(address: str, safe: bool) -> None:
    assert (safe_link(address) is not None) == safe


def test_an_abstention_and_the_confidence_in_words() -> None:
    html = answer_html(turn(abstained=True, reason="not_stated", citations=[]))
    assert "Not in the sources" in html
    for reason, head in (("underspecified", "<strong>Say a little more"), ("out_of_scope", "oka-abstained")):
        assert head in answer_html(turn(abstained=True, reason=reason, citations=[]))
        assert "Not in the sources" not in answer_html(turn(abstained=True, reason=reason, citations=[]))
    assert "oka-confidence" not in html
    for confidence, words in ((0.95, "Well supported"), (0.75, "Supported"), (0.3, "Weakly supported")):
        assert f"<summary>{words}</summary>" in answer_html(turn(confidence=confidence))


def test_a_problem_of_the_corpus_names_its_command() -> None:
    told = FakeAssistant().status() | {"problem": "Pages <changed>: run `oka build`."}
    html = status_html(told, "No page came; try `oka fetch`.")
    assert "Pages &lt;changed&gt;: run <code>oka build</code>." in html
    assert "No page came; try <code>oka fetch</code>." in html
    assert "run <code>oka &lt;x&gt;</code>" in failure_html("Stale; run `oka <x>`")


def test_why() -> None:
    html = why_html(turn(), FakeAssistant().search("x"))
    check(html)
    assert "found by its words and its meaning · score 0.9<" in html
    assert "it has no unit, and only the scores of one question can be compared" in html
    assert "<td>nearest sentence, cosine</td><td>0.63</td>" in html
    assert "Orchestration Knowledge Base › Workflow Orchestration Frameworks › Celery" in html
    assert html.count("quoted") == 1
    assert {*FEATURES, "reranker"} == set(_FEATURES)  # each is told in words
    first, second = FakeAssistant().search("x")
    assert why_html(turn(), [second, first]) == html  # by falling score
    cut = replace(first, passage=replace(first.passage, text="Practices](https://x.test/) - Words, [Airflow Con"))
    assert '<p class="oka-excerpt">Practices - Words, Airflow Con</p>' in why_html(turn(), [cut])
    reranked = [replace(first, signals={"reranker": -2.0}), replace(second, signals={"reranker": 3.5})]
    scores = re.findall(r"score (-?[\d.]+)<", why_html(turn(), reranked))
    assert scores == ["3.5", "-2.0"]
    marked = replace(first, passage=replace(first.passage, text="**Best for:**\n\n- [Celery](https://x.test/) alone"))
    assert '<p class="oka-excerpt">Best for:\n- Celery alone</p>' in why_html(turn(), [marked])


# ---- conversations


def talk(*questions: str) -> Conversation:
    fake, conversation = FakeAssistant(), Conversation()
    for question in questions:
        conversation = conversation.ask(question, None)
        conversation = conversation.reply(fake.answer(question, conversation.history()), fake.page_text)
    return conversation


def test_a_conversation_goes_through_the_browser_unchanged() -> None:
    conversation = talk("brokers?", "top-level?").ask("slow?", "celery").fail("The server is gone.")
    assert Conversation.read(conversation.dump()).dump() == conversation.dump()
    assert [answer.question for answer in conversation.answers()] == ["brokers?", "top-level?"]
    assert [message["role"] for message in conversation.history()] == ["user", "assistant", "user", "assistant"]


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", "null", '{"id": "../x", "turns": []}', '{"id": "a", "turns": [1]}']
)
def test_what_is_no_conversation_is_a_new_one(text: str | None) -> None:
    assert Conversation.read(text).turns == ()


def test_editing_replaces_a_turn_and_those_after_it() -> None:
    conversation = talk("one brokers?", "two brokers?", "three brokers?")
    editing = Conversation(conversation.id, conversation.turns, None, str(conversation.turns[1]["id"]))
    asked = editing.ask("two, better", None)
    assert [turn["question"] for turn in asked.turns] == ["one brokers?"]
    assert asked.pending
    assert asked.pending["question"] == "two, better"


def test_a_very_long_conversation_drops_its_oldest_turns() -> None:
    one = talk("brokers?").turns[0]
    full = Conversation("c1", tuple({**one, "id": f"t{n}"} for n in range(MAX_TURNS)))
    assert len(full.ask("more", None).turns) == MAX_TURNS - 1


def test_words_around_a_quote() -> None:
    text = "word " * 100 + "QUOTE" + " word" * 100
    before, after = around(text, 500, 505)
    assert before.startswith("… word")
    assert after.endswith("word …")
    assert around("a QUOTE b", 2, 7) == ("a ", " b")
