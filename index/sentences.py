"""Prose to sentences, as exact ranges.

Written for technical documentation: a stop ends a sentence only before white space, and not after an abbreviation, an
initial or a list number, nor inside inline code. It leaves other languages' rules alone. (NLTK's punkt, which llama-index
ships, breaks after "e.g.", "Dr." and "vs.", and takes 1.4 s to import.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# A run of sentence ends, with the quotes and brackets that close behind it, then white space. Markdown's emphasis and
# code marks close too; so do footnote marks such as [12].
_STOP = re.compile(r"(?P<stop>[.!?…]+|[。！？]+)(?P<closing>(?:[\"'”’»)\]*_`]|\[\w{1,4}\])*)(?P<gap>\s+|$)")
_ABBREVIATIONS = frozenset(
    "al approx assn ca cf ch chap co corp dept dr ed eds eg e.g esp est etc ex fig figs gen hon i.e ie inc jr ltd min "
    "misc mr mrs ms mt no nos nr op p pp par ph.d prof pt ref refs rev resp sec sect sr st subsec tab var v viz vol vols vs "
    "w.r.t a.k.a aka u.s u.k u.n a.m p.m jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun".split()
)
# These often end a sentence too: a following capital decides.
_MAY_END = frozenset("al co corp etc inc jr ltd min no sr u.s u.k u.n a.m p.m a.k.a ex ed ms sec st pt".split())
# Words that look like the end of a sentence and are ordinary before a stop: "no." of "number" only before a digit.
_ONLY_BEFORE_DIGIT = frozenset("no nos nr p pp fig figs ch chap sec sect tab vol vols v ref refs ex pt par eq".split())
_MONTHS_AND_DAYS = frozenset("mar may sat sun".split())
_LAST_WORD = re.compile(r"[^\s(\[{<\"'“‘«*_`/—–]+$")
_LIST_NUMBER = re.compile(r"(?:^|\n)\s*(?:\(?\d{1,3}|[a-zA-Z]|[ivxIVX]{1,4})$")
_OPENING = "\"'“‘«([{*_`~<"


def sentence_ranges(text: str, start: int, end: int, atoms: Sequence[tuple[int, int]] = ()) -> list[tuple[int, int]]:
    """The sentences of `text[start:end]`, in order and disjoint; together they hold all of it but white space.

    `atoms` are ranges of `text` that are never cut: inline code.
    """
    found: list[tuple[int, int]] = []
    first = start
    for match in _STOP.finditer(text, start, end):
        cut = match.end("closing")
        if cut < end and match["gap"] and not any(low < cut < high for low, high in atoms):
            if _ends(text, first, match, end):
                found.extend(_trimmed(text, first, cut))
                first = match.end("gap")
    found.extend(_trimmed(text, first, end))
    return found


def _trimmed(text: str, start: int, end: int) -> list[tuple[int, int]]:
    words = text[start:end]
    low = start + len(words) - len(words.lstrip())
    high = end - (len(words) - len(words.rstrip()))
    return [(low, high)] if low < high else []


def _ends(text: str, first: int, match: re.Match[str], end: int) -> bool:
    """Whether the stop ends a sentence that began at `first`."""
    following = text[match.end("gap") : min(end, match.end("gap") + 40)].lstrip(_OPENING)
    before = text[first : match.start("stop")]
    stop = match["stop"]
    if stop.strip(".…"):  # ! or ? among them
        # "Yahoo! announced", and a question inside a sentence: "What now?" he asked.
        return not (following[:1].islower() and (match["closing"] or stop == "!")) or "\n" in match["gap"]
    if stop in ("…", "...", "..") or len(stop) > 1:
        return not following[:1].islower()
    if _LIST_NUMBER.search(before) and not before.strip(" (\n").isalpha():
        return False
    if not before.strip():
        return False
    last = _LAST_WORD.search(before)
    word = last.group() if last else ""
    lower = word.lower()
    if not match["closing"]:
        if len(word) == 1 and word.isalpha() and word != "I":
            # An initial ("J. Smith"), unless it is a plan or a point: "… is plan B. The next".
            return bool(
                re.search(
                    r"\b(?:plan|option|step|vitamin|class|type|case|part|node|service|point)\s+$",
                    before[: last.start() if last else 0].lower(),
                )
            )
        if lower in _ONLY_BEFORE_DIGIT:
            return not following[:1].isdigit() and (lower in ("no", "ex", "v", "p") or not following[:1].islower())
        if lower in _MONTHS_AND_DAYS:
            return not following[:1].isdigit()
        if lower in _ABBREVIATIONS:
            return lower in _MAY_END and following[:1].isupper() and not _is_name(lower, following)
    # A lower-case word goes on, unless it is an identifier: "acks_late enables …", "iPhone", "kubectl" after a break.
    return True


def _is_name(lower: str, following: str) -> bool:
    """ "et al. Smith" and "St. Louis" go on; "etc. The" and "Inc. It" don't."""
    return lower in ("st", "ed", "ex", "sec", "pt", "min", "ms") and bool(following)
