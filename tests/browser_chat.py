"""The web chat in a real browser, for tests: `Chat` is one tab and what a user does in it.

Each test that takes `chat` or `new_chat` also asserts: no console error, no request that leaves 127.0.0.1. conftest.py makes
the fixtures known; a test file sets `pytestmark = IN_A_BROWSER`, and has a server, a browser and a shared tab of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from tests.chat_server import running
from tests.fakes_app import FakeAssistant

CHROMIUM = Path(os.environ.get("OKA_TEST_CHROMIUM", "/usr/bin/chromium"))
PATIENCE_MS = 20_000  # a busy machine's; what comes is taken at once
LAPTOP: Any = {"width": 1360, "height": 850}
BROKERS = "Which message brokers does Celery support?"
LENGTHEN = "(chosen) => document.querySelectorAll(chosen).forEach((part) => part.append(' more words'.repeat(300)))"
NEEDS_A_BROWSER = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}; install Debian's chromium"
)
IN_A_BROWSER = [pytest.mark.browser, NEEDS_A_BROWSER]


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


def until(true: Callable[[], bool]) -> None:
    """Waits for what the page doesn't show."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


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
        opened = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-background-networking"]
        )
        expect.set_options(timeout=PATIENCE_MS)
        yield opened
        opened.close()


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
_IS_NEW = """() => document.querySelector(".oka-welcome")
    && sessionStorage["oka-current"] && !localStorage["oka:" + sessionStorage["oka-current"]]"""


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
        tab.page.get_by_role("button", name="New conversation").click()
        tab.page.wait_for_function(_IS_NEW)  # what was being opened has come and is left, so that it isn't stored again
        tab.page.evaluate("localStorage.clear(); sessionStorage.clear(); dispatchEvent(new StorageEvent('storage'))")
        tab.page.locator(".oka-saved, .oka-follow").first.wait_for(state="detached")
    tab.troubles.clear()
    yield tab
    assert tab.troubles == []


def _watched(context: BrowserContext, server: str, troubles: list[str]) -> Page:
    def watch(request: Request) -> None:
        if not request.url.startswith((server, "data:", "blob:")):
            troubles.append(f"request to {request.url}")

    def own(text: str) -> bool:  # Gradio logs that it closes its own stream when a page is left
        return text.startswith("AbortError: signal is aborted without reason")

    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.on(
        "console", lambda m: troubles.append(m.text) if m.type in ("error", "warning") and not own(m.text) else None
    )
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", watch)
    return page
