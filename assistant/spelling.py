"""Words that the corpus doesn't have: typing errors with the word of the corpus that was probably meant, and short forms.

Only words without a capital or a digit are corrected, so that the name of an unknown tool stays unknown. The corpus is
the dictionary: a correction can only lead to words that stand in it. And the encoder's vocabulary is one of English: what
it reads as one piece is a word, though the corpus lacks it ("training" is no "than").
"""

from __future__ import annotations

import re

from rapidfuzz import process
from rapidfuzz.distance import OSA

from assistant.query import short_forms
from index.store import Index
from index.terms import terms

_LEAST_LETTERS = 5  # shorter words have too many neighbours
_TWO_EDITS_FROM = 8
_LEAST_PASSAGES = 2  # a word that stands in one passage may be a typing error itself
_WORD = re.compile(r"(?<![\w./:@-])[a-z]{5,}(?!\w)(?![./:@-]\w)")


def correct(question: str, index: Index) -> str:
    """The question with what was probably meant added behind each typing error; the same string where there are none.

    Added, not replaced: what looks like an error may be a word of another field ("parking", near "parsing").
    """

    def both(match: re.Match[str]) -> str:
        meant = _correction(match.group(), index)
        return f"{match.group()} ({meant})" if meant else match.group()

    return _WORD.sub(both, question)


def write_out(question: str, index: Index) -> str:
    """The question with what a short form stands for added behind each that the corpus doesn't have: "otel (opentelemetry)".

    Those that it has are left: there the encoder finds them as they are, and their meaning is searched by words.
    """
    for short, words in short_forms(question).items():
        if not any(index.words.frequency(term) for term in terms(short)) and f"({words})" not in question:
            question = re.sub(rf"(?<![\w-]){re.escape(short)}(?![\w-])", f"{short} ({words})", question)
    return question


def _correction(word: str, index: Index) -> str:
    """A word of the corpus, or "" where the word is known or nothing is near."""
    found = terms(word)
    if len(found) != 1 or len(found[0]) < _LEAST_LETTERS - 1 or index.words.frequency(found[0]):
        return ""
    if index.embedder.count_tokens([word]) == [1]:
        return ""
    stem = found[0]
    edits = 2 if len(word) >= _TWO_EDITS_FROM else 1
    nearest = process.extract(stem, index.words.plain_stems, scorer=OSA.distance, score_cutoff=edits, limit=20)
    likely = [
        (distance, -index.words.frequency(near), near)
        for near, distance, _ in nearest
        if near[0] == stem[0] and index.words.frequency(near) >= _LEAST_PASSAGES
    ]
    return _spelled_out(min(likely)[2], index) if likely else ""


def _spelled_out(stem: str, index: Index) -> str:
    """A word of the corpus with this stem, as it stands in the first passage that has it."""
    passage = index.passages([index.words.first_row(stem)])[0]
    return next((word for word in re.findall(r"[a-z]+", passage.text.lower()) if terms(word) == [stem]), stem)
