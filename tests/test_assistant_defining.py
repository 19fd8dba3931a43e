"""What X is stands first where it is asked for: of sentences that begin "X is …" the one that names a kind."""

from __future__ import annotations

import pytest

from assistant.defining import with_definitions
from assistant.grouping import defines
from assistant.query import understand
from tests.passages import hit, passage


def order(*sentences: str) -> list[str]:
    """Sentences that answer "What is a relay?" alike by nearness, the best first."""
    asked = passage(*(("sentence", words) for words in sentences))
    (row,) = with_definitions(understand("What is a relay?", {}), [hit(asked)], [[0.0] * len(sentences)])
    return [sentences[at] for at in sorted(range(len(sentences)), key=lambda at: -row[at])]


def test_what_it_is_comes_before_what_it_does_and_what_it_is_used_for() -> None:
    does, used, kind = "Every relay sends events.", "A relay is used for events.", "A relay is a process for events."
    assert order(does, used, kind) == order(does, kind, used) == [kind, used, does]


@pytest.mark.parametrize("words", ["Copies of data. A relay is used for them.", "What fails? A relay is a weak part."])
def test_a_remark_with_another_subject_before_it_defines_nothing(words: str) -> None:
    unit = passage(("sentence", words)).units[0]
    assert not defines(words, unit, {"relay"})
    assert defines("A relay is used for them.", unit, {"relay"})
