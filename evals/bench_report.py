"""What became of a benchmark: the table, the floors under its ratios, and docs/benchmarks.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evals.errors import EvalError

FLOORS = Path(__file__).parent / "bench_floors.json"
DOCS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
SLACK = 1.25
"""A ratio may be this many times worse than its floor: two runs of an idle machine differ by up to a tenth."""


def ratios_of(report: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """All ratios of a report, named for their figure."""
    return {
        f"{name}: {ratio}": values
        for name, figure in report["figures"].items()
        for ratio, values in figure["ratios"].items()
    }


def regressions(report: Mapping[str, Any], floors: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A sentence for each ratio that is more than SLACK times worse than when the floors were set."""
    red = []
    for name, ratio in ratios_of(report).items():
        if name not in floors:
            continue
        now, then = ratio["value"], floors[name]["value"]
        worse = now > then * SLACK if ratio["better"] == "lower" else now < then / SLACK
        if worse:
            red.append(f"{name} is {now:.3g}, it was {then:.3g} ({ratio['better']} is better)")
    return red


def missed(report: Mapping[str, Any]) -> list[str]:
    """A sentence for each ratio that doesn't reach its goal."""
    return [
        f"{name} is {ratio['value']:.3g}, the goal is {'at most' if ratio['better'] == 'lower' else 'at least'} "
        f"{ratio['goal']:g}"
        for name, ratio in ratios_of(report).items()
        if not is_met(ratio)
    ]


def is_met(ratio: Mapping[str, Any]) -> bool:
    """Whether a ratio reaches its goal; true where it has none."""
    if ratio["goal"] is None:
        return True
    within = ratio["value"] <= ratio["goal"] if ratio["better"] == "lower" else ratio["value"] >= ratio["goal"]
    return bool(within)


def read_json(file: Path) -> dict[str, Any]:
    """A report or the floors. Raises EvalError where it can't be read."""
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EvalError(f"{file} can't be read ({error}): run `make bench`, or restore it from git.") from error
    return found


def write_json(file: Path, values: Mapping[str, Any]) -> None:
    """Readable, and with small diffs."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def floors_from(report: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """The report's ratios as new floors; those that it didn't measure stay."""
    new = {name: {"value": r["value"], "better": r["better"]} for name, r in ratios_of(report).items()}
    return dict(sorted({**old, **new}.items()))


def lines_of(name: str, figure: Mapping[str, Any]) -> Iterator[str]:
    """One figure for a terminal."""
    if figure.get("failed"):
        yield f"{name}: {figure['failed']}"
        return
    beside = figure["beside"]
    yield (
        f"{name} ({figure['threads']} {'core' if figure['threads'] == 1 else 'cores'}, load {beside['load']}, "
        f"{beside['gflops']} GFLOP/s, {beside['memory_gb_per_s']} GB/s, {figure['took_s']:.0f} s)"
    )
    for label, value in flat(figure["values"]):
        yield f"    {label:44} {_number(value):>12}"
    for label, ratio in figure["ratios"].items():
        yield f"  = {label:44} {ratio['value']:>12.3g}  {_goal(ratio)}".rstrip()
    for note in figure["notes"]:
        yield f"    {note}"


def flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Nested values as labels and numbers."""
    for name, value in values.items():
        label = f"{before}{name}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{label}, ")
        elif isinstance(value, list):
            yield label, ", ".join(_number(one) for one in value)
        else:
            yield label, value


def markdown(report: Mapping[str, Any]) -> str:
    """docs/benchmarks.md."""
    machine = report["machine"]
    card = (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB; {machine['gflops']} GFLOP/s "
        f"(single-precision product of matrices), {machine['memory_gb_per_s']} GB/s (copying); {machine['system']}"
    )
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench` from its last full run; don't edit. Every figure stands beside its rival's of the same run, in "
        "turn with it; times are medians after a warm-up. What each means is said in `evals/bench_*.py`.",
        "",
        f"- **When:** {report['date']}, commit {report['commit']}",
        f"- **Machine:** {card}",
        "",
        "| figure | cores | ratio | value | goal | met |",
        "|---|---|---|---|---|---|",
    ]
    for name, figure in report["figures"].items():
        for label, ratio in figure["ratios"].items():
            sign = "≤" if ratio["better"] == "lower" else "≥"
            goal = "" if ratio["goal"] is None else f"{sign} {ratio['goal']:g}"
            met = "" if ratio["goal"] is None else "yes" if is_met(ratio) else "**no**"
            lines.append(
                f"| {name.partition('@')[0]} | {figure['threads']} | {label} | {ratio['value']:.3g} | {goal} | {met} |"
            )
    for name, figure in report["figures"].items():
        lines += ["", f"## {name.replace('@', ', cores: ')}", ""]
        if figure.get("failed"):
            lines.append(figure["failed"])
            continue
        beside = figure["beside"]
        lines += [
            f"Load {beside['load']}, {beside['gflops']} GFLOP/s, {beside['memory_gb_per_s']} GB/s on these cores.",
            "",
            "| | |",
            "|---|---|",
            *(f"| {label} | {_number(value)} |" for label, value in flat(figure["values"])),
        ]
        lines += [f"\n{note}" for note in figure["notes"]]
    profiles = report.get("profiles", {})
    for name, text in profiles.items():
        lines += ["", f"## Where the time goes: {name}", "", "```", text.strip(), "```"]
    return "\n".join(lines) + "\n"


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) or abs(value) >= 1000 else f"{value:g}"


def _goal(ratio: Mapping[str, Any]) -> str:
    if ratio["goal"] is None:
        return ""
    wanted = f"{'≤' if ratio['better'] == 'lower' else '≥'} {ratio['goal']:g}"
    return f"({wanted}: {'met' if is_met(ratio) else 'MISSED'})"
