"""The follow-ups that the chat offers: they lead on from what a conversation has asked and shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from assistant.answers import Answer, Citation
from assistant.app_knowledge import follow_ups
from corpus import Page, read_documents

GUIDE = """# Guide

## Tools

### Alpha {#alpha}

[Alpha](https://alpha.test/) - A tool.

**Key Features:** Quick and small.

**Best For:** Small jobs.

### Beta {#beta}

**Key Resources:**
- [Beta Docs](https://beta.test/) - Docs

**Best For:** Large jobs.

### Gamma {#gamma}

**Best For:** No jobs.

## Theory

### Theorem {#theorem}

**Key Insight:** Nothing is free.
"""
FEATURES, ALPHA, BETA, GAMMA, THEOREM = (
    "What are the key features of Alpha?",
    "What is Alpha best for?",
    "What is Beta best for?",
    "What is Gamma best for?",
    "What is the key insight of the Theorem?",
)
QUOTES = {
    FEATURES: "**Key Features:** Quick and small.",
    ALPHA: "**Best For:** Small jobs.",
    BETA: "**Best For:** Large jobs.",
    GAMMA: "**Best For:** No jobs.",
    THEOREM: "**Key Insight:** Nothing is free.",
    "What is Alpha?": "[Alpha](https://alpha.test/) - A tool.",
    "Is Alpha quick?": "**Key Features:** Quick and small.",
    "Tell me all of Alpha": "**Key Features:** Quick and small.\n\n**Best For:** Small jobs.",
    "Does the theorem hold?": "**Key Insight:** Nothing is free.",
}


@pytest.fixture
def guide(tmp_path: Path) -> Page:
    (tmp_path / "guide.md").write_text(GUIDE)
    return read_documents(tmp_path)[0]


def answer(guide: Page, question: str, abstained: bool = False, text: str = "") -> Answer:
    """Quotes what QUOTES has for a question."""
    quote = QUOTES[question]
    start = guide.text.index(quote)
    anchor = next(section.anchor for section in guide.sections if section.start <= start < section.end)
    cited = Citation(1, guide.url, anchor, "", "Guide", (), quote, start, start + len(quote), "", (), None)
    return Answer(question, question, text, abstained, None, 0.9, (), () if abstained else (cited,), "")


def offered(guide: Page, questions: Sequence[str], unknown: Sequence[str] = ()) -> list[str]:
    conversation = [answer(guide, question) for question in questions]
    return follow_ups([guide], conversation, lambda question: answer(guide, question, question in unknown))


def test_the_section_itself_is_followed_by_those_beside_it(guide: Page) -> None:
    assert offered(guide, ["What is Alpha?"]) == [ALPHA, FEATURES, BETA]


def test_what_was_asked_or_shown_is_not_offered(guide: Page) -> None:
    assert offered(guide, [ALPHA]) == [FEATURES, BETA, GAMMA]
    assert offered(guide, ["Is Alpha quick?"]) == [ALPHA, BETA, GAMMA]  # it asks for the key features in other words
    assert offered(guide, [GAMMA, "Tell me all of Alpha"]) == [BETA, THEOREM]
    declined = [answer(guide, ALPHA, abstained=True), answer(guide, "What is Alpha?")]
    assert follow_ups([guide], declined, lambda question: answer(guide, question)) == [FEATURES, BETA, GAMMA]
    assert offered(guide, ["Does the theorem hold?"]) == [ALPHA, BETA, GAMMA]  # nothing else stands beside it


def test_what_was_shown_is_not_offered_though_its_answer_would_say_more(
    guide: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(QUOTES, ALPHA, GUIDE[GUIDE.index("**Best For:** Small") : GUIDE.index("**Best For:** Large")])
    assert offered(guide, ["Tell me all of Alpha"]) == [BETA, GAMMA, THEOREM]


def test_where_to_read_is_not_offered(guide: Page) -> None:
    assert offered(guide, [BETA]) == [ALPHA, GAMMA, THEOREM]  # an answer ends with that


def test_two_questions_with_one_answer_are_offered_once(guide: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(QUOTES, FEATURES, QUOTES["Tell me all of Alpha"])
    monkeypatch.setitem(QUOTES, ALPHA, QUOTES["Tell me all of Alpha"])
    assert offered(guide, ["What is Alpha?"]) == [ALPHA, BETA, GAMMA]


def test_what_cannot_be_answered_is_not_offered(guide: Page) -> None:
    assert offered(guide, [ALPHA], unknown=[FEATURES, GAMMA]) == [BETA, THEOREM]


def test_an_abstention_is_no_dead_end(guide: Page) -> None:
    def after(text: str) -> list[str]:
        abstained = answer(guide, "Does the theorem hold?", abstained=True, text=text)
        return follow_ups([guide], [abstained], lambda question: answer(guide, question))

    assert after("The nearest they have:\n\n- [Beta Docs](https://beta.test/)") == [BETA, ALPHA, GAMMA]
    assert after("I answer questions about tools.") == [ALPHA, BETA, GAMMA]  # from all over
