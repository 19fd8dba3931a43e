"""Gradio as a server needs it: `prepare()` before its first import.

Left alone, Gradio writes type stubs for editors beside its own files whenever it is imported, which takes longer than the
rest of the import, and summarises its last 10,000 events with pandas after each event. Leaves out the page itself (app.py).
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

_WRITES_STUBS = "gradio.component_meta"


def prepare() -> None:
    """Switches off stubs, statistics and analytics. May be called again; after Gradio's import the stubs are written already."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"  # the least that it takes
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(2**62)  # events from one summary to the next
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _WRITES_STUBS:
            return None
        found = PathFinder.find_spec(fullname, path, target)
        if found is None or found.origin is None:
            return found
        return importlib.util.spec_from_file_location(fullname, found.origin, loader=_Loader(fullname, found.origin))


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        module.create_or_modify_pyi = lambda *_: None  # type: ignore[attr-defined]  # Gradio has no types for it
