from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.sentences import sentence_ranges

ONE_BY_ONE = {
    "It runs. It stops.": ["It runs.", "It stops."],
    "It fails! Why? Nobody knows.": ["It fails!", "Why?", "Nobody knows."],
    "Use a broker, e.g. Redis or RabbitMQ. Others work too.": [
        "Use a broker, e.g. Redis or RabbitMQ.",
        "Others work too.",
    ],
    "Some tools, i.e. schedulers, need state. Dr. Lamport wrote it.": [
        "Some tools, i.e. schedulers, need state.",
        "Dr. Lamport wrote it.",
    ],
    "Celery vs. Airflow is asked often.": ["Celery vs. Airflow is asked often."],
    "Compare queues, tasks, etc. before you choose.": ["Compare queues, tasks, etc. before you choose."],
    "Queues, tasks, etc. The rest follows.": ["Queues, tasks, etc.", "The rest follows."],
    "Lamport et al. (1982) proved it.": ["Lamport et al. (1982) proved it."],
    "Set version 2.10.3 in setup.cfg. Then wait.": ["Set version 2.10.3 in setup.cfg.", "Then wait."],
    "Open https://example.org/a.b?c=1. Next, wait.": ["Open https://example.org/a.b?c=1.", "Next, wait."],
    "Call celery.utils.log first. acks_late helps.": ["Call celery.utils.log first.", "acks_late helps."],
    "The value is 3.5. The next is 4.": ["The value is 3.5.", "The next is 4."],
    "See Fig. 3 and Sec. 2.1 on p. 7. It helps.": ["See Fig. 3 and Sec. 2.1 on p. 7.", "It helps."],
    "Yes ... but slowly. Wait… Then go on.": ["Yes ... but slowly.", "Wait…", "Then go on."],
    '"Stop." He did. "What now?" he asked.': ['"Stop."', "He did.", '"What now?" he asked.'],
    "(It is idle. It waits.) Then it runs.": ["(It is idle. It waits.)", "Then it runs."],
    "1. Install it. It runs.": ["1. Install it.", "It runs."],
    "a. Install it.": ["a. Install it."],
    "See [the guide. Part two](https://example.org/x) first. Go.": [
        "See [the guide. Part two](https://example.org/x) first.",
        "Go.",
    ],
    "**Note.** Tasks must be idempotent.": ["**Note.**", "Tasks must be idempotent."],
    "Donald E. Knuth wrote it. J. R. Smith read it.": ["Donald E. Knuth wrote it.", "J. R. Smith read it."],
    "This is plan B. The next is better.": ["This is plan B.", "The next is better."],
    "The answer is no. Try again.": ["The answer is no.", "Try again."],
    "See no. 5 of the list. It fails.": ["See no. 5 of the list.", "It fails."],
    "Yahoo! is a company.": ["Yahoo! is a company."],
    "It is in the U.S. and elsewhere.": ["It is in the U.S. and elsewhere."],
    "これはテストです。次の文です。": ["これはテストです。", "次の文です。"],
    "It was shown.[12] Later work agrees.": ["It was shown.[12]", "Later work agrees."],
    "Two lines\nof one sentence. And more.": ["Two lines\nof one sentence.", "And more."],
    "No stop at all": ["No stop at all"],
    "  Spaces around.  ": ["Spaces around."],
    "": [],
    " \n ": [],
}


@pytest.mark.parametrize("text", ONE_BY_ONE)
def test_sentences(text: str) -> None:
    assert [text[start:end] for start, end in sentence_ranges(text, 0, len(text))] == ONE_BY_ONE[text]


def test_inline_code_is_not_cut() -> None:
    text = "Run echo a. Then b now. It works."
    code = (4, 18)
    assert text[slice(*code)] == "echo a. Then b"
    assert [text[s:e] for s, e in sentence_ranges(text, 0, len(text), [code])] == [
        "Run echo a. Then b now.",
        "It works.",
    ]


def test_only_the_range_is_read() -> None:
    text = "One. Two. Three. Four."
    assert [text[s:e] for s, e in sentence_ranges(text, 5, 16)] == ["Two.", "Three."]


PIECES = st.lists(
    st.sampled_from(
        ["e.g.", "A", "b", ".", " ", "\n", "(", ")", "!", "?", "…", "1", "[", "]", "`", "。", '"', "no.", "x_y"]
    )
)


@given(st.one_of(st.text(), PIECES.map("".join)), st.integers(0, 5), st.integers(0, 5))
def test_ranges_are_ordered_disjoint_and_hold_all_words(text: str, cut: int, rest: int) -> None:
    start, end = min(cut, len(text)), max(min(cut, len(text)), len(text) - rest)
    ranges = sentence_ranges(text, start, end)
    assert all(start <= low < high <= end for low, high in ranges)
    assert all(one[1] <= other[0] for one, other in pairwise(ranges))
    assert all(text[low:high] == text[low:high].strip() for low, high in ranges)
    covered = {offset for low, high in ranges for offset in range(low, high)}
    assert all(offset in covered or text[offset].isspace() for offset in range(start, end))
