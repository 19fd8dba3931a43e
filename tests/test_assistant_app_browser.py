"""The web chat in a real browser. Every test also asserts: no console error, no request that leaves 127.0.0.1."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.feedback import Feedback
from assistant.fetching import fetch_pages
from assistant.progress import Report
from assistant.settings import Settings
from assistant.sources import Sources
from assistant.status import read_status
from tests.chat_server import running
from tests.fakes_app import FakeAssistant
from tests.loopback import Exchange, Site, page

CHROMIUM = Path(os.environ.get("OKA_TEST_CHROMIUM", "/usr/bin/chromium"))
AXE = Path(__file__).resolve().parents[1] / "node_modules" / "axe-core" / "axe.min.js"
LAPTOP: Any = {"width": 1360, "height": 850}
BROKERS = "Which message brokers does Celery support?"
pytest.importorskip("playwright", reason="playwright isn't installed")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}; install Debian's chromium"),
]
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright  # noqa: E402  # after the test that it is installed


class Chat:
    """One browser tab with the chat, and what a user does in it."""

    def __init__(self, page: Page, url: str, troubles: list[str] | None = None) -> None:
        self.page, self.url = page, url
        self.troubles = [] if troubles is None else troubles

    def open(self, path: str = "/") -> Chat:
        self.page.goto(self.url + path)
        self.box.wait_for()
        self.page.locator("#oka-nav .oka-new").wait_for(state="attached")
        return self

    def reload(self) -> None:
        self._leave(self.page.reload)

    def go(self, path: str) -> None:
        """To another page of the server."""
        self._leave(lambda: self.page.goto(self.url + path))

    def _leave(self, how: Callable[[], object]) -> None:
        """What Gradio and Chromium say of streams that are cut off by leaving a page is no trouble; all else stays noted."""
        before = len(self.troubles)
        how()
        self.page.locator("#oka-box textarea, .oka-kb").wait_for()
        cut = ("Connection errored out", "BodyStreamBuffer was aborted")
        self.troubles[before:] = [text for text in self.troubles[before:] if not any(one in text for one in cut)]

    @property
    def box(self) -> Any:
        return self.page.locator("#oka-box textarea")

    @property
    def answers(self) -> Any:
        return self.page.locator(".oka-answer:not(.oka-partial)")

    def send(self, question: str) -> None:
        """Types and enters; while an answer is written, Enter isn't taken."""
        self.page.locator("#oka-box .submit-button").wait_for()
        self.box.fill(question)
        self.box.press("Enter")

    def ask(self, question: str) -> None:
        """Sends a question and waits until its answer is shown and kept."""
        count = self.answers.count()
        self.send(question)
        expect(self.answers).to_have_count(count + 1)
        self.page.wait_for_function(
            "() => { const kept = JSON.parse(localStorage['oka:' + sessionStorage['oka-current']] || '{}');"
            " return kept.turns && (!kept.pending || kept.pending.failure); }"
        )


@pytest.fixture(scope="module")
def fake() -> FakeAssistant:
    return FakeAssistant()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chat")


@pytest.fixture(scope="module")
def server(fake: FakeAssistant, data: Path) -> Iterator[str]:
    with running(fake, data) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def new_chat(browser: Browser, server: str) -> Iterator[Callable[..., Chat]]:
    """Opens tabs, each in a browser profile of its own, and watches their consoles and requests."""
    troubles: list[str] = []
    contexts = []

    def make(url: str = server, **options: Any) -> Chat:
        context = browser.new_context(**{"viewport": LAPTOP, **options})
        contexts.append(context)
        return Chat(_watched(context, url, troubles), url, troubles)

    yield make
    seen = list(troubles)
    for context in contexts:
        context.close()
    assert seen == []


@pytest.fixture(scope="module")
def tab(browser: Browser, server: str) -> Iterator[Chat]:
    """The tab that most tests share: opening a page takes longer than most of them."""
    context = browser.new_context(viewport=LAPTOP)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    troubles: list[str] = []
    yield Chat(_watched(context, server, troubles), server, troubles)
    context.close()


_AS_OPENED = """() => location.pathname === "/" && !document.body.matches(".oka-busy, .oka-changing, .oka-noting, .oka-menu, .oka-side")
    && document.querySelector("#oka-only")?.value === ""
    && document.querySelector("#oka-why button")?.getAttribute("aria-expanded") !== "true"
    && document.querySelector("#oka-box textarea")?.value === "" && document.querySelector("#oka-lost")?.hidden"""


@pytest.fixture
def chat(tab: Chat) -> Iterator[Chat]:
    """A new conversation in the shared tab, nothing stored; the page is opened anew where a test left something open."""
    for other in tab.page.context.pages[1:]:
        other.close()
    tab.page.set_viewport_size(LAPTOP)
    if tab.page.url == "about:blank" or not tab.page.evaluate(_AS_OPENED):
        tab.page.goto(tab.url + "/kb")
        tab.page.evaluate("localStorage.clear(); sessionStorage.clear()")
        tab.open()
    else:
        tab.page.evaluate("localStorage.clear(); sessionStorage.clear()")
        tab.page.get_by_role("button", name="New conversation").click()
        tab.page.locator(".oka-welcome").wait_for()
        tab.page.locator(".oka-follow").wait_for(state="detached")
    tab.troubles.clear()
    yield tab
    assert tab.troubles == []


_LENGTHEN = "(chosen) => document.querySelectorAll(chosen).forEach((part) => part.append(' more words'.repeat(300)))"


def _watched(context: BrowserContext, server: str, troubles: list[str]) -> Page:
    def watch(request: Request) -> None:
        if not request.url.startswith((server, "data:", "blob:")):
            troubles.append(f"request to {request.url}")

    def own(text: str) -> bool:  # Gradio logs that it closes its own stream when a page is left
        return text.startswith("AbortError: signal is aborted without reason")

    page = context.new_page()
    page.set_default_timeout(8000)
    page.on(
        "console", lambda m: troubles.append(m.text) if m.type in ("error", "warning") and not own(m.text) else None
    )
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", watch)
    return page


def test_an_answer_with_its_source(chat: Chat) -> None:
    chat.ask(BROKERS)
    expect(chat.answers).to_contain_text("Multiple broker support (Redis, RabbitMQ, Amazon SQS)")
    mark = chat.page.locator(".oka-mark").first
    assert mark.get_attribute("href") == "kb/orchestration-knowledge-base.md#celery"
    mark.hover()
    tip = chat.page.get_by_role("tooltip")
    expect(tip).to_contain_text("Orchestration Knowledge Base")
    expect(tip).to_contain_text("Celery")
    expect(tip).to_contain_text("Multiple broker support")
    mark.click()
    card = chat.page.locator(".oka-card.oka-on")
    expect(card).to_be_focused()
    expect(card.locator("mark")).to_have_text("Multiple broker support (Redis, RabbitMQ, Amazon SQS)")
    expect(card.locator("blockquote")).to_contain_text("Distributed task execution")  # the words around it
    expect(card.get_by_role("link", name="Celery Docs")).to_have_attribute("href", "https://docs.celeryq.test/")
    for link in card.get_by_role("link").all():
        assert link.get_attribute("rel") == "noopener noreferrer"


def test_a_page_of_the_web_is_opened_at_the_words(chat: Chat) -> None:
    chat.ask("Why avoid top-level code?")
    link = chat.page.locator(".oka-card .oka-open")
    assert "#:~:text=You%20should" in (link.get_attribute("href") or "")
    expect(chat.page.locator(".oka-card .oka-date")).to_contain_text("fetched 2026-11-20")


def test_a_long_conversation_shows_the_newest_question_first(chat: Chat) -> None:
    for question in (BROKERS, "airflow vs celery", "show code", "airflow vs celery, please", "who knows?"):
        chat.ask(question)
        asked = chat.page.locator(".oka-asked").last.bounding_box()
        assert asked is not None
        assert -5 < asked["y"] < 60  # at the top, however short its answer is
    expect(chat.answers.last).to_be_in_viewport()
    expect(chat.page.locator(".oka-asked").first).not_to_be_in_viewport()


def test_an_empty_conversation_has_nothing_to_scroll_to(chat: Chat) -> None:
    chat.page.set_viewport_size({"width": 800, "height": 300})
    chat.page.locator(".oka-welcome p").hover()  # it begins at the top, however low the window is
    chat.page.wait_for_function(  # Gradio begins to listen to scrolling a moment after the page is there
        """() => {
            const view = document.querySelector("#oka-chat .panel-wrap");
            view.scrollTop = view.scrollTop ? 0 : 20;
            return document.querySelector(".scroll-down-button-container");
        }"""
    )
    expect(chat.page.locator(".scroll-down-button-container")).to_be_hidden()
    chat.page.set_viewport_size(LAPTOP)
    chat.ask(BROKERS)
    assert (
        chat.page.locator("#oka-word").evaluate("(part) => part.offsetHeight") == 0
    )  # nothing is said, nothing is taken


def test_the_answer_streams_and_nothing_jumps(chat: Chat) -> None:
    started = time.monotonic()
    chat.box.fill("brokers slowly?")
    chat.box.press("Enter")
    partial = chat.page.locator(".oka-partial")
    partial.wait_for()
    assert time.monotonic() - started < 1.0
    expect(partial).to_contain_text("Multiple")
    top = chat.page.locator(".oka-asked").bounding_box()
    first = partial.inner_text()
    expect(chat.answers).to_have_count(1)
    assert len(chat.answers.inner_text()) > len(first)
    assert chat.page.locator(".oka-asked").bounding_box() == top


def test_a_follow_up_knows_what_came_before(chat: Chat, fake: FakeAssistant) -> None:
    chat.ask(BROKERS)
    chat.ask("And what monitors it?")
    assert fake.asked[-1][:2] == ("And what monitors it?", (BROKERS,)) or any(
        asked[:2] == ("And what monitors it?", (BROKERS,)) for asked in fake.asked
    )
    offered = chat.page.locator(".oka-follow .oka-ask").first
    offered.wait_for()
    question = offered.inner_text()
    offered.click()
    expect(chat.answers).to_have_count(3)
    expect(chat.page.locator(".oka-asked span").last).to_have_text(question)


def test_a_question_stays_within_the_chosen_topic(chat: Chat, fake: FakeAssistant) -> None:
    scope = chat.page.get_by_role("combobox", name="Answer from")
    assert scope.locator("optgroup").evaluate_all("(groups) => groups.map((group) => group.label)") == [
        "By depth",
        "By topic",
    ]
    scope.select_option("Celery")
    chat.ask(BROKERS)
    expect(chat.answers).to_contain_text("(only celery)")
    scope.select_option("Orchestration Knowledge Base alone")
    chat.ask(BROKERS)
    expect(chat.answers.last).to_contain_text("(only kb/orchestration-knowledge-base.md)")
    chat.page.get_by_role("button", name="Ask all sources").click()
    expect(chat.box).to_be_focused()
    chat.page.get_by_role("button", name="Ask again").click()  # within what is chosen now
    expect(chat.answers.last).not_to_contain_text("only")


def test_what_is_searched_within_is_seen_and_stays_with_its_conversation(chat: Chat) -> None:
    scope, seen = chat.page.get_by_role("combobox", name="Answer from"), chat.page.locator("#oka-within")
    expect(seen).to_be_hidden()
    scope.select_option("Celery")
    chat.ask(BROKERS)
    chat.reload()
    expect(scope).to_have_value("celery")
    expect(seen).to_contain_text("Answers only from: Celery")
    chat.page.get_by_role("button", name="New conversation").click()
    expect(scope).to_have_value("")
    expect(seen).to_be_hidden()
    scope.select_option("Documents and the pages they link to")
    chat.reload()  # nothing is asked yet
    expect(seen).to_contain_text("Answers only from: Documents and the pages they link to")
    chat.page.locator(".oka-saved").click()
    expect(seen).to_contain_text("Answers only from: Celery")
    chat.page.evaluate("sessionStorage['oka-only'] = 'gone'")  # the documents have it no more
    chat.reload()
    expect(scope).to_have_value("")
    expect(seen).to_be_hidden()
    chat.ask(BROKERS)
    expect(chat.answers.last).not_to_contain_text("only")


def test_stop_then_ask_again(chat: Chat, fake: FakeAssistant) -> None:
    closed = fake.closed
    chat.box.fill("brokers slowly please, " + "word by word " * 8)  # long enough to be stopped on a busy machine
    chat.box.press("Enter")
    expect(chat.page.locator(".oka-partial")).to_contain_text("Multiple")
    chat.page.locator("#oka-box .stop-button").click()
    expect(chat.page.locator(".oka-stopped")).to_contain_text("Stopped before the answer was complete")
    deadline = time.monotonic() + 3
    while fake.closed == closed and time.monotonic() < deadline:
        time.sleep(0.05)
    assert fake.closed == closed + 1
    chat.page.get_by_role("button", name="Ask again").click()
    expect(chat.page.locator(".oka-stopped")).to_have_count(0)
    expect(chat.page.locator(".oka-confidence")).to_have_count(1, timeout=15000)


def test_ask_again_undo_and_edit(chat: Chat) -> None:
    chat.ask(BROKERS)
    chat.ask("Why avoid top-level code?")
    first = chat.answers.last.get_attribute("id") or ""
    chat.page.get_by_role("button", name="Ask again").click()
    expect(chat.answers.last).not_to_have_id(first)
    expect(chat.page.locator(".oka-asked")).to_have_count(2)
    expect(chat.page.get_by_role("button", name="Undo")).to_be_visible()
    chat.page.get_by_role("button", name="Undo").click()
    expect(chat.page.locator(".oka-asked")).to_have_count(1)
    expect(chat.box).to_have_value("Why avoid top-level code?")
    expect(chat.box).to_be_focused()
    chat.ask("Why avoid top-level code?")
    chat.page.locator(".oka-edit").first.click()
    expect(chat.box).to_have_value(BROKERS)
    expect(chat.page.locator("#oka-editing")).to_contain_text("Editing")
    chat.page.get_by_role("button", name="Keep as it was").click()
    expect(chat.page.locator("#oka-editing")).to_be_hidden()
    expect(chat.page.locator(".oka-asked")).to_have_count(2)
    chat.page.locator(".oka-edit").first.click()
    expect(chat.page.locator("#oka-editing")).to_be_visible()
    chat.send("airflow vs celery")
    expect(chat.page.locator(".oka-asked")).to_have_count(1)
    expect(chat.page.locator(".oka-table")).to_be_visible()


def test_what_is_clicked_before_the_server_knows_the_question_takes_it_back(new_chat: Callable[..., Chat]) -> None:
    chat = new_chat().open()
    chat.ask(BROKERS)
    network = chat.page.context.new_cdp_session(chat.page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 400, "downloadThroughput": -1, "uploadThroughput": -1}
    network.send("Network.emulateNetworkConditions", slow)
    chat.page.evaluate(
        """document.querySelector(".oka-retry").click();
        setTimeout(() => document.querySelector(".oka-edit").click(), 100)"""
    )
    expect(chat.page.locator("#oka-editing")).to_be_visible()
    expect(chat.box).to_have_value(BROKERS)
    chat.page.wait_for_timeout(1500)  # an answer that goes on would be here by now
    expect(chat.page.locator("#oka-editing")).to_be_visible()
    expect(chat.page.locator("body.oka-busy")).to_have_count(0)
    chat.send("Why avoid top-level code?")
    expect(chat.page.locator(".oka-asked span")).to_have_text("Why avoid top-level code?")
    expect(chat.answers).to_contain_text("You should avoid")


def test_one_question_at_a_time(chat: Chat, fake: FakeAssistant) -> None:
    chat.ask("brokers slowly")
    offered = chat.page.locator(".oka-follow .oka-ask").first
    offered.wait_for()
    asked = len(fake.asked)
    chat.page.evaluate("for (const kind of ['.oka-retry', '.oka-follow button']) document.querySelector(kind).click()")
    chat.page.locator(".oka-partial").wait_for()
    chat.box.fill("Why avoid top-level code?")
    chat.box.press("Enter")
    expect(chat.page.locator(".oka-partial")).to_have_count(0, timeout=15000)
    assert [question for question, *_ in fake.asked[asked:]][:1] == ["brokers slowly"]
    assert "Why avoid top-level code?" not in [question for question, *_ in fake.asked[asked:]]
    expect(chat.page.locator(".oka-asked")).to_have_count(1)
    expect(chat.box).to_have_value("Why avoid top-level code?")  # it waits for Enter
    chat.box.press("Enter")  # taken at once
    expect(chat.answers).to_have_count(2)


def test_a_conversation_whose_only_question_was_taken_back_is_gone(chat: Chat) -> None:
    chat.ask(BROKERS)
    chat.page.get_by_role("button", name="Undo").click()
    expect(chat.page.locator(".oka-welcome")).to_be_visible()
    expect(chat.page.locator(".oka-saved")).to_have_count(0)
    chat.reload()
    expect(chat.page.locator(".oka-welcome")).to_be_visible()
    chat.page.wait_for_timeout(300)  # what is stored would be opened by now
    expect(chat.page.locator(".oka-asked")).to_have_count(0)
    chat.box.fill("")


def test_a_conversation_that_was_deleted_can_be_brought_back(chat: Chat) -> None:
    chat.ask(BROKERS)
    chat.page.get_by_role("button", name="Delete", exact=True).click()
    expect(chat.page.locator(".oka-welcome")).to_be_visible()
    expect(chat.page.locator(".oka-export, .oka-clear")).to_have_count(0)  # there is nothing left to export
    expect(chat.page.locator(".oka-saved")).to_have_count(0)
    chat.page.get_by_role("button", name=f"Bring back “{BROKERS}”").click()
    expect(chat.answers).to_have_count(1)
    expect(chat.page.locator(".oka-saved")).to_have_count(1)
    expect(chat.page.locator(".oka-back")).to_have_count(0)


def test_an_edit_ends_with_its_conversation(chat: Chat) -> None:
    chat.ask("Why avoid top-level code?")
    for leave in ("New conversation", "Why avoid top-level code?"):
        chat.page.get_by_role("button", name=leave, exact=True).click()
        expect(chat.page.locator("#oka-editing")).to_be_hidden()
        expect(chat.box).to_have_value("")
        chat.page.locator(".oka-saved", has_text="top-level").click()
        chat.page.locator(".oka-edit").click()
        expect(chat.box).to_have_value("Why avoid top-level code?")
        expect(chat.page.locator("#oka-editing")).to_be_visible()
    chat.page.get_by_role("button", name="New conversation").click()
    expect(chat.page.locator(".oka-welcome")).to_be_visible()
    chat.ask(BROKERS)
    expect(chat.page.locator(".oka-saved")).to_have_count(2)


def test_follow_ups_stay_or_come_back(chat: Chat) -> None:
    chat.ask(BROKERS)
    offered = chat.page.locator(".oka-follow")
    offered.wait_for()
    chat.box.fill("   ")
    chat.box.press("Enter")
    chat.page.wait_for_timeout(400)
    expect(offered).to_be_visible()
    chat.box.fill("")
    chat.page.locator(".oka-saved").click()
    chat.page.wait_for_timeout(400)
    expect(offered).to_be_visible()
    chat.page.locator(".oka-edit").click()
    expect(offered).to_be_hidden()
    chat.page.get_by_role("button", name="Keep as it was").click()
    expect(offered).to_be_visible()
    expect(chat.page.locator(".oka-asked")).to_have_count(1)


def test_the_rows_of_a_comparison_are_named_in_whole_words(chat: Chat) -> None:
    chat.send("airflow vs celery")
    expect(chat.page.locator(".oka-table td:first-child")).to_have_count(2)
    # Long cells beside a name press it together as far as its words allow.
    chat.page.evaluate(
        """document.querySelectorAll(".oka-table td + td").forEach(cell => cell.append(" word".repeat(99)))"""
    )
    broken = r"""() => [...document.querySelectorAll(".oka-table td:first-child")].flatMap(cell => {
        const text = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT).nextNode();
        return [...text.data.matchAll(/\w+/g)].map(word => {
            const range = document.createRange();
            range.setStart(text, word.index);
            range.setEnd(text, word.index + word[0].length);
            return [word[0], range.getClientRects().length];
        });
    }).filter(([, lines]) => lines > 1)"""
    assert chat.page.evaluate(broken) == []


def test_conversations_outlive_a_reload(chat: Chat) -> None:
    chat.ask(BROKERS)
    chat.page.get_by_role("button", name="New conversation").click()
    expect(chat.page.locator(".oka-welcome")).to_be_visible()
    chat.ask("Why avoid top-level code?")
    chat.reload()
    expect(chat.page.locator(".oka-asked span")).to_have_text("Why avoid top-level code?")
    chat.page.locator(".oka-mark").click()  # the sources came back too
    expect(chat.page.locator(".oka-card.oka-on mark")).to_contain_text("You should avoid")
    chat.page.get_by_role("button", name=BROKERS, exact=True).click()
    expect(chat.page.locator(".oka-asked span")).to_have_text(BROKERS)
    chat.page.get_by_role("button", name=f"Delete conversation: {BROKERS}").click()
    expect(chat.page.locator(".oka-welcome")).to_be_visible()
    expect(chat.page.locator(".oka-saved")).to_have_count(1)


def test_two_tabs_do_not_overwrite_each_other(chat: Chat) -> None:
    other = Chat(chat.page.context.new_page(), chat.url).open()
    chat.ask(BROKERS)
    other.ask("Why avoid top-level code?")
    chat.reload()
    expect(chat.page.locator(".oka-saved")).to_have_count(2)


def test_two_tabs_in_one_conversation_keep_what_was_asked_in_either(chat: Chat) -> None:
    chat.ask(BROKERS)
    other = Chat(chat.page.context.new_page(), chat.url).open()
    other.page.locator(".oka-saved").click()
    expect(other.answers).to_have_count(1)
    other.send("brokers slowly, in the other tab")
    other.page.locator(".oka-partial").wait_for()
    chat.ask("Why avoid top-level code?")
    for tab in (chat, other):  # whatever was asked first, both tabs come to show all of it
        expect(tab.page.locator(".oka-asked")).to_have_count(3, timeout=15000)
        expect(tab.answers).to_have_count(3)
    chat.reload()
    expect(chat.answers).to_have_count(3)
    expect(chat.page.locator(".oka-saved")).to_have_count(1)
    chat.page.get_by_role("button", name="Undo").click()
    for tab in (chat, other):
        expect(tab.answers).to_have_count(2)
    chat.box.fill("")


def test_votes_given_in_either_of_two_tabs_are_both_kept(chat: Chat) -> None:
    chat.ask(BROKERS)
    chat.ask("Why avoid top-level code?")
    other = Chat(chat.page.context.new_page(), chat.url).open()
    other.page.locator(".oka-saved").click()
    expect(other.answers).to_have_count(2)
    chat.answers.first.get_by_role("button", name="Helpful", exact=True).click()
    expect(chat.page.locator("#oka-note textarea")).to_be_visible()
    expect(other.answers.first.locator(".oka-vote-up.oka-on")).to_be_visible()
    other.answers.last.get_by_role("button", name="Not helpful").click()
    other.page.locator(".oka-no-note").click()
    chat.page.locator(".oka-no-note").click()  # it was being written when the other tab voted
    expect(chat.answers.last.locator(".oka-vote-down.oka-on")).to_be_visible()
    chat.answers.first.get_by_role("button", name="Not helpful").click()  # one's mind is changed
    for tab in (chat, other):
        expect(tab.page.locator(".oka-vote-down.oka-on")).to_have_count(2)
    chat.reload()
    expect(chat.page.locator(".oka-vote-down.oka-on")).to_have_count(2)


def test_storage_of_another_making_does_no_harm(chat: Chat) -> None:
    bad = '{"id": "x1", "turns": [{"id": "<img src=x onerror=alert(1)>", "question": {}, "answer": 3}]}'
    chat.page.evaluate("(bad) => { localStorage.setItem('oka:x1', bad); localStorage.setItem('oka:x2', '{'); }", bad)
    chat.reload()
    chat.page.locator('.oka-saved[data-id="x1"]').click()
    chat.page.wait_for_timeout(500)
    expect(chat.page.locator(".oka-welcome")).to_be_visible()
    chat.ask(BROKERS)


def test_export(chat: Chat) -> None:
    chat.ask(BROKERS)
    with chat.page.expect_download() as download:
        chat.page.get_by_role("button", name="Export").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert download.value.suggested_filename == "oka-conversation.md"
    assert BROKERS in text
    assert f"]({chat.url}/kb/orchestration-knowledge-base.md#celery)" in text  # it is read elsewhere
    assert "Multiple broker support (Redis, RabbitMQ, Amazon SQS)" in text
    assert "kb/orchestration-knowledge-base.md#celery" in text


def test_copying(chat: Chat) -> None:
    chat.ask("show code")
    chat.page.get_by_role("button", name="Copy code").click()
    assert chat.page.evaluate("navigator.clipboard.readText()").startswith(
        'from airflow import DAG\n\nwith DAG("daily")'
    )
    chat.page.get_by_role("button", name="Copy", exact=True).click()
    copied = chat.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("Declare a DAG like this: [1]")
    assert "https://airflow.test/code.html#top" in copied
    chat.ask(BROKERS)
    chat.answers.last.get_by_role("button", name="Copy", exact=True).click()
    copied = chat.page.evaluate("navigator.clipboard.readText()")
    assert f"{chat.url}/kb/orchestration-knowledge-base.md#celery" in copied
    chat.ask("airflow vs celery")
    chat.page.get_by_role("button", name="Copy table").click()
    assert chat.page.evaluate("navigator.clipboard.readText()") == (
        "|  | Airflow | Celery |\n| --- | --- | --- |\n| Brokers | not stated | Redis, RabbitMQ, Amazon SQS [1] |\n"
        "| Top-level code | You should avoid it [2] | not stated |\n"
    )


def test_feedback_with_a_note(chat: Chat, data: Path) -> None:
    chat.ask(BROKERS)
    chat.page.get_by_role("button", name="Not helpful").click()
    note = chat.page.get_by_label("What was right or wrong?")
    expect(note).to_be_focused()
    expect(chat.page.locator(".oka-vote-down.oka-on")).to_be_visible()
    chat.page.keyboard.type("Kafka is missing")
    chat.page.get_by_role("button", name="Send note").click()
    expect(note).to_be_hidden()
    expect(chat.page.get_by_text("Note kept.")).to_be_visible()
    expect(chat.page.locator(".oka-vote-down")).to_be_focused()
    entry = Feedback(data / "feedback.jsonl").entries("down")[-1]
    assert (entry.question, entry.note) == (BROKERS, "Kafka is missing")


@pytest.mark.parametrize("leave", ["Cancel", "Undo", "Edit", "New conversation", "a question"])
def test_a_note_that_is_not_sent_goes_with_what_it_was_about(chat: Chat, data: Path, leave: str) -> None:
    chat.ask(BROKERS)
    chat.page.get_by_role("button", name="Helpful", exact=True).click()
    expect(chat.page.locator(".oka-vote-up.oka-on")).to_be_visible()
    note = chat.page.locator("#oka-note textarea")
    note.fill("half a thou")
    if leave == "a question":
        chat.ask("Why avoid top-level code?")
    else:
        chat.page.get_by_role("button", name=leave, exact=True).click()
    expect(note).to_be_hidden()
    expect(note).to_have_value("")
    assert all(entry.note != "half a thou" for entry in Feedback(data / "feedback.jsonl").entries("up"))
    if leave == "Edit":
        chat.page.get_by_role("button", name="Keep as it was").click()
        expect(chat.page.get_by_role("button", name="Keep as it was")).to_be_hidden()
    chat.box.fill("")


def test_a_note_that_cannot_be_kept_stays(chat: Chat, data: Path) -> None:
    chat.ask(BROKERS)
    log = data / "feedback.jsonl"
    chat.page.get_by_role("button", name="Helpful", exact=True).click()
    expect(chat.page.locator(".oka-vote-up.oka-on")).to_be_visible()
    moved = log.rename(data / "moved.jsonl")
    log.mkdir()  # nothing can be appended to a folder
    note = chat.page.get_by_label("What was right or wrong?")
    note.fill("a thought")
    note.press("Enter")
    expect(chat.page.locator("#oka-said")).to_contain_text("Feedback can't be written")
    expect(note).to_have_value("a thought")
    log.rmdir()
    moved.rename(log)
    note.press("Escape")
    expect(note).to_be_hidden()


def test_a_thumb_that_cannot_be_kept_says_so(chat: Chat, data: Path) -> None:
    chat.ask(BROKERS)
    log = data / "feedback.jsonl"
    log.touch()
    moved = log.rename(data / "moved.jsonl")
    log.mkdir()  # nothing can be appended to a folder
    chat.page.get_by_role("button", name="Helpful", exact=True).click()
    expect(chat.page.locator("#oka-said")).to_contain_text("Feedback can't be written")
    expect(chat.page.locator(".oka-vote-up.oka-on")).to_have_count(0)
    log.rmdir()
    moved.rename(log)
    chat.page.locator(".oka-no-note").click()


def test_a_question_that_is_cut_says_so(chat: Chat) -> None:
    chat.box.fill("x" * 2000)
    expect(chat.page.get_by_text("2,000 characters are the most that is read")).to_be_visible()
    chat.box.fill("x")
    expect(chat.page.locator("#oka-said")).to_be_empty()
    chat.box.fill("")


def test_an_abstention_looks_different(chat: Chat, data: Path) -> None:
    chat.ask("How do I bake sourdough bread?")
    abstained = chat.page.locator(".oka-abstained")
    expect(abstained).to_contain_text("Not in the sources")
    expect(abstained.get_by_role("link", name="Airflow Best Practices")).to_be_visible()
    expect(abstained.locator(".oka-confidence")).to_have_count(0)
    expect(chat.page.locator(".oka-follow .oka-ask").first).to_be_visible()  # where to go from here
    assert [e.question for e in Feedback(data / "feedback.jsonl").entries("unanswered")] == [
        "How do I bake sourdough bread?"
    ]
    chat.ask("thanks!")  # asks nothing, so nothing is unanswered
    assert Feedback(data / "feedback.jsonl").entries("unanswered")[-1].question == "How do I bake sourdough bread?"


def test_why_this_answer(chat: Chat, fake: FakeAssistant) -> None:
    chat.ask(BROKERS)
    chat.ask("And what monitors it?")
    chat.page.get_by_role("button", name="Why this answer").click()
    query = chat.page.get_by_label("Searched as")
    expect(query).to_have_value(f"And what monitors it? (after: {BROKERS})")
    reasons = chat.page.locator("#oka-reasons")
    expect(reasons).to_contain_text("retrieve 12 ms")
    expect(reasons).to_contain_text("found by its words and its meaning · score 0.9")
    first = reasons.locator("li").first
    expect(first.locator("details table")).to_be_hidden()
    first.locator("summary").click()
    expect(first.locator("details tr").last).to_contain_text("nearest sentence, cosine")
    tops = first.locator("> *").evaluate_all("(parts) => parts.map((part) => part.getBoundingClientRect().top)")
    assert tops == sorted(set(tops))  # each on lines of its own
    lefts = first.locator("> *").evaluate_all("(parts) => parts.map((part) => part.getBoundingClientRect().left)")
    assert len(set(lefts)) == 1
    chat.page.evaluate(_LENGTHEN, ".oka-excerpt")
    cited = chat.page.get_by_role("heading", name="Sources", exact=True)
    expect(cited).to_be_in_viewport()  # however much is considered
    chat.page.set_viewport_size({"width": 1360, "height": 400})
    chat.page.locator("#oka-right").evaluate("(panel) => panel.scrollTo(0, 0)")
    expect(cited).not_to_be_in_viewport()
    chat.page.get_by_role("button", name="Sources", exact=True).last.click()
    expect(cited).to_be_in_viewport()
    expect(cited).to_be_focused()
    chat.page.set_viewport_size(LAPTOP)
    chat.page.get_by_role("button", name="Search as typed").click()
    expect(query).to_have_value("And what monitors it?")
    expect(chat.page.locator(".oka-asked")).to_have_count(2)
    query.fill("top-level code")
    chat.page.get_by_role("button", name="Search with this").click()
    expect(chat.page.locator(".oka-asked span").last).to_have_text("top-level code")


def test_confidence_in_words(chat: Chat) -> None:
    chat.ask(BROKERS)
    words = chat.page.locator(".oka-confidence")
    expect(words.locator("summary")).to_have_text("Well supported")
    words.locator("summary").click()
    expect(words.locator("p")).to_contain_text("about 93 in 100")


def test_fetching_shows_progress_and_can_be_cancelled(new_chat: Callable[..., Chat], tmp_path: Path) -> None:
    """From a site on loopback whose second page is held back until the cancelled run is over: what had arrived is kept."""
    held = threading.Event()

    def hold(exchange: Exchange) -> None:
        held.wait(20)
        exchange.reply(200, page("Second"))

    with Site({"/1": lambda exchange: exchange.reply(200, page("First"))}) as quick, Site({"/2": hold}) as slow:
        slow.answers["/3"] = lambda exchange: exchange.reply(200, page("Third"))
        links = [f"{quick.url}/1", f"{slow.url}/2", f"{slow.url}/3"]
        documents = tmp_path / "documents"
        documents.mkdir()
        (documents / "guide.md").write_text("# Guide\n\n" + "\n".join(f"- [Page]({link}) - words" for link in links))
        fake: Any = FakeAssistant()
        hosts = (quick.host, slow.host)
        fake.settings = Settings(data_dir=tmp_path, documents=documents, allow_private_hosts=hosts)
        sources = Sources(fake.settings)
        fake.status = lambda: read_status(sources)

        def work(report: Report, stopped: Callable[[], bool]) -> str:
            said, _ = fetch_pages(sources, only_missing=True, progress=report, cancelled=stopped)
            return said.splitlines()[0]

        with running(fake, tmp_path, work=work) as url:
            chat = new_chat(url=url).open()
            status = chat.page.locator("#oka-status")
            expect(status).to_contain_text("0 of 3 linked pages")
            chat.page.get_by_role("button", name="Fetch missing pages").click()
            expect(status).to_contain_text("fetching pages 1 of 3", timeout=15000)
            chat.ask(BROKERS)
            chat.page.get_by_role("button", name="Cancel fetching").click()
            expect(status).to_contain_text("1 of 3 linked pages", timeout=15000)
            expect(status).to_contain_text("1 new")
            held.set()
            chat.page.get_by_role("button", name="Fetch missing pages").click()
            expect(status).to_contain_text("3 of 3 linked pages", timeout=15000)
            assert quick.pages == ["/1"]  # what had arrived isn't fetched again
            chat.page.context.close()


def test_offline_is_said(new_chat: Callable[..., Chat], tmp_path: Path) -> None:
    fake: Any = FakeAssistant()
    told = fake.status()
    fake.status = lambda: {**told, "offline": True}
    fake.settings = Settings(data_dir=tmp_path, offline=True)
    with running(fake, tmp_path) as url:
        chat = new_chat(url=url).open()
        expect(chat.page.locator("#oka-status")).to_contain_text("Offline: OKA_OFFLINE is set, nothing is fetched.")
        fetching = chat.page.get_by_role("button", name="Fetch missing pages")
        expect(fetching).to_be_disabled()
        expect(fetching).to_have_attribute("title", "Offline: OKA_OFFLINE is set, nothing is fetched.")
        chat.ask(BROKERS)
        chat.page.context.set_offline(True)
        chat.box.fill("What monitors it?")
        chat.box.press("Enter")
        lost = chat.page.get_by_role("alert").filter(has_text="The server can’t be reached")
        expect(lost).to_be_visible()
        expect(chat.page.locator("#oka-box .submit-button")).to_be_visible()
        chat.page.context.set_offline(False)
        chat.reload()
        expect(lost).to_be_hidden()
        expect(chat.box).to_have_value("What monitors it?")
        expect(chat.answers).to_have_count(1)
        cut = ("ERR_INTERNET_DISCONNECTED", "Failed to fetch", "errored out")  # what was under way then ends so
        chat.troubles[:] = [text for text in chat.troubles if not any(words in text for words in cut)]
        chat.page.context.close()


@pytest.mark.parametrize(
    ("question", "sentence"),
    [("fail please", "doesn't answer; start it or unset OKA_CHROMA_URL"), ("explode please", "Something went wrong")],
)
def test_an_error_is_a_sentence(chat: Chat, question: str, sentence: str) -> None:
    chat.ask(question)
    error = chat.page.get_by_role("alert").filter(has_text=sentence)
    expect(error).to_be_visible()
    expect(chat.page.locator("body")).not_to_contain_text("secret detail")
    expect(error.get_by_role("button", name="Ask again")).to_be_visible()
    chat.send(BROKERS)
    expect(chat.page.locator(".oka-confidence")).to_have_count(1)
    expect(chat.page.locator(".oka-error")).to_have_count(0)


def test_a_question_that_is_refused_says_why_and_stays(
    new_chat: Callable[..., Chat], fake: FakeAssistant, data: Path
) -> None:
    with running(fake, data, a_minute=40) as url:
        elsewhere = {"x-forwarded-for": "192.0.2.7"}  # this machine's questions aren't counted
        chat = new_chat(url=url, extra_http_headers=elsewhere).open()
        chat.page.wait_for_timeout(300)
        chat.page.evaluate(
            """async () => {
                const others = {method: "POST", headers: {"content-type": "application/json"}, body: '{"event_id": "none"}'};
                for (let n = 0; n < 25; n++) await fetch("gradio_api/reset", others);
            }"""
        )
        chat.box.fill(BROKERS)
        chat.box.press("Enter")
        expect(chat.page.get_by_text("Too many questions from your address; try again in")).to_be_visible()
        expect(chat.page.locator("#oka-box .submit-button")).to_be_visible()
        expect(chat.box).to_have_value(BROKERS)
        chat.troubles[:] = [text for text in chat.troubles if "429" not in text]
        chat.page.context.close()


def test_hostile_words_stay_words(chat: Chat) -> None:
    chat.ask("hostile page")
    expect(chat.answers).to_contain_text("<script>window.hacked=1</script>")
    expect(chat.page.locator(".oka-card h3")).to_contain_text("<img src=x onerror=window.hacked=4>")
    chat.page.locator(".oka-mark").first.hover()
    chat.page.get_by_role("button", name="Why this answer").click()
    page = chat.page
    assert page.evaluate("window.hacked") is None
    ours = ".oka-asked, .oka-answer, .oka-sources, .oka-why, .oka-tip, #oka-nav"
    assert page.locator(ours).locator("img, script, style, iframe, svg").count() == 0
    hrefs = [a.get_attribute("href") or "" for a in page.locator("#oka-page a").all()]
    assert all(re.match(r"https?://|kb|#oka-c-", href) for href in hrefs), hrefs
    assert page.locator(".oka-answer [onclick], .oka-answer [onerror]").count() == 0


def test_the_question_is_not_markup_either(chat: Chat) -> None:
    chat.ask("what of <img src=x onerror='window.hacked=9'> __init__ *args* brokers")
    expect(chat.page.locator(".oka-asked span")).to_have_text(
        "what of <img src=x onerror='window.hacked=9'> __init__ *args* brokers"
    )
    assert chat.page.evaluate("window.hacked") is None


def test_a_long_question_leaves_room_and_keeps_its_indentation(chat: Chat) -> None:
    code = "Why avoid top-level code like this?\n\n" + "".join(f"    step_{n} = Task({n})\n" for n in range(40)) + "end"
    chat.ask(code)
    asked = chat.page.locator(".oka-asked span")
    assert asked.inner_text() == code
    size = asked.bounding_box()
    assert size is not None
    assert size["height"] < 200
    expect(chat.answers).to_be_in_viewport(ratio=1)
    asked.focus()  # it scrolls by itself, with the keyboard too
    chat.page.keyboard.press("End")
    chat.page.wait_for_function("document.activeElement.scrollTop > 0")


def test_phone(new_chat: Callable[..., Chat]) -> None:
    chat = new_chat(viewport={"width": 375, "height": 720}, has_touch=True, is_mobile=True).open()
    chat.ask("airflow vs celery")
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= 375
    expect(chat.box).not_to_be_focused()  # the keyboard goes and leaves room to the answer
    chat.page.evaluate(_LENGTHEN, ".oka-table td")
    table = chat.page.locator(".oka-table")
    assert table.evaluate("(region) => region.scrollWidth > region.clientWidth")  # sideways, in itself
    assert min(table.locator("td + td").evaluate_all("(cells) => cells.map((cell) => cell.offsetWidth)")) >= 150
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= 375
    expect(chat.page.locator("#oka-right")).to_be_hidden()
    chat.page.locator(".oka-mark").first.tap()
    expect(chat.page.locator(".oka-card.oka-on")).to_be_in_viewport()
    chat.page.locator("#oka-right .oka-close").tap()
    expect(chat.page.locator("#oka-right")).to_be_hidden()
    chat.page.get_by_role("button", name="Conversations").tap()
    expect(chat.page.locator("#oka-status")).to_be_in_viewport()
    chat.page.get_by_role("button", name="New conversation").tap()
    expect(chat.page.locator(".oka-welcome")).to_be_in_viewport()


def test_drawers_at_twice_the_size(new_chat: Callable[..., Chat]) -> None:
    """As a laptop of 1280 x 800 shows the page at 200 %."""
    chat = new_chat(viewport={"width": 640, "height": 400}).open()
    chat.ask("airflow vs celery")
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= 640
    keys, side, menu = chat.page.keyboard, chat.page.locator("#oka-right"), chat.page.locator("#oka-left")
    mark = chat.page.locator(".oka-mark").last
    close = side.get_by_role("button", name="Close")

    mark.click()
    card = chat.page.locator(".oka-card.oka-on")
    expect(card.locator("h3")).to_be_in_viewport(ratio=1)
    expect(close).to_be_in_viewport(ratio=1)  # however far the sources are scrolled
    title, button = card.locator("h3").bounding_box(), close.bounding_box()
    assert title is not None
    assert button is not None
    assert title["y"] >= button["y"] + button["height"]
    keys.press("Escape")
    expect(side).to_be_hidden()
    expect(mark).to_be_focused()

    mark.click()
    close.focus()
    keys.press("Shift+Tab")  # out of it
    expect(side).to_be_hidden()
    expect(chat.page.get_by_role("button", name="Ask", exact=True)).to_be_focused()

    chat.page.get_by_role("button", name="Conversations").click()
    expect(menu.get_by_role("button", name="New conversation")).to_be_focused()
    menu.evaluate("(menu) => menu.scrollTo(0, 999)")
    expect(menu.get_by_role("button", name="Close")).to_be_in_viewport(ratio=1)
    chat.page.mouse.click(600, 200)  # beside it
    expect(menu).to_be_hidden()

    chat.page.evaluate("document.querySelector('.oka-follow li').style.minWidth = '90vw'")
    for offered in chat.page.locator(".oka-follow .oka-ask").all():  # in a row that scrolls
        offered.focus()
        expect(offered).to_be_in_viewport(ratio=0.95)
    chat.page.set_viewport_size({"width": 844, "height": 390})  # a phone on its side: one row as well
    tops = chat.page.locator(".oka-follow li").evaluate_all("(all) => all.map((one) => one.offsetTop)")
    assert len(tops) > 1
    assert len(set(tops)) == 1


def test_dark(new_chat: Callable[..., Chat]) -> None:
    chat = new_chat(color_scheme="dark").open()
    chat.ask(BROKERS)
    paper, ink = chat.page.evaluate(
        "() => [getComputedStyle(document.querySelector('#oka-page')).backgroundColor,"
        " getComputedStyle(document.querySelector('.oka-answer')).color]"
    )
    assert sum(map(int, re.findall(r"\d+", paper)[:3])) < 120
    assert sum(map(int, re.findall(r"\d+", ink)[:3])) > 600


def test_keyboard_alone(chat: Chat) -> None:
    chat.reload()
    keys = chat.page.keyboard
    expect(chat.box).to_be_focused()  # on a laptop one can type at once
    keys.type(BROKERS)
    keys.press("Enter")
    expect(chat.answers).to_have_count(1)
    expect(chat.page.locator(".oka-follow")).to_be_visible()
    chat.page.locator(".oka-edit").focus()
    keys.press("Tab")
    expect(chat.page.locator(".oka-mark").first).to_be_focused()
    expect(chat.page.get_by_role("tooltip")).to_be_visible()
    outline = chat.page.locator(".oka-mark").first.evaluate("(e) => getComputedStyle(e).outlineStyle")
    assert outline == "solid"
    keys.press("Escape")
    expect(chat.page.get_by_role("tooltip")).to_have_count(0)
    keys.press("Enter")
    expect(chat.page.locator(".oka-card.oka-on")).to_be_focused()
    keys.press("Tab")
    expect(chat.page.locator(".oka-card.oka-on blockquote")).to_be_focused()  # a long one is scrolled with the arrows
    keys.press("Tab")
    expect(chat.page.locator(".oka-card.oka-on .oka-open")).to_be_focused()


def test_the_keyboard_is_not_lost_when_what_was_pressed_goes_away(chat: Chat) -> None:
    chat.ask(BROKERS)
    for button in (".oka-retry", ".oka-follow .oka-ask", ".oka-edit", "#oka-editing button"):
        chat.page.locator(button).first.press("Enter")
        expect(chat.box).to_be_focused()
    chat.page.get_by_role("button", name="New conversation").click()
    expect(chat.page.locator(".oka-welcome")).to_be_visible()
    chat.page.locator(".oka-saved").press("Enter")
    expect(chat.page.locator(".oka-saved[aria-current]")).to_be_focused()
    chat.page.locator(".oka-remove").press("Enter")
    expect(chat.page.get_by_role("button", name="New conversation")).to_be_focused()


def test_many_at_once(new_chat: Callable[..., Chat]) -> None:
    first = new_chat().open()
    chats = [first, *(Chat(first.page.context.new_page(), first.url).open() for _ in range(2))]
    for number, chat in enumerate(chats):
        chat.box.fill(f"brokers slowly, user {number}")
        chat.box.press("Enter")
    for number, chat in enumerate(chats):
        expect(chat.answers).to_contain_text(f"user {number}", timeout=15000)
        expect(chat.page.locator(".oka-asked span")).to_have_text(f"brokers slowly, user {number}")


def test_a_closed_tab_stops_its_work(new_chat: Callable[..., Chat], fake: FakeAssistant) -> None:
    chat = new_chat().open()
    closed = fake.closed
    chat.box.fill("slowly " * 20)
    chat.box.press("Enter")
    expect(chat.page.locator(".oka-partial")).to_contain_text("Multiple")
    chat.page.close()
    deadline = time.monotonic() + 5
    while fake.closed == closed and time.monotonic() < deadline:
        time.sleep(0.1)
    assert fake.closed == closed + 1


def test_knowledge_base_page(chat: Chat) -> None:
    chat.go("/kb/orchestration-knowledge-base.md#celery")
    expect(chat.page.locator("#celery")).to_have_text("Celery")
    assert chat.page.locator(".oka-state").count() == 44  # 42 addresses, two of them linked twice
    expect(chat.page.locator(".oka-state").first).to_have_text("not fetched yet")
    chat.page.set_viewport_size({"width": 390, "height": 844})
    chat.page.locator(".oka-state").first.evaluate(
        "(badge) => badge.append(': permanently to https://x.test/' + 'a'.repeat(200))"
    )
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= 390
    chat.page.set_viewport_size(LAPTOP)
    asks = chat.page.locator("#celery ~ .oka-asks").first
    asks.locator("summary").click()
    asks.get_by_role("link", name="What is Celery best for?").click()
    expect(chat.page.locator(".oka-asked span")).to_have_text("What is Celery best for?")
    expect(chat.answers).to_have_count(1)


@pytest.mark.skipif(not AXE.exists(), reason="axe-core isn't here; install it with: make browser-tools")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(new_chat: Callable[..., Chat], scheme: str) -> None:
    chat = new_chat(color_scheme=scheme, bypass_csp=True).open()
    pages = {"empty": _axe(chat.page)}
    chat.ask("airflow vs celery")
    chat.ask("show code, " + "long " * 60)
    chat.ask("sourdough")
    chat.ask(BROKERS)
    chat.page.get_by_role("button", name="Why this answer").click()
    expect(chat.page.locator("#oka-reasons li")).to_have_count(2)
    chat.page.evaluate(
        _LENGTHEN, "#oka-right blockquote, .oka-excerpt, .oka-long, .oka-table td"
    )  # all that can scroll does
    pages["chat"] = _axe(chat.page)
    knowledge = chat.page.context.new_page()
    knowledge.goto(chat.url + "/kb")
    pages["kb"] = _axe(knowledge)
    assert pages == {"empty": [], "chat": [], "kb": []}


def _axe(page: Page) -> list[str]:
    page.wait_for_timeout(300)  # colours of fading elements would be measured half-way
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run(document).then((run) => run.violations)")
    return [
        f"{v['id']} ({v['impact']}): {node['target']} {node['failureSummary']}"
        for v in found
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"]
    ]
