"""The web chat: its layout and what happens on each event. `build_app` gives the Gradio Blocks; app_server.py serves them.

What a user sees of an answer is made in app_render.py, what the browser keeps in app_conversation.py. Leaves out who may
come in and what the browser may load (app_server.py).
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import gradio as gr
from gradio.events import api

from assistant.answers import Answer
from assistant.app_conversation import Conversation
from assistant.app_fetch import FetchJob
from assistant.app_knowledge import examples, follow_ups, scopes
from assistant.app_priority import Priority
from assistant.app_render import (
    answer_html,
    asked_html,
    failure_html,
    offers_html,
    partial_html,
    scope_html,
    sources_html,
    status_html,
    welcome_html,
    why_html,
)
from assistant.export import conversation_to_markdown
from assistant.feedback import Feedback
from assistant.message import MAX_CHARACTERS, is_small_talk
from corpus.errors import RagError
from corpus.pages import Page

if TYPE_CHECKING:
    from assistant.answering import Assistant

_AT_ONCE = 4
"""Questions answered at the same time; more wait in the queue. Each takes a core for a few dozen milliseconds."""
_QUEUE = 100
_REPAINT_S = 0.1
"""Least time between two states of a growing answer."""
_GIVES_WAY_S = 2.0
"""How long follow-ups wait for the answers to other questions, at most."""
T = TypeVar("T")
_log = logging.getLogger("oka.app")


def build_app(
    assistant: Assistant,
    feedback: Feedback,
    job: FetchJob,
    documents: Sequence[Page],
    status_of: Callable[[], dict[str, Any]],
) -> gr.Blocks:
    """The page and the two public endpoints, `ask` and `search`. `status_of` gives the state of the corpus."""

    priority = Priority()

    @lru_cache(maxsize=512)
    def answered(question: str, _fingerprint: str) -> Answer:
        return assistant.answer(question)

    def offer(kept: str) -> str:
        """Follow-ups to the last answer; made after it is shown, so that it never waits for them."""
        conversation = Conversation.read(kept)
        if not conversation.turns or conversation.pending or conversation.editing:
            return ""
        answers = conversation.answers()
        return offers_html(follow_ups(documents, answers, lambda question: answered(question, answers[-1].fingerprint)))

    def settled(conversation: Conversation) -> list[dict[str, str]]:
        """The messages of the answered turns."""
        last = len(conversation.turns) - 1 if conversation.pending is None else -1
        turns = enumerate(conversation.turns)
        pairs = (_pair(asked_html(turn), answer_html(turn, number == last)) for number, turn in turns)
        return [message for pair in pairs for message in pair]

    def show(conversation: Conversation) -> list[dict[str, str]]:
        """All messages of a conversation in which nothing is running."""
        messages = settled(conversation)
        if pending := conversation.pending:
            failure = pending["failure"] or "Stopped before the answer was complete."
            messages += _pair(asked_html(pending), failure_html(failure, not pending["failure"]))
        return messages

    def whole(conversation: Conversation) -> tuple[Any, ...]:
        """Values of everything that shows a conversation: see `view`. The last question's follow-ups come later (`after`),
        whenever the name of the state changes: another question, or an edit that begins or ends."""
        conversation = conversation.halted()
        last = conversation.last_asked()
        state = f"{conversation.id} {last['id'] if last else ''} {conversation.editing or ''}"
        return show(conversation), conversation.dump(), sources_html(conversation.turns), state, ""

    def reply(question: str, kept: str, only: str | None, alone: bool = False) -> Iterator[Any]:
        """Streams the answer to one question into the page. `alone`: searched as typed, without the conversation."""
        conversation = Conversation.read(kept)
        if not question.strip():
            yield gr.skip()
            return
        conversation = conversation.ask(question, only or None)
        assert conversation.pending is not None
        before, asked = settled(conversation), asked_html(conversation.pending)
        same = conversation.dump(), sources_html(conversation.turns), "", ""
        yield before + _pair(asked, partial_html("")), *same
        shown_at: float | None = None
        try:
            history = None if alone else conversation.history()
            with priority.urgent():
                for part in assistant.stream(question, history=history, only=only or None):
                    now = time.monotonic()
                    if isinstance(part, Answer):
                        conversation = conversation.reply(part, assistant.page_text)
                    elif shown_at is None:  # the quotes of a composed answer come all at once: the whole is next
                        shown_at = now
                    elif now - shown_at >= _REPAINT_S:
                        shown_at = now
                        yield before + _pair(asked, partial_html(part)), *same
            turn = conversation.turns[-1]
            if turn["answer"]["abstained"] and not is_small_talk(question):
                feedback.add("unanswered", turn["answer"], id=turn["id"], only=turn["only"])
        except RagError as error:
            conversation = conversation.fail(str(error))
        except Exception:  # noqa: BLE001  # the page must say something; what went wrong is in the server's log
            _log.exception("A question could not be answered")
            conversation = conversation.fail("Something went wrong on the server; its log says what. Ask again.")
        yield whole(conversation)

    def again(kept: str, only: str, alone: bool = False) -> Iterator[Any]:
        """Asks the last question anew, within what is chosen now."""
        conversation = Conversation.read(kept)
        if last := conversation.last_asked():
            yield from reply(str(last["question"]), conversation.before(str(last["id"])).dump(), only, alone)

    def ask_offered(kept: str, only: str, event: gr.EventData) -> Iterator[Any]:
        yield from reply(str(event._data["question"]), kept, only)

    def ask_as_typed(kept: str, only: str) -> Iterator[Any]:
        yield from again(kept, only, alone=True)

    def ask_edited(query: str, kept: str, only: str) -> Iterator[Any]:
        conversation = Conversation.read(kept)
        if last := conversation.last_asked():
            yield from reply(query, conversation.before(str(last["id"])).dump(), only, alone=True)

    def stopped(kept: str) -> Any:
        return whole(Conversation.read(kept))

    def edit(kept: str, event: gr.EventData) -> Any:
        conversation = Conversation.read(kept)
        turn = conversation.turn(str(event._data["turn"]))
        if turn is None:
            return *whole(conversation), gr.skip()
        if conversation.pending and turn["id"] == conversation.pending["id"]:
            return *whole(conversation.before(turn["id"])), str(turn["question"])
        changed = Conversation(conversation.id, conversation.turns, None, turn["id"])
        return *whole(changed), str(turn["question"])

    def keep(kept: str) -> Any:
        conversation = Conversation.read(kept)
        return *whole(Conversation(conversation.id, conversation.turns, conversation.pending, None)), ""

    def undo(kept: str) -> Any:
        conversation = Conversation.read(kept)
        last = conversation.last_asked()
        if last is None:
            return *whole(conversation), gr.skip()
        return *whole(conversation.before(str(last["id"]))), str(last["question"])

    def opened(event: gr.EventData) -> Any:
        conversation = replace(Conversation.read(str(event._data["conversation"])), editing=None)
        chat, kept, panel, state, offers = whole(conversation)
        named = f"{state} {secrets.token_hex(4)}"  # the same one opened again has follow-ups, too
        return chat, kept, panel, named, offers

    def vote(kept: str, event: gr.EventData) -> Any:
        conversation = Conversation.read(kept).vote(str(event._data["turn"]), str(event._data["vote"]))
        turn = conversation.turn(str(event._data["turn"]))
        if turn is None or "answer" not in turn:
            return gr.skip(), gr.skip(), gr.skip(), ""
        try:
            feedback.add(turn["vote"], turn["answer"], id=turn["id"], only=turn["only"])
        except RagError as error:
            return gr.skip(), gr.skip(), turn["id"], str(error)
        return show(conversation), conversation.dump(), turn["id"], ""

    def note(text: str, kept: str, turn_id: str) -> tuple[str, str]:
        """What stays in the field, and a sentence on what became of the note; an empty one is none."""
        turn = Conversation.read(kept).turn(turn_id)
        if not text.strip():
            return "", ""
        if turn is None or "answer" not in turn:
            return text, "The note isn't kept: its answer is no longer here."
        try:
            feedback.add(turn["vote"] or "down", turn["answer"], id=turn["id"], only=turn["only"], note=text)
        except RagError as error:
            return text, str(error)
        return "", "Note kept."

    def why(kept: str) -> str:
        conversation = Conversation.read(kept)
        if not conversation.turns or conversation.pending:
            return ""
        turn = conversation.turns[-1]
        return why_html(turn, assistant.search(turn["answer"]["searched"], 10, only=turn["only"]))

    def after(kept: str, is_open: bool | None) -> tuple[str, str, Any]:
        """What is added to an answer once it is shown: follow-ups, the query, and reasons where they are folded out. Reasons
        that are not are left alone: they may have been folded out meanwhile."""
        priority.give_way(_GIVES_WAY_S)
        turns = Conversation.read(kept).turns
        return offer(kept), turns[-1]["answer"]["searched"] if turns else "", why(kept) if is_open else gr.skip()

    def fetch() -> Iterator[Any]:
        for line in job.run():
            yield line, gr.update(visible=False), gr.update(visible=True)
        yield status_html(status_of(), job.report), gr.update(visible=True), gr.update(visible=False)

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
        kept, exported, last, noted, said, only = (gr.Textbox(visible=False) for _ in range(6))
        with gr.Row(elem_id="oka-page", equal_height=True):
            with gr.Column(elem_id="oka-left", scale=0, min_width=264):
                gr.HTML(_CLOSE, elem_classes="oka-closing")
                gr.HTML('<h1>oka</h1><nav id="oka-nav" aria-label="Conversations"></nav>')
                gr.HTML(scope_html(scopes(documents)), elem_id="oka-scope")
                gr.HTML('<p><a href="kb" id="oka-kb">The knowledge base and its links</a></p>')
                status = gr.HTML(elem_id="oka-status")
                fetch_button = gr.Button(
                    "Fetch missing pages", size="sm", elem_id="oka-fetch", interactive=not assistant.settings.offline
                )
                cancel_button = gr.Button("Cancel fetching", size="sm", visible=False, elem_id="oka-cancel")
            with gr.Column(elem_id="oka-main", scale=1, min_width=280):
                gr.HTML(_BAR + _LOST, elem_id="oka-top")
                chat = gr.Chatbot(
                    label="Conversation", show_label=False, container=False, elem_id="oka-chat", layout="panel", buttons=[],
                    placeholder=welcome_html(examples(documents)), sanitize_html=True, allow_tags=False, latex_delimiters=[],
                    feedback_options=None, group_consecutive_messages=False, height="100%", line_breaks=False, autoscroll=False,
                )  # fmt: skip
                offers = gr.HTML(elem_id="oka-offers")
                with gr.Row(elem_id="oka-noting"):
                    words = gr.Textbox(
                        label="What was right or wrong? (optional, stays on this server)",
                        max_length=2000,
                        elem_id="oka-note",
                    )
                    send = gr.Button("Send note", size="sm", scale=0)
                    gr.Button("Cancel", size="sm", scale=0, elem_classes="oka-no-note")
                with gr.Row(elem_id="oka-editing"):
                    gr.HTML('<p id="oka-notice" role="status"></p>')
                    keep_button = gr.Button("Keep as it was", size="sm", scale=0)
                gr.HTML('<p id="oka-said" role="status"></p>' + _WITHIN, elem_id="oka-word")
                box = gr.Textbox(
                    label="Your question", show_label=False, placeholder="Ask about workflow orchestration", lines=1, max_lines=6,
                    max_length=MAX_CHARACTERS, submit_btn=True, stop_btn=True, elem_id="oka-box",
                )  # fmt: skip
            with gr.Column(elem_id="oka-right", scale=0, min_width=380):
                gr.HTML(_CLOSE, elem_classes="oka-closing")
                with gr.Accordion("Why this answer", open=False, elem_id="oka-why") as accordion:
                    folded_out = gr.State(False)
                    query = gr.Textbox(label="Searched as", lines=1, max_length=MAX_CHARACTERS, elem_id="oka-query")
                    with gr.Row():
                        typed_button = gr.Button("Search as typed", size="sm")
                        search_button = gr.Button("Search with this", size="sm")
                    reasons = gr.HTML(elem_id="oka-reasons")
                gr.HTML('<h2 id="oka-cited" tabindex="-1">Sources</h2>')
                panel = gr.HTML(sources_html([]), elem_id="oka-panel")

        bridge = gr.HTML("", elem_id="oka-bridge", js_on_load="window.oka.connect(trigger);", container=False)

        # Few outputs and plain values only: for each gr.update Gradio makes the component anew, some 2 ms a time.
        view = [chat, kept, panel, last, offers]
        slow: dict[str, Any] = {**private, "concurrency_limit": _AT_ONCE, "concurrency_id": "ask"}
        slow |= {"show_progress": "minimal", "show_progress_on": chat}  # the place in the queue, when there is one
        slow |= {
            "trigger_mode": "multiple"
        }  # app.js sees to one at a time; Gradio would drop one asked as the last one ends
        slow |= {"js": "(...inputs) => [...inputs.slice(0, -1), window.oka.scope()]"}  # `only` is chosen in the browser
        late: dict[str, Any] = {**private, "concurrency_limit": 2, "concurrency_id": "late"}
        running: Any = [
            box.submit(reply, [box, kept, only], view, **slow),
            bridge.retry(again, [kept, only], view, **slow),
            bridge.submit(ask_offered, [kept, only], view, **slow),
            typed_button.click(ask_as_typed, [kept, only], view, **slow),
            search_button.click(ask_edited, [query, kept, only], view, **slow),
        ]
        for taking_over in (box.stop, bridge.select, bridge.edit, bridge.undo):
            # Gradio puts what a listener cancels after its function: so this comes first, or the answer would overwrite it.
            taking_over(None, cancels=running, **private)
        box.stop(stopped, kept, view, queue=False, **private)
        # Another one may be chosen while one is on its way; by default Gradio would drop it.
        bridge.select(opened, None, view, queue=False, trigger_mode="multiple", **private)
        bridge.edit(edit, kept, [*view, box], queue=False, **private)
        bridge.undo(undo, kept, [*view, box], queue=False, **private)
        keep_button.click(keep, kept, [*view, box], queue=False, **private)
        liked = bridge.like(vote, kept, [chat, kept, noted, said], queue=False, **private)
        liked.then(None, said, None, js="(said) => window.oka.say(said)")
        sent = gr.on([send.click, words.submit], note, [words, kept, noted], [words, said], queue=False, **private)
        sent.then(None, [words, said], None, js="(words, said) => window.oka.noted(words, said)")
        accordion.expand(lambda kept: (True, why(kept)), kept, [folded_out, reasons], **late)
        accordion.collapse(lambda: (False, ""), None, [folded_out, reasons], queue=False, **private)
        last.change(after, [kept, folded_out], [offers, query, reasons], trigger_mode="always_last", **late)
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
        app.load(lambda: status_html(status_of(), job.report), None, status, queue=False, **private)
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
_WITHIN = '<p id="oka-within" hidden><span></span> <button type="button" class="oka-do oka-anywhere">Ask all sources</button></p>'
_LOST = (
    '<p id="oka-lost" role="alert" hidden>The server can’t be reached; your conversations are kept in this browser. See '
    "whether <code>oka serve</code> is running and the network is there: the page goes on by itself.</p>"
)


def _pair(asked: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
