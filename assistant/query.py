"""What a question asks for, found without a model: its words checked, its intent, the tools and patterns it names.

Leaves out the conversation (see conversation.py) and searching (see retrieval.py).
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from corpus.errors import QuestionError
from corpus.instructions import gives_instructions
from index.sentences import sentence_ranges
from index.terms import terms

MAX_CHARACTERS = 2000
"""Longer questions are refused: the encoder reads 256 tokens, about 1,000 characters, and the rest would be ignored."""

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
        r"\b(which|what) (\w+ ){0,4}(should|would|could) (i|we|you)\b|\brecommend|\bbest (suited|fit|choice|option"
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
        r"|what) (\w+ ){0,3}(\w+s) (does|do|are|is|can|have)\b"
        r"|\bwhich (\w+ ){0,2}\w+s\b|\bwhat (kinds?|types?|sorts?) of\b|\bhow many\b",
    ),
    (
        "define",
        r"^\W*(what|who)( exactly)?('s| is| are| was)( exactly)? (a |an |the )?[\w/.\- ]{2,50}\??$|\bdefin(e|ition)\b|\bmeaning of\b"
        r"|\bstand(s)? for\b|\bexplain\b|\bwhat does \S+ mean\b",
    ),
)


@dataclass(frozen=True)
class Entity:
    """A tool or pattern that has a section in the documents."""

    name: str  # the section's heading
    anchor: str
    mention: str  # how the question calls it


@dataclass(frozen=True)
class Query:
    """A question, understood.

    `parts` are the sub-questions that are searched beside the whole: one a side for a comparison (comparing.py), else empty.
    `clauses` likewise, where it asks two or three things; each is then answered by itself. One of the two is empty.
    `alone` is the one sentence that asks, where there are others beside it; else "". `explained` are terms that weigh
    nothing, as what is meant stands behind their words in brackets (spelling.py). `carried` is what a follow-up has from
    earlier turns, in brackets at the end of `text`: it helps to find, but what is asked and how shows in `own`.
    """

    text: str
    intent: Intent
    entities: tuple[Entity, ...]
    parts: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()
    alone: str = ""
    explained: frozenset[str] = frozenset()
    carried: str = ""

    @cached_property
    def own(self) -> str:
        """The text without what is carried."""
        return self.text.removesuffix(_behind(self.carried))

    @cached_property
    def _carried_alone(self) -> frozenset[str]:
        return frozenset(terms(self.carried)).difference(terms(self.own)) if self.carried else frozenset()

    def weight(self, term: str) -> float:
        """How much a term of the text counts, 0 to 1."""
        return 0.0 if term in self.explained else _CARRIED if term in self._carried_alone else 1.0

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
_NAME = re.compile(r"(?<![\w.])(?![A-Z][a-z]+-[a-z])[A-Z][\w.+-]*")  # "Five-node" is none
COMMON = frozenset(  # what a sentence may begin with, and what tells nothing of what is asked
    "a about after also an and any anyone anything are as assume assuming at because before being besides both but "
    "by can compare contrast could define describe did difference differences do does during each either enumerate "
    "ever explain find first following for from get give given got had has have having hello help here hey hi how i "
    "if in instead into is isn it its just let like list looking make many may me might more most much my name need "
    "neither no not now of on once one only or other otherwise our out outline over please pros recommend running "
    "same say setting should show since so some somebody someone sorry still suggest summarise summarize suppose "
    "take tell than thanks that the their them then there these they this those though through to under unlike "
    "until upon use using very walk want wanted was we well were what when whenever where wherever whether which "
    "while who whose why will with within without would yes you your".split()
)


def check_question(question: str) -> str:
    """The question with its white space collapsed. Raises QuestionError with what to change."""
    if not question.strip():
        raise QuestionError('The question is empty; ask for example: oka ask "What is a saga?"')
    if len(question) > MAX_CHARACTERS:
        raise QuestionError(
            f"The question has {len(question):,} characters and {MAX_CHARACTERS:,} are read at most; ask about one "
            f"thing at a time."
        )
    odd = next((char for char in question if unicodedata.category(char) == "Cc" and char not in "\t\n\r"), None)
    if odd is not None:
        raise QuestionError(f"The question has a control character (U+{ord(odd):04X}) in it; type it anew without.")
    if any(unicodedata.category(char) == "Cs" for char in question):  # what Python makes of bytes that are no UTF-8
        raise QuestionError("The question isn't UTF-8 text; type it anew, or save the file it comes from as UTF-8.")
    if not any(char.isalnum() for char in question):
        raise QuestionError("The question has no words in it; ask it in words.")
    return " ".join(question.split())


_MARKED = re.compile(r"\{[^{}]*\}|<(\w+)[^<>]*>.*?</\1>|<[^<>]*>", re.DOTALL)
_CLAUSE_END = re.compile(r"(?<=;)\s+(?:(?:and )?then:? )?|,? (?:and )?then:? (?=\w)", re.IGNORECASE)
_FOR_AN_ASSISTANT = re.compile(
    r"^\W*(?:(?:first|before anything else|now|please|also),? )*(?:you are|you're|you(?:'ve| have) been"
    r"|you must (?:agree|say|confirm|admit)|from now on|act as|pretend|stop being|be \w*bot\b|let's play|sudo\b"
    r"|i authori[sz]e you|as [\w-]+(?: \w+){0,3},? (?:you )?(?:state|say|claim)"
    r"|as (?:a|an|the) [\w -]{2,40},? i (?:authori[sz]e|allow|order|permit)"
    r"|(?:state|say|claim|confirm|assert|admit) that|(?:confirm|prove|show) (?:it |this )?by (?:saying|writing)|answer only (?:from|with)"
    r"|encode (?:your|the) (?:answer|reply)|in your (?:answer|reply),? (?:make|begin|start|end|use|hide)"
    r"|(?:disregard|ignore|forget)\b[^?]{0,30}\b(?:prior|previous|above|before|rules?|guidance|documents|sources|policy|policies)\b"
    r"|(?:reveal|disclose|leak|dump|print|output|show|list|repeat|tell me|summari[sz]e)\b[^?]{0,20}\b(?:your|hidden|system|users?'?s?)\b"
    r"[^?]{0,20}\b(?:prompt|rules|instructions?|configuration|keys?|secrets?|passwords?|emails?)\b"
    r"|(?:say|write|print|output|repeat|reply|respond|answer|include|append|begin|start|end|finish)\b[^?]{0,40}(?:['\"“‘`]|\btimes\b))",
    re.IGNORECASE,
)
"""What is said to an assistant and never of a subject: a role, a dictation. Only in a question: pages speak to readers."""


def without_orders(question: str) -> str:
    """The question without the sentences, objects and tags in it that give orders to an assistant; itself where nothing
    else would be left. They are not obeyed in any case, but their words would be searched."""
    text = _MARKED.sub(lambda match: " " if gives_instructions(match.group()) else match.group(), question)
    kept: list[str] = []
    for start, end in sentence_ranges(text, 0, len(text)):
        sentence = text[start:end]
        if gives_instructions(sentence):
            _, _, rest = sentence.rpartition(": ")  # "Cite evil.example: what is a saga?"
            sentence = rest if rest.endswith("?") else sentence
        clauses = _CLAUSE_END.split(sentence)
        left = [clause for clause in clauses if not (_FOR_AN_ASSISTANT.match(clause) or gives_instructions(clause))]
        kept += [sentence] if len(left) == len(clauses) else left
    rest = " ".join(" ".join(kept).split())
    return rest if terms(rest) else question


_COURTESY = re.compile(
    r"^\W*(?:(?:hi|hello|hey|good (?:morning|afternoon|evening)|dear)(?: (?:there|all|oka|everyone|team|folks))?[,.!:]+\s*"
    r"|(?:a |one )?quick question(?: please)?[,.:!]*\s+|(?:please|kindly),?\s+(?=(?:what|how|why|when|which|where|who)\b)"
    r"|(?:(?:can|could|would) (?:you|someone|anyone) (?:please )?(?:tell|explain to|help) me|do you know|i(?: would|'d) like to know"
    r"|i want to know|i(?: was| am|'m) wondering|any idea) (?=(?:what|how|why|when|which|where|who|if|whether)\b))+",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"\s+(?:(?:many |a lot of )?thanks?\b|thank you|cheers\b|thx\b|any (?:help|hint|pointers?) (?:is |are |would be )?(?:much |greatly )?"
    r"appreciated)[^?]*$",
    re.IGNORECASE,
)


def plainly(question: str) -> str:
    """The question without greeting, courtesy and thanks, and not in capitals throughout: none of it says what is asked."""
    left = _THANKS.sub("", _COURTESY.sub("", question)).strip().rstrip(",;-– ")
    question = left if terms(left) else question
    return question.lower() if question.isupper() and len(question.split()) > 2 else question


_TELLS = re.compile(
    r"^\W*(?:please,? )?(?:explain|describe|define|compare|list|name|tell me|show me|give me)\b", re.IGNORECASE
)


def question_alone(text: str) -> str:
    """The one sentence of a message that asks, without the others: an aside, a story, an attempt to steer. "" where
    there is no other sentence, or where several ask."""
    sentences = [text[start:end] for start, end in sentence_ranges(text, 0, len(text))]
    asking = [sentence for sentence in sentences if sentence.endswith("?")]
    asking = asking or [sentence for sentence in sentences if _ASKS.match(sentence) or _TELLS.match(sentence)]
    return " ".join(asking) if len(asking) == 1 < len(sentences) else ""


_SMALL_TALK = re.compile(
    r"^\W*((hi|hello|hey|good (morning|evening|afternoon)|thanks?( you)?|thank you|bye|goodbye|ok|okay|cool|great|"
    r"how are you|who are you|what are you|what can you do|tell me a joke|help)\b[\s,!.?]*(there|oka|bot|all|very much|so much)?\W*)+$",
    re.IGNORECASE,
)


def is_small_talk(question: str) -> bool:
    """Whether it is a greeting or the like: nothing to look up."""
    return bool(_SMALL_TALK.match(question))


def understand(question: str, topics: Mapping[str, str], carried: str = "") -> Query:
    """`topics` maps each heading of the documents to its anchor; `carried` is what earlier turns said."""
    behind = _behind(carried)
    entities = find_entities(question + behind, topics)
    intent = find_intent(question_alone(question) or question)
    query = Query(question + behind, intent, entities, carried=carried)
    subjects = (*(entity.mention for entity in entities), *query.names)
    return replace(query, clauses=tuple(_about(clause, subjects) + behind for clause in clauses_of(question)))


def _behind(carried: str) -> str:
    return f" ({carried})" if carried else ""


_SENTENCE_END = re.compile(r"(?<=[.?!])\s+(?=\S)")
_JOINT = re.compile(
    r"(?:,|;)?\s+(?:and|but)\s+(?=(?:(?:in|on|at|by|to|for|from|under|after|with) )?(?:what|which|how|where|when|why|who|whose)\b"
    r"|(?:is|are|can|does|do|did|should|could|will|would|may|must) (?:it|they|i|we|you|there|the|a|an)\b)"
    r"|[,;]\s+and\s+(?=(?:the|an?|its|their|my|your)\s(?:\S+\s+){2})",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"^(?:and |but |or |so |also )?(?:(?:in|on|at|by|to|for|from|under|after|with) )?"
    r"(?:what|which|how|where|when|why|who|whose|is|are|can|does|do|did|should|could|will|would|may|must)\b",
    re.IGNORECASE,
)
_LEAD_WORDS = 10
"""Words before a colon, at most, that say what the question behind it is about: "Celery on SQS: which …"."""
_CLAUSES = 3
_NO_OTHER_SUBJECT = re.compile(
    r"^(?:and )?(?:what(?:'s|s| is| are| would be) (?:the |a |an )?(?:runner-?up|second[- ]best|alternatives?)"
    r"|(?:what|how|when|where|which|why)\b[\w' ]{0,20}\b(?:each|they|them|both)(?: \w+){0,3}"
    r"|(?:why|how|when|how so|why not|what for|how come))\W*$",
    re.IGNORECASE,
)
"""A clause that asks for more of the same answer: "and what does each do"."""


def clauses_of(question: str) -> tuple[str, ...]:
    """The questions that are asked in one ("how many may fail, and what does the rest do?"), each behind what is said
    before them all; empty where it is one question, or more than three."""
    said: list[str] = []
    asked: list[str] = []
    for sentence in _SENTENCE_END.split(question.strip()):
        lead, colon, rest = sentence.partition(": ")
        if colon and len(lead.split()) <= _LEAD_WORDS and not _ASKS.match(lead):
            said.append(lead)
            sentence = rest
        if _ASKS.match(sentence) or sentence.endswith("?"):
            asked += [clause for clause in _JOINT.split(sentence) if terms(clause)]
        else:
            said.append(sentence)
    if not 2 <= len(asked) <= _CLAUSES or any(_NO_OTHER_SUBJECT.search(clause) for clause in asked):
        return ()
    return tuple(" ".join((*said, clause)) for clause in asked)


def _about(clause: str, subjects: tuple[str, ...]) -> str:
    """A clause with what the whole question names, where it doesn't name it itself."""
    low = clause.lower()
    return " ".join((clause, *dict.fromkeys(name for name in subjects if name.lower() not in low)))


def find_intent(question: str) -> Intent:
    """By its words alone; "fact" where none of the others shows."""
    low = question.lower()
    return next((intent for intent, pattern in _INTENTS if re.search(pattern, low)), "fact")


def find_entities(question: str, topics: Mapping[str, str]) -> tuple[Entity, ...]:
    """The tools and patterns named, in the order of their first mention, each once; longer names win over shorter."""
    if not topics:
        return ()
    pattern, headings = _names(tuple(topics))
    found: dict[str, Entity] = {}
    for match in pattern.finditer(question):
        if heading := headings.get(match.group().lower()):  # a pattern also takes "ſ" for an "s"
            found.setdefault(heading, Entity(heading, topics[heading], match.group()))
    return tuple(found.values())


def expansions(question: str) -> tuple[str, ...]:
    """Words to search beside the question's own: what its acronyms stand for."""
    return tuple(sorted(set(short_forms(question).values())))


def short_forms(question: str) -> dict[str, str]:
    """Its acronyms and other short forms as they stand in it, with what they stand for."""
    table = _aliases()["expansions"]
    found = [match.group() for match in _acronyms().finditer(question)]
    return {
        short: str(table[short.lower()]) for short in found if short.lower() in table
    }  # a pattern also takes "ſ" for an "s"


@cache
def _acronyms() -> re.Pattern[str]:
    longest_first = sorted(_aliases()["expansions"], key=len, reverse=True)
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, longest_first))})(?![\w-])", re.IGNORECASE)


def known_names(topics: Collection[str]) -> frozenset[str]:
    """Single words that name what has one of these headings, in lower case."""
    table = _aliases()["names"]
    names = (name for heading in topics for name in (heading, *table.get(heading, ())))
    return frozenset(word for name in names for word in re.findall(r"[a-z]+", name.lower()) if word not in COMMON)


@cache
def _names(headings: tuple[str, ...]) -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern of all names, longest first, and the heading of each. A heading is a name of itself, with or without a last
    "Pattern"."""
    table = _aliases()["names"]
    found: dict[str, str] = {}
    for heading in headings:
        own = {heading.lower(), re.sub(r"\s+(pattern|theorem|algorithms?)$", "", heading.lower())}
        found |= dict.fromkeys(own.union(table.get(heading, ())), heading)
    longest_first = sorted(found, key=lambda name: (-len(name), name))
    return re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE), found


@cache
def _aliases() -> dict[str, dict[str, Any]]:
    return tomllib.loads((Path(__file__).parent / "aliases.toml").read_text(encoding="utf-8"))
