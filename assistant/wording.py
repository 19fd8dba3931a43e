"""A sentence as the tokens that carry its meaning: content words, names, numbers, code, and the small words of logic.

Word lists and scanning only; what may stand for what is decided in support.py.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

# "sub" opens a subordinate clause, "pause" is a comma or a dash, "stop" the end of a statement.
Kind = Literal["word", "name", "number", "exact", "logic", "small", "sub", "pause", "stop"]
CONTENT = ("word", "name", "number", "exact")
"""Kinds that must be found in a source. `exact` is code, an identifier or an address."""


@dataclass(frozen=True)
class Token:
    """`key` is what two tokens share that mean the same: a stem, a number's value, a class of logic, the code."""

    kind: Kind
    key: str
    text: str

    @property
    def content(self) -> bool:
        """Whether it says something, as against holding the sentence together."""
        return self.kind in CONTENT

    def matches(self, other: Token) -> bool:
        """Whether this word of a sentence may stand for `other` of a source: code and names as written, a plain word by
        its stem, a number by its value."""
        if self.kind == "exact" or other.kind == "exact":
            return self.text.removesuffix("()") == other.text.removesuffix("()")
        if self.kind == "name":
            return self.key == other.key and _bare(self.text.lower()).removesuffix("s") == _bare(
                other.text.lower()
            ).removesuffix("s")
        return self.key == other.key


def _table(lines: str) -> dict[str, str]:
    """`key: word word …` a line, read as word → key."""
    pairs = (line.partition(":") for line in lines.strip().splitlines())
    return {word: key for key, _, words in pairs for word in words.strip().split("|")}


_PHRASES = {
    "at least": "at least",
    "at most": "at most",
    "no more than": "at most",
    "not more than": "at most",
    "no less than": "at least",
    "no fewer than": "at least",
    "up to": "at most",
    "more than": "more than",
    "less than": "less than",
    "fewer than": "less than",
    "no longer": "not",
    "rather than": "not",
    "instead of": "not",
    "as opposed to": "not",
    "have to": "must",
    "has to": "must",
    "need to": "must",
    "needs to": "must",
    "even if": "even if",
}
"""Phrases of logic that are one token; words may be joined by hyphens ("at-least-once")."""

STRICT = _table("""
not: not|no|never|none|neither|nor|without|cannot|nothing|nobody|nowhere|non|lack|lacks|lacking|lacked|unable
not: avoid|avoids|avoided|avoiding
if: if|provided|assuming
unless: unless
except: except|excluding|besides
until: until|till
when: when|whenever
only: only|solely|exclusively|just|merely
exactly: exactly|precisely
about: about|approximately|roughly|almost|nearly|around
can: can|may|might|could|possibly|optionally|potentially|perhaps|maybe
must: must|shall
should: should|ought
always: always
usually: usually|often|typically|generally|normally|commonly|frequently|mostly
sometimes: sometimes|occasionally
rarely: rarely|seldom|hardly|barely|scarcely
some: some|several
many: many
few: few
most: most
respectively: respectively
formerly: formerly|previously|deprecated|obsolete
""")
"""Words that change what is claimed: a sentence has them exactly where its source has them."""

WEAK = _table("""
all: all|every|each|any
both: both
before: before|prior
after: after
than: than
by: by
from: from
within: within|inside
outside: outside
above: above|over
below: below|under
against: against
through: through|via
between: between
""")
"""Words that may be left out together with what they govern, but not added nor exchanged."""

_EITHER = {"or", "either"}
_SUBORDINATORS = frozenset(
    "because since while whereas but although though so therefore hence thus which who that whose where then".split()
)
_SMALL = frozenset(
    """a an the this these those it its they them their he she his her we our you your i my itself themselves there here
    is are was were be been being am do does did done doing has have had having will would of for with in on at to as
    into onto and also too such like e.g i.e etc upon per s t re ve ll d m up out off what how why""".split()
)
VERBS = frozenset("is are was were be been being am do does did has have had".split())
"""Small words that make a statement of their own when they are put between two words."""

GLUE = frozenset(
    """use uses used using provide provides provided offer offers offered include includes included including
    call calls called according documentation say says said stated mention mentions mentioned follow follows following
    describe describes described mean means example examples overall addition additionally furthermore moreover namely
    specifically way ways available""".split()
)
"""Words that may be added: they hold a sentence together and claim nothing about orchestration."""

_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()
_NUMBER_WORDS = {word: str(value) for value, word in enumerate(_NUMBERS)} | {
    "hundred": "100", "thousand": "1000", "million": "1000000", "dozen": "12",
    "once": "once", "twice": "twice", "half": "half",
}  # fmt: skip

_ANY_PHRASE = "|".join(phrase.replace(" ", "[ -]") for phrase in sorted(_PHRASES, key=len, reverse=True))
_SCAN = re.compile(
    r"(?P<url>(?:https?://|www\.|mailto:)[^\s<>\"'`]+)"
    r"|(?P<small>\b(?:e\.g|i\.e|etc|vs)\.)"
    rf"|(?P<phrase>\b(?:{_ANY_PHRASE})\b)"
    r"|(?P<exact>(?<![\w-])--?[A-Za-z][\w-]*|[@$]\w[\w.\-]*|[\w.+\-]+@[\w\-]+\.\w+|(?<!\w)/[\w.\-]+(?:/[\w.\-]+)*|~/[\w./\-]+"
    r"|\w+(?:(?:\.|::|/(?=\w*[\d._]))\w+)*(?:\.\w+|::\w+)\b(?:\(\))?|\w+\(\)|\w*_\w*)"
    r"|(?P<number>\d+(?:[.:,]\d+)*)(?![\w])"
    r"|(?P<mixed>\w*\d\w*)"
    r"|(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)?)"
    r"|(?P<percent>%)"
    r"|(?P<stop>[.;!?](?=\s|$|[\"'”’)*])|\n+|\t)"
    r"|(?P<pause>[,:()—–|]|\s-\s)",
    re.IGNORECASE,
)
_DECIMAL = re.compile(r"\d+(?:\.\d+)+")
_INNER_CAPITAL = re.compile(r"[a-z][A-Z]|[A-Z]{2,}[a-z]")
_LINK = re.compile(r"!?\[([^\]]*)\]\(([^)\s]*)[^)]*\)")


def plain(text: str) -> str:
    """Without Markdown's marks (links keep their label) and invisible characters; quotes and spaces made plain."""
    text = _LINK.sub(r"\1", text)
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    text = text.translate(
        {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2010: "-", 0x2011: "-", 0xA0: " ", 0x202F: " "}
    )
    return re.sub(r"\*\*|`|(?<!\w)\*(?=\S)|(?<=\S)\*(?!\w)", "", text)


def scan(text: str) -> list[Token]:
    """The tokens of `plain` text, in order. Characters that are no word (quotes, brackets, emoji) give none."""
    # Imported here: an answer without a model doesn't need it.
    from Stemmer import Stemmer

    stem = Stemmer("english").stemWord
    tokens: list[Token] = []
    for match in _SCAN.finditer(text):
        kind, words = str(match.lastgroup), match.group()
        low = words.lower().replace("’", "'")
        if kind == "url":
            words = words.rstrip(".,;:!?)")
            tokens.append(Token("exact", words, words))
        elif kind == "phrase":
            tokens.append(Token("logic", _PHRASES[low.replace("-", " ")], words))
        elif kind == "number":
            tokens.append(Token("number", low.replace(",", "") if "," in low else low, words))
        elif kind == "exact":
            number = _DECIMAL.fullmatch(words)
            tokens.append(Token("number" if number else "exact", words.removesuffix("()"), words))
        elif kind == "mixed":
            tokens.append(Token("name", low, words))
        elif kind == "percent":
            tokens.append(Token("word", "percent", words))
        elif kind in ("stop", "pause", "small"):
            tokens.append(Token(kind, words.strip() or "\n", words))  # type: ignore[arg-type]  # the group's name is the kind
        else:
            start = not tokens or tokens[-1].kind == "stop"
            tokens.extend(_word(words, low, start, stem(_bare(low))))
    return tokens


def _bare(low: str) -> str:
    return low.removesuffix("'s")


def _word(words: str, low: str, start: bool, stemmed: str) -> list[Token]:
    if low.endswith("n't"):
        verb = _word(low[:-3], low[:-3], False, low[:-3]) if low != "can't" else [Token("logic", "can", "can")]
        return [*(token for token in verb if token.kind in ("logic", "small")), Token("logic", "not", words)]
    if low == "cannot":
        return [Token("logic", "can", words), Token("logic", "not", words)]
    low = low.partition("'")[0] if not low.endswith("'s") else _bare(low)
    if low in STRICT:
        return [Token("logic", STRICT[low], words)]
    if low in WEAK:
        return [Token("logic", WEAK[low], words)]
    if low in _EITHER:
        return [Token("small", "or", words)]
    if low in _SUBORDINATORS:
        return [Token("sub", low, words)]
    if low in _SMALL and not (words == "A" and not start):
        return [Token("small", low, words)]
    if low in _NUMBER_WORDS:
        return [Token("number", _NUMBER_WORDS[low], words)]
    if _INNER_CAPITAL.search(words) or (words[0].isupper() and not start):
        return [Token("name", stemmed, words)]
    return [Token("word", stemmed, words)]
