"""Follow-ups without a model: does this turn lean on the ones before it, and if so, what does it mean written out?

The rewriting only ever swaps or adds words of the user's own earlier turns, so it can't drift: what is searched is
shown as `Answer.searched`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.message import asks_about, plainly
from assistant.names import Entity, find_entities
from corpus.errors import QuestionError

_MAX_TURNS = 12
"""Older turns are not looked at: a conversation's subject is in the last few."""

_CARRIED = 30
"""Words of one question that are carried, at most: nearly always all of them."""
_THIN = 3
"""A question with fewer content words says too little of its subject by itself: "example?"."""

_OPENING = re.compile(
    r"^\W*(and|but|also|so|then|or|what about|how about|what if|instead|same (question|thing)? ?for|no,?|nope,?"
    r"|sorry,?|"
    r"i meant?|ok(ay)?,?|thanks?,?|more on that|tell me more|why( not| is that)?\?*$|how so|such as|for example"
    r"|like what|any others?)\b",
    re.IGNORECASE,
)
_SWAP = re.compile(
    r"^\W*(?:(?:and|but|so|ok(?:ay)?|no|nope|sorry|wait|actually)\b[,.]?\s*)*(?:what about|how about|i meant?"
    r"|(?:the )?same (?:question |thing )?(?:for|with|in)|and|for|with|in|or)\s+"
    r"(?:(?:for|with|in|on|about)\s+)?(?P<what>.+?)[\s?.!]*(?:instead)?[\s?.!]*$",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(it|its|it's|they|them|their|theirs|this|that|these|those|there|one|ones|the former|the latter|both|either"
    r"|the same|"
    r"the (?:first|second|third|last|other) one)\b",
    re.IGNORECASE,
)
_THEM = r"(?:them|they|these|those|both|all(?: of them)?|(?:all |the |these |those )?(?P<many{}>two|three|four)(?: of them)?)"
_COMPARE_THEM = re.compile(
    r"\W*(?:(?:and|ok|okay|so|now|please|can you)\b\W*)*"
    rf"(?:(?:compare|what(?:'s|’s| is| are) the differences? between) {_THEM.format('')}"
    rf"|how do {_THEM.format('_differ')} (?:compare|differ))(?: please)?\W*",
    re.IGNORECASE,
)
_COMPARES = re.compile(r"\w\W+(?:and|or|vs\.?|versus|between)\s+\S", re.IGNORECASE)
"""In a question that has two things itself, which "compare them" means."""
_FOR_PAGES = re.compile(r"\bread\b|\blearn more\b|\b(links?|docs|documentation|resources?|articles?)\b", re.IGNORECASE)
"""Asks for something to read, which the documents list under a section's heading, not under other names of its subject."""
_IDENTIFIER = re.compile(r"\w[_.]\w")
"""Says what it is about, however short the question: "What does acks_late do?"."""
_DUMMY_IT = re.compile(
    r"\b(is it (possible|safe|ok|okay|true|bad|better(?! than)|worth|necessary|wise)|does it make sense|it('s| is) (possible"
    r"|safe|true))\b",
    re.I,
)
_ELLIPSIS = re.compile(
    r"\b(in comparison|by comparison|in that case|too|as well|otherwise|afterwards|instead|the (others?|rest)|what then)\W*$"
    r"|\b(mine|ours)\b",
    re.IGNORECASE,
)
_BEFORE_A_DEMONSTRATIVE = (
    r"(?<!\w)(?!(?:is|are|was|were|be|am|does|do|did|can|could|should|would|will|may|must|has|have|had|of|for|in|into|to|with"
    r"|without|by|from|at|on|onto|than|like|about|and|but|or|if|after|before|during|under|over|once|when|while|because|why|how"
    r"|what|where|which|not|just|only|even|all|until|since|through|via|as|happens?|us(?:e|ing)|do|doing|chang(?:e|ing)|get|getting"
    r"|make|set|see|need|want|try|run|running|turn|fix|read|find|call|stop|keep|then)\s)[a-z][\w-]*\s+"
)
_BOUND = re.compile(
    rf"{_BEFORE_A_DEMONSTRATIVE}that\b(?=\s+(?:is|are|has|have|had|can|could|will|would|does|do|did|was|were|needs?|must|should|may"
    r"|might|run|fail|never|always|only|i|we|you|they|it|the|an?|\w+s|\w+ed|\w+ly)\b)"
    r"|\b(?:so|such|ensures?|means?|says?|knows?|note|given|provided|assum(?:e|ing)|suppose)\s+that\b"
    r"|\bthere(?:'s)?\b(?=\s+(?:is|are|was|were|be|an?|any|no|some)\b)|\b(?:is|are|was|were|be) there\b"
    r"|\bthis (?:case|way|time)\b"
    r"|\b(?:no|any|each|every|this|which|some|only|more than|at least|at most) one\b|\bone of\b|\bone (?:\w+)\b",
    re.IGNORECASE,
)
_STOP = frozenset(
    "a an and are as at be but by can could did do does for from get had has have how i if in into is it its just "
    "many me more my no not of on or "
    "our should so some than that the their them then there these they this those to too use used using was we "
    "were what when where which who why will "
    "with would you your about also any between both either else ever same ok okay thanks please tell explain show "
    "give instead mean meant".split()
)


@dataclass(frozen=True)
class Turn:
    """What is searched: the question written out, and what it has from earlier turns, the last one first; empty where it
    leans on none."""

    own: str
    carried: tuple[str, ...] = ()
    entities: tuple[Entity, ...] = ()


def user_turns(history: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """The user's earlier questions, oldest first. Raises QuestionError for a history of another shape."""
    turns: list[str] = []
    for message in history or ():
        if not isinstance(message, Mapping) or "role" not in message or "content" not in message:
            raise QuestionError(
                'history must be a list of {"role": …, "content": …}; leave it out for a first question.'
            )
        if message["role"] == "user":
            turns.append(" ".join(_text_of(message["content"]).split()))
    return [turn for turn in turns if turn][-_MAX_TURNS:]


def from_last_subject(turns: Sequence[str]) -> Sequence[str]:
    """The turns from the last one on that begins a subject of its own, by asking what there is about it."""
    begins = (at for at, turn in reversed([*enumerate(turns)]) if asks_about(turn) and not free_pronoun(plainly(turn)))
    return turns[next(begins, 0) :]


def resolve(question: str, earlier: Sequence[str], topics: Mapping[str, str]) -> Turn:
    """Writes a dependent turn out; an independent one comes back as it is.

    `earlier` are the user's turns before this one, oldest first; each is itself written out with those before it, so
    that a chain of follow-ups keeps its subject.
    """
    if not earlier:
        return Turn(question, (), find_entities(question, topics))
    them = _COMPARE_THEM.fullmatch(question)
    if them and not _COMPARES.search(earlier[-1]):
        said = find_entities(" . ".join(reversed(earlier)), topics)  # the last one first
        if len(said) > 1:
            several = said[
                : {"two": 2, "three": 3, "four": 4}.get((them["many"] or them["many_differ"] or "").lower(), len(said))
            ]
            return _turn(f"compare {' and '.join(entity.mention for entity in reversed(several))}", (), topics)
    before = resolve(earlier[-1], earlier[:-1], topics)
    return _resolve_one(question, before, topics)


def _resolve_one(question: str, before: Turn, topics: Mapping[str, str]) -> Turn:
    entities = find_entities(question, topics)
    opens = bool(_OPENING.match(question))
    swap = _SWAP.match(question)
    what = swap["what"].strip() if swap else ""
    if not what and len(entities) == 1 and not _content_words(question.replace(entities[0].mention, "")):
        what = question.strip(" ?.!")  # "Celery?"
    if what and len(_content_words(what)) <= 4 and not _is_clause(what):
        both = entities and before.entities
        return _swap(before, what, entities[0], topics) if both else _beside(what, before, topics)
    pronoun = free_pronoun(question)
    leans = pronoun is not None and (opens or not _named_before(question, pronoun, entities))
    same = bool(pronoun and {entity.name for entity in entities} <= {entity.name for entity in before.entities})
    few = len(_content_words(question)) < 4 and not _IDENTIFIER.search(question)
    short = not entities and (opens or few or bool(_ELLIPSIS.search(question)))
    if leans or same or short:
        return _beside(_without_opening(question) if opens else question, before, topics)
    return Turn(question, (), entities)


def _named_before(question: str, pronoun: re.Match[str], entities: Sequence[Entity]) -> bool:
    """Whether the pronoun may stand for something that the question itself names: "does Celery run it twice"."""
    places = [question.lower().find(entity.mention.lower()) for entity in entities]
    depends = re.match(r"\W*(if|when|whenever|once|before|after|while|as|because|since)\b", question, re.IGNORECASE)
    return any(place < pronoun.start() or depends for place in places)


def _swap(before: Turn, what: str, new: Entity, topics: Mapping[str, str]) -> Turn:
    """ "What about Prefect?": the last question with its subject replaced."""
    old = re.compile(rf"(?<!\w){re.escape(before.entities[0].mention)}(?!\w)", re.IGNORECASE)
    own, *carried = (old.sub(new.mention, text, count=1) for text in (before.own, *before.carried))
    extra = [word for word in _content_words(what) if word not in " ".join((own, *carried)).lower()]
    own = f"{own.rstrip(' ?.!')} {' '.join(extra)}".strip() + "?" if extra else own
    return _turn(own, carried, topics)


def _beside(question: str, before: Turn, topics: Mapping[str, str]) -> Turn:
    """The question with the last one, and what that was about where it doesn't say so itself."""
    last = _plain(before.own)
    thin = len(_content_words(before.own)) < _THIN or free_pronoun(before.own)
    older = [" ".join(before.carried[0].split()[:_CARRIED])] if thin and before.carried else []
    said = " ".join((question, last, *older)).lower()
    called = [entity.name if _FOR_PAGES.search(question) else entity.mention for entity in before.entities]
    names = [name for name in called if name.lower() not in said]
    return _turn(question, [" ".join([*names, *last.split()][:_CARRIED]), *older], topics)


def _plain(question: str) -> str:
    """Without what would end a sentence or close a bracket."""
    return re.sub(r"[?.!;]+(?=\s)", ",", re.sub(r"[()]", " ", question)).rstrip(" ?.!,")


def _turn(own: str, carried: Sequence[str], topics: Mapping[str, str]) -> Turn:
    return Turn(own, tuple(carried), find_entities(" ".join((own, *carried)), topics))


def free_pronoun(question: str) -> re.Match[str] | None:
    """The first pronoun that isn't explained by its own sentence ("a task that …", "is it possible")."""
    bound = [match.span() for pattern in (_BOUND, _DUMMY_IT) for match in pattern.finditer(question)]
    for match in _PRONOUN.finditer(question):
        if not any(start <= match.start() < stop for start, stop in bound):
            return match
    return None


def _without_opening(question: str) -> str:
    return re.sub(
        r"^\W*(and|but|also|so|then|ok(ay)?|thanks?|no|nope|sorry)\b[,.]?\s*", "", question, flags=re.IGNORECASE
    )


def _is_clause(words: str) -> bool:
    """Whether it has a verb of its own, so that it is more than a thing to swap in."""
    return bool(
        re.search(
            r"\b(is|are|was|does|do|did|can|could|should|will|would|has|have|if|when|how|why|what|which|who"
            r"|monitors?|happens?)\b",
            words,
            re.I,
        )
    )


def _content_words(text: str) -> list[str]:
    return [word for word in re.findall(r"(?<!['’])\b[\w./-]*\w", text.lower()) if word not in _STOP]


def _text_of(content: object) -> str:
    """A message's text; some clients send a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return " ".join(_text_of(part.get("text", "") if isinstance(part, Mapping) else part) for part in content)
    raise QuestionError("a message's content must be text; leave other parts out of the history.")
