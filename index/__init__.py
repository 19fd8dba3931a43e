"""Pages to passages, and passages found: by words, by meaning, by both. Light to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from index.passages import Hit, Passage, Unit

if TYPE_CHECKING:
    from index.build import BuildReport, build_index
    from index.embed import Embedder, load_embedder
    from index.fuse import Weights
    from index.store import Index, open_index

_PLACES = {
    "BuildReport": "build",
    "build_index": "build",
    "Embedder": "embed",
    "load_embedder": "embed",
    "Weights": "fuse",
    "Index": "store",
    "open_index": "store",
}

__all__ = [
    "BuildReport",
    "Embedder",
    "Hit",
    "Index",
    "Passage",
    "Unit",
    "Weights",
    "build_index",
    "load_embedder",
    "open_index",
]


def __getattr__(name: str) -> object:
    """Names of files that import NumPy, on their first use."""
    if name not in _PLACES:
        raise AttributeError(f"module 'index' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"index.{_PLACES[name]}"), name)
