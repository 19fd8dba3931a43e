"""A command's process: its streams, and how it ends. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.

A known error is one sentence on standard error, never a traceback.
"""

from __future__ import annotations

import io
import os
import sqlite3
import sys
from typing import NoReturn

import typer

from corpus.errors import QuestionError, RagError, SettingsError

_INTERRUPTED = 130
"""What typer makes of Ctrl-C."""


def run(app: typer.Typer) -> NoReturn:
    """Runs the command that the process was started with, and ends the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that has no "—" still shows the rest
    if sys.stdin is None:  # closed: `oka ask - <&-`
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  # for as long as the process
    try:
        code = app(standalone_mode=False)
        print(end="", flush=True)  # a full disk is told, too
    except typer.TyperException as error:
        message = error.format_message()  # the whole help where nothing was asked for
        command = getattr(getattr(error, "ctx", None), "command_path", "oka")
        _end(2, f"oka: {message} (see `{command} --help`)" if sys.argv[1:] else message)
    except RagError as error:
        _end(2 if isinstance(error, QuestionError | SettingsError) else 1, f"oka: {error}")
    except (OSError, sqlite3.Error) as error:  # what can't be read, a full disk, a damaged index
        where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        what = getattr(error, "strerror", None) or error
        _end(1, f"oka: {where}{what}; `oka settings` shows the files and folders in use.")
    if code == _INTERRUPTED:
        print("oka: stopped; what was finished is kept.", file=sys.stderr)
        os._exit(_INTERRUPTED)  # a build's threads would first embed all that they were handed, for up to 20 s
    sys.exit(code)


def _end(code: int, sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    sys.exit(code)
