"""Follow-ups without a model: does this turn lean on the ones before it, and if so, what does it mean written out?

The rewriting only ever swaps or adds words of the user's own earlier turns, so it can't drift: what is searched is
shown as `Answer.searched`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.query import Entity, find_entities
from corpus.errors import QuestionError

_MAX_TURNS = 12
"""Older turns are not looked at: a conversation's subject is in the last few."""

_CARRIED = 6
"""Words of the last question that are carried: enough to find its page again, few enough not to drown the new one."""

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
_DUMMY_IT = re.compile(
    r"\b(is it (possible|safe|ok|okay|true|bad|better|worth|necessary|wise)|does it make sense|it('s| is) (possible"
    r"|safe|true))\b",
    re.I,
)
_BOUND = re.compile(
    r"\b(that|this|these|those|there)\b(?=\s+(is|are|has|have|can|will|does|do|was|were|needs?|must|should|run|runs"
    r"|fail|fails|\w+s)\b)|"
    r"\b(if|whether|when|once|so|such|ensure|means?|say|says|know|knows|\w+s|\w+ed|\w+ing|task|workflow|message|job"
    r"|service|system|state|function|tool)\s+that\b"
    r"|\bis there\b|\bare there\b|\bthis (case|way|time)\b|\b(no|any|each|every|this|which|some|only|more than"
    r"|at least|at most) one\b|\bone of\b|\bone (\w+)\b",
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
    """What is searched: the written-out form, and whether it leans on the conversation."""

    text: str
    dependent: bool
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


def resolve(question: str, earlier: Sequence[str], topics: Mapping[str, str]) -> Turn:
    """Writes a dependent turn out; an independent one comes back as it is.

    `earlier` are the user's turns before this one, oldest first; each is itself written out with those before it, so
    that a chain of follow-ups keeps its subject.
    """
    if not earlier:
        return Turn(question, False, find_entities(question, topics))
    before = resolve(earlier[-1], earlier[:-1], topics)
    return _resolve_one(question, before, topics)


def _resolve_one(question: str, before: Turn, topics: Mapping[str, str]) -> Turn:
    entities = find_entities(question, topics)
    words = _content_words(question)
    opens = bool(_OPENING.match(question))
    pronoun = free_pronoun(question)
    swap = _SWAP.match(question)
    if swap and len(_content_words(swap["what"])) <= 4 and not _is_clause(swap["what"]):
        text = _swap(before, swap["what"].strip(), entities, topics)
        return Turn(text, True, find_entities(text, topics))
    if pronoun and (not entities or opens):
        text = _substitute(question, pronoun, before)
        return Turn(text, True, find_entities(text, topics))
    if pronoun and {entity.name for entity in entities} <= {entity.name for entity in before.entities}:
        return Turn(_beside(question, before), True, entities)
    if entities:
        return Turn(question, False, entities)
    if opens or len(words) < 4:
        text = _beside(_without_opening(question), before)
        if text != question:
            return Turn(text, True, find_entities(text, topics))
    return Turn(question, False, entities)


def _swap(before: Turn, what: str, entities: Sequence[Entity], topics: Mapping[str, str]) -> str:
    """ "What about Prefect?": the last question with its subject replaced, or with the new words added."""
    if entities and before.entities:
        old = before.entities[-1] if len(before.entities) == 1 else before.entities[0]
        text = re.sub(
            rf"(?<!\w){re.escape(old.mention)}(?!\w)", entities[0].mention, before.text, count=1, flags=re.IGNORECASE
        )
        extra = [word for word in _content_words(what) if word not in text.lower()]
        return f"{text.rstrip(' ?.!')} {' '.join(extra)}".strip() + "?" if extra else text
    return f"{before.text.rstrip(' ?.!')}: {what}?"


def _substitute(question: str, pronoun: re.Match[str], before: Turn) -> str:
    """Puts the last turn's subject in the pronoun's place; what else the last question named is added."""
    written = question
    if before.entities:
        subject = before.entities[-1].mention
        possessive = pronoun.group().lower() in ("its", "their", "theirs")
        subject = f"{subject}'s" if possessive else subject
        written = question[: pronoun.start()] + subject + question[pronoun.end() :]
    return _beside(_without_opening(written), before)


def _beside(question: str, before: Turn) -> str:
    """The question with what the last one named added in brackets: entities first, then its other words."""
    own = question.lower()
    named = [entity.mention for entity in before.entities]
    others = [word for word in _content_words(before.text) if not any(word in name.lower() for name in named)]
    added = [word for word in dict.fromkeys([*named, *others]) if word.lower() not in own][:_CARRIED]
    return f"{question} ({' '.join(added)})" if added else question


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
    return [word for word in re.findall(r"[\w./-]*\w", text.lower()) if word not in _STOP]


def _text_of(content: object) -> str:
    """A message's text; some clients send a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return " ".join(_text_of(part.get("text", "") if isinstance(part, Mapping) else part) for part in content)
    raise QuestionError("a message's content must be text; leave other parts out of the history.")
