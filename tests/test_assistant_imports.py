"""What a command may import: `oka ask` on a built index reads files and runs one small model, nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NEVER = {"torch", "transformers", "sentence_transformers", "gradio", "chromadb", "llama_index", "onnx", "onnxscript"}
ONLY_BUILDING = {"bm25s", "scipy", "markdown_it", "lxml", "pypdf", "warcio", "protego"}
NETWORK = {"httpx", "httpcore", "requests", "openai"}
SHOWING = {"rich", "jinja2"}

RUN = """
import json, sys
sys.argv = ["oka", *sys.argv[1:]]
from assistant.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def modules(*arguments: str, data: Path | None = None) -> list[str]:
    """The modules that a command has loaded when it ends."""
    flags = ["--data-dir", str(data)] if data else []
    done = subprocess.run(
        [sys.executable, "-c", RUN, *flags, *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip()
    found: list[str] = json.loads(done.stderr.splitlines()[-1])
    return found


@pytest.mark.parametrize("command", ["ask", "search"])
def test_a_question_to_a_built_index_loads_nothing_that_it_does_not_need(command: str, kb_data: Path) -> None:
    loaded = modules(command, "What is Celery best for?", data=kb_data)
    packages = {name.split(".")[0] for name in loaded}
    assert not packages & (NEVER | ONLY_BUILDING | NETWORK | SHOWING)
    assert "onnxruntime" in packages  # the probe sees what is loaded
    assert len(loaded) < 750  # 491 when this was written; each hundred is about 0.1 s


def test_help_loads_next_to_nothing() -> None:
    loaded = modules("--help")
    assert not {name.split(".")[0] for name in loaded} & (NEVER | ONLY_BUILDING | NETWORK | SHOWING | {"numpy"})
    assert len(loaded) < 450


def test_building_again_without_a_change_loads_no_model(kb_data: Path) -> None:
    packages = {name.split(".")[0] for name in modules("build", data=kb_data)}
    assert not packages & (NEVER | NETWORK | SHOWING | {"onnxruntime", "bm25s", "scipy"})
