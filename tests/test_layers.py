"""Imports point only to the left: corpus <- index <- assistant <- evals; heavy libraries stay at the leaves."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ["corpus", "index", "assistant", "evals"]
LEAVES = {
    "chromadb": {"index/vectors.py"},
    "gradio": {"assistant/app.py", "assistant/app_server.py"},
    "torch": {"index/embed.py", "index/minilm.py"},
    "sentence_transformers": {"index/embed.py", "assistant/rerank.py"},
}
FILES = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Names of all modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_nothing_to_its_right(path: Path) -> None:
    layer = LAYERS.index(path.relative_to(ROOT).parts[0])
    forbidden = set(LAYERS[layer + 1 :]) | {"tests"}
    assert not {name for name in imported(path) if name.split(".")[0] in forbidden}


@pytest.mark.parametrize("library", sorted(LEAVES))
def test_heavy_libraries_stay_at_the_leaves(library: str) -> None:
    users = {
        path.relative_to(ROOT).as_posix() for path in FILES if any(n.split(".")[0] == library for n in imported(path))
    }
    assert {user for user in users if not user.startswith("evals/")} <= LEAVES[library]


@pytest.mark.parametrize("package", ["assistant", "corpus", "index", "evals", "assistant.cli"])
def test_importing_a_package_loads_nothing_heavy(package: str) -> None:
    heavy = ["torch", "gradio", "chromadb", "sentence_transformers", "llama_index", "onnxruntime", "transformers"]
    code = f"import sys, {package}; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert shown.stdout.strip() == "[]"


def test_every_error_of_ours_is_a_rag_error() -> None:
    from corpus import errors

    ours = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(ours) > 10
    assert all(issubclass(value, errors.RagError) for value in ours)


def test_no_error_class_is_defined_elsewhere() -> None:
    elsewhere = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in FILES
        if path.name != "errors.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(b, ast.Name) and b.id.endswith(("Error", "Exception")) for b in node.bases)
    ]
    assert elsewhere == []
