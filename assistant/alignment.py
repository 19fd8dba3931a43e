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

from assistant.wording import STRICT, VERBS, WEAK, Token

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
_BE, _HAVE = frozenset("is are was were be been am".split()), frozenset("has have had".split())
_PREPOSITIONS = frozenset("for with in on at to as of into onto upon".split())
_TAILS = frozenset({"as", "by", "such", "through"})
_VENDORS = frozenset("apache amazon aws google azure microsoft hashicorp".split())
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
        """Whether a statement may begin at this word: at a clause or after a comma."""
        first = self.group[at]
        return self.opens(first) or (self.spare(first - 1) and not self.before[first] and self.opens(first - 1))

    def spare(self, at: int) -> bool:
        """Whether a word may be left out alone: an adverb of manner, the vendor in "Apache Airflow". Other words before
        a noun narrow what is claimed: "FIFO queues deliver once" isn't "queues deliver once"."""
        return at >= 0 and (self.words[at].text.lower().endswith("ly") or self.words[at].text.lower() in _VENDORS)

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
    for places, jumps in islice(_alignments(said, own, frozenset(free)), _TRIALS):
        reason = _logic(said, own, places)
        if not reason and not _ends(own, places, jumps):
            reason = "leaves out what the source's statement depends on"
        if not reason:
            return places, ""
    return None, reason


Places = dict[int, int]  # word of the sentence → word of the source


def _alignments(said: Line, own: Line, free: Set[int]) -> Iterator[tuple[Places, Set[int]]]:
    """Each with the sentence's words at which it goes on elsewhere in the source."""
    candidates = [[at for at, other in enumerate(own.words) if word.matches(other)] for word in said.words]
    steps = 0

    def place(index: int, last: int | None, places: Places, jumps: Set[int]) -> Iterator[tuple[Places, Set[int]]]:
        nonlocal steps
        if index == len(said.words):
            yield places, jumps
            return
        taken = set(places.values())
        for at in candidates[index]:
            steps += 1
            if steps > _STEPS:
                return
            if at in taken:
                continue
            if last is None:
                if _begins(said, own, index, at):
                    yield from place(index + 1, index, places | {index: at}, jumps)
            elif _flows(said, own, last, index, places[last], at):
                yield from place(index + 1, index, places | {index: at}, jumps)
            elif own.starts(at) and _may_jump(said, index, last):
                yield from place(index + 1, index, places | {index: at}, jumps | {index})
        at_end = index + 1 == len(said.words)
        if index in free and not (at_end and last is not None and _goes_on(own, places[last])):
            yield from place(index + 1, last, places, jumps)

    yield from place(0, None, {}, frozenset())


def _goes_on(own: Line, at: int) -> bool:
    return at + 1 < len(own.words) and own.clause[at + 1] == own.clause[at]


def _begins(said: Line, own: Line, index: int, at: int) -> bool:
    """Whether the sentence's first word that has a place, `index`, may stand for `at`."""
    if own.starts(at):
        # A verb or a word of the sentence's own before it speaks about what the source says first: nothing may be left
        # out there.
        return own.opens(own.group[at]) or not (index > 0 or _verbs(said.before[index]))
    opening = said.before[index]
    if not opening or opening[0].key not in PRONOUNS:
        return False
    subject = at - 1  # "It is a" for a name of up to four words and "is a"
    while subject > 0 and not own.opens(subject):
        if {token.key for token in own.before[subject]} - _DETERMINERS:
            return False
        subject -= 1
    return at - subject <= 4 and _verbs(opening) <= _verbs(own.before[at])


def _verbs(tokens: Sequence[Token]) -> set[str]:
    return {token.key for token in tokens} & VERBS


def _may_jump(said: Line, index: int, last: int) -> bool:
    """Whether a new clause of the sentence begins at `index`, which may stand elsewhere in the source."""
    between = [token for place in range(last + 1, index + 1) for token in said.before[place]]
    length = 1
    while index + length < len(said.words) and not _is_boundary(said.before[index + length]):
        length += 1
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


def _flows(said: Line, own: Line, last: int, index: int, previous: int, at: int) -> bool:
    """Whether the words `previous` and `at` are still related as in the source without what lies between."""
    between = [token for place in range(last + 1, index + 1) for token in said.before[place]]
    mates = {own.group[previous], own.group[at]}
    if at < previous:
        return len(mates) == 1 and any(map(_separates, between))
    if own.clause[at] != own.clause[previous]:
        return False
    gap = [(place, token) for place in range(previous + 1, at + 1) for token in own.before[place]]
    ours, theirs = {token.key for token in between}, {token.key for _, token in gap}
    dropped = [place for place in range(previous + 1, at) if own.group[place] not in mates]
    added = index > last + 1
    if dropped or (theirs & VERBS):
        # The sentence's own word or verb would take the place of the source's.
        if added and not theirs & VERBS <= ours:
            return False
        if dropped and (added or ours & VERBS - theirs):
            return False
    if not dropped:
        verbs = (ours & (_BE | _HAVE), theirs & (_BE | _HAVE))
        swapped = all(verbs) and any(
            verbs[0] <= kind and verbs[1] <= other for kind, other in ((_BE, _HAVE), (_HAVE, _BE))
        )
        exchanged = (
            at == previous + 1 and ours & _PREPOSITIONS and theirs & _PREPOSITIONS and not ours & theirs & _PREPOSITIONS
        )
        return not swapped and not exchanged
    if len(dropped) > _LONGEST_GAP or {own.words[place].key for place in dropped} & {
        own.words[previous].key,
        own.words[at].key,
    }:
        return False  # a parallel statement begins in between
    dropped = [place for place in dropped if not own.spare(place)]
    separators = [place for place, token in gap if _separates(token) or token.kind == "sub"]
    if not dropped:
        return True
    if not separators or dropped[0] < separators[0] or dropped[-1] >= separators[-1]:
        return False  # only what stands between two commas goes: the rest narrows or carries the statement
    relative = any(place == separators[-1] and token.key in _RELATIVE for place, token in gap)
    return not relative and not any(own.words[place].kind == "name" for place in dropped)


def _ends(own: Line, places: Places, jumps: Set[int]) -> bool:
    """Whether each run of the sentence ends where the source pauses: "deliver once for FIFO queues" may not lose its
    scope, but what follows a comma, "and", "because", "as" or "by" may be left out."""
    taken = set(places.values())
    order = sorted(places)
    if not order:
        return False  # its words are all the heading's: the source says none of it
    for index, following in zip(order, [*order[1:], None], strict=True):
        if following is not None and following not in jumps:
            continue
        group = own.group[places[index]]
        end = max(place for place in taken if own.group[place] == group) + 1
        while end < len(own.words) and (own.spare(end) or own.group[end] == group):
            end += 1
        if end == len(own.words) or own.clause[end] != own.clause[places[index]] or end in taken:
            continue
        opening = own.before[end]
        closes = any(_separates(token) or token.key in _TAILS for token in opening)
        if not closes and not any(token.kind == "sub" and token.key not in _RELATIVE for token in opening):
            return False
    return True


# ---------------------------------------------------------------- not, only, if, may, before, at least


def _logic(said: Line, own: Line, places: Places) -> str:
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


def _said_before(said: Line, index: int, places: Places) -> list[Token]:
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
