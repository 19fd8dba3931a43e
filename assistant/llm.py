"""The user's own language model, over the OpenAI chat API: it may put the composer's quotes into sentences, no more.

Only talking to the server is here: time limit, size limit, and one sentence for the reader whatever goes wrong. What
the model writes is checked in phrasing.py; what it is told stands in prompts.py. llama-index is imported at the first
call (2 s), its global settings are not touched, and the key is handed to its client alone.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from assistant.answers import Answer
from assistant.phrasing import Phrased, Reply, Source
from assistant.prompts import Message, phrase_messages, rewrite_messages
from assistant.wording import GLUE, plain, scan
from corpus.errors import ModelError

if TYPE_CHECKING:
    import httpx

__all__ = ["Phrased", "Source", "phrase", "rephrase", "rewrite_follow_up"]

_PROMPT_CHARACTERS = 6_000
"""Of sources; about 1,500 tokens, so that prompt and reply fit into a context of 4,096. The rest is quoted."""
_REPLY_TOKENS = 2_048
"""Asked for; a model that thinks first spends most of them on that."""
_REPLY_BYTES = 4_000_000  # read from the server whatever it is
_CONNECT_S = 5.0
_QUESTION_CHARACTERS = 400
_MARKERS = re.compile(r"\s*(?:\[\d+\])+")
_AROUND = re.compile(
    r"\s*(?:\[\d+\])+|^[ \t]*(?:[-*+]|\d+\.)[ \t]+", re.MULTILINE
)  # markers before, bullets of, a claim


def rephrase(
    reply: Answer, *, base_url: str, model: str, api_key: str | None, timeout: float
) -> Iterator[str | Answer]:
    """A composed answer in the model's words: yields Markdown as it can be shown, last the Answer with its notice.

    Labels, code and what follows the claims stay; an answer that holds a table, or nothing but code, stays as it is.
    """
    sources, tail = _sources(reply)
    if reply.abstained or not any(source.prose for source in sources):
        yield reply.text
        yield reply
        return
    for piece in phrase(reply.searched, sources, base_url=base_url, model=model, api_key=api_key, timeout=timeout):
        if isinstance(piece, str):
            yield piece
            continue
        if piece.kept:
            yield tail
            reply = replace(reply, text=piece.text + tail, sentences=piece.sentences)
        yield replace(reply, notice=piece.notice)


def _sources(reply: Answer) -> tuple[list[Source], str]:
    """Each claim with the label above it, and what follows the last one. No sources where the text isn't the claims one
    after the other: a table."""
    if any(line.startswith("|") for line in reply.text.splitlines()):
        return [], ""
    headings = {citation.number: citation.headings for citation in reply.citations}
    sources: list[Source] = []
    position = 0
    for sentence in reply.sentences:
        at = reply.text.find(sentence.text, position)
        if at < 0 or len(sentence.citations) != 1:
            return [], ""
        between = _AROUND.sub("", reply.text[position:at]).strip()
        number = sentence.citations[0]
        sources.append(Source(number, sentence.text, headings[number], between))
        position = at + len(sentence.text)
    return sources, _MARKERS.sub("", reply.text[position:], count=1)


def phrase(
    question: str, sources: Sequence[Source], *, base_url: str, model: str, api_key: str | None, timeout: float
) -> Iterator[str | Phrased]:
    """Yields checked Markdown, a sentence at a time with its markers, and last the `Phrased` whose text they add up to.

    `sources` stand in the order in which they are said. `timeout` are the seconds for everything. Never raises for what
    the server does: the sources are quoted then, and the notice says why.
    """
    reply = Reply(sources)
    offered = _offered(sources)
    failure: str | None = None
    if offered:
        messages = phrase_messages(question, [(" > ".join(source.headings), source.text) for source in offered])
        longest = 600 + 2 * sum(len(source.text) for source in offered)
        server = _Server(base_url, model, api_key, timeout)
        try:
            with closing(_stream(server, messages)) as pieces:
                for piece in pieces:
                    yield from reply.take(piece)
                    if reply.complete or reply.hopeless:
                        break
                    if reply.length > longest or reply.endless:
                        raise ModelError(f"{server} did not stop writing; choose another with OKA_LLM_MODEL.")
            if reply.empty:
                raise ModelError(f"{server} replied nothing; choose another with OKA_LLM_MODEL.")
        except ModelError as error:
            failure = str(error)
    yield from reply.finish(whole=failure is None)
    yield reply.phrased(failure)


def rewrite_follow_up(
    question: str, earlier: Sequence[str], *, base_url: str, model: str, api_key: str | None, timeout: float
) -> str:
    """A follow-up as a question that can be understood alone; `earlier` are the questions before it, oldest first.

    Raises ModelError where the server fails, or where the model brings in words that nobody asked about.
    """
    server = _Server(base_url, model, api_key, timeout)
    text = ""
    with closing(_stream(server, rewrite_messages(question, earlier))) as pieces:
        for piece in pieces:
            text += piece
            if len(text) > 4 * _QUESTION_CHARACTERS:
                raise ModelError(f"{server} did not stop writing; choose another with OKA_LLM_MODEL.")
    text = re.sub(r"<think>.*?</think>", "", text, flags=re.DOTALL).strip().strip('"“”')
    if not text or "\n" in text or len(text) > _QUESTION_CHARACTERS:
        raise ModelError(f"{server} replied no question; the question is searched without it.")
    known = {token.key for asked in (question, *earlier) for token in scan(plain(asked)) if token.content}
    new = next(
        (t.text for t in scan(plain(text)) if t.content and t.key not in known and t.text.lower() not in GLUE), None
    )
    if new is not None or re.search(r"[<>\[\]`]|://", text):
        raise ModelError(
            f"{server} asked about something else ({new or 'markup'}); the question is searched without it."
        )
    return text


def _offered(sources: Sequence[Source]) -> list[Source]:
    """The first sources that can be phrased, as many as fit into the prompt."""
    offered: list[Source] = []
    for source in sources:
        if sum(len(other.text) for other in offered) + len(source.text) > _PROMPT_CHARACTERS:
            break
        if source.prose:
            offered.append(source)
    return offered


# ---------------------------------------------------------------- the server


@dataclass(frozen=True)
class _Server:
    """Where the model is. Its text form names model and host for the reader; credentials are in neither."""

    base_url: str = field(repr=False)
    model: str
    api_key: str | None = field(repr=False)
    timeout: float

    @property
    def where(self) -> str:
        """Scheme, host and port; an address may hold a password."""
        scheme, _, rest = self.base_url.partition("://")
        return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}"

    def __str__(self) -> str:
        return f"The model {self.model} at {self.where}"


def _stream(server: _Server, messages: Sequence[Message]) -> Generator[str, None, None]:
    """The reply as it comes. Raises ModelError with what happened and what to do.

    The connection lives in a thread of its own, because no socket timeout bounds a server that sends a byte now and
    then.
    """
    if server.api_key is not None and not re.fullmatch(r"[!-~]+", server.api_key):
        raise ModelError("OKA_LLM_API_KEY has a character that no key has; set it again without spaces and quotes.")
    deadline = time.monotonic() + server.timeout
    received: queue.SimpleQueue[str | ModelError | None] = queue.SimpleQueue()
    stop = threading.Event()
    threading.Thread(
        target=_receive, args=(server, messages, deadline, received, stop), name="oka-model", daemon=True
    ).start()
    try:
        while True:
            try:
                item = received.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise _too_slow(server) from None
            if item is None:
                return
            if isinstance(item, ModelError):
                raise item
            yield item
    finally:
        stop.set()


def _receive(
    server: _Server,
    messages: Sequence[Message],
    deadline: float,
    received: queue.SimpleQueue[str | ModelError | None],
    stop: threading.Event,
) -> None:
    """Puts the reply's pieces into `received`, then None or the ModelError that ended it."""
    import httpx
    import openai
    from llama_index.core.llms import ChatMessage
    from llama_index.llms.openai_like import OpenAILike

    seen: dict[str, str] = {}

    def bound(response: httpx.Response) -> None:
        seen["type"] = response.headers.get("content-type", "").partition(";")[0].strip()
        response.stream = _bounded(response.stream, deadline, stop)

    timeout = httpx.Timeout(max(0.1, deadline - time.monotonic()), connect=min(_CONNECT_S, server.timeout))
    failure: ModelError | None = None
    try:
        with httpx.Client(timeout=timeout, follow_redirects=False, event_hooks={"response": [bound]}) as client:
            llm = OpenAILike(
                model=server.model,
                api_base=server.base_url,
                # Not None: the client would take OPENAI_API_KEY from the environment and send it to this server.
                api_key=server.api_key or "none",
                is_chat_model=True,
                temperature=0.0,
                max_tokens=_REPLY_TOKENS,
                max_retries=0,
                timeout=server.timeout,
                http_client=client,
            )
            chat = [ChatMessage(role=role, content=text) for role, text in messages]
            for response in llm.stream_chat(chat):
                if stop.is_set():
                    return
                if response.delta:
                    received.put(response.delta)
        if seen.get("type") not in ("text/event-stream", "", None):
            failure = ModelError(
                f"{server} replied with {seen['type']} instead of a stream of the chat API; "
                "check that OKA_LLM_BASE_URL ends in /v1."
            )
    except openai.APIStatusError as error:
        failure = _refused(server, error.status_code, error.response.headers.get("retry-after"))
    except (openai.APITimeoutError, httpx.TimeoutException) as error:
        failure = _unreachable(server) if isinstance(error.__cause__, httpx.ConnectTimeout) else _too_slow(server)
    except openai.APIConnectionError:
        failure = _unreachable(server)
    except (openai.OpenAIError, httpx.HTTPError):
        failure = ModelError(
            f"The connection to the model {server.model} at {server.where} broke off; "
            "ask again, or see the server's log."
        )
    except httpx.InvalidURL:
        failure = ModelError(
            f"{server.where} is no address of a server; set OKA_LLM_BASE_URL to one such as http://127.0.0.1:8080/v1."
        )
    except (ValueError, TypeError, AttributeError, LookupError):
        # What a reply in another shape than the chat API's leads to, inside the client: it takes types on trust.
        failure = ModelError(f"{server} replied with something else than the chat API; check OKA_LLM_BASE_URL.")
    finally:
        received.put(failure)


def _bounded(stream: Any, deadline: float, stop: threading.Event) -> Any:
    """A response's bytes, with an end to them."""
    import httpx

    class Bounded(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for part in stream:
                size += len(part)
                if stop.is_set() or size > _REPLY_BYTES or time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the reply has no end")
                yield part

        def close(self) -> None:
            stream.close()

    return Bounded()


# ---------------------------------------------------------------- what the reader is told


def _too_slow(server: _Server) -> ModelError:
    return ModelError(
        f"{server} was not done after {server.timeout:g} s; raise OKA_LLM_TIMEOUT or choose a smaller model."
    )


def _unreachable(server: _Server) -> ModelError:
    return ModelError(f"The model server at {server.where} can't be reached; start it, or mend OKA_LLM_BASE_URL.")


def _refused(server: _Server, status: int, retry_after: str | None) -> ModelError:
    """The server's own words are left out: some repeat the key."""
    if status in (401, 403):
        return ModelError(f"The model server at {server.where} refused the key ({status}); check OKA_LLM_API_KEY.")
    if status == 404:
        return ModelError(f"{server} is not there (404); check OKA_LLM_MODEL, and that OKA_LLM_BASE_URL ends in /v1.")
    if status == 429:
        wait = f"ask again in {retry_after} s" if retry_after and retry_after.isdigit() else "ask again later"
        return ModelError(f"{server} takes no more requests for now (429); {wait}, or check the account's quota.")
    if status in (400, 413, 422):
        return ModelError(
            f"{server} did not accept the request ({status}); its context may be too small: 4,096 tokens are needed."
        )
    return ModelError(f"{server} failed ({status}); ask again, or see the server's log.")
