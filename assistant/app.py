"""The web chat: its layout and what happens on each event. `build_app` gives the Gradio Blocks; app_server.py serves them.

What a user sees of an answer is made in app_render.py, what the browser keeps in app_conversation.py. Leaves out who may
come in and what the browser may load (app_server.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import gradio as gr
from gradio.events import api

from assistant.answers import Answer
from assistant.app_conversation import Conversation
from assistant.app_fetch import FetchJob
from assistant.app_knowledge import examples, follow_ups, scopes
from assistant.app_render import (
    answer_html,
    asked_html,
    failure_html,
    offers_html,
    partial_html,
    sources_html,
    status_html,
    welcome_html,
    why_html,
)
from assistant.export import conversation_to_markdown
from assistant.feedback import Feedback
from assistant.query import MAX_CHARACTERS
from corpus.errors import RagError
from corpus.pages import Page

if TYPE_CHECKING:
    from assistant.answering import Assistant

_AT_ONCE = 4
"""Questions answered at the same time; more wait in the queue. Each takes a core for a few dozen milliseconds."""
_QUEUE = 100
T = TypeVar("T")
_log = logging.getLogger("oka.app")


def build_app(assistant: Assistant, feedback: Feedback, job: FetchJob, documents: Sequence[Page]) -> gr.Blocks:
    """The page and the two public endpoints, `ask` and `search`."""

    @lru_cache(maxsize=512)
    def answered(question: str, _fingerprint: str) -> Answer:
        return assistant.answer(question)

    def offer(kept: str) -> str:
        """Follow-ups to the last answer; made after it is shown, so that it never waits for them."""
        conversation = Conversation.read(kept)
        if not conversation.turns or conversation.pending:
            return ""
        answer = conversation.answers()[-1]
        return offers_html(follow_ups(documents, answer, lambda question: answered(question, answer.fingerprint)))

    def show(conversation: Conversation, writing: str | None = None) -> list[dict[str, str]]:
        """The messages of a conversation; `writing` is the answer so far to the pending question."""
        messages = []
        for turn in conversation.turns:
            last = turn is conversation.turns[-1] and conversation.pending is None
            messages += [_message("user", asked_html(turn)), _message("assistant", answer_html(turn, last))]
        if pending := conversation.pending:
            failure = pending["failure"] or "Stopped before the answer was complete."
            reply = partial_html(writing) if writing is not None else failure_html(failure, not pending["failure"])
            messages += [_message("user", asked_html(pending)), _message("assistant", reply)]
        return messages

    def whole(conversation: Conversation, question: str = "") -> tuple[Any, ...]:
        """Values of everything that shows a conversation: see `view`."""
        editing = conversation.turn(conversation.editing) if conversation.editing else None
        notice = f"Editing “{editing['question'][:60]}”: asking replaces it and what follows." if editing else ""
        searched = conversation.turns[-1]["answer"]["searched"] if conversation.turns else ""
        return (
            show(conversation),
            conversation.dump(),
            sources_html(conversation.turns),
            gr.update(value=question, submit_btn=True, stop_btn=False),
            gr.update(visible=bool(editing)),
            notice,
            searched,
            "",
            "",
        )

    def reply(question: str, kept: str, only: str | None, alone: bool = False) -> Iterator[Any]:
        """Streams the answer to one question into the page. `alone`: searched as typed, without the conversation."""
        conversation = Conversation.read(kept)
        if not question.strip():
            yield whole(conversation)
            return
        conversation = conversation.ask(question, only or None)
        same = [gr.skip()] * 3  # notice, query, reasons
        busy = gr.update(value="", submit_btn=False, stop_btn=True)
        yield show(conversation, ""), conversation.dump(), gr.skip(), busy, gr.update(visible=False), *same, ""
        try:
            history = None if alone else conversation.history()
            for part in assistant.stream(question, history=history, only=only or None):
                if isinstance(part, Answer):
                    conversation = conversation.reply(part, assistant.page_text)
                    if part.abstained:
                        feedback.add("unanswered", part.to_dict(), id=conversation.turns[-1]["id"], only=only or None)
                else:
                    yield show(conversation, part), *[gr.skip()] * 8
        except RagError as error:
            conversation = conversation.fail(str(error))
        except Exception:  # noqa: BLE001  # the page must say something; what went wrong is in the server's log
            _log.exception("A question could not be answered")
            conversation = conversation.fail("Something went wrong on the server; its log says what. Ask again.")
        yield whole(conversation)

    def again(kept: str) -> Iterator[Any]:
        """Asks the last question anew."""
        conversation = Conversation.read(kept)
        if last := conversation.last_asked():
            yield from reply(str(last["question"]), conversation.before(str(last["id"])).dump(), last["only"])

    def ask_offered(kept: str, only: str | None, event: gr.EventData) -> Iterator[Any]:
        yield from reply(str(event._data["question"]), kept, only)

    def ask_as_typed(kept: str) -> Iterator[Any]:
        conversation = Conversation.read(kept)
        if last := conversation.last_asked():
            yield from reply(
                str(last["question"]), conversation.before(str(last["id"])).dump(), last["only"], alone=True
            )

    def ask_edited(query: str, kept: str) -> Iterator[Any]:
        conversation = Conversation.read(kept)
        if last := conversation.last_asked():
            yield from reply(query, conversation.before(str(last["id"])).dump(), last["only"], alone=True)

    def stopped(kept: str) -> Any:
        return whole(Conversation.read(kept))

    def edit(kept: str, event: gr.EventData) -> Any:
        conversation = Conversation.read(kept)
        turn = conversation.turn(str(event._data["turn"]))
        if turn is None:
            return whole(conversation)
        if conversation.pending and turn["id"] == conversation.pending["id"]:
            return whole(conversation.before(turn["id"]), str(turn["question"]))
        changed = Conversation(conversation.id, conversation.turns, None, turn["id"])
        return whole(changed, str(turn["question"]))

    def keep(kept: str) -> Any:
        conversation = Conversation.read(kept)
        return whole(Conversation(conversation.id, conversation.turns, conversation.pending, None))

    def undo(kept: str) -> Any:
        conversation = Conversation.read(kept)
        last = conversation.last_asked()
        return whole(conversation.before(str(last["id"])), str(last["question"])) if last else whole(conversation)

    def opened(event: gr.EventData) -> Any:
        return whole(Conversation.read(str(event._data["conversation"])))

    def vote(kept: str, event: gr.EventData) -> Any:
        conversation = Conversation.read(kept).vote(str(event._data["turn"]), str(event._data["vote"]))
        turn = conversation.turn(str(event._data["turn"]))
        if turn is None or "answer" not in turn:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        feedback.add(turn["vote"], turn["answer"], id=turn["id"], only=turn["only"])
        return show(conversation), conversation.dump(), gr.update(visible=True), turn["id"]

    def note(text: str, kept: str, turn_id: str) -> Any:
        turn = Conversation.read(kept).turn(turn_id)
        if turn and "answer" in turn and text.strip():
            feedback.add(turn["vote"] or "down", turn["answer"], id=turn["id"], only=turn["only"], note=text)
        return "", gr.update(visible=False)

    def why(kept: str) -> str:
        conversation = Conversation.read(kept)
        if not conversation.turns or conversation.pending:
            return ""
        turn = conversation.turns[-1]
        return why_html(turn, assistant.search(turn["answer"]["searched"], 10, only=turn["only"]))

    def fetch() -> Iterator[Any]:
        for line in job.run():
            yield line, gr.update(visible=False), gr.update(visible=True)
        yield status_html(assistant.status(), job.report), gr.update(visible=True), gr.update(visible=False)

    def ask(question: str, history: list[dict[str, str]] | None = None, only: str | None = None) -> dict[str, Any]:
        """Answers a question about workflow orchestration with verbatim quotes and their sources, or says that the sources don't."""
        return _or_error(lambda: assistant.answer(question, history=history, only=only).to_dict())

    def search(question: str, limit: int = 10, only: str | None = None) -> list[dict[str, Any]]:
        """Ranked passages about workflow orchestration, best first, each with its address, headings and text."""
        return _or_error(lambda: [hit.to_dict() for hit in assistant.search(question, limit, only=only)])

    def _or_error(work: Callable[[], T]) -> T:
        try:
            return work()
        except RagError as error:
            raise gr.Error(str(error), print_exception=False) from error

    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    app: gr.Blocks
    with gr.Blocks(title="oka", fill_height=True, fill_width=True, analytics_enabled=False) as app:
        kept, exported = gr.Textbox(visible=False), gr.Textbox(visible=False)
        with gr.Row(elem_id="oka-page", equal_height=True):
            with gr.Column(elem_id="oka-left", scale=0, min_width=264):
                gr.HTML(f'{_CLOSE}<h1>oka</h1><nav id="oka-nav" aria-label="Conversations"></nav>')
                only = gr.Dropdown(
                    [("All sources", ""), *scopes(documents)],
                    value="",
                    label="Answer from",
                    filterable=False,
                    elem_id="oka-only",
                )
                gr.HTML('<p><a href="kb" id="oka-kb">The knowledge base and its links</a></p>')
                status = gr.HTML(elem_id="oka-status")
                fetch_button = gr.Button("Fetch missing pages", size="sm", elem_id="oka-fetch")
                cancel_button = gr.Button("Cancel fetching", size="sm", visible=False, elem_id="oka-cancel")
            with gr.Column(elem_id="oka-main", scale=1, min_width=280):
                gr.HTML(_BAR, elem_id="oka-top")
                chat = gr.Chatbot(
                    label="Conversation", show_label=False, container=False, elem_id="oka-chat", layout="panel", buttons=[],
                    placeholder=welcome_html(examples(documents)), sanitize_html=True, allow_tags=False, latex_delimiters=[],
                    feedback_options=None, group_consecutive_messages=False, height="100%", line_breaks=False,
                )  # fmt: skip
                offers = gr.HTML(elem_id="oka-offers")
                with gr.Row(visible=False, elem_id="oka-noting") as noting:
                    words = gr.Textbox(
                        label="What was right or wrong? (optional, stays on this server)",
                        max_length=2000,
                        elem_id="oka-note",
                    )
                    noted = gr.Textbox(visible=False)
                    send = gr.Button("Send note", size="sm", scale=0)
                with gr.Row(visible=False, elem_id="oka-editing") as editing:
                    notice = gr.HTML()
                    keep_button = gr.Button("Keep as it was", size="sm", scale=0)
                box = gr.Textbox(
                    label="Your question", show_label=False, placeholder="Ask about workflow orchestration", lines=1, max_lines=6,
                    max_length=MAX_CHARACTERS, submit_btn=True, stop_btn=False, elem_id="oka-box",
                )  # fmt: skip
            with gr.Column(elem_id="oka-right", scale=0, min_width=380):
                gr.HTML(f"{_CLOSE}<h2>Sources</h2>")
                panel = gr.HTML(sources_html([]), elem_id="oka-panel")
                with gr.Accordion("Why this answer", open=False, elem_id="oka-why") as accordion:
                    folded_out = gr.State(False)
                    query = gr.Textbox(label="Searched as", lines=1, max_length=MAX_CHARACTERS, elem_id="oka-query")
                    with gr.Row():
                        typed_button = gr.Button("Search as typed", size="sm")
                        search_button = gr.Button("Search with this", size="sm")
                    reasons = gr.HTML(elem_id="oka-reasons")

        bridge = gr.HTML("", elem_id="oka-bridge", js_on_load="window.oka.connect(trigger);", container=False)

        view = [chat, kept, panel, box, editing, notice, query, reasons, offers]
        slow: dict[str, Any] = {**private, "concurrency_limit": _AT_ONCE, "concurrency_id": "ask"}
        slow |= {"show_progress": "minimal", "show_progress_on": chat}  # the place in the queue, when there is one
        late: dict[str, Any] = {**private, "concurrency_limit": 2, "concurrency_id": "late"}
        running: Any = [
            box.submit(reply, [box, kept, only], view, **slow),
            bridge.retry(again, kept, view, **slow),
            bridge.submit(ask_offered, [kept, only], view, **slow),
            typed_button.click(ask_as_typed, kept, view, **slow),
            search_button.click(ask_edited, [query, kept], view, **slow),
        ]
        box.stop(None, None, None, cancels=running, **private).then(stopped, kept, view, queue=False, **private)
        bridge.select(opened, None, view, cancels=running, queue=False, **private)
        bridge.edit(edit, kept, view, cancels=running, queue=False, **private)
        bridge.undo(undo, kept, view, cancels=running, queue=False, **private)
        keep_button.click(keep, kept, view, queue=False, **private)
        bridge.like(vote, kept, [chat, kept, noting, noted], queue=False, **private)
        gr.on([send.click, words.submit], note, [words, kept, noted], [words, noting], queue=False, **private)
        accordion.expand(lambda kept: (True, why(kept)), kept, [folded_out, reasons], **late)
        accordion.collapse(lambda: False, None, folded_out, queue=False, **private)
        kept.change(
            lambda kept, is_open: (offer(kept), why(kept) if is_open else ""),
            [kept, folded_out],
            [offers, reasons],
            trigger_mode="always_last",
            **late,
        )
        bridge.copy(
            lambda kept: conversation_to_markdown(Conversation.read(kept).answers()),
            kept,
            exported,
            queue=False,
            **private,
        ).then(None, exported, None, js="(words) => window.oka.download(words)")
        kept.change(None, kept, None, js="(kept) => window.oka.keep(kept)")
        shown = [status, fetch_button, cancel_button]
        fetch_button.click(fetch, None, shown, concurrency_limit=4, concurrency_id="fetch", **private)
        app.load(lambda: status_html(assistant.status(), job.report), None, status, queue=False, **private)
        cancel_button.click(job.cancel, None, None, queue=False, **private)
        api(ask, api_name="ask", concurrency_limit=_AT_ONCE, concurrency_id="ask")
        api(search, api_name="search", concurrency_limit=_AT_ONCE, concurrency_id="ask")
    app.queue(max_size=_QUEUE)
    return app


_CLOSE = '<button type="button" class="oka-close">Close</button>'
_BAR = (
    '<div class="oka-bar"><button type="button" class="oka-open-menu">Conversations</button>'
    '<button type="button" class="oka-open-side">Sources</button></div>'
)


def _message(role: str, html: str) -> dict[str, str]:
    return {"role": role, "content": html}
