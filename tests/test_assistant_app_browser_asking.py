"""Asking in the web chat: answers as they come, stopping, asking again, one question at a time, and what is refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser_chat import BROKERS, IN_A_BROWSER, Chat, until
from tests.chat_server import running
from tests.fakes_app import FakeAssistant

pytestmark = IN_A_BROWSER


def test_the_answer_streams_and_nothing_jumps(chat: Chat, fake: FakeAssistant) -> None:
    started = time.monotonic()
    chat.ask(BROKERS)
    usual = time.monotonic() - started
    chat.page.get_by_role("button", name="New conversation").click()
    expect(chat.page.locator(".oka-welcome")).to_be_visible()
    fake.released.clear()
    started = time.monotonic()
    chat.send("held brokers?")
    partial = chat.page.locator(".oka-partial")
    partial.wait_for()
    assert time.monotonic() - started < 1.0 + usual  # at once, on a busy machine too
    expect(partial).to_contain_text("Multiple")
    assert fake.running == 1
    top = chat.page.locator(".oka-asked").bounding_box()
    first = partial.inner_text()
    fake.released.set()
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


def test_stop_then_ask_again(chat: Chat, fake: FakeAssistant) -> None:
    closed = fake.closed
    fake.released.clear()
    chat.send("brokers, held please")
    expect(chat.page.locator(".oka-partial")).to_contain_text("Multiple")
    chat.page.locator("#oka-box .stop-button").click()
    expect(chat.page.locator(".oka-stopped")).to_contain_text("Stopped before the answer was complete")
    until(lambda: fake.closed > closed)
    assert fake.closed == closed + 1
    fake.released.set()
    chat.page.get_by_role("button", name="Ask again").click()
    expect(chat.page.locator(".oka-stopped")).to_have_count(0)
    expect(chat.page.locator(".oka-confidence")).to_have_count(1)


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
    fake.released.set()
    chat.ask("brokers held")
    offered = chat.page.locator(".oka-follow .oka-ask").first
    offered.wait_for()
    asked = len(fake.asked)
    fake.released.clear()
    chat.page.evaluate("for (const kind of ['.oka-retry', '.oka-follow button']) document.querySelector(kind).click()")
    chat.page.locator(".oka-partial").wait_for()
    chat.box.fill("Why avoid top-level code?")
    chat.box.press("Enter")
    fake.released.set()
    expect(chat.page.locator(".oka-partial")).to_have_count(0)
    assert [question for question, *_ in fake.asked[asked:]][:1] == ["brokers held"]
    assert "Why avoid top-level code?" not in [question for question, *_ in fake.asked[asked:]]
    expect(chat.page.locator(".oka-asked")).to_have_count(1)
    expect(chat.box).to_have_value("Why avoid top-level code?")  # it waits for Enter
    chat.box.press("Enter")  # taken at once
    expect(chat.answers).to_have_count(2)


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


def test_a_question_that_is_cut_says_so(chat: Chat) -> None:
    chat.box.fill("x" * 2000)
    expect(chat.page.get_by_text("2,000 characters are the most that is read")).to_be_visible()
    chat.box.fill("x")
    expect(chat.page.locator("#oka-said")).to_be_empty()
    chat.box.fill("")


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


def test_a_closed_tab_stops_its_work(new_chat: Callable[..., Chat], fake: FakeAssistant) -> None:
    chat = new_chat().open()
    closed = fake.closed
    fake.released.clear()
    chat.send("held brokers")
    expect(chat.page.locator(".oka-partial")).to_contain_text("Multiple")
    chat.page.close()
    until(lambda: fake.closed > closed)
    assert fake.closed == closed + 1
