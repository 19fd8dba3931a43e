"""Names that a question may use: of the documents' sections, with their aliases, and the field's acronyms."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
class Entity:
    """A tool or pattern that has a section in the documents."""

    name: str  # the section's heading
    anchor: str
    mention: str  # how the question calls it


def find_entities(question: str, topics: Mapping[str, str]) -> tuple[Entity, ...]:
    """The tools and patterns named, in the order of their first mention, each once; longer names win over shorter."""
    if not topics:
        return ()
    pattern, headings = _names(tuple(topics))
    found: dict[str, Entity] = {}
    for match in pattern.finditer(question):
        heading = headings.get(match.group().lower())  # a pattern also takes "ſ" for an "s"
        if heading and not _is_common(match, question):
            found.setdefault(heading, Entity(heading, topics[heading], match.group()))
    return tuple(found.values())


def _is_common(match: re.Match[str], question: str) -> bool:
    """Whether a name is written like the common words that it is, too, and nothing beside it tells that it is a name:
    "cap the traces", but not "CAP" nor "cap and consistency"."""
    beside: list[str] = _aliases()["common"].get(match.group(), [])
    return bool(beside) and not re.search(rf"\b(?:{'|'.join(beside)})", question, re.IGNORECASE)


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
