"""A question with a name that stands in one section alone finds that section first, whatever else it says."""

from __future__ import annotations

import random
import re

import pytest

from assistant.answering import Assistant
from index.terms import terms

DRAWN = 200
_IDENTIFIER = re.compile(
    r"(?<![\w.\-/:])(?:[a-z]+(?:_[a-z]+)+|[a-z_]+(?:\.[A-Za-z_]+)+|[A-Z][a-z]+(?:\.[A-Z]\w+)+)(?![\w/\-:.]\w)"
)
"""acks_late, celery.utils.log, States.Timeout: joined words as prose and code write them."""


def sections_by_identifier(assistant: Assistant) -> dict[str, set[tuple[str, tuple[str, ...]]]]:
    """The sections in which each identifier of the index stands whole, in whatever case."""
    index = assistant.index
    found: dict[str, set[tuple[str, tuple[str, ...]]]] = {}
    for passage in index.passages(range(len(index))):
        for name in _IDENTIFIER.findall(passage.text):
            found.setdefault(name.lower(), set()).add((passage.url, passage.headings))
    return found


@pytest.mark.parametrize("question", ["What is {} for?", "where do i set {}", "{}"])
def test_a_unique_identifier_finds_its_section_first(linked: Assistant, question: str) -> None:
    found = sections_by_identifier(linked)
    unique = sorted(
        name
        for name, sections in found.items()
        if len(sections) == 1 and linked.index.words.frequency(name) == 1 and name in terms(name)
    )
    drawn = random.Random(20261126).sample(unique, min(DRAWN, len(unique)))
    assert len(drawn) >= 100
    missed = []
    for name in drawn:
        (first,) = linked.search(question.format(name), limit=1)
        if (first.passage.url, first.passage.headings) not in found[name]:
            missed.append(name)
    assert missed == []
