"""`oka serve` from outside: the public endpoints, who comes in, what is closed, and every way not to start."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from assistant.accounts import Accounts, account_line
from assistant.app_server import Limit, serve
from assistant.settings import Settings
from corpus.errors import ServeError
from tests.chat_server import no_work, running
from tests.fakes_app import FakeAssistant

BROKERS = "Which message brokers does Celery support?"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    documents = tmp_path_factory.mktemp("data") / "documents"
    shutil.copytree(Settings().documents, documents)
    (documents / "notes on #1.md").write_text("# Tides\n\nThe tide turns twice a day.\n")
    fake: Any = FakeAssistant()
    fake.settings = Settings(data_dir=documents.parent, documents=documents)
    with running(fake, documents.parent, a_minute=40) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Any:
    from gradio_client import Client

    return Client(url, verbose=False, analytics_enabled=False)


def test_ask_gives_the_contract_s_json(client: Any) -> None:
    assert client.predict(BROKERS, api_name="/ask") == FakeAssistant().answer(BROKERS).to_dict()


def test_ask_takes_history_and_filter(client: Any) -> None:
    history = [{"role": "user", "content": BROKERS}, {"role": "assistant", "content": "Redis"}]
    reply = client.predict("And what monitors it?", history, "celery", api_name="/ask")
    assert reply["searched"] == f"And what monitors it? (after: {BROKERS})"
    assert "(only celery)" in reply["text"]


def test_search(client: Any) -> None:
    hits = client.predict("brokers", 1, api_name="/search")
    assert hits == [FakeAssistant().search("brokers")[0].to_dict()]


def test_an_error_is_its_sentence(client: Any) -> None:
    with pytest.raises(Exception, match="The question is empty"):
        client.predict("  ", api_name="/ask")


def test_an_unplanned_error_keeps_its_details(client: Any) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011  # gradio_client has its own types
        client.predict("explode", api_name="/ask")
    assert "secret detail" not in str(raised.value)


def test_only_ask_and_search_are_public(client: Any, url: str) -> None:
    assert set(client.view_api(return_format="dict", print_info=False)["named_endpoints"]) == {"/ask", "/search"}
    assert httpx.post(f"{url}/gradio_api/call/fetch", json={"data": []}).status_code == 404
    assert httpx.post(f"{url}/gradio_api/api/vote", json={"data": []}).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/upload", "/gradio_api/proxy=http://127.0.0.1:9/", "/gradio_api/file=/etc/passwd", "/gradio_api/file/etc/passwd",
        "/monitoring", "/docs", "/openapi.json", "/gradio_api/deep_link", "/gradio_api/run-history/records", "/gradio_api/runs",
        "/gradio_api/component_server", "/gradio_api/vibe-edit", "/oka/app.py", "/oka/..%2fapp.py", "/kb/../oka", "/login",
        "/gradio_api/queue/join/..%2f..%2fupload",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_everything_else_is_closed(url: str, path: str, method: str) -> None:
    with httpx.Client() as plain:
        answer = plain.request(method, url + path, content=b"x" if method == "POST" else None)
    assert answer.status_code in (404, 405), path


def test_headers_of_the_page(url: str) -> None:
    answer = httpx.get(url)
    policy = answer.headers["content-security-policy"]
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert "script-src 'self' 'nonce-" in policy
    assert "'unsafe-inline'" not in policy.split("style-src")[0]
    assert answer.text.count("<script") == answer.text.count(f'<script nonce="{nonce}"')
    assert httpx.get(url).headers["content-security-policy"] != policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert httpx.get(f"{url}/kb").headers["referrer-policy"] == "no-referrer"


def test_a_request_that_is_too_large(url: str) -> None:
    answer = httpx.post(f"{url}/gradio_api/queue/join", content=b"x" * (4 * 2**20 + 1))
    assert (answer.status_code, "4,194,304 bytes at most" in answer.json()["detail"]) == (413, True)
    assert httpx.post(f"{url}/gradio_api/queue/join", content=iter([b"x"])).status_code == 413  # chunked, length untold


def test_too_many_questions_from_one_address(url: str) -> None:
    """The server is told that we come from elsewhere, as a proxy on this machine would."""
    headers = {"x-forwarded-for": "203.0.113.7"}
    answers = [
        httpx.post(f"{url}/gradio_api/call/ask", json={"data": [BROKERS, None, None]}, headers=headers)
        for _ in range(40)
    ]
    assert [a.status_code for a in answers[:20]] == [200] * 20
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert "Too many questions from your address; try again in" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) >= 1
    assert (
        httpx.post(f"{url}/gradio_api/call/ask", json={"data": [BROKERS, None, None]}).status_code == 200
    )  # others go on


def test_tokens_come_back() -> None:
    now = [0.0]
    limit = Limit(60, clock=lambda: now[0])
    assert [limit.wait("a") for _ in range(31)] == [0.0] * 30 + [1.0]
    assert limit.wait("b") == 0.0
    now[0] = 2.0
    assert [limit.wait("a") for _ in range(3)] == [0.0, 0.0, 1.0]
    assert not any(limit.wait("127.0.0.1") for _ in range(100))


def test_twenty_at_once_each_get_their_own_answer(url: str) -> None:
    from gradio_client import Client

    def ask(number: int) -> bool:
        client = Client(url, verbose=False, analytics_enabled=False)
        asked = [f"brokers of user {number}, question {turn}" for turn in range(2)]
        return all(client.predict(question, api_name="/ask")["question"] == question for question in asked)

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(ask, range(20)))


def test_a_password_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text(f"# who\n{account_line('ada', 'correct horse')}\n{account_line('böb', 'pass:word')}\n")
    with running(FakeAssistant(), tmp_path, users=Accounts(file)) as url:
        for path in ("/", "/kb", "/gradio_api/info", "/config", "/oka/app.js", "/assets/x.js"):
            answer = httpx.get(url + path)
            assert (answer.status_code, "Basic" in answer.headers["www-authenticate"]) == (401, True), path
        assert httpx.get(url, auth=("ada", "wrong")).status_code == 401
        assert httpx.get(url, auth=("eve", "")).status_code == 401
        assert httpx.get(url, headers={"authorization": "Basic !!"}).status_code == 401
        assert httpx.get(url, auth=("ada", "correct horse")).status_code == 200
        assert httpx.get(f"{url}/kb", auth=("ada", "correct horse")).status_code == 200
        assert httpx.get(url, auth=httpx.BasicAuth("böb", "pass:word")).status_code == 200
        assert httpx.get(f"{url}/healthz").status_code == 200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "can't be read"),
        ("", "has no user in it"),
        ("ada:secret", "Line 1 of the auth file"),
        ("# x\nada:scrypt$zz$00", "Line 2 of the auth file"),
        ("ada:md5$00$00", "Line 1 of the auth file"),
    ],
)
def test_auth_files_that_cannot_be_used(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "users"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ServeError, match=said) as raised:
        Accounts(file)
    assert "python -m assistant.accounts" in str(raised.value)


@pytest.mark.skipif(find_spec("mcp") is None, reason='MCP isn\'t installed; install it with: pip install "mcp<2"')
def test_two_mcp_tools(tmp_path: Path) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"accept": "application/json, text/event-stream"}
    with running(FakeAssistant(), tmp_path, mcp=True) as url:
        answer = httpx.post(f"{url}/gradio_api/mcp/", json=call, headers=headers)
    assert re.findall(r'"name":"(\w+)"', answer.text) == ["ask", "search"]


@pytest.mark.skipif(find_spec("mcp") is not None, reason="MCP is installed")
def test_mcp_names_what_it_needs(tmp_path: Path) -> None:
    with (
        pytest.raises(ServeError, match="install what it needs with: pip install"),
        running(FakeAssistant(), tmp_path, mcp=True),
    ):
        pass


def test_a_used_port(url: str, tmp_path: Path) -> None:
    port = int(url.rpartition(":")[2])
    fake: Any = FakeAssistant()
    fake.settings = Settings(data_dir=tmp_path)
    with pytest.raises(ServeError, match=rf"127.0.0.1:{port} is in use by another program; .*--port {port + 1}"):
        serve(fake, port=port, work=no_work)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7"])
def test_a_host_that_is_not_ours(host: str, tmp_path: Path) -> None:
    fake: Any = FakeAssistant()
    fake.settings = Settings(data_dir=tmp_path)
    with pytest.raises(ServeError, match=host):
        serve(fake, host, 0, work=no_work)


def test_open_to_the_network_without_a_password_is_warned_of(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "import assistant.app_server as s, uvicorn\n"
        "from tests.fakes_app import FakeAssistant; from assistant.settings import Settings\n"
        "from tests.chat_server import no_work; from pathlib import Path\n"
        "assert 'gradio' not in sys.modules\n"  # it takes seconds: only serving may load it
        "uvicorn.Server.run = lambda self, sockets: None\n"
        f"fake = FakeAssistant(); fake.settings = Settings(data_dir=Path({str(tmp_path)!r}))\n"
        "s.serve(fake, '0.0.0.0', 0, work=no_work)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert "WARNING: the chat on 0.0.0.0:0 is open to everyone" in ran.stderr
    assert "--auth-file" in ran.stderr


def test_the_knowledge_base_page_needs_no_script(url: str) -> None:
    text = httpx.get(f"{url}/kb/orchestration-knowledge-base.md").text
    assert "<script" not in text
    assert '<h3 id="celery">Celery</h3>' in text
    assert text.count('rel="noopener noreferrer"') == 44


def test_a_document_of_any_name_has_its_place_in_the_knowledge_base(url: str) -> None:
    answer = httpx.get(f"{url}/kb/notes%20on%20%231.md")
    assert (answer.status_code, "The tide turns" in answer.text) == (200, True)


@pytest.mark.parametrize("file", ["nothing.md", "a/b.md", "<img src=x>", "orchestration-knowledge-base"])
def test_a_document_that_is_not_there_is_said(url: str, file: str) -> None:
    answer = httpx.get(f"{url}/kb/{quote(file)}")
    assert answer.status_code == 404
    assert f"The knowledge base has no document “{escape(file)}”." in answer.text
    assert '<a href="kb">Go to the knowledge base</a>' in answer.text
    assert httpx.get(f"{url}/kb/").status_code == 200
