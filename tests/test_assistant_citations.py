"""Quotes, text fragments and the check of saved answers."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.citations import Fragment, check_quote, find_fragment, fragment_for, sha256

PAGE = (
    "Retries\n"
    "A task is retried three times. A task is retried three times.\n"
    "max_retries\tthe most attempts, 3 & more\n"
    "first line of code\nsecond line of code\n"
    "A much longer sentence that says a good deal more than ten words about retries."
)


def span(words: str, nth: int = 0) -> tuple[int, int]:
    start = [match.start() for match in re.finditer(re.escape(words), PAGE)][nth]
    return start, start + len(words)


@pytest.mark.parametrize(
    ("words", "nth"),
    [
        ("A task is retried three times.", 0),
        ("A task is retried three times.", 1),  # needs a prefix to tell it from the first
        ("the most attempts, 3 & more", 0),
        ("first line of code\nsecond line of code", 0),
        ("A much longer sentence that says a good deal more than ten words about retries.", 0),
    ],
)
def test_a_fragment_leads_back_to_exactly_its_words(words: str, nth: int) -> None:
    start, end = span(words, nth)
    fragment = fragment_for(PAGE, start, end)
    assert fragment is not None
    assert find_fragment(PAGE, fragment) == (start, end)


def test_the_second_of_two_equal_sentences_is_told_apart_by_what_stands_before() -> None:
    fragment = fragment_for(PAGE, *span("A task is retried three times.", 1))
    assert fragment is not None
    assert fragment.prefix


def test_reserved_characters_are_encoded() -> None:
    assert Fragment("a-b, c & d").encode() == ":~:text=a%2Db%2C%20c%20%26%20d"
    assert Fragment("a", "b", "c", "d").encode() == ":~:text=c-,a,b,-d"


def test_words_match_whole_only() -> None:
    assert find_fragment("cat concatenate", Fragment("cat")) == (0, 3)
    assert find_fragment("concatenate", Fragment("cat")) is None


def test_case_does_not_matter_even_where_lower_case_is_longer() -> None:
    assert find_fragment("İstanbul. Retry Policy", Fragment("retry policy")) == (10, 22)


_WORDS = st.lists(
    st.sampled_from("retry task it the a queue, fails. x-y worker\n é İx 3".split(" ")), min_size=1, max_size=60
)


@given(_WORDS, st.data())
def test_a_fragment_either_leads_to_its_range_or_is_not_given(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    fragment = fragment_for(text, start, end)
    if fragment is not None:
        found = find_fragment(text, fragment)
        assert found is not None
        assert text[slice(*found)] == text[start:end].strip()


QUOTE = "A task is retried three times."


@pytest.mark.parametrize(
    ("citation", "page", "state"),
    [
        ({"start": 8, "end": 38}, PAGE, "same"),
        ({"start": 0, "end": 30}, PAGE, "moved"),
        ({}, PAGE, "moved"),
        ({"start": 8, "end": 38}, PAGE.replace("three", "four"), "changed"),
        ({"start": 8, "end": 38}, None, "missing"),
        ({"start": 8, "end": 38, "sha256": sha256("something else")}, PAGE, "forged"),
        ({"start": 8, "end": 38, "link": "https://elsewhere.test/#a"}, PAGE, "forged"),
    ],
)
def test_a_saved_quote_is_confirmed_or_refuted(citation: dict[str, object], page: str | None, state: str) -> None:
    check = check_quote({"number": 1, "url": "https://example.org/", "quote": QUOTE, **citation}, page)
    assert check.state == state
    assert check.holds == (state in ("same", "moved"))


def test_an_empty_quote_proves_nothing() -> None:
    assert not check_quote({"number": 1, "url": "u", "quote": " "}, PAGE).holds
