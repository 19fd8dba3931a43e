"""How the benchmark measures: contestants in turn, processes from outside, and what the machine itself can do."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

ROOT = Path(__file__).resolve().parents[1]

Direction = Literal["lower", "higher"]


@dataclass(frozen=True)
class Context:
    """What a figure's `measure` is given."""

    folder: Path  # var/bench: its indexes are kept there
    threads: int  # cores that this process, and what it starts, may use
    quick: bool  # small sizes: shows that it works, says little
    warcs: tuple[Path, ...] = ()  # the pages: those that the documents link to, then all others

    @property
    def linked(self) -> Path:
        """Data folder of the documents and the pages that they link to."""
        return self.folder / "linked"

    @property
    def deep(self) -> Path:
        """Data folder of all pages."""
        return self.folder / "deep"

    @property
    def all_pages(self) -> tuple[Path, ...]:
        """The archives of all pages; in a quick run those of the linked ones stand for them."""
        return self.warcs[:1] if self.quick else self.warcs

    @property
    def rounds(self) -> int:
        """How often each contestant is timed, after a warm-up."""
        return 3 if self.quick else 7

    def say(self, what: str) -> None:
        """Progress, on standard error."""
        print(f"    {what}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Ratio:
    """A figure beside its rival's. `goal` is what the project promises, None where it promises nothing."""

    value: float
    better: Direction
    goal: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached; true where there is none."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal

    def to_dict(self) -> dict[str, Any]:
        """For the report."""
        return {"value": round(self.value, 4), "better": self.better, "goal": self.goal}


def figure(values: Mapping[str, Any], ratios: Mapping[str, Ratio], notes: Sequence[str] = ()) -> dict[str, Any]:
    """What every `measure` returns."""
    return {
        "values": dict(values),
        "ratios": {name: one.to_dict() for name, one in ratios.items()},
        "notes": list(notes),
    }


def in_turn(contestants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each contestant, `rounds` times each after one warm-up, all in each round before the next.

    So what disturbs the machine for a while disturbs them all alike.
    """
    for run in contestants.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            began = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - began)
    return times


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies, interpolated."""
    return float(np.quantile(np.asarray(values, np.float64), share))


def ms(seconds: float) -> float:
    """For tables."""
    return round(seconds * 1000, 2)


@dataclass(frozen=True)
class Run:
    """One process from its start to its end."""

    wall_s: float
    cpu_s: float
    peak_mb: float  # most memory held at once, its children's left out
    output: str


# A process's most memory counts from its parent's at the fork (Linux), so a small one starts what is measured.
_LAUNCHER = """
import json, os, subprocess, sys, time
began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
output = process.stdout.read().decode()
status, used = os.wait4(process.pid, 0)[1:]
wall = time.perf_counter() - began
print(json.dumps([os.waitstatus_to_exitcode(status), wall, used.ru_utime + used.ru_stime, used.ru_maxrss, output]))
"""


def run_process(command: Sequence[str], threads: int) -> Run:
    """Run a command on so many cores. Raises CalledProcessError where it fails."""
    launched = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command], stdout=subprocess.PIPE, env=limited(threads), cwd=ROOT
    )
    bind(launched.pid, threads)
    said = launched.communicate()[0]
    code, wall, cpu, peak, output = json.loads(said) if said else (launched.returncode, 0.0, 0.0, 0, "")
    if code:
        raise subprocess.CalledProcessError(code, list(command), output)
    return Run(wall, cpu, peak / (2**20 if sys.platform == "darwin" else 2**10), output)


def bind(pid: int, threads: int) -> None:
    """Keep a process on so many cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, sorted(os.sched_getaffinity(0))[:threads])


def limited(threads: int) -> dict[str, str]:
    """An environment in which numerical libraries use so many threads, and nothing asks the network."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    limits = dict.fromkeys(names, str(threads)) | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
    return {**os.environ, **limits}


def machine_card() -> dict[str, Any]:
    """What this machine is and can do right now: single-precision matrix product, copying of memory."""
    one = np.random.default_rng(0).standard_normal((1024, 1024)).astype(np.float32)
    product = min(_timed(lambda: one @ one) for _ in range(8))
    block = np.ones(32 * 2**20, np.float32)  # 128 MB: more than any cache
    target = np.empty_like(block)
    copy = min(_timed(lambda: np.copyto(target, block)) for _ in range(5))
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "gflops": round(2 * 1024**3 / product / 1e9, 1),
        "memory_gb_per_s": round(2 * block.nbytes / copy / 1e9, 1),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def card_of(threads: int) -> dict[str, Any]:
    """The card of a machine with so many cores, made in a process of its own: it takes memory."""
    code = "import json; from evals.bench_timing import machine_card as card; print(json.dumps(card()))"
    found: dict[str, Any] = json.loads(run_process([sys.executable, "-c", code], threads).output)
    return found


def speed_now(threads: int) -> dict[str, float]:
    """Load average and the machine's speed, to stand beside a figure."""
    card = card_of(threads)
    load = round(os.getloadavg()[0], 2)
    return {"load": load, "gflops": card["gflops"], "memory_gb_per_s": card["memory_gb_per_s"]}


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
