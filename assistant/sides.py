"""What a question compares: its sides, a sub-question for each, and what it asks about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.names import Entity
from assistant.query import Query, find_intent
from index.terms import terms

_WORD = r"[\w./+#@'’-]+(?:\([\w=., ]*\))?"  # also a call: "Ignore()", "Reject(requeue=False)"
_SIDE = rf"(?P<{{0}}>{_WORD}(?:(?<!\.) {_WORD}){{{{0,4}}}}?)"  # of one sentence
_A, _B = _SIDE.format("a"), _SIDE.format("b")
_END = (
    r"(?=\s*(?:[,?:;.!(]|$|(?<=\.)\s|\s[-–—]\s)|\s(?:on|in|for|as|when|with|regarding|about|at|concerning|if|differ\w*"
    r"|the better|better)\b)"
)
_NAMED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:differences?|distinction|trade-?offs?|comparison|choos\w+|choice|decide) (?:is there "
        rf"|are there )?between (?:the )?{_A} and (?:the )?{_B}{_END}",
        rf"\b(?:separates|distinguish(?:es)?|tells?) (?:the )?{_A} (?:apart )?from (?:the )?{_B}{_END}",
        rf"\bcompar(?:e|ing) (?:the )?{_A} (?:and|with|to|against) (?:the )?{_B}{_END}",
        rf"(?:^|[:,;.?]\s|\b(?:does|do|is|are|how|why|of|when|what) )(?:the |an? )?{_A} (?:compared? (?:to|with)"
        rf"|versus|vs\.?|differs? from|different from) (?:the |an? )?{_B}{_END}",
        rf"\b(?:pick|choose|prefer|use|take|recommend) (?:the |an? )?{_A} (?:over|rather than|instead of) (?:the |an? )?{_B}{_END}",
        rf"^(?:[\w ]+: )?(?!(?:is|are|do|does|did|can|could|should|would|will|what|which|how|when|where|why|who|if|one|i|we)\b)"
        rf"(?:the |an? )?{_A} or (?:the |an? )?{_B}{_END}",
        rf"\bhow (?:do|does|are|is) (?:the )?{_A} and (?:the )?{_B} (?:differ|compare|different)\b",
        rf"\b(?:is|are) (?:the |an? )?(?!(?:it|this|that|they|these|those|there)\b){_A} (?:better|worse)(?: \w+)? than"
        rf" (?:the |an? )?{_B}{_END}",
    )
)
_LEADS_TO_A_NAME = re.compile(
    r"^(?:(?:the|an?|when|what|which|why|how|is|are|do|does|did|should|would|can|i|we|you|to|use|take|using|between)\s+)+",
    re.IGNORECASE,
)
_ENDS_A_NAME = re.compile(
    r"(?:\s+(?:each|both|which|what|overall|generally|please|better|best|is|are|do|does))+$", re.IGNORECASE
)
_AGAINST = re.compile(
    r"[^.?!;:]{0,40}\b(?:(?:better|worse|\w+er|(?:more|less) \w+) than|instead of|rather than|replac(?:e|es|ing)|over"
    r"|an alternative to|if (?:i|we) (?:already )?(?:have|use|run)) (?:an? |the )?"
)
_IT_AGAINST = re.compile(rf"\b(?:it|this|that|they){_AGAINST.pattern}$")
_WHICH_ONE = re.compile(
    r"\W*(?:(?:and|so|ok|okay)\b\W*)?which (?:one|of (?:them|these|those|the two|both)|is|are|(?:should|would|do|can) (?:i|we|you))\b"
)
_ASPECT = re.compile(
    r"\b(?:in terms of|when it comes to|with (?:regard|respect) to|regarding|concerning|as to|differ(?:s"
    r"|ent)? (?:in|on|by)|(?<!\w)on|for|about|\s[-–—]|:|,)\s+(?P<what>[^?!.]+)",
    re.IGNORECASE,
)
_MORE_THAN_ASPECT = re.compile(r"\s+(?:[-–—]\s|\().*$")
"""Behind what is asked about: "for number crunching - how do they differ", or what a word means, see spelling.py."""
_FILLER = frozenset(
    terms(
        "compare compared comparison difference different differ differs versus vs between better best choose choice pick one "
        "each other main key pros cons tradeoff tradeoffs trade-offs use using distinguish separates give table please tell "
        "explain make sense need mean tool tools"
    )
)

_SAYS_MORE = 2
"""Words beside the sides' names and those that compare, from which on something is asked of the sides."""
_LITTLE = 2
"""Content words of a side's sub-question up to which it is searched with what both sides share."""


@dataclass(frozen=True)
class Side:
    """One thing that is compared. `entity` where the documents have a section of it."""

    name: str
    words: frozenset[str]  # the terms of its name
    entity: Entity | None = None


def sides_of(query: Query) -> tuple[Side, ...]:
    """What a question compares, in its order; empty where it compares nothing, or doesn't name the sides."""
    asked = query.own.replace("`", "")
    for pattern in _NAMED:
        if found := pattern.search(asked):
            whole = (found["a"], _as_long(found["b"], found["a"], asked[found.end("b") :]))
            names = [_ENDS_A_NAME.sub("", _LEADS_TO_A_NAME.sub("", name.strip())) for name in whole]
            sides = tuple(_named(name, query.entities) for name in names)
            if (
                all(side.words for side in sides)
                and sides[0].words != sides[1].words
                and sides[0].name != sides[1].name
            ):
                return sides if len(query.entities) < 3 else _of_entities(query.entities, sides)
    if query.carried and (sides := _in_conversation(query)):
        return sides
    if len(query.entities) > 1 and (query.intent == "compare" or any(test(query) for test in _WEIGHED)):
        return tuple(_of_entity(entity) for entity in query.entities)
    return ()


def _in_conversation(query: Query) -> tuple[Side, ...]:
    """What a follow-up compares: what the conversation is about with what it names ("is it better than Airflow?"), or what was
    compared just before ("which one is easier to run?")."""
    low = query.own.lower()
    named = [entity for entity in query.entities if entity.mention.lower() in low]
    earlier = [entity for entity in query.entities if entity not in named]
    if len(named) == 1 and earlier and _IT_AGAINST.search(low[: low.find(named[0].mention.lower())]):
        return _of_entity(earlier[0]), _of_entity(named[0])
    if named or not _WHICH_ONE.match(low):
        return ()
    for before in query.carried:
        told = tuple(entity for entity in query.entities if entity.mention.lower() in before.lower())
        if sides := sides_of(Query(before, find_intent(before), told)):
            return sides
    return ()


def _of_entities(entities: Sequence[Entity], sides: tuple[Side, ...]) -> tuple[Side, ...]:
    """More things than two: each of them, but for one that both sides' names have ("choreography saga vs orchestration
    saga")."""
    in_both = [entity for entity in entities if all(set(terms(entity.mention)) <= side.words for side in sides)]
    found = tuple(_of_entity(entity) for entity in entities if entity not in in_both)
    return found if len(found) > 1 else sides


def _as_long(name: str, other: str, rest: str) -> str:
    """A name with as many words as the other's, where it begins like it and goes on: "ending in Succeed vs ending | in
    Fail". `rest` is what follows it in the question."""
    own, others, more = name.split(), other.split(), rest.split()
    begins = [word.lower() for word in own] == [word.lower() for word in others[: len(own)]]
    if not begins or len(others) == len(own) or not more or more[0].lower() != others[len(own)].lower():
        return name
    return re.split(r"[,?:;.!(]", " ".join([*own, *more[: len(others) - len(own)]]))[0]


def _named(name: str, entities: Sequence[Entity]) -> Side:
    """A side by its name in the question; the entity where the name is that, and nothing more."""
    words = frozenset(terms(name))
    for entity in entities:
        own, mention = set(terms(entity.name)), set(terms(entity.mention))
        if own & mention and mention <= words <= own | mention:
            return _of_entity(entity)
    return Side(name, words)


def with_sides(query: Query) -> Query:
    """The query with a sub-question a side to search, where it compares."""
    sides = sides_of(query)
    if not sides:
        return query
    return replace(query, parts=tuple(_alone(query, side, sides) for side in sides), clauses=())


_COMPARES = re.compile(
    r"\b(vs\.?|versus|compared? (to|with)?|(the )?differences? between|differs? from|rather than|instead of|and|or)(?!\w)",
    re.IGNORECASE,
)


def _alone(query: Query, side: Side, sides: Sequence[Side]) -> str:
    """The question about one side alone: the other sides' names are taken out. Where that leaves little, with what the other
    side's name says of this one, too."""
    text, shared = query.text.replace("`", ""), ""
    for other in sides:
        if other != side:
            name = other.entity.mention if other.entity else other.name
            shared = "" if other.entity else _shared(side, name, query.entities)
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", " ", text, flags=re.IGNORECASE)
    alone = " ".join(_COMPARES.sub(" ", text).split())
    return f"{alone} ({shared})" if shared and len(set(terms(alone))) <= _LITTLE else alone


def _shared(side: Side, other: str, entities: Sequence[Entity]) -> str:
    """What the other side's name says of this one: the tool that only it names ("Temporal Workflows vs Activities"), and the
    last word of a longer name ("open vs half-open breaker")."""
    if side.entity:
        return ""
    tools = [
        entity.mention
        for entity in entities
        if set(terms(entity.mention)) & set(terms(entity.name))  # not "half-open" for the circuit breaker
        and re.search(rf"\b{re.escape(entity.mention)}\b", other, re.IGNORECASE)
    ]
    own, last = side.name.split(), other.split()[-1]
    kind = [last] if len(own) < len(other.split()) and last.isalpha() and last not in [*own, *tools] else []
    return " ".join([*tools, *kind])


def _words_of(sides: Sequence[Side]) -> set[str]:
    """The terms of their names, also as the question calls them."""
    return {word for side in sides for word in (*side.words, *terms(side.entity.mention if side.entity else ""))}


def aspect_of(query: Query, sides: Sequence[Side]) -> str:
    """What is asked about the sides, in the question's own words; "" where they are compared as such."""
    named = _words_of(sides)
    for found in _ASPECT.finditer(query.own):
        what = found["what"].strip()
        own = [word for word in terms(what) if word not in named and word not in _FILLER]
        if re.match(r"(which|what|who|should|is|are|do|does|can)\b", what, re.IGNORECASE):
            continue  # a question of its own names no aspect
        if own and len(what.split()) <= 8 and not {*terms(what)} & named:
            return _MORE_THAN_ASPECT.sub("", what)
    return ""


def asks_more(query: Query, sides: Sequence[Side]) -> bool:
    """Whether a question says more than that the sides are compared: "which retries by default, Temporal or Celery?"."""
    return len({*terms(query.own)} - _words_of(sides) - _FILLER) >= _SAYS_MORE


def _either_or(query: Query) -> bool:
    """Whether the question offers its first two entities as a choice: "Celery or Airflow"."""
    between = _between(query)
    return bool(re.search(r"\bor\b", between)) and not re.search(r"[.?!]", between)


def _asked_of_each(query: Query) -> bool:
    """Whether the question asks the same of its first two entities, one after the other: "when Celery and when Airflow"."""
    return bool(
        re.fullmatch(
            r"\W*(?:and|or)\s+(?:when|what|where|how|why)\b(?:\s+(?:to|for|is|do|does|i|we|should|use|take|about|the|a))*\W*",
            _between(query),
        )
    )


def _set_against(query: Query) -> bool:
    """Whether the question sets one of its first two entities against the other: "Temporal instead of Celery"."""
    return bool(_AGAINST.fullmatch(_between(query)))


def _one_of_several(query: Query) -> bool:
    """Whether it asks for one of the things that it enumerates: "Airflow, Prefect, Temporal: which one for training?"."""
    return query.intent == "recommend" and bool(re.fullmatch(r"\W*(?:(?:,|/|&|\band\b)\W*)+", _between(query)))


def _between(query: Query) -> str:
    """What stands between its first two entities, in lower case; "" where the question itself doesn't name both."""
    first, second = (re.escape(entity.mention) for entity in query.entities[:2])
    found = re.search(f"{first}(.*?){second}", query.own, re.IGNORECASE)
    return found[1].lower() if found else ""


_WEIGHED = (_either_or, _asked_of_each, _set_against, _one_of_several)


def _of_entity(entity: Entity) -> Side:
    """A side under its section's heading; one that the question calls by a name of its own is something in the section."""
    if set(terms(entity.name)) & set(terms(entity.mention)):
        return Side(entity.name, frozenset(terms(entity.name)), entity)
    return Side(entity.mention, frozenset(terms(entity.mention)))
