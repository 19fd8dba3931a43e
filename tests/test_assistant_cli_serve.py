"""`oka serve` on an empty data folder, and builds that are killed while others ask: nobody waits for a whole index."""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import sys
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx

from assistant.answering import Assistant
from assistant.settings import load_settings
from assistant.sources import Sources
from tests.command import ROOT, environment, oka
from tests.indexes import current
from tests.processes import processes

KB = ROOT / "corpus" / "documents"
KILLS = 10


def test_without_index_and_network_it_builds_from_the_documents_and_says_so(tmp_path: Path, models: Path) -> None:
    (tmp_path / "models").symlink_to(models)
    command = [sys.executable, "-m", "assistant.cli", "serve", "--port", "0"]
    with subprocess.Popen(
        command,
        env=environment(tmp_path, offline="1"),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
    ) as process:
        assert process.stderr is not None
        said = []
        try:
            for line in process.stderr:
                said.append(line.rstrip())
                if address := re.search(r"http://127\.0\.0\.1:\d+", line):
                    break
            assert address, said
            assert httpx.get(address.group(), timeout=30).status_code == 200
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
    assert any(line.startswith("reading and embedding pages: ") for line in said)  # the build shows how far it is
    assert "Answers come from the knowledge base and 0 of 42 linked pages." in said


def test_ctrl_c_ends_a_build_at_once_and_says_so(tmp_path: Path, models: Path) -> None:
    """Of the 256 passages that the encoder has been handed by then, those that wait are not embedded first."""
    (tmp_path / "models").symlink_to(models)
    documents = tmp_path / "documents"
    documents.mkdir()
    words = " ".join(f"Word{number} of many that stand here." for number in range(40))
    sections = "".join(f"## Section {number}\n\n{words} {number}.\n\n" for number in range(100))
    for name in "ab":
        (documents / f"{name}.md").write_text(f"# Many {name}\n\n{sections}", "utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "assistant.cli", "build"],
        env=environment(tmp_path, documents=str(documents)),
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the first progress: pages are read and embedded
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        *_, last = process.stderr.read().splitlines()
        assert (process.wait(), last) == (130, "oka: stopped; what was finished is kept.")
        assert time.monotonic() - began < 1.5
    assert not (tmp_path / "index" / "current").exists()


def build_anew(data: Path, documents: Path, fresh: bool) -> None:
    """What `oka build` does, in a process that has imported it all already: it is the build that is to be killed."""
    load = load_settings({}, data_dir=data, documents=documents)
    Sources(load).build(fresh=fresh)


def test_killed_at_ten_random_moments_of_a_build_oka_still_answers(kb_data: Path, tmp_path: Path) -> None:
    """Ten kills before the new index is swapped in; one after that leaves the new index, and is another try. Every
    second build takes nothing over from the index that answers."""
    data, documents = tmp_path / "var", tmp_path / "documents"
    shutil.copytree(kb_data, data, symlinks=True)
    shutil.copytree(KB, documents)
    document = next(documents.glob("*.md"))
    settings = load_settings({}, data_dir=data)
    question = "Which message brokers does Celery support?"
    before = Assistant(settings).answer(question)
    assert "RabbitMQ" in before.text

    document.write_text(document.read_text("utf-8").replace("RabbitMQ", "Rabbits"), "utf-8")

    def building(folder: Path, fresh: bool) -> ForkServerProcess:
        process = processes().Process(target=build_anew, args=(folder, documents, fresh))
        process.start()
        return process

    lasts = {}
    for fresh in (True, False):
        shutil.copytree(data, tmp_path / f"timed-{fresh}", symlinks=True)
        started = time.monotonic()
        building(tmp_path / f"timed-{fresh}", fresh).join()
        lasts[fresh] = time.monotonic() - started
    chance = random.Random(20260102)
    killed = 0
    while killed < KILLS:
        fresh = killed % 2 == 0
        answering = current(data / "index")
        build = building(data, fresh)
        time.sleep(chance.uniform(0.1, 1) * 0.8 * lasts[fresh])
        build.kill()
        build.join()
        assert build.exitcode in (0, -signal.SIGKILL)
        reply = Assistant(settings).answer(question)
        if current(data / "index") == answering:
            assert build.exitcode == -signal.SIGKILL
            killed += 1
            assert (reply.text, reply.fingerprint) == (before.text, before.fingerprint)
        else:
            assert "Rabbits" in reply.text
            Assistant(settings).sources.build()
            lasts[fresh] *= 0.7  # the machine is less busy than when it was timed
    asked = oka("ask", question, data=data, documents=str(documents))
    assert (asked.returncode, "RabbitMQ" in asked.stdout) == (0, True)
    assert oka("build", data=data, documents=str(documents)).returncode == 0
    assert "Rabbits" in oka("ask", question, data=data, documents=str(documents)).stdout
