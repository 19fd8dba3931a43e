"""Processes that begin with everything imported: what is tested in them is our code, and importing takes most of its time.

That a plain interpreter can run it too, and imports no more than it needs, is tested in test_assistant_imports.py.
"""

from __future__ import annotations

import multiprocessing
from functools import cache
from multiprocessing.context import ForkServerContext

_PRELOADED = [
    "assistant.cli",
    "assistant.answering",
    "bm25s",
    "chromadb",
    "index.build",
    "llama_index.vector_stores.chroma",
    "onnxruntime",
]


@cache
def processes() -> ForkServerContext:
    """Where such processes are started."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context
