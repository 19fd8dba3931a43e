"""Conversations of the web chat: what the browser keeps of them, over reloads and in several tabs."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser_chat import BROKERS, IN_A_BROWSER, Chat, until
from tests.fakes_app import FakeAssistant

pytestmark = IN_A_BROWSER


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


def test_the_one_that_is_chosen_last_is_opened(chat: Chat) -> None:
    chat.ask(BROKERS)
    network = chat.page.context.new_cdp_session(chat.page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 300, "downloadThroughput": -1, "uploadThroughput": -1}
    network.send("Network.emulateNetworkConditions", slow)
    chat.page.evaluate(
        """document.querySelector(".oka-saved").click();
        setTimeout(() => document.querySelector(".oka-new").click(), 100)"""
    )
    expect(chat.page.locator(".oka-welcome")).to_be_visible()
    network.send("Network.emulateNetworkConditions", {**slow, "latency": 0})
    network.detach()


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


def test_two_tabs_in_one_conversation_keep_what_was_asked_in_either(chat: Chat, fake: FakeAssistant) -> None:
    chat.ask(BROKERS)
    fake.released.clear()
    other = Chat(chat.page.context.new_page(), chat.url).open()
    other.page.locator(".oka-saved").click()
    expect(other.answers).to_have_count(1)
    other.send("brokers held, in the other tab")
    other.page.locator(".oka-partial").wait_for()
    chat.page.bring_to_front()
    chat.ask("Why avoid top-level code?")
    fake.released.set()
    for tab in (chat, other):  # whatever was asked first, both tabs come to show all of it
        expect(tab.page.locator(".oka-asked")).to_have_count(3)
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
    chat.page.bring_to_front()  # a tab in the back is painted once a second
    chat.answers.first.get_by_role("button", name="Helpful", exact=True).click()
    expect(chat.page.locator("#oka-note textarea")).to_be_visible()
    expect(other.answers.first.locator(".oka-vote-up.oka-on")).to_be_visible()
    other.page.bring_to_front()
    other.answers.last.get_by_role("button", name="Not helpful").click()
    other.page.locator(".oka-no-note").click()
    chat.page.bring_to_front()
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


def test_many_at_once(new_chat: Callable[..., Chat], fake: FakeAssistant) -> None:
    first = new_chat().open()
    chats = [first, *(Chat(first.page.context.new_page(), first.url).open() for _ in range(2))]
    fake.released.clear()
    for number, chat in enumerate(chats):
        chat.send(f"brokers held, user {number}")
    until(lambda: fake.running == len(chats))
    fake.released.set()
    for number, chat in enumerate(chats):
        expect(chat.answers).to_contain_text(f"user {number}")
        expect(chat.page.locator(".oka-asked span")).to_have_text(f"brokers held, user {number}")
