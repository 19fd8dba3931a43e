"""A run as two files: report.json, the same byte for byte whenever the same is measured, and report.html to read.

What differs from run to run (when, commit, times) stands in timings.json; the page shows both.
"""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from corpus import Resource
from evals.errors import EvalError
from evals.metrics import abstention
from evals.questions import SLICES, Question, digest
from evals.runner import Outcome, Result, judged, summarize
from evals.statistics import Difference, compare, holm

FAMILY = ("recall@5", "vital", "citation_recall", "truth", "over_refusal")
"""Compared with every baseline, corrected together; all other comparisons would be exploratory."""
HEADLINE = (*("recall@5", "ndcg@10", "mrr@10", "vital", "fact_f3", "citation_recall", "perfect", "wrong"),
            *("abstained", "over_refusal", "truth"))  # fmt: skip
RETRIEVAL = ("recall@1", "recall@3", "recall@5", "recall@10", "page_recall@5", "mrr@10", "ndcg@10", "context_facts")
WORST = 20

Groups = dict[str, list[str]]  # name -> question ids


def make_report(
    questions: Sequence[Question],
    skipped: Mapping[str, Sequence[str]],
    results: Sequence[Result],
    fingerprint: str,
    sections: Groups,
    left_out: Mapping[str, str],
) -> dict[str, Any]:
    """Everything that was measured; the first result is ours. `sections` groups questions by section of the documents,
    `left_out` says of each baseline that didn't run why."""
    clusters = {question.id: question.cluster for question in questions}
    by_id = {question.id: question for question in questions}
    ours = results[0].outcomes
    slices: Groups = {name: [q.id for q in questions if q.slice == name] for name in SLICES}
    corpora: Groups = {
        "knowledge base and linked pages": [q.id for q in questions if q.corpus != "deep"],
        "deep pages": [q.id for q in questions if q.corpus == "deep"],
    }
    return {
        "questions": {"digest": digest(questions), "asked": len(questions), "skipped": dict(skipped)},
        "corpus": fingerprint,
        "left_out": dict(left_out),
        "systems": [
            {
                "name": result.name,
                "about": result.about,
                "measures": _measures(result.outcomes, clusters),
                "abstention": _curves(result.outcomes, by_id),
                "corpora": _grouped(result.outcomes, corpora, clusters, RETRIEVAL),
                "differences": {k: asdict(v) for k, v in differences(ours, result.outcomes, clusters).items()}
                if result is not results[0]
                else {},
            }
            for result in results
        ],
        "slices": _grouped(ours, slices, clusters, HEADLINE),
        "sections": _grouped(ours, sections, clusters, ("recall@5", "vital", "perfect", "wrong")),
        "outcomes": [
            {"cluster": q.cluster, "slice": q.slice, "split": q.split, "question": q.question, **asdict(outcome)}
            for q, outcome in zip(questions, ours, strict=True)
        ],
        "worst": [_told(by_id[outcome.id], outcome) for outcome in worst(ours)[:WORST]],
    }


def worst(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """What fell short of the whole truth: wrong answers first, the most confident of them first."""
    short = [outcome for outcome in outcomes if outcome.scores.get("truth", 1.0) < 1]
    return sorted(short, key=lambda o: (o.scores["truth"], o.scores.get("vital", 0.0), -(o.confidence or 0), o.id))


def differences(
    ours: Sequence[Outcome], theirs: Sequence[Outcome], clusters: Mapping[str, str]
) -> dict[str, Difference]:
    """Ours minus theirs for the family, over the questions that both have a score for; corrected together."""
    other = {outcome.id: outcome.scores for outcome in theirs}
    found = {}
    for name in FAMILY:
        both = [
            (o.id, o.scores[name], other[o.id][name]) for o in ours if name in o.scores and name in other.get(o.id, {})
        ]
        if both:
            ids, mine, others = zip(*both, strict=True)
            found[name] = compare(mine, others, [clusters[id_] for id_ in ids])
    return holm(found)


def _measures(outcomes: Sequence[Outcome], clusters: Mapping[str, str], names: Sequence[str] = ()) -> dict[str, Any]:
    return {name: asdict(value) for name, value in summarize(outcomes, clusters, names).items()}


def _grouped(
    outcomes: Sequence[Outcome], groups: Groups, clusters: Mapping[str, str], names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for group, ids in groups.items():
        chosen = set(ids)
        own = [outcome for outcome in outcomes if outcome.id in chosen]
        if own:
            found[group] = {"n": len(own), "measures": _measures(own, clusters, names)}
    return found


def _curves(outcomes: Sequence[Outcome], by_id: Mapping[str, Question]) -> dict[str, Any]:
    cases = judged(outcomes, by_id)
    if not cases:
        return {}
    curve = abstention.risk_coverage(cases)
    return {
        "auroc": abstention.auroc(cases),
        "area under risk-coverage": abstention.area_under(curve),
        "coverage at 5 % risk": abstention.coverage_at(curve),
        "abstention precision": abstention.precision(cases),
        "calibration error": abstention.calibration_error(cases),
        "brier": abstention.brier(cases),
        "risk_coverage": curve,
        "reliability": abstention.reliability(cases),
    }


def _told(question: Question, outcome: Outcome) -> dict[str, Any]:
    return {
        "id": question.id,
        "slice": question.slice,
        "question": question.question,
        "said": outcome.text,
        "cited": list(outcome.cited),
        "expected": [fact.text for fact in question.vital] or list(question.required_urls) or ["an abstention"],
        "gold": [f"{gold.url}#{gold.anchor}" if gold.anchor else gold.url for gold in question.gold],
        "truth": outcome.scores["truth"],
        "confidence": outcome.confidence,
    }


def by_section(questions: Sequence[Question], resources: Sequence[Resource]) -> Groups:
    """The questions of each section of the documents: by gold in it, in a page that it links to, or on that site."""
    title = {resource.section: resource.section_title for resource in resources}
    groups: Groups = {name: [] for name in title.values()}
    sites: dict[str, set[str]] = defaultdict(set)
    for resource in resources:
        sites[_site(resource.url)].add(resource.section)
    pages = {resource.url.partition("#")[0].rstrip("/"): resource.section for resource in resources}
    for question in questions:
        own = set()
        for gold in question.gold:
            linked = pages.get(gold.url.rstrip("/"))
            if gold.url.startswith("kb/"):
                own |= {title[gold.anchor]} if gold.anchor in title else set()
            elif linked or len(sites[_site(gold.url)]) == 1:
                own.add(title[linked or next(iter(sites[_site(gold.url)]))])
        for name in sorted(own):
            groups[name].append(question.id)
    return groups


def _site(url: str) -> str:
    return url.split("/")[2] if "://" in url else url


def timings(results: Sequence[Result]) -> dict[str, Any]:
    """When, of which commit, and milliseconds (median and 95th percentile) of each system's searches and answers."""
    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = "unknown (no git checkout)"
    times = {r.name: {"search": _percentiles(r.search_ms), "answer": _percentiles(r.answer_ms)} for r in results}
    return {"when": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit, "milliseconds": times}


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    p50, p95 = np.percentile(values, [50, 95]) if values else (0.0, 0.0)
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1)}


def write_report(folder: Path, report: Mapping[str, Any], times: Mapping[str, Any]) -> None:
    """report.json, timings.json and report.html in `folder`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (folder / "timings.json").write_text(json.dumps(times, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    page = templates.get_template("report.html").render(
        report=report, times=times, headline=HEADLINE, retrieval=RETRIEVAL, family=FAMILY
    )
    (folder / "report.html").write_text(page, encoding="utf-8")


def read_report(file: Path) -> dict[str, Any]:
    """A report.json. Raises EvalError for anything else."""
    try:
        report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        report["outcomes"], report["questions"]["digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvalError(f"{file} is no report.json ({error}): write one with `python -m evals`.") from error
    return report


def outcomes_of(report: Mapping[str, Any]) -> tuple[list[Outcome], dict[str, str]]:
    """Our outcomes in a report, and the cluster of each."""
    make: Any = Outcome
    names = Outcome.__dataclass_fields__
    found = []
    for outcome in report["outcomes"]:
        values: dict[str, Any] = {name: outcome[name] for name in names}
        found.append(make(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}))
    return found, {outcome["id"]: outcome["cluster"] for outcome in report["outcomes"]}
