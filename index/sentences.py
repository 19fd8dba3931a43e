"""Prose to sentences, as exact ranges.

Written for technical documentation: a stop ends a sentence only before white space, and not after an abbreviation, an
initial or a list number, nor inside brackets or inline code. Where in doubt it doesn't cut: a quote that is too long
reads better than half a sentence. (NLTK's punkt, which llama-index ships, cuts after "e.g.", "Dr." and "vs.", and takes
1.4 s to import.) Line breaks mean nothing to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# Stops, then what closes behind them (quotes, brackets, Markdown's marks, a footnote number), then white space; Chinese
# and Japanese stops need none.
_STOP = re.compile(
    r"(?P<stop>[.!?…]+)(?P<closing>(?:[\"'”’»)\]*_`]|\[\w{1,4}\])*)(?P<gap>\s+)|(?P<wide>[。！？]+)[」』）”]*\s*"
)
_NEVER_END = frozenset(
    "a.k.a approx assn avg ca cf dept dr e.g eds eg esp est excl hon i.e ie incl lt max min misc mr mrs ms "
    "mt orig ph.d prof resp rev st u.k u.n u.s v viz vs w.r.t".split()
)
_MAY_END = frozenset("a.m al co corp etc inc jr ltd no p.m sr".split())  # they do before a capital
_BEFORE_NUMBER = frozenset(
    "apr aug ch chap dec eq ex feb fig figs jan jul jun mar no nos nov nr oct p par pp pt ref refs sec sect sep sept "
    "tab vol".split()
)
_LAST_WORD = re.compile(r"[^\s(\[{<\"'“‘«*_`/—–]+$")
_LIST_NUMBER = re.compile(r"\s*\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{2,4})")
_OPENING = "\"'“‘«([{*_`~<"
_FAR = 400  # characters: brackets further apart than this are taken for a slip of the writer


def sentence_ranges(text: str, start: int, end: int, atoms: Sequence[tuple[int, int]] = ()) -> list[tuple[int, int]]:
    """The sentences of `text[start:end]`, in order and disjoint; together they hold all of it but white space.

    `atoms` are ranges of `text` that are never cut: inline code.
    """
    found: list[tuple[int, int]] = []
    first = start
    for match in _STOP.finditer(text, start, end):
        cut = match.end("wide") if match["wide"] else match.end("closing")
        inside = any(low < cut < high for low, high in atoms) or _open_bracket(
            text[first:cut], text[cut : min(end, cut + _FAR)]
        )
        if not inside and (
            match["wide"] or _ends(text[first : match.start()], match, text[match.end() : min(end, match.end() + 20)])
        ):
            found.extend(_trimmed(text, first, match.end()))
            first = match.end()
    found.extend(_trimmed(text, first, end))
    return found


def _trimmed(text: str, start: int, end: int) -> list[tuple[int, int]]:
    words = text[start:end]
    low = start + len(words) - len(words.lstrip())
    high = start + len(words.rstrip())
    return [(low, high)] if low < high else []


def _open_bracket(before: str, after: str) -> bool:
    return any(
        before.count(opening) > before.count(closing) and closing in after and len(before) < _FAR
        for opening, closing in ("()", "[]")
    )


def _ends(before: str, match: re.Match[str], after: str) -> bool:
    """Whether the stop ends the sentence that `before` holds from its start on."""
    following = after.lstrip(_OPENING)[:1]
    stop, closing = match["stop"], match["closing"]
    if "!" in stop or "?" in stop:  # not in: "What now?" he asked; Yahoo! is
        return not (following.islower() and (closing or stop == "!"))
    if stop != ".":  # an ellipsis
        return not following.islower()
    if not before.strip(_OPENING + " ") or _LIST_NUMBER.fullmatch(before):
        return False
    if closing:
        return not following.islower() or set(closing) <= set("*_`")
    last = _LAST_WORD.search(before)
    word = last.group() if last else ""
    earlier = before[: last.start()].split() if last else []
    if len(word) == 1 and word.isupper() and following.isupper():
        # An initial follows a name or another initial, "plan B. The next" doesn't.
        return bool(earlier) and not earlier[-1].lstrip(_OPENING)[:1].isupper()
    lower = word.lower()
    if lower in _NEVER_END:
        return False
    if lower in _BEFORE_NUMBER and following.isdigit():
        return False
    return not (lower in _MAY_END and lower != "no") or following.isupper()
