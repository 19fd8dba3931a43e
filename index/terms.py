"""Text to search terms: stemmed words, and identifiers whole and in parts.

    "Set task_acks_late in States.Timeout" -> set, task_acks_late, task, ack, late, states.timeout, state, timeout

The same function reads passages and questions. Function words are left out, except as part of an identifier's whole.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import numpy as np
import Stemmer
from numpy.typing import NDArray

VERSION = 2  # raise it when the same text gives other terms than before

# A run of letters and digits joined by what joins identifiers: acks_late, celery.utils.log, max-active, std::map, a/b;
# an option's dashes belong to it.
_RUN = re.compile(r"(?:(?<!\S)--?)?\w+(?:(?:[.\-/:@+]|::)\w+)*(?:\+\+|#)?")
_PART = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_CONTRACTION = re.compile(r"(?<=\w)['’](?:s|t|d|m|re|ve|ll)\b")
_VERSION_MARK = re.compile(r"^v(?=\d)")
_STOP_WORDS = frozenset(
    "a an and are as at be been but by can could did do does for from had has have how i if in into is it its me my "
    "of on or our should so such that the their them then there these they this those to was we were what when where "
    "which who whom why will with would you your".split()
)
_WORD = re.compile(r"\w+")
_TRADE_MARKS = str.maketrans("", "", "™℠")  # normalised, they would be letters of the name before them
_LONGEST = 100  # characters of a term: longer ones are hashes and encoded data, which nobody asks for


def terms(text: str) -> list[str]:
    """The terms of a text in order, repeated ones included."""
    return list(_terms(text))


@lru_cache(maxsize=1024)  # one question looks at a sentence five times and more
def _terms(text: str) -> tuple[str, ...]:
    spread = unicodedata.normalize("NFKD", text.translate(_TRADE_MARKS))
    if not spread.isascii():
        spread = "".join(character for character in spread if not unicodedata.combining(character))
    if "'" in spread or "’" in spread:
        spread = _CONTRACTION.sub("", spread)
    return tuple(term for run in _RUN.findall(spread) for term in _terms_of(run))


def is_content(text: str) -> NDArray[np.bool_]:
    """For each character whether it belongs to a word that is no function word; shape (len(text),)."""
    found = np.zeros(len(text), np.bool_)
    for match in _WORD.finditer(text):
        if match.group().lower() not in _STOP_WORDS:
            found[match.start() : match.end()] = True
    return found


@lru_cache(maxsize=1 << 17)
def _terms_of(run: str) -> tuple[str, ...]:
    bare = run.lstrip("-")
    parts = [part for part in _PART.findall(bare) if len(part) <= _LONGEST]
    if len(parts) == 1 and run == parts[0]:
        word = run.lower()
        return () if word in _STOP_WORDS else (_stem(word),)
    words = [part.lower() for part in parts if len(part) > 1 or not part.isascii()]
    found = [_stem(word) for word in words if word not in _STOP_WORDS]
    # CamelCase is also written in lower case, where nothing tells it from a word: so its whole is stemmed as one.
    whole = _stem(run.lower()) if run.isalpha() else run.lower()
    if len(whole) > _LONGEST:
        return tuple(found)
    if not any(part.isalpha() for part in words):
        return (_VERSION_MARK.sub("", whole),)  # a version or a date, whose numbers alone say nothing; "e.g"
    return (whole, *found)


_stem = Stemmer.Stemmer("english").stemWord
