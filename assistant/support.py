"""Does a source say this sentence? Decided by words alone, without a model, and in doubt against the sentence.

A sentence passes when it is a source's own wording made shorter, joined or moved about, not when it merely uses the
same words: each content word must be found in one source, in the source's order, except where a clause moves as a whole
or members of a list change places; and the small words of logic (not, only, if, may, before, at least …) must govern
the same words as there. Headings may lend their words as subject. Words that are nowhere in the source are not
forgiven; only the few in `wording.GLUE` may be added. A wrong refusal costs a paraphrase, a wrong pass costs the proof.

Left out: what no word list can tell, such as two readings of one grammatical sentence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from assistant.alignment import align
from assistant.wording import GLUE, Token, plain, scan
from index.sentences import sentence_ranges

COVERAGE = 0.8
"""Least share of a sentence's content words, weighted by length, that source and headings must account for."""
_OWN_SHARE = 0.5  # of them must stand in the source itself: a heading alone proves nothing
_OPEN_ENDS = frozenset(
    "a an the of for with in on at to as into onto upon and or by from than "
    "that which who where because if when is are was be".split()
)
_HEADING_JOINTS = re.compile(r"\b(?:vs\.?|versus|and|or|with|to|from|of|for|in|on|compar\w+)\b|[,/&|:]", re.IGNORECASE)

_MARKERS = re.compile(
    r"\s*(?:\[\^?\d+(?:\s*[,;–-]\s*\d+)*\]|【[^】\n]{0,40}】|[\[(]\s*(?:sources?|refs?|citations?)\b[\s\d,#:&and]*[\])])",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(
    r"^(?:according to|as (?:stated|described) in|based on) (?:the )?(?:given |provided )?"
    r"(?:sources?|documentation|docs|text)(?: \d+)?,?\s+(?=\w)",
    re.IGNORECASE,
)
_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_MARKUP = re.compile(
    r"!\[|\]\(|\]\[|^\s*\[[^\]]+\]:|</?[A-Za-z!?]|&#?\w+;|^\s{0,3}(?:#{1,6}\s|>|\|)|```|~~~|\$\$|<\w+:|\\[()\[\]]",
    re.MULTILINE,
)
_ADDRESS = re.compile(r"(?:\w[\w+.-]*://|www\.|mailto:|javascript:|data:)[^\s<>\"'`]*", re.IGNORECASE)
_PARTS = re.compile(r";\s+|,?\s+(?:while|whereas|but)\s+|,\s+and\s+|\s+–\s+|\s+—\s+", re.IGNORECASE)


@dataclass(frozen=True)
class Support:
    """`sources` are the indexes of the one or two sources that prove the sentence; empty unless `ok`.

    `closest` is the source that shares most words with it (None: none shares any), `reason` why it fails ("" if it
    doesn't).
    """

    ok: bool
    sources: tuple[int, ...] = ()
    reason: str = ""
    closest: int | None = None


def supported(sentence: str, sources: Sequence[str], context: Sequence[str] = ()) -> Support:
    """Whether one source proves the sentence, or two prove a half each.

    `context[i]` are the headings above `sources[i]`, one a line; it is as long as `sources` or empty. Citation markers
    in the sentence are ignored.
    """
    if context and len(context) != len(sources):
        raise ValueError(f"{len(context)} contexts for {len(sources)} sources")
    headings = tuple(context) or ("",) * len(sources)
    sentence = _LEAD_IN.sub("", without_markers(sentence).strip())
    tokens = scan(plain(sentence))
    closest = _closest(tokens, sources)
    if not any(token.content for token in tokens):
        return Support(False, reason="says nothing that a source could prove", closest=closest)
    foul = _foul(sentence, sources)
    if foul:
        return Support(False, reason=foul, closest=closest)
    order = sorted(range(len(sources)), key=lambda index: index != closest)  # the likeliest first
    reasons = {}
    for index in order:
        if _is_whole_sentence(sentence, sources[index]):
            return Support(True, (index,), closest=index)
    if sentence.endswith("?"):
        return Support(False, reason="asks a question", closest=closest)
    if [token for token in tokens if token.kind != "stop"][-1].key in _OPEN_ENDS:
        return Support(False, reason="breaks off", closest=closest)
    for index in order:
        reasons[index] = _refusal(tokens, sources[index], headings[index])
        if not reasons[index]:
            return Support(True, (index,), closest=index)
    pair = _by_halves(sentence, sources, headings)
    if pair:
        return Support(True, pair, closest=closest)
    return Support(
        False, reason=reasons[closest] if closest is not None else "shares no word with a source", closest=closest
    )


def without_markers(text: str) -> str:
    """Without "[1]", "【2†source】", "(Source 3)"; what stands in back-ticks stays."""
    return _outside_code(text, lambda part: _MARKERS.sub("", part))


def covers(sentences: Sequence[str], source: str) -> bool:
    """Whether sentences that a source supports also say what it says: every number, name and identifier of it, and 60 %
    of its content words by length."""
    said = Counter(token.key for sentence in sentences for token in scan(plain(sentence)) if token.content)
    wanted = {token.key: token for token in _scanned(source) if token.content}
    if any(token.kind in ("number", "name", "exact") and key not in said for key, token in wanted.items()):
        return False
    return sum(len(key) for key in wanted if key in said) >= 0.6 * sum(map(len, wanted))


@lru_cache(maxsize=256)
def _scanned(source: str) -> tuple[Token, ...]:
    return tuple(scan(plain(source)))


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    pieces, position = [], 0
    for match in _CODE.finditer(text):
        pieces += [change(text[position : match.start()]), match.group()]
        position = match.end()
    return "".join([*pieces, change(text[position:])])


def _closest(tokens: Sequence[Token], sources: Sequence[str]) -> int | None:
    said = {token.key for token in tokens if token.content}
    shares = [
        sum(len(key) for key in said & {token.key for token in _scanned(source) if token.content}) for source in sources
    ]
    return max(range(len(sources)), key=shares.__getitem__) if any(shares) else None


# ---------------------------------------------------------------- what no wording makes right


def _foul(sentence: str, sources: Sequence[str]) -> str:
    """Why a sentence is refused whatever it says: markup, an address or code that no source has."""
    texts = [_flat(source) for source in sources]
    for match in _CODE.finditer(sentence):
        if not any(_stands_in(_flat(match.group(2)), text) for text in texts):
            return f"code that no source has: {match.group(2).strip()}"
    for match in _ADDRESS.finditer(sentence):
        address = match.group().rstrip(".,;:!?)")
        if not any(_stands_in(address, text) for text in texts):
            return f"an address that no source has: {address}"
    markup = _MARKUP.search(_CODE.sub(" ", sentence))
    return f"markup: {markup.group().strip()}" if markup else ""


def _stands_in(needle: str, text: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(needle)}(?!\w)", text))


def _flat(text: str) -> str:
    return " ".join(plain(text).split())


def _is_whole_sentence(sentence: str, source: str) -> bool:
    """Whether it is a source word for word, or one of its sentences or lines. (A part of one may lack its "not".)"""
    pieces = [source]
    for line in re.split(r"[\n\t]+", source):
        pieces += [line, *(line[start:end] for start, end in sentence_ranges(line, 0, len(line)))]
    return _core(sentence) in {_core(piece) for piece in pieces}


def _core(text: str) -> str:
    return _flat(text).strip("-•: ").rstrip(".:; ")


# ---------------------------------------------------------------- what one or two sources say


def _refusal(tokens: Sequence[Token], source: str, headings: str) -> str:
    """Why one source doesn't prove a sentence; "" if it does."""
    own = _scanned(source)
    content = [token for token in tokens if token.content]
    lent = _lent(headings)
    free: set[int] = set()  # may stay without a place in the source
    for index, token in enumerate(content):
        found = any(token.matches(other) for other in own)
        if token.text.lower() in GLUE or (not found and token.key in lent):
            free.add(index)
        elif not found:
            return f"not in the source: {token.text}"
    alignment, reason = align(tokens, own, free)
    if alignment is None:
        return reason
    weights = [len(token.key) for token in content]
    placed = sum(weights[index] for index in alignment)
    named = sum(weight for index, weight in enumerate(weights) if index not in alignment and content[index].key in lent)
    if placed + named < COVERAGE * sum(weights):
        return "says too little of what the source says"
    enough = min(2, sum(token.content for token in own))
    if placed < _OWN_SHARE * sum(weights) or len(alignment) < enough:
        return "stands on headings alone"
    return ""


def _lent(headings: str) -> set[str]:
    """Keys of the headings that are a name alone ("Apache Airflow"): one that sets two things side by side ("Airflow vs
    Temporal") doesn't tell which of them a sentence below it is about."""
    names = [line for line in headings.split("\n") if len(line.split()) <= 4 and not _HEADING_JOINTS.search(line)]
    return {token.key for name in names for token in _scanned(name) if token.content}


def _by_halves(sentence: str, sources: Sequence[str], headings: Sequence[str]) -> tuple[int, int] | None:
    """Two sources that prove the parts of a sentence that is two joined by ";", "while", "but" or ", and".

    The part from the second source must name its subject, if that stands under other headings: else "Celery supports
    Redis, and supports Go" would pass with Go from the section on Temporal.
    """
    for joint in _PARTS.finditer(sentence):
        halves = (sentence[: joint.start()], sentence[joint.end() :])
        proofs = [[i for i, source in enumerate(sources) if _proves_half(half, source, headings[i])] for half in halves]
        for first in proofs[0]:
            for second in proofs[1]:
                ours = {token.key for token in scan(plain(halves[1])) if token.content}
                new = _keys(headings[second]) - _keys(headings[first])
                if first != second and (headings[first] == headings[second] or ours & new):
                    return first, second
    return None


def _proves_half(half: str, source: str, headings: str) -> bool:
    tokens = scan(plain(half))
    return sum(token.content for token in tokens) >= 3 and not _refusal(tokens, source, headings)


def _keys(text: str) -> set[str]:
    return {token.key for token in _scanned(text) if token.content}
