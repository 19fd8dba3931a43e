"""What the web chat shows of an answer: sources, reasons, confidence; copying, export and feedback; fetching the pages."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from assistant.feedback import Feedback
from assistant.fetching import fetch_pages
from assistant.progress import Report
from assistant.settings import Settings
from assistant.sources import Sources
from assistant.status import read_status
from tests.browser_chat import BROKERS, IN_A_BROWSER, LAPTOP, LENGTHEN, Chat
from tests.chat_server import running
from tests.fakes_app import FakeAssistant
from tests.loopback import Exchange, Site, page

pytestmark = IN_A_BROWSER


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
    chat.page.evaluate(LENGTHEN, ".oka-excerpt")
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
            expect(status).to_contain_text("fetching pages 1 of 3")
            chat.ask(BROKERS)
            chat.page.get_by_role("button", name="Cancel fetching").click()
            expect(status).to_contain_text("1 of 3 linked pages")
            expect(status).to_contain_text("1 new")
            held.set()
            chat.page.get_by_role("button", name="Fetch missing pages").click()
            expect(status).to_contain_text("3 of 3 linked pages")
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
