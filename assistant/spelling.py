"""Words that the corpus doesn't have, with what was probably meant: typing errors, and short forms ("otel").

What was meant is added in brackets, never put in a word's place: what looks like an error may be a word of another
field. But the word itself then weighs nothing (`Query.explained`), or its rarity would drown the rest. What an English
dictionary has, or is made of its words, is no error ("training" is no "than"). Words with a capital are corrected to
names of the documents' subjects alone, so that the name of an unknown tool stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from assistant.names import COMMON, short_forms
from index.store import Index
from index.terms import terms

_LEAST_LETTERS, _LEAST_LETTERS_OF_NAMES = 4, 5  # shorter words have too many neighbours
_TWO_EDITS_FROM, _TWO_EDITS_FROM_IN_NAMES = 8, 10  # letters; "prefetch" is no "Prefect"
_LONG = 6  # shorter words are corrected to words of the corpus only: "venv" is no "vent"
_LEAST_PASSAGES = 2  # a word that stands in one passage may be a typing error itself
_COMMON_FROM = 3000  # times among the 1.6 billion words that the dictionary counted; a correction leads to common words
_WORD = re.compile(r"(?<![\w./:@-])(?:[a-z]{4,}|[A-Z][a-zA-Z]{3,})(?!\w)(?![./:@-]\w|['’]t\b)")
_AFFIXES = re.compile(
    r"^(?:re|un|de|non|pre|sub|auto|multi|over|under)?(?P<word>[a-z]{4,}?)(?:s|es|ed|ing|er|ers|able|ness)?$"
)
_NEAREST = 20


def explanations(question: str, index: Index, names: Collection[str]) -> dict[str, str]:
    """Words of a question as they stand in it, with what they mean: one for each that the corpus doesn't have and that is
    a short form, or near enough to a known word. `names` are those of the documents' subjects, in lower case."""
    found = {
        short: words
        for short, words in short_forms(question).items()
        if not any(index.words.frequency(term) for term in terms(short))
    }
    for match in _WORD.finditer(question):
        word, begins = match.group(), not re.search(r"\w", question[: match.start()])
        if word not in found and (meant := _meant(word, begins, index, names)):
            found[word] = meant
    return {word: meant for word, meant in found.items() if f"{word} ({meant})" not in question}


def explain(question: str, meanings: Mapping[str, str]) -> str:
    """The question with the meanings in brackets behind their words."""
    for word, meant in meanings.items():
        question = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", f"{word} ({meant})", question)
    return question


def _meant(word: str, begins: bool, index: Index, names: Collection[str]) -> str:
    """What was probably meant by a word; "" where it is known or nothing is near. `begins`: it begins the question."""
    low, own = word.lower(), terms(word)
    if not own or all(index.words.frequency(term) for term in own) or low in _english():
        return ""
    edits = 2 if len(word) >= _TWO_EDITS_FROM_IN_NAMES else 1
    long = [name for name in sorted(names) if len(name) >= _LEAST_LETTERS_OF_NAMES <= len(low)]
    if named := [(distance, near) for near, distance in _near(low, long, edits)]:
        return min(named)[1]
    if word != low:  # "Wich": an ordinary word that has its capital from where it stands
        common = [name for name in sorted(COMMON) if len(name) >= _LEAST_LETTERS_OF_NAMES] if begins else []
        return next((near for near, _ in _near(low, common, 1)), "")
    if is_english(low):
        return ""
    likely = []
    for near, distance in _near(low, _common_words(), _edits(low)):
        stems, count = terms(near), _english()[near]
        frequency = index.words.frequency(stems[0]) if stems else count  # function words are the commonest of all
        known = frequency >= _LEAST_PASSAGES
        if known or len(low) >= _LONG:
            likely.append((distance, not known, -frequency if known else -count, near))
    for near, distance in _near(own[0], index.words.plain_stems, _edits(own[0])):
        if (frequency := index.words.frequency(near)) >= _LEAST_PASSAGES:
            likely.append((distance, False, -frequency, near))
    if not likely:
        return ""
    meant = min(likely)[3]
    return meant if meant in _english() else _spelled_out(meant, index)


def _edits(word: str) -> int:
    return 2 if len(word) >= _TWO_EDITS_FROM else 1


def _near(word: str, among: Collection[str], edits: int) -> Iterator[tuple[str, int]]:
    """Words with the same first letter that are at most so many edits away, with how many."""
    if len(word) >= _LEAST_LETTERS:
        alike = [one for one in among if one[0] == word[0]]
        for near, distance, _ in process.extract(word, alike, scorer=OSA.distance, score_cutoff=edits, limit=_NEAREST):
            yield near, int(distance)


@cache
def _english() -> dict[str, int]:
    """English words with how often each was counted. Loaded where a word is unknown: it takes a tenth of a second."""
    from spellchecker import SpellChecker

    found: dict[str, int] = dict(SpellChecker().word_frequency.dictionary)
    return found


@cache
def _common_words() -> dict[str, int]:
    return {word: count for word, count in _english().items() if count >= _COMMON_FROM}


def is_english(word: str) -> bool:
    """Whether it is in the dictionary, or made of words that are: "namespace", "rebalance", "flavours"."""
    known, common = _english(), _common_words()
    if word in known or word.replace("our", "or") in known or word.replace("is", "iz") in known:
        return True
    if any(word[:at] in common and word[at:] in common for at in range(3, len(word) - 2)):
        return True
    plain = _AFFIXES.match(word)
    return plain is not None and any(plain["word"] + end in common for end in ("", "e"))


def _spelled_out(stem: str, index: Index) -> str:
    """A word of the corpus with this stem, as it stands in the first passage that has it."""
    passage = index.passages([index.words.first_row(stem)])[0]
    return next((word for word in re.findall(r"[a-z]+", passage.text.lower()) if terms(word) == [stem]), stem)
