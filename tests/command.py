"""The `oka` command in a process of its own, as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def environment(data: Path, **settings: str) -> dict[str, str]:
    """No settings but these; `contact="x"` is OKA_CONTACT."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("OKA_")}
    return (
        clean
        | {"PYTHONPATH": str(ROOT), "OKA_DATA_DIR": str(data)}
        | {f"OKA_{key.upper()}": value for key, value in settings.items()}
    )


def oka(
    *arguments: str, data: Path, stdin: str = "", cwd: str = "/", **settings: str
) -> subprocess.CompletedProcess[str]:
    """Runs the command, by default in a folder without an oka.toml."""
    return subprocess.run(
        [sys.executable, "-m", "assistant.cli", *arguments],
        capture_output=True,
        text=True,
        env=environment(data, **settings),
        cwd=cwd,
        input=stdin,
        timeout=120,
        check=False,
    )


def assert_one_sentence(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """A mistake: the right exit code, nothing on standard output, one line on standard error with these words."""
    lines = [line for line in done.stderr.strip().splitlines() if line]
    assert (done.returncode, done.stdout, len(lines)) == (code, "", 1), done
    assert lines[0].startswith("oka: ")
    for word in words:
        assert word in lines[0]
