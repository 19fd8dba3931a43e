"""Lays a sentence's content words onto a source's, word for word, so that the source's relations between them are kept.

Words must come in the source's order; a clause may move as a whole, members of a list may change places. What lies
between two words in the source may be left out only where that can't join what the source keeps apart. The words of
logic before each word must be the same in both. See support.py for why this is so strict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import islice

from assistant.wording import GLUE, STRICT, VERBS, WEAK, Token

_STEPS = 20_000  # places tried a sentence and source; real sentences need a few dozen
_TRIALS = 50  # whole alignments whose logic is compared
_STRICT = frozenset(STRICT.values()) | {"at least", "at most", "more than", "less than", "even if"}
_WEAK = frozenset(WEAK.values())
_DROPPABLE = frozenset({"all", "both"})  # "all tasks are retried" → "tasks are retried"
_MOVERS = frozenset(
    {"if", "unless", "when", "until", "before", "after", "except", "even if"}
)  # open a clause that may move
_CUTS = frozenset({"while", "whereas", "but", "although", "though"})
_RELATIVE = frozenset({"that", "which", "who", "whose", "where"})
PRONOUNS = frozenset("it they this these he she its their such those that".split())
"""A sentence that begins with one leans on the sentence before it."""
_DETERMINERS = frozenset("a an the this these those its their her his our your".split())
_LONGEST_GAP = 10  # content words left out between two that are kept


@dataclass(frozen=True)
class Line:
    """Content words by position, each with the other tokens before it and, at the end of a clause, after it."""

    words: tuple[Token, ...]
    before: tuple[tuple[Token, ...], ...]
    after: tuple[tuple[Token, ...], ...]
    clause: tuple[int, ...]  # words of different clauses have different numbers
    group: tuple[int, ...]  # first position of the list that a word is a member of, else its own

    def starts(self, at: int) -> bool:
        """Whether a statement may begin at this word: at a clause or after a comma, one adjective left out at most."""
        first = self.group[at]
        return self.opens(first) or (not self.before[first] and first > 0 and self.opens(first - 1))

    def opens(self, at: int) -> bool:
        """Whether a clause or what follows a comma begins at this word."""
        return at == 0 or any(
            token.kind in ("stop", "pause")
            or (token.kind == "sub" and token.key not in _RELATIVE)
            or (token.kind == "logic" and token.key in _MOVERS)
            for token in self.before[at]
        )  # fmt: skip


def line(tokens: Sequence[Token]) -> Line:
    """Arranges scanned tokens; a clause ends at ".", ";", a line's end, "while", "whereas", "but", "although"."""
    words: list[Token] = []
    before: list[tuple[Token, ...]] = []
    after: list[tuple[Token, ...]] = []
    clause: list[int] = []
    waiting: list[Token] = []
    number = 0
    for token in [*tokens, Token("stop", ".", "")]:
        if token.content:
            words.append(token)
            before.append(tuple(waiting))
            after.append(())
            clause.append(number)
            waiting = []
        elif token.kind == "stop" or token.key in _CUTS:
            if after:
                after[-1] += tuple(waiting)
            number += 1
            waiting = [token]
        else:
            waiting.append(token)
    return Line(tuple(words), tuple(before), tuple(after), tuple(clause), _groups(before, clause))


def _groups(before: Sequence[Sequence[Token]], clause: Sequence[int]) -> tuple[int, ...]:
    """Lists such as "Redis, RabbitMQ and Amazon SQS": runs of bare words with commas, "and" or "or" between them."""
    count = len(before)
    group = list(range(count))
    joins = [
        at > 0 and clause[at] == clause[at - 1] and bool(before[at]) and all(map(_separates, before[at]))
        for at in range(count)
    ]
    at = 0
    while at < count:
        if not joins[at]:
            at += 1
            continue
        first, last = at - 1, at  # members are single words or bare runs of them
        separators = 1
        while last + 1 < count and clause[last + 1] == clause[first] and (not before[last + 1] or joins[last + 1]):
            last += 1
            separators += joins[last]
        whole_left = first == 0 or clause[first - 1] != clause[first] or bool(before[first])
        ends = last + 1 == count or clause[last + 1] != clause[last]
        # Two members only, with more words on both sides, may as well be two statements: "sagas use compensation and
        # transactions use locks".
        if (
            separators > 1
            or (ends and joins[last])
            or (whole_left and joins[last] and (first == 0 or clause[first - 1] != clause[first]))
        ):
            for member in range(first, last + 1):
                group[member] = first
        at = last + 1
    return tuple(group)


def _separates(token: Token) -> bool:
    return token.kind == "pause" or token.key in ("and", "or")


def align(tokens: Sequence[Token], source: Sequence[Token], free: Collection[int]) -> tuple[dict[int, int] | None, str]:
    """Which word of the source each content word of the sentence stands for, or None and why there is none.

    Words numbered in `free` may stay without a place.
    """
    said, own = line(tokens), line(source)
    reason = "puts the source's words into another relation"
    for places in islice(_alignments(said, own, frozenset(free)), _TRIALS):
        reason = _logic(said, own, places)
        if not reason:
            return places, ""
    return None, reason


def _alignments(said: Line, own: Line, free: Set[int]) -> Iterator[dict[int, int]]:
    candidates = [[at for at, other in enumerate(own.words) if word.matches(other)] for word in said.words]
    steps = 0

    def place(index: int, last: int | None, places: dict[int, int]) -> Iterator[dict[int, int]]:
        nonlocal steps
        if index == len(said.words):
            yield dict(places)
            return
        taken = set(places.values())
        for at in candidates[index]:
            steps += 1
            if steps > _STEPS:
                return
            if at not in taken and _follows(said, own, index, at, last, places):
                yield from place(index + 1, index, places | {index: at})
        if index in free:
            yield from place(index + 1, last, places)

    yield from place(0, None, {})


def _follows(said: Line, own: Line, index: int, at: int, last: int | None, places: dict[int, int]) -> bool:
    """Whether the sentence's word `index` may stand for the source's word `at`, after what is placed so far."""
    if last is None:
        # A verb or a word of glue before it speaks about what the source says first: nothing may be left out there.
        added = any(token.key in VERBS for token in said.before[index]) or any(
            _is_glue(word) for word in said.words[:index]
        )
        if own.starts(at):
            return not added or own.opens(own.group[at])
        return (
            bool(said.before[index])
            and said.before[index][0].key in PRONOUNS
            and _stands_for_subject(said.before[index], own, at)
        )
    previous = places[last]
    between = [token for place in range(last + 1, index + 1) for token in said.before[place]]
    glued = any(_is_glue(word) for word in said.words[last + 1 : index])
    if own.group[at] == own.group[previous] and at < previous and any(map(_separates, between)):
        return True
    flows = at > previous and own.clause[at] == own.clause[previous]
    if flows and _gap_holds(said.words[last], between, glued, own, previous, at):
        return True
    return own.starts(at) and _may_jump(said, index, last, between)


def _stands_for_subject(opening: Sequence[Token], own: Line, at: int) -> bool:
    """Whether "It is a" can replace a name of up to four words and what follows it in the source."""
    subject = at - 1
    while subject > 0 and not own.opens(subject):
        if {token.key for token in own.before[subject]} - _DETERMINERS:
            return False
        subject -= 1
    verbs = {token.key for token in opening if token.key in VERBS}
    return at - subject <= 4 and verbs <= {token.key for token in own.before[at]}


def _may_jump(said: Line, index: int, last: int, between: Sequence[Token]) -> bool:
    """Whether a new clause of the sentence begins at `index`, which may stand elsewhere in the source."""
    length = next(
        (n for n in range(1, len(said.words) - index) if _is_boundary(said.before[index + n])), len(said.words) - index
    )
    if any(token.kind in ("stop", "sub") or token.key in _MOVERS for token in between):
        return length >= 2 or any(token.key in _MOVERS for token in between)
    if not any(token.kind == "pause" for token in between):
        return False
    if any(token.key == "and" for token in between):
        return length >= 3
    opener = next((at for at in range(last, -1, -1) if at == 0 or _is_boundary(said.before[at])), 0)
    return length >= 2 and any(token.kind == "sub" or token.key in _MOVERS for token in said.before[opener])


def _is_boundary(tokens: Sequence[Token]) -> bool:
    return any(token.kind in ("pause", "stop", "sub") or token.key in _MOVERS for token in tokens)


def _gap_holds(word: Token, between: Sequence[Token], glued: bool, own: Line, previous: int, at: int) -> bool:
    """Whether the words `previous` and `at` are still related as in the source without what lies between."""
    dropped = list(range(previous + 1, at))
    if not dropped:
        return True
    keys = {own.words[place].key for place in dropped}
    if len(dropped) > _LONGEST_GAP or keys & {own.words[previous].key, own.words[at].key}:
        return False  # a parallel statement begins in between
    if word.kind == "number" and not between:
        return (
            len(dropped) == 1
            and not own.before[at]
            and not own.before[previous + 1]
            and own.words[dropped[0]].kind == "word"
        )
    mates = {own.group[previous], own.group[at]}
    others = [place for place in dropped if own.group[place] not in mates]
    gap = [(place, token) for place in range(previous + 1, at + 1) for token in own.before[place]]
    verbs = {token.key for token in between if token.key in VERBS} - {token.key for _, token in gap}
    if others and (glued or verbs):
        return False  # the sentence's own verb would take the place of what is left out
    separators = [place for place, token in gap if _separates(token) or token.kind == "sub"]
    if separators:
        if any(place >= separators[-1] for place in others):
            return False  # the last part has words of its own before `at`: its subject, perhaps
        relative = [
            token for place, token in gap if place == separators[-1] and token.kind == "sub" and token.key in _RELATIVE
        ]
        return not (others and relative) and not any(own.words[place].kind == "name" for place in others)
    small = {token.key for token in own.before[at] if token.kind == "small"} - _DETERMINERS
    opening = {token.key for token in own.before[previous + 1] if token.kind == "small"} - _DETERMINERS - VERBS
    return not small or (bool(opening) and small <= {token.key for token in between})


def _is_glue(word: Token) -> bool:
    return word.text.lower() in GLUE


# ---------------------------------------------------------------- not, only, if, may, before, at least


def _logic(said: Line, own: Line, places: dict[int, int]) -> str:
    """Why the small words of logic differ between a sentence and what it is laid onto; "" if they don't."""
    by_place = {at: index for index, at in places.items()}
    touched = {own.clause[at] for at in places.values()}
    waiting: list[Token] = []  # logic of the source since the last word kept
    compared = 0
    for at in range(len(own.words)):
        if own.clause[at] not in touched:
            continue
        waiting += own.before[at]
        if at in by_place:
            ours = _said_before(said, by_place[at], places)
            refusal = _differs(ours, waiting, own.before[at])
            if refusal:
                return refusal
            compared += sum(token.kind == "logic" for token in ours)
            waiting = []
        if at + 1 == len(own.words) or own.clause[at + 1] != own.clause[at]:
            ours = list(said.after[by_place[max(place for place in by_place if own.clause[place] == own.clause[at])]])
            refusal = _differs(ours, [*waiting, *own.after[at]], ())
            if refusal:
                return refusal
            compared += sum(token.kind == "logic" for token in ours)
            waiting = []
    everything = [token for tokens in (*said.before, *said.after) for token in tokens if token.kind == "logic"]
    if len(everything) > compared:
        return f'differs in "{everything[-1].key}"'
    either = any(token.key == "or" for tokens in (*said.before, *said.after) for token in tokens)
    theirs = any(
        token.key == "or"
        for at in range(len(own.words))
        if own.clause[at] in touched
        for token in (*own.before[at], *own.after[at])
    )
    return "" if either == theirs else 'differs in "or"'


def _said_before(said: Line, index: int, places: dict[int, int]) -> list[Token]:
    first = index
    while first > 0 and first - 1 not in places:
        first -= 1
    return [token for place in range(first, index + 1) for token in said.before[place]]


def _differs(said: Sequence[Token], theirs: Sequence[Token], governing: Sequence[Token]) -> str:
    """Strict words must be the same; weak ones may be left out, unless they govern the very word that is kept."""
    ours, source = (Counter(token.key for token in tokens if token.key in _STRICT) for tokens in (said, theirs))
    if ours != source:
        return f'differs in "{next(iter((ours - source) or (source - ours)))}"'
    weak, allowed, needed = (
        {token.key for token in tokens if token.key in _WEAK} for tokens in (said, theirs, governing)
    )
    wrong = (weak - allowed) | (needed - weak - _DROPPABLE)
    return f'differs in "{min(wrong)}"' if wrong else ""
