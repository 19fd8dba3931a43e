"""A cold question: from the start of the process to the printed answer, beside the starter's, by time and memory."""

from __future__ import annotations

import sys
from typing import Any

from evals import bench_starter
from evals.bench_data import linked
from evals.bench_timing import Context, Ratio, Run, figure, median, run_process
from index.store import open_index

QUESTION = "Which message brokers does Celery support?"


def measure(context: Context) -> dict[str, Any]:
    """`oka ask`, the starter and `oka --help` in turn; index on the disk, files in the system's cache."""
    sources = linked(context)
    folder = context.folder / "starter-linked"
    if not (folder / "docstore.json").exists():
        context.say("the starter's index")
        index = open_index(sources.settings.index, sources.embedder)
        texts = [(url, index.page(url).text) for url in sorted(index.urls)]
        bench_starter.ingest(texts, folder, bench_starter.encoder())
    oka = [sys.executable, "-c", "from assistant.cli import main; main()"]
    commands = {
        "oka ask": [*oka, "--data-dir", str(context.linked), "ask", QUESTION],
        "starter": [sys.executable, "-m", "evals.bench_starter", str(folder), QUESTION],
        "oka --help": [*oka, "--help"],
        "python": [sys.executable, "-c", "pass"],
    }
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(context.rounds + 1):
        for name, command in commands.items():
            run = run_process(command, context.threads)
            if number:
                runs[name].append(run)
    values: dict[str, Any] = {}
    for name, done in runs.items():
        values[f"{name} s"] = round(median([run.wall_s for run in done]), 3)
        values[f"{name} CPU s"] = round(median([run.cpu_s for run in done]), 3)
        values[f"{name} peak MB"] = round(median([run.peak_mb for run in done]), 1)
    return figure(
        values,
        {
            "oka ask / starter, time": Ratio(values["oka ask s"] / values["starter s"], "lower", 0.35),
            "oka ask / starter, peak memory": Ratio(
                values["oka ask peak MB"] / values["starter peak MB"], "lower", 0.5
            ),
        },
    )


def profile(context: Context) -> str:
    """Which imports a cold question waits for: the slowest, with what they bring, in microseconds."""
    import subprocess

    command = [sys.executable, "-X", "importtime", "-c", "from assistant.cli import main; main()"]
    asked = [*command, "--data-dir", str(context.linked), "ask", QUESTION]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stderr
    lines = [line for line in said.splitlines() if line.startswith("import time:") and "|" in line]
    slowest = sorted(lines[1:], key=lambda line: -int(line.split("|")[1]))
    return "\n".join([lines[0], *slowest[:25]])
