"""The report: same bytes for the same outcomes, everything escaped, nothing fetched, no console error."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from evals.errors import EvalError
from evals.questions import Question
from evals.report import by_section, differences, make_report, outcomes_of, read_report, worst, write_report
from evals.runner import Outcome, Result
from tests.browser_chat import NEEDS_A_BROWSER

HOSTILE = "</pre><script>document.title='hacked'</script><img src=https://evil.test/x.png>"
TIMES = {
    "when": "2026-01-01",
    "commit": "abc",
    "milliseconds": {n: {"answer": {"p50": 1.0, "p95": 2.0}} for n in ("oka", "other")},
}


def asked(number: int) -> Question:
    gold = [{"url": "kb/orchestration-knowledge-base.md", "anchor": "celery", "quote": "words"}]
    facts = [{"id": "f", "text": HOSTILE, "any": ["words"]}]
    values = {
        "id": f"q{number}",
        "cluster": f"c{number % 3}",
        "slice": "factoid-kb",
        "corpus": "kb",
        "question": HOSTILE,
        "answerable": "yes",
        "gold": gold,
        "facts": facts,
    }
    return Question.model_validate(values)


def outcome(number: int, truth: float) -> Outcome:
    scores = {
        "truth": truth,
        "vital": (truth + 1) / 2,
        "recall@5": 1.0,
        "over_refusal": 0.0,
        "citation_recall": 1.0,
        "wrong": float(truth < 0),
    }
    return Outcome(f"q{number}", HOSTILE, HOSTILE, False, None, 0.5, ("kb/x#celery",), ("kb/x#celery",), scores)


QUESTIONS = [asked(number) for number in range(12)]
OURS = Result("oka", "ours", tuple(outcome(number, 1.0 if number % 4 else -1.0) for number in range(12)))
OTHER = Result("other", HOSTILE, tuple(outcome(number, -1.0) for number in range(12)))


def written(folder: Path) -> Path:
    sections = {"Celery": [question.id for question in QUESTIONS], "Empty": []}
    report = make_report(QUESTIONS, {"a page is missing": ["x"]}, [OURS, OTHER], "f" * 64, sections, {"txtai": HOSTILE})
    write_report(folder, report, TIMES)
    return folder


def test_two_reports_are_equal_byte_for_byte(tmp_path: Path) -> None:
    one, two = written(tmp_path / "a"), written(tmp_path / "b")
    for name in ("report.json", "report.html"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_the_page_escapes_everything_and_asks_for_nothing(tmp_path: Path) -> None:
    page = (written(tmp_path) / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img" not in page
    assert HOSTILE.replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;") in page
    asked: list[str] = []

    class Attributes(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            asked.extend(value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action"))

    Attributes().feed(page)
    assert asked == ["data:,"]
    assert "url(" not in page


def test_a_report_can_be_read_again_and_compared(tmp_path: Path) -> None:
    report = read_report(written(tmp_path) / "report.json")
    outcomes, clusters = outcomes_of(report)
    assert outcomes == list(OURS.outcomes)
    assert clusters == {question.id: question.cluster for question in QUESTIONS}
    assert differences(outcomes, OURS.outcomes, clusters)["truth"].mean == 0
    (tmp_path / "other.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(EvalError, match=r"no report\.json"):
        read_report(tmp_path / "other.json")


def test_the_worst_come_first() -> None:
    assert [one.scores["truth"] for one in worst(OURS.outcomes)] == [-1.0, -1.0, -1.0]


def test_every_section_of_the_documents_has_its_row() -> None:
    from corpus import linked_resources, read_documents

    documents = read_documents(Path(__file__).resolve().parents[1] / "corpus" / "documents")
    groups = by_section(QUESTIONS, linked_resources(documents))
    assert len(groups) >= 15
    assert [name for name, ids in groups.items() if ids] == ["Celery"]


@pytest.mark.browser
@NEEDS_A_BROWSER
def test_the_page_opens_without_a_console_error_and_fits_a_phone(browser: Browser, tmp_path: Path) -> None:
    troubles: list[str] = []
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.on("console", lambda message: troubles.append(message.text))
    page.on(
        "request",
        lambda request: None if request.url.startswith(("file:", "data:")) else troubles.append(request.url),
    )
    page.goto((written(tmp_path) / "report.html").as_uri())
    assert page.title() == "oka: eval report"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert troubles == []
