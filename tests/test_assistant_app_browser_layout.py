"""The web chat's layout, by keyboard, on a phone, in the dark and for screen readers; the pages of the knowledge base."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser_chat import BROKERS, IN_A_BROWSER, LAPTOP, LENGTHEN, Chat
from tests.fakes_app import FakeAssistant

AXE = Path(__file__).resolve().parents[1] / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = IN_A_BROWSER


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
    chat.page.evaluate(LENGTHEN, ".oka-table td")
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


def test_the_keyboard_is_not_lost_when_what_was_pressed_goes_away(chat: Chat, fake: FakeAssistant) -> None:
    idle = chat.page.locator("body:not(.oka-busy)")
    chat.ask(BROKERS)
    for button in (".oka-retry", ".oka-follow .oka-ask", ".oka-edit", "#oka-editing button"):
        idle.wait_for()
        pressed = chat.page.locator(button).first
        pressed.wait_for()  # what is hidden yet can't have the keyboard
        pressed.press("Enter")
        expect(chat.box).to_be_focused()
    expect(chat.page.locator("#oka-editing")).to_be_hidden()  # with what was in the box
    expect(chat.box).to_have_value("")
    fake.released.clear()
    chat.box.fill("brokers held")
    chat.page.locator("#oka-box .submit-button").press("Enter")
    expect(chat.box).to_be_focused()
    chat.page.locator(".oka-partial").wait_for()
    chat.page.locator("#oka-box .stop-button").press("Enter")
    expect(chat.box).to_be_focused()
    chat.page.locator(".oka-stopped").wait_for()
    fake.released.set()
    chat.page.locator(".oka-retry").press("Enter")
    expect(chat.box).to_be_focused()
    chat.page.locator(".oka-follow .oka-ask").first.wait_for()
    chat.page.evaluate(  # a follow-up isn't taken while an answer is written, and then it goes away
        """document.querySelector(".oka-retry").click();
        document.querySelector(".oka-follow .oka-ask").focus();
        document.querySelector(".oka-follow .oka-ask").click()"""
    )
    expect(chat.box).to_be_focused()
    idle.wait_for()
    chat.page.get_by_role("button", name="New conversation").click()
    expect(chat.page.locator(".oka-welcome")).to_be_visible()
    chat.page.locator(".oka-saved").press("Enter")
    expect(chat.page.locator(".oka-saved[aria-current]")).to_be_focused()
    chat.page.locator(".oka-remove").press("Enter")
    expect(chat.page.get_by_role("button", name="New conversation")).to_be_focused()


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
        LENGTHEN, "#oka-right blockquote, .oka-excerpt, .oka-long, .oka-table td"
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
