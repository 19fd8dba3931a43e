"""What a question asks for, found without a model: its intent, the tools and patterns it names, the parts it has.

Leaves out reading the message (see message.py), the conversation (see conversation.py) and searching (see retrieval.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from assistant.conversation import free_pronoun
from assistant.message import clauses_of, question_alone
from assistant.names import COMMON, Entity, find_entities
from index.terms import terms

Intent = Literal["define", "list", "compare", "recommend", "how", "why", "resource", "fact"]

_INTENTS: tuple[tuple[Intent, str], ...] = (  # the first that matches
    (
        "resource",
        r"\bwhere (can|do|could|should|might) (i|we|one) (read|learn|find|look|start)|\b(link|links|url|resources?|"
        r"further reading|reading list|academic references|books?|papers?|articles?|tutorials?|official docs|documentation (for|on|about"
        r"|page|site))\b"
        r"|\b(docs|documentation) (for|on|about|link|of)\b|\bread (up|more|about)\b|\bpoint me (to|at)\b",
    ),
    (
        "compare",
        r"\bvs\.?\b|\bversus\b|\bcompar(e|ed|ing|ison)\b|\bdiffer(s|ence|ences|ent)?\b|\bpros and cons\b"
        r"|\btrade-?offs? between\b"
        r"|\bdistinguish(es)?\b|\brather than\b|\bor should (i|we)\b",
    ),
    (
        "recommend",
        r"\b(which|what) ([\w-]+ ){0,4}(should|would|could) (i|we|you)\b(?! (expect|see|know|check|watch|avoid|set|do|write|pass)\b)"
        r"|\brecommend|\bbest (suited|fit|choice|option"
        r"|tool|for)\b"
        r"|\b(which|what) (workflow |orchestration )?(tool|framework|engine|orchestrator|platform|option|broker"
        r"|one)s?\b.*\b(for|suits?|fits?|if)\b"
        r"|\bsuit(ed|able|s)\b|\bgood (choice|fit) for\b|\bwhat (should|would) (i|we|you) (use|pick|choose)\b"
        r"|\bwhat to use\b",
    ),
    (
        "how",
        r"^\W*how (do|does|can|could|should|would|to|is|are)\b|\bhow (do|can|should|would) (i|we|you)\b"
        r"|\bsteps? to\b|\bexample of\b",
    ),
    ("why", r"\bwhy\b|\bwhat('s| is) the (reason|point|problem)\b|\bhow come\b|\bbad idea\b"),
    (
        "list",
        r"\b(list|name|enumerate) (all|the|every|some|of)?\b|\bwhat (are|were) (the|all|some)\b|\b(which"
        r"|what) ([\w-]+ ){0,3}([\w-]+s) (does|do|did|are|is|was|were|can|could|have|has|may|might|must|should|would|will)\b"
        r"|\bwhich ([\w-]+ ){0,2}(?!(makes|takes|gives|does|has|is|was|sets|lets|keeps|gets|means|needs|uses|tells|runs)\b)\w+s\b"
        r"|\bwhat (kinds?|types?|sorts?) of\b|\bhow many\b|\bwhat else\b"
        r"|\bwhat (can|could|may) ((be|it be|they be)|(i|we|one|you) do)\b"
        r"|^\W*(?!(which|who|what|when|where|why|how|is|are|does|was|this|has)\b)([\w.-]+ ){0,4}[\w-]{2,}[^su\W]s (of|in|for|to|that) ",
    ),
    (
        "define",
        r"^\W*(what|who)( exactly)?('s| is| are| was)( exactly)? (?!.*\b(of|for|by|between|per|when|if)\b)"
        r"(a |an |the )?[\w/.\- ]{2,50}\??$|\bdefin(e|ition)\b|\bmeaning of\b"
        r"|\bstand(s)? for\b|\bexplain\b|\bwhat does \S+ mean\b|^\W*what does [\w/.\-` ]{2,50} do\W*$",
    ),
)

_MEASURE = r"(default|max(imum)?|min(imum)?|largest|biggest|smallest|highest|lowest|longest|limit|cost|price|fee|charge|discount)"
_AMOUNT = re.compile(
    r"\b(how (many|much|long|often|big|large|deep|high|fast|far|old|few)|what (number|share|percent\w*)|percent(age)? of|"
    r"what (is |are |'s )?(the |its )?(size|port|version|value|share|number|price|cost)|(does|do|would|will|did) [^?.]+ (cost|charge)|"
    r"what('s| is| are) (\w+ ){0,3}(prices?|pricing|fees?)|(price|pricing|costs?) (of|per|for)|how expensive|"
    r"limit on the number|per (month|hour|second|minute|year|day|million)|"
    r"default (\w+ ){0,2}(timeout|size|count|limit|port|interval|value|number|delay|period|threshold))\b"
    rf"|(^|[:;,.?]\s|\b(what('s|s| is| are)?|which|and|is there|are there) )((the|a|an|its|hard) )*{_MEASURE}\b"
    r"(?! (drawback|downside|disadvantage|advantage|benefit|problem|issue|risk|mistake|difference|challenge|concern|reason)s?\b)"
    r"|(?<!\bby )\bdefault\??$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Query:
    """A question, understood.

    `parts` are the sub-questions that are searched beside the whole: one a side for a comparison (sides.py), else empty.
    `clauses` likewise, where it asks two or three things; each is then answered by itself. One of the two is empty.
    `alone` is the one sentence that asks, where there are others beside it; else "". `explained` are terms that weigh
    nothing, as what is meant stands behind their words in brackets (spelling.py). `carried` is what a follow-up has from
    earlier turns, the last one first, in brackets at the end of `text`: it helps to find, but what is asked and how shows
    in `own`. `before` is then the question of the last turn, which has no `before` of its own.
    """

    text: str
    intent: Intent
    entities: tuple[Entity, ...]
    parts: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()
    alone: str = ""
    explained: frozenset[str] = frozenset()
    carried: tuple[str, ...] = ()
    before: Query | None = None

    @cached_property
    def own(self) -> str:
        """The text without what is carried."""
        return self.text.removesuffix(_behind(self.carried))

    @cached_property
    def _carried_weights(self) -> dict[str, float]:
        """Of the terms that are carried and not in the question's own words; each turn further back counts half as much."""
        own = set(terms(self.own)) if self.carried else set()
        weights = {
            term: _CARRIED**back for back, text in reversed([*enumerate(self.carried, 1)]) for term in terms(text)
        }
        return {term: weight for term, weight in weights.items() if term not in own}

    def weight(self, term: str) -> float:
        """How much a term of the text counts, 0 to 1."""
        return 0.0 if term in self.explained else self._carried_weights.get(term, 1.0)

    @property
    def names(self) -> tuple[str, ...]:
        """Words that are written as names, each once, but for those of `entities`: those are known."""
        known = {word.lower() for entity in self.entities for word in entity.mention.split()}
        words = dict.fromkeys(match.group().rstrip(".") for match in _NAME.finditer(self.own))
        return tuple(
            word
            for word in words
            if word.lower() not in known and word.lower() not in COMMON and not self.explained & set(terms(word))
        )


_CARRIED = 0.5
"""Of 0.4 to 1 the best for the follow-ups of dev split and training questions, in recall and rank taken together."""
_LITTLE = 2
"""Content words of a clause with a pronoun, names included, up to which it is searched with the first clause: "and when do
I need one?". Carried by longer ones too, it cost dev split and blind questions as many facts as it won, and words."""
_NAME = re.compile(r"(?<![\w.])(?![A-Z][a-z]+-[a-z])[A-Z][\w.+-]*")  # "Five-node" is none


def understand(question: str, topics: Mapping[str, str], carried: tuple[str, ...] = ()) -> Query:
    """`topics` maps each heading of the documents to its anchor; `carried` is what earlier turns said, the last one first."""
    behind = _behind(carried)
    entities = find_entities(question + behind, topics)
    intent = find_intent(question_alone(question) or question)
    if intent == "fact" and not carried and _is_a_name(question, entities):
        intent = "define"
    query = Query(question + behind, intent, entities, carried=carried)
    subjects = (*(entity.mention for entity in entities), *query.names)
    return replace(query, clauses=tuple(clause + behind for clause in _written_out(clauses_of(question), subjects)))


def _is_a_name(question: str, entities: tuple[Entity, ...]) -> bool:
    """Whether it says nothing but what it is about: "Temporal?", "Kafka"."""
    named = {term for entity in entities for term in terms(entity.mention)}
    return len(entities) < 2 and len(set(terms(question)) - named) <= (not entities)


def _written_out(clauses: Sequence[str], subjects: tuple[str, ...]) -> list[str]:
    """Each clause by itself: with what the whole question names and, where it says little but "it", with the first one."""
    written = [_about(clause, subjects) for clause in clauses]
    for at, clause in enumerate(clauses[1:], start=1):
        if free_pronoun(clause) and len(set(terms(written[at]))) <= _LITTLE:
            written[at] += f" ({clauses[0].rstrip(' ?.!,')})"
    return written


def _behind(carried: tuple[str, ...]) -> str:
    return f" ({' '.join(carried)})" if carried else ""


def _about(clause: str, subjects: tuple[str, ...]) -> str:
    """A clause with what the whole question names, where it doesn't name it itself."""
    low = clause.lower()
    return " ".join((clause, *dict.fromkeys(name for name in subjects if name.lower() not in low)))


def find_intent(question: str, but: Collection[Intent] = ()) -> Intent:
    """By its words alone, and none of `but`; "fact" where none of the others shows."""
    low = question.lower()
    return next((intent for intent, pattern in _INTENTS if intent not in but and re.search(pattern, low)), "fact")


def asks_for_amount(question: str) -> bool:
    """Whether its answer is a number: how many, how long, which port, the default size, the price."""
    return bool(_AMOUNT.search(question))
