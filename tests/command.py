"""The `oka` command in a process of its own, as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.processes import processes

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
    command = ["oka", *arguments]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        files[0].write_text(stdin, "utf-8")
        process = processes().Process(target=_run, args=(command, files, environment(data, **settings), cwd))
        process.start()
        process.join(120)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"{command} takes more than 120 s")
        said, noted = (file.read_text("utf-8") for file in files[1:])
    return subprocess.CompletedProcess(command, process.exitcode, said, noted)


def _run(command: list[str], files: list[Path], settings: dict[str, str], cwd: str) -> None:
    for number, file in enumerate(files):
        os.dup2(os.open(file, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(settings)
    os.chdir(cwd)
    sys.argv = command
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # for as long as the process
    from assistant.cli import main

    main()


def assert_one_sentence(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """A mistake: the right exit code, nothing on standard output, one line on standard error with these words."""
    lines = [line for line in done.stderr.strip().splitlines() if line]
    assert (done.returncode, done.stdout, len(lines)) == (code, "", 1), done
    assert lines[0].startswith("oka: ")
    for word in words:
        assert word in lines[0]
