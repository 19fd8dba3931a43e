"""The benchmark: `make bench`. Each figure runs in a process of its own, on one core and on two, beside its rival.

    python -m evals.bench                 everything; writes var/bench/report.json and docs/benchmarks.md
    python -m evals.bench --quick         small sizes, in a few minutes: shows that it works, says little
    python -m evals.bench --only answers  one figure; held against its floors, docs stay
    python -m evals.bench --set-floors    what was measured becomes the floors (evals/bench_floors.json)
    python -m evals.bench --check FILE    hold a report that is there against the floors

Red (exit code 1) where a ratio is more than a quarter worse than its floor. A goal that is missed isn't red; it is
reported, with a profile. The report is written again after each figure, so a run that is stopped leaves what it has.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from assistant.settings import load_settings
from corpus.errors import RagError
from evals.bench_report import (
    DOCS,
    FLOORS,
    floors_from,
    lines_of,
    markdown,
    missed,
    read_json,
    regressions,
    write_json,
)
from evals.bench_timing import ROOT, Context, Ratio, bind, card_of, limited, speed_now
from evals.bench_timing import figure as make


@dataclass(frozen=True)
class Figure:
    """One group of figures, by the module that measures it."""

    name: str
    module: str
    function: str = "measure"
    cores: tuple[int, ...] = (1, 2)
    takes: Literal["context", "settings", "nothing"] = "context"  # settings: those of the linked pages


FIGURES = (
    Figure("answers", "bench_answers"),
    Figure("search of all pages", "bench_search", cores=(2,)),
    Figure("cold", "bench_cold"),
    Figure("ingest", "bench_ingest"),
    Figure("ingest of all pages", "bench_ingest", "measure_full", cores=(2,)),
    Figure("build again", "bench_ingest", "measure_again", cores=(2,)),
    Figure("growth", "bench_growth", cores=(2,)),
    Figure("server", "bench_server", cores=(2,)),
    Figure("fetch", "bench_fetch", cores=(2,), takes="nothing"),
    Figure("chat", "bench_chat", cores=(2,), takes="settings"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the arguments say; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes; not held against the floors")
    parser.add_argument("--only", action="append", choices=[f.name for f in FIGURES], help="this figure; repeatable")
    parser.add_argument("--from-warc", action="append", type=Path, default=[], help="pages to measure on; repeatable")
    parser.add_argument(
        "--folder", type=Path, help="where indexes and report.json go (default: bench/ in the data folder)"
    )
    parser.add_argument("--set-floors", action="store_true", help="make the measured ratios the floors")
    parser.add_argument(
        "--check", type=Path, metavar="REPORT", help="hold this report.json against the floors, measure nothing"
    )
    parser.add_argument("--floors", type=Path, default=FLOORS, help=argparse.SUPPRESS)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=2, help=argparse.SUPPRESS)
    parser.add_argument("--profile", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    try:
        if given.check:
            return hold(read_json(given.check), given.floors)
        return work(given) if given.worker else run(given)
    except RagError as error:
        print(error, file=sys.stderr)
        return 1


def run(given: argparse.Namespace) -> int:
    """Every chosen figure in turn, then the verdict."""
    from evals.bench_data import warc_files

    settings = load_settings()
    folder = (given.folder or settings.data_dir / "bench").resolve()
    if given.quick:
        folder = folder / "quick"
    warcs = warc_files(given.from_warc, settings)
    chosen = [figure for figure in FIGURES if not given.only or figure.name in given.only]
    report: dict[str, Any] = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": commit(),
        "quick": given.quick,
        "machine": card_of(max(cores for figure in FIGURES for cores in figure.cores)),
        "pages": [file.name for file in warcs],
        "figures": {},
        "profiles": {},
    }
    for figure in chosen:
        if importlib.util.find_spec(f"evals.{figure.module}") is None:
            continue
        for threads in figure.cores:
            key = f"{figure.name}@{threads}"
            print(f"{key} …", file=sys.stderr, flush=True)
            context = Context(folder, threads, given.quick, warcs)
            found = in_process(figure, context)
            report["figures"][key] = found
            print("\n".join(lines_of(key, found)), flush=True)
            if missed({"figures": {key: found}}) and hasattr(
                importlib.import_module(f"evals.{figure.module}"), "profile"
            ):
                report["profiles"][key] = in_process(figure, context, profile=True)["profile"]
            write_json(folder / "report.json", report)
    if not given.quick and not given.only:
        DOCS.write_text(markdown(report), encoding="utf-8")
    print(f"report: {folder / 'report.json'}", file=sys.stderr)
    if given.set_floors:
        old = read_json(given.floors) if given.floors.exists() else {}
        write_json(given.floors, floors_from(report, old))
    return 0 if given.quick else hold(report, given.floors)


def hold(report: dict[str, Any], floors: Path) -> int:
    """Says which goals are missed and which ratios are worse than their floors; 1 where one is."""
    for sentence in missed(report):
        print(f"goal missed: {sentence}")
    failed = [f"{name}: {figure['failed']}" for name, figure in report["figures"].items() if figure.get("failed")]
    red = failed + regressions(report, read_json(floors))
    for sentence in red:
        print(f"red: {sentence}")
    print("bench: red" if red else f"bench: green, {len(report['figures'])} figures", flush=True)
    return 1 if red else 0


def in_process(figure: Figure, context: Context, *, profile: bool = False) -> dict[str, Any]:
    """One figure in a process of its own, on so many cores; how the machine was just before."""
    beside = speed_now(context.threads)
    command = [sys.executable, "-m", "evals.bench", "--worker", figure.name, "--threads", str(context.threads)]
    command += ["--folder", str(context.folder), *(["--quick"] if context.quick else [])]
    command += [part for file in context.warcs for part in ("--from-warc", str(file))]
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, *(["--profile"] if profile else [])], stdout=subprocess.PIPE, env=limited(context.threads), cwd=ROOT
    )
    bind(process.pid, context.threads)
    output = process.communicate()[0].decode()
    more = {"threads": context.threads, "beside": beside, "took_s": round(time.monotonic() - began, 1)}
    if process.returncode:
        # The others are still worth having; the run is red in the end.
        return {"values": {}, "ratios": {}, "notes": [], "failed": "it broke off, see above", "profile": "", **more}
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return {**found, **more}


def work(given: argparse.Namespace) -> int:
    """What a figure's process does: measure, and print the result as one line of JSON."""
    figure = next(figure for figure in FIGURES if figure.name == given.worker)
    module = importlib.import_module(f"evals.{figure.module}")
    context = Context(given.folder, given.threads, given.quick, tuple(given.from_warc))
    found = {"profile": module.profile(context)} if given.profile else measured(figure, module, context)
    print(json.dumps(found))
    return 0


def measured(figure: Figure, module: Any, context: Context) -> dict[str, Any]:
    """A module's figures. One that can be run alone gives plain values, of which "ratio" and "goal" are lower at best."""
    function: Callable[..., dict[str, Any]] = getattr(module, figure.function)
    if figure.takes == "context":
        return function(context)
    if figure.takes == "settings":
        from evals.bench_data import linked

        values = function(linked(context).settings)
    else:
        values = function()
    ratios = {"ratio": Ratio(values["ratio"], "lower", values.get("goal"))} if "ratio" in values else {}
    return make(values, ratios)


def commit() -> str:
    """The commit that is measured, with a plus where files differ from it."""
    shown = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    return shown.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
