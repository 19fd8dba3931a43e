"""What the README shows is so: its example, its commands with their options, its settings, its make targets."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assistant.cli import app
from assistant.settings import Settings
from tests.command import ROOT, environment, oka

README = (ROOT / "README.md").read_text("utf-8")
ROWS = re.findall(r"^\| `oka (\w+)[^`]*` \| (.*) \|$", README, re.MULTILINE)


def test_the_example_is_what_oka_prints(kb_data: Path) -> None:
    shown = re.search(r'^\$ oka ask "([^"\n]+)"\n(.+?)\n```$', README, re.MULTILINE | re.DOTALL)
    assert shown
    assert oka("ask", shown.group(1), data=kb_data).stdout.strip() == shown.group(2).strip()


def test_the_python_example_runs(kb_data: Path) -> None:
    shown = re.search(r"```python\n(.+?)```", README, re.DOTALL)
    assert shown
    command = [sys.executable, "-c", shown.group(1)]
    done = subprocess.run(
        command, env=environment(kb_data), capture_output=True, text=True, cwd="/", timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "RabbitMQ" in done.stdout


def test_the_table_names_every_command() -> None:
    known = {str(command.name or command.callback.__name__) for command in app.registered_commands if command.callback}
    assert {name for name, _ in ROWS} | set(re.findall(r"`oka (\w+)", README)) == known


@pytest.mark.parametrize(("command", "described"), ROWS)
def test_the_options_of_the_table_are_there(command: str, described: str) -> None:
    help_text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout
    assert [option for option in re.findall(r"`(--[\w-]+)", described) if option not in help_text] == []


def test_the_settings_and_make_targets_are_there() -> None:
    settings = {f"OKA_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"\bOKA_[A-Z_]+", README)) <= settings
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"^make (\S+)", README, re.MULTILINE) + re.findall(r"`make ([\w-]+)", README)) <= targets
