"""The benchmark's own checks: a doctored report turns it red, contestants take turns, processes are measured from outside."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evals.bench import main
from evals.bench_report import FLOORS, floors_from, lines_of, markdown, missed, read_json, regressions, write_json
from evals.bench_timing import Ratio, in_turn, machine_card, percentile, run_process
from evals.errors import EvalError


def report_of(**ratios: Ratio) -> dict[str, Any]:
    beside = {"load": 0.1, "gflops": 50.0, "memory_gb_per_s": 10.0}
    figure = {"values": {"n": 1200, "nested": {"a": 0.5}}, "ratios": {n: r.to_dict() for n, r in ratios.items()}}
    card = dict.fromkeys(("processor", "cores", "gflops", "memory_gb_per_s", "memory_gb", "system"), 1)
    figures = {"answers@2": {**figure, "notes": ["A note."], "threads": 2, "beside": beside, "took_s": 1.0}}
    return {"date": "2026-01-01", "commit": "abc", "quick": False, "machine": card, "figures": figures, "profiles": {}}


@pytest.fixture
def report() -> dict[str, Any]:
    return report_of(slow=Ratio(2.0, "lower", 4), fast=Ratio(3.0, "higher", 2), free=Ratio(1.0, "lower"))


@pytest.fixture
def files(report: dict[str, Any], tmp_path: Path) -> tuple[Path, Path]:
    """The report, and floors set from it."""
    write_json(tmp_path / "report.json", report)
    write_json(tmp_path / "floors.json", floors_from(report, {}))
    return tmp_path / "report.json", tmp_path / "floors.json"


def check(files: tuple[Path, Path]) -> int:
    return main(["--check", str(files[0]), "--floors", str(files[1])])


@pytest.mark.parametrize(
    ("ratio", "value", "code"),
    [("slow", 2.4, 0), ("slow", 2.6, 1), ("fast", 2.5, 0), ("fast", 2.3, 1), ("free", 1.3, 1), ("slow", 0.1, 0)],
)
def test_a_doctored_report_is_red_from_a_quarter_worse_on(
    files: tuple[Path, Path], report: dict[str, Any], ratio: str, value: float, code: int
) -> None:
    assert check(files) == 0
    report["figures"]["answers@2"]["ratios"][ratio]["value"] = value
    write_json(files[0], report)
    assert check(files) == code


def test_the_command_exits_with_it(files: tuple[Path, Path], report: dict[str, Any]) -> None:
    report["figures"]["answers@2"]["ratios"]["slow"]["value"] = 9.0
    write_json(files[0], report)
    command = [sys.executable, "-m", "evals.bench", "--check", str(files[0]), "--floors", str(files[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    assert done.returncode == 1
    assert "red: answers@2: slow is 9, it was 2 (lower is better)" in done.stdout
    assert "goal missed: answers@2: slow is 9, the goal is at most 4" in done.stdout


def test_a_figure_that_broke_off_is_red(files: tuple[Path, Path], report: dict[str, Any]) -> None:
    report["figures"]["cold@1"] = {**report["figures"]["answers@2"], "ratios": {}, "failed": "it broke off"}
    write_json(files[0], report)
    assert check(files) == 1


def test_a_missed_goal_alone_is_not_red(tmp_path: Path) -> None:
    slow = report_of(slow=Ratio(5.0, "lower", 4))
    write_json(tmp_path / "report.json", slow)
    write_json(tmp_path / "floors.json", floors_from(slow, {}))
    assert check((tmp_path / "report.json", tmp_path / "floors.json")) == 0
    assert missed(slow) == ["answers@2: slow is 5, the goal is at most 4"]


def test_floors_that_were_not_measured_stay(report: dict[str, Any]) -> None:
    old = {"cold@1: time": {"value": 0.2, "better": "lower"}, "answers@2: slow": {"value": 9.0, "better": "lower"}}
    new = floors_from(report, old)
    assert new["cold@1: time"]["value"] == 0.2
    assert new["answers@2: slow"]["value"] == 2.0
    assert regressions(report, {}) == []


def test_the_floors_of_the_project_are_of_known_figures() -> None:
    from evals.bench import FIGURES

    floors = read_json(FLOORS)
    known = {f"{figure.name}@{cores}" for figure in FIGURES for cores in figure.cores}
    assert floors
    assert {name.partition(":")[0] for name in floors} <= known


def test_a_report_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{", encoding="utf-8")
    with pytest.raises(EvalError, match="make bench"):
        read_json(tmp_path / "report.json")
    assert main(["--check", str(tmp_path / "report.json")]) == 1


def test_table_and_page_show_every_ratio_and_value(report: dict[str, Any]) -> None:
    table = "\n".join(lines_of("answers@2", report["figures"]["answers@2"]))
    page = markdown(report)
    for shown in ("slow", "fast", "free", "1,200", "nested, a", "A note."):
        assert shown in table
        assert shown in page
    assert "| answers | 2 | slow | 2 | ≤ 4 | yes |" in page
    wrong = copy.deepcopy(report)
    wrong["figures"]["answers@2"]["ratios"]["slow"]["value"] = 5.0
    assert "| answers | 2 | slow | 5 | ≤ 4 | **no** |" in markdown(wrong)


def test_contestants_take_turns_after_a_warm_up() -> None:
    said: list[str] = []
    times = in_turn({"one": lambda: said.append("1"), "two": lambda: said.append("2")}, 3)
    assert "".join(said) == "12" * 4
    assert {name: len(values) for name, values in times.items()} == {"one": 3, "two": 3}
    assert percentile([1.0, 2.0, 3.0, 4.0, 5.0], 0.5) == 3.0


def test_a_process_is_measured_without_the_memory_of_who_starts_it() -> None:
    ballast = bytearray(200 * 2**20)
    small = run_process([sys.executable, "-c", "print('done')"], 1)
    big = run_process([sys.executable, "-c", "x = b'1' * (90 * 2**20); import time; time.sleep(0.2)"], 1)
    assert small.output.strip() == "done"
    assert small.peak_mb < 60 < 90 <= big.peak_mb < 150
    assert big.wall_s >= 0.2
    assert len(ballast) == 200 * 2**20
    with pytest.raises(subprocess.CalledProcessError):
        run_process([sys.executable, "-c", "raise SystemExit(3)"], 1)


def test_the_machine_card_is_of_a_machine() -> None:
    card = json.loads(json.dumps(machine_card()))
    assert card["cores"] >= 1
    assert card["gflops"] > 0.1
    assert card["memory_gb_per_s"] > 0.1
