"""Answers first, and Gradio without what a server doesn't need."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

from assistant.app_priority import Priority


def test_what_can_wait_waits_for_what_is_urgent() -> None:
    priority = Priority()
    order: list[str] = []
    begun = threading.Event()

    def answer() -> None:
        with priority.urgent():
            begun.set()
            time.sleep(0.1)
            order.append("answer")

    thread = threading.Thread(target=answer)
    thread.start()
    begun.wait()
    assert priority.give_way(5)
    order.append("follow-ups")
    thread.join()
    assert order == ["answer", "follow-ups"]


def test_it_does_not_wait_for_ever() -> None:
    priority = Priority()
    with priority.urgent():
        assert not priority.give_way(0.05)
    assert priority.give_way(0)


def test_gradio_writes_nothing_and_counts_nothing() -> None:
    """In a process of its own, since Gradio reads this when it is imported."""
    code = """
import sys, tempfile, pathlib
from assistant.app_gradio import prepare
prepare()
import gradio as gr
folder = pathlib.Path(tempfile.mkdtemp())
(folder / "own.py").write_text("import gradio as gr\\nclass Own(gr.Textbox):\\n    EVENTS = [gr.events.Events.change]\\n")
sys.path.insert(0, str(folder))
import own
assert sorted(file.suffix for file in folder.glob("own.*")) == [".py"], list(folder.iterdir())
assert callable(own.Own.change) and callable(gr.Textbox.submit)
with gr.Blocks() as page:
    own.Own()
page.queue()
queue = page._queue
assert queue.ANALYTICS_MAX_EVENTS == 1 and queue.ANAYLTICS_CACHE_FREQUENCY > 10**9
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
