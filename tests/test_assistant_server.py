"""The same questions against a Chroma server: readers without vectors, a server that is killed and comes back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.answering import Assistant
from assistant.answers import Answer
from assistant.settings import load_settings
from assistant.sources import Sources
from corpus.errors import IndexDamaged, StoreUnreachable
from index.server import ChromaServer, collection_name
from tests.chroma_server import ChromaRun

ROOT = Path(__file__).resolve().parents[1]
QUESTIONS = ("What are the states of a circuit breaker?", "What is Celery best for?", "Airflow or Prefect?")


def words(reply: Answer) -> dict[str, Any]:
    return replace(reply, timings_ms={}, confidence=round(reply.confidence, 2)).to_dict()


@pytest.fixture
def chroma(tmp_path: Path) -> Iterator[ChromaRun]:
    with ChromaRun(tmp_path / "chroma") as server:
        yield server


@pytest.fixture
def reader(kb_data: Path, tmp_path: Path, chroma: ChromaRun) -> Path:
    """A data folder whose vectors are on the server and nowhere else."""
    folder = tmp_path / "reader"
    shutil.copytree(kb_data, folder, symlinks=True)
    Sources(load_settings({}, data_dir=folder, chroma_url=chroma.url)).build()
    for file in folder.rglob("vectors.npy"):
        file.unlink()
    return folder


def test_a_reader_without_vectors_answers_as_one_with_them(kb_data: Path, reader: Path, chroma: ChromaRun) -> None:
    local = Assistant(load_settings({}, data_dir=kb_data))
    remote = Assistant(load_settings({}, data_dir=reader, chroma_url=chroma.url))
    for question in QUESTIONS:
        assert words(remote.answer(question)) == words(local.answer(question))
        found = [[hit.passage.id for hit in one.search(question, only="celery")] for one in (local, remote)]
        assert found[0] == found[1] != []
    with pytest.raises(IndexDamaged, match=r"vectors\.npy"):
        Assistant(load_settings({}, data_dir=reader)).open()


def test_a_server_killed_amid_questions_is_said_within_ten_seconds_and_used_again_when_it_is_back(
    reader: Path, chroma: ChromaRun
) -> None:
    assistant = Assistant(load_settings({}, data_dir=reader, chroma_url=chroma.url))
    said: list[tuple[float, str]] = []
    stop = threading.Event()

    def ask() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            began = time.monotonic()
            try:
                assistant.answer(f"What is Celery best for in case {number}?")
                said.append((time.monotonic() - began, "answered"))
            except StoreUnreachable as error:
                said.append((time.monotonic() - began, str(error)))

    asking = threading.Thread(target=ask)
    asking.start()

    def wait_for(what: str, after: int) -> None:
        limit = time.monotonic() + 30
        while not any(what in text for _, text in said[after:]):
            assert time.monotonic() < limit, said[-3:]
            time.sleep(0.01)

    wait_for("answered", 0)
    chroma.kill()
    wait_for(f"The Chroma server at {chroma.url.removeprefix('http://')}", 0)
    chroma.start()
    wait_for("answered", len(said))
    stop.set()
    asking.join()
    assert max(seconds for seconds, _ in said) < 10


def test_the_command_says_it_in_one_sentence(reader: Path, chroma: ChromaRun) -> None:
    chroma.kill()
    command = [sys.executable, "-m", "assistant.cli", "--data-dir", str(reader), "ask", QUESTIONS[0]]
    began = time.monotonic()
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={"OKA_CHROMA_URL": chroma.url}
    )
    assert time.monotonic() - began < 10
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("oka: The Chroma server at 127.0.0.1:")
    assert done.stderr.count("\n") == 1


def test_a_build_hands_over_before_it_answers_and_clears_up_after_two(
    tmp_path: Path, models: Path, chroma: ChromaRun
) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "models").symlink_to(models)
    settings = load_settings({}, data_dir=tmp_path / "data", documents=documents, chroma_url=chroma.url)
    assistant = Assistant(settings)
    server = ChromaServer(chroma.url)
    prints = []
    for hours in ("seven", "eight", "nine"):
        text = f"# Lamps\n\n## Lantern {{#lantern}}\n\nThe lantern burns for {hours} hours.\n"
        (documents / "lamps.md").write_text(text, encoding="utf-8")
        assistant.sources.build()
        assert f"{hours} hours" in assistant.answer("How many hours does the lantern burn?").text
        prints.append(assistant.index.fingerprint)
    assert [server.holds(collection_name(one), 1) for one in prints] == [False, True, True]
    server.close()
    chroma.kill()
    (documents / "lamps.md").write_text(text.replace("nine", "ten"), encoding="utf-8")
    with pytest.raises(StoreUnreachable):
        assistant.sources.build()
    chroma.start()
    assert "nine hours" in assistant.answer("How many hours can the lantern burn?").text  # the old build, whole
    history = json.loads((tmp_path / "data" / "index" / "chroma-server.json").read_text())
    assert prints[2] in next(iter(history.values()))
