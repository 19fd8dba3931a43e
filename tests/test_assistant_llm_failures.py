"""What the reader hears when the user's model fails, and what nobody hears: the key."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Iterator

import pytest

from assistant.llm import phrase
from tests import scripted_llm as scripted
from tests.phrasing import GOOD, KEY, SOURCES, ask
from tests.scripted_llm import ScriptedLLM, says

FAILURES = [
    (scripted.status(401, message=f"Incorrect key {KEY}"), "refused the key (401); check OKA_LLM_API_KEY"),
    (scripted.status(404), "not there (404); check OKA_LLM_MODEL"),
    (scripted.status(429, retry_after=7), "(429); ask again in 7 s"),
    (scripted.status(429), "(429); ask again later"),
    (scripted.status(400), "its context may be too small"),
    (scripted.status(500), "failed (500)"),
    (scripted.status(307), "failed (307)"),
    (scripted.empty(), "replied nothing"),
    (says("<think>Hm"), "replied nothing"),
    (scripted.breaks(), "broke off"),
    (scripted.endless(), "did not stop writing"),
    (scripted.endless("word "), "did not stop writing"),
    (scripted.sends("text/html", b"<html>hello</html>"), "text/html instead of a stream"),
    (scripted.sends("application/json", b'{"choices": []}'), "application/json instead of a stream"),
    (scripted.sends("text/event-stream", b"data: not json\n\n"), "something else than the chat API"),
    (scripted.sends("text/event-stream", b'data: "hello"\n\n'), "something else than the chat API"),
    (scripted.sends("text/event-stream", b'data: {"choices": 7}\n\n'), "something else than the chat API"),
    (scripted.sends("text/event-stream", b'data: {"error": {"message": "overloaded"}}\n\n'), "broke off"),
]


@pytest.mark.parametrize(("behaviour", "says_why"), FAILURES)
def test_every_failure_gives_the_quotes_and_one_notice(behaviour: scripted.Behaviour, says_why: str) -> None:
    with ScriptedLLM(behaviour) as server:
        streamed, phrased = ask(server.base_url)
    assert len(server.requests) == 1  # no retries behind the reader's back
    assert [sentence.text for sentence in phrased.sentences] == [source.text for source in SOURCES]
    assert streamed == phrased.text
    assert phrased.notice is not None
    assert says_why in phrased.notice
    assert phrased.notice.endswith("This answer is quotes only.")
    assert KEY not in phrased.notice


def test_a_server_that_is_not_there() -> None:
    started = time.monotonic()
    _, phrased = ask(scripted.refused_url())
    assert phrased.notice is not None
    assert "can't be reached; start it, or mend OKA_LLM_BASE_URL" in phrased.notice
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://nowhere.invalid/v1"])
def test_an_address_that_is_none(url: str) -> None:
    _, phrased = ask(url)
    assert phrased.kept == 0
    assert "OKA_LLM_BASE_URL" in str(phrased.notice)


@pytest.mark.parametrize("behaviour", [scripted.drips(), scripted.drips(every=0.4), says(GOOD, delay=5)])
def test_a_slow_server_is_left_at_the_deadline(behaviour: scripted.Behaviour) -> None:
    with ScriptedLLM(behaviour) as server:
        started = time.monotonic()
        _, phrased = ask(server.base_url, timeout=0.8)
        assert 0.7 < time.monotonic() - started < 1.8
    assert "was not done after 0.8 s; raise OKA_LLM_TIMEOUT" in str(phrased.notice)


def test_what_was_supported_before_the_break_stays() -> None:
    with ScriptedLLM(scripted.breaks(SOURCES[0].text + " Celery retries a failed")) as server:
        _, phrased = ask(server.base_url)
    assert [sentence.text for sentence in phrased.sentences] == [source.text for source in SOURCES]
    assert phrased.kept == 1
    assert str(phrased.notice).endswith("The rest of this answer is quotes.")


@pytest.mark.parametrize("key", ["sk with spaces", "sk-\nline", "schlüssel"])
def test_a_key_that_is_none_is_never_sent(key: str) -> None:
    with ScriptedLLM(says(GOOD)) as server:
        _, phrased = ask(server.base_url, key=key)
        assert not server.requests
    assert "OKA_LLM_API_KEY has a character" in str(phrased.notice)
    assert key not in str(phrased.notice)


def test_the_key_goes_to_the_server_and_nowhere_else(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-account")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    caplog.set_level(logging.DEBUG)
    try:
        with ScriptedLLM(says(GOOD), scripted.status(401)) as server:
            ask(server.base_url)
            ask(server.base_url)
            ask(server.base_url, key=None)
    finally:
        logging.getLogger().removeHandler(handler)
    assert [request.headers["Authorization"] for request in server.requests] == [
        f"Bearer {KEY}",
        f"Bearer {KEY}",
        "Bearer none",
    ]
    assert KEY not in stream.getvalue() + caplog.text


def test_a_password_in_the_address_is_not_shown() -> None:
    _, phrased = ask(scripted.refused_url().replace("http://", "http://me:hunter2@"))
    assert "hunter2" not in str(phrased.notice)


def test_a_reader_who_stops_listening_stops_the_model() -> None:
    def workers() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "oka-model"]

    with ScriptedLLM(says(GOOD * 50, delay=0.01)) as server:
        pieces = phrase("Which?", SOURCES, base_url=server.base_url, model="tiny", api_key=None, timeout=30)
        assert isinstance(pieces, Iterator)
        next(pieces)
        del pieces  # a generator that nobody holds is closed
        limit = time.monotonic() + 3
        while workers() and time.monotonic() < limit:
            time.sleep(0.02)
        assert not workers()


def test_llama_index_global_settings_stay_untouched() -> None:
    from llama_index.core import Settings

    with ScriptedLLM(says(GOOD)) as server:
        ask(server.base_url)
    assert Settings._llm is None
