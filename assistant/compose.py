"""From ranked passages to an answer made of quotes, in the form that the question asks for.

A definition begins with what the thing is (defining.py); a recommendation gives the reason and the runner-up
(recommending.py); a comparison is a table (comparing.py); a resource answer lists links with what each is for; the rest
is the best units, the best first. Which units are said is decided in choosing.py, how they look in layout.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from urllib.parse import urlsplit

from assistant.choosing import Claim, asks_for_code, choose, merge
from assistant.comparing import compare
from assistant.defining import with_definitions
from assistant.layout import NOT_STATED, LaidOut, Part, Quotes, Words, lay_out
from assistant.query import Intent, Query, find_intent
from assistant.recommending import recommendation
from assistant.sections import Sections
from assistant.sides import sides_of
from assistant.topics import Topics
from corpus.instructions import gives_instructions, plants_link
from index.passages import Hit, Passage, Unit

_ASKS_FOR_PAGES = re.compile(
    r"\b(which|what) (page|post|article|guide|document|chapter|site|website)s?\b|\bis there an? (\w+ )?(page"
    r"|post|article|guide|book"
    r"|paper|tutorial|talk)\b|\bwhere (is|are) .{2,60}\b(explained|documented|described|covered)\b"
    r"|\bwhere (can|do|could|should|might|would) (i|we|one|you) (\w+ )?(read|learn|find|look|start)\b"
    r"|\bpoint me (to|at)\b"
    r"|\bacademic references\b|\breferences (for|on|about)\b"
    r"|\b(links?|resources|further reading|reading list|books?|papers?|docs|documentation|tutorials?) (for|on"
    r"|about|to)\b"
    r"|\bread (up|more)\b|\b(good|more|further) (reading|resources|links)\b",
    re.IGNORECASE,
)
_ASKS_FOR_ONE = re.compile(
    r"\b(which|what) (\w+ ){0,2}(tool|orchestrator|framework|engine|platform|option|one)\b|\bsuggestions?\b"
    r"|\bwhat fits\b"
    r"|\b(should|would|could|can) (i|we|you) (use|pick|choose|take|go for)\b",
    re.IGNORECASE,
)
_OF_SEVERAL: tuple[Intent, ...] = ("compare", "recommend")
_ASKS_ABOUT = ("fact", "how", "why", "list")
_CLAUSE_WORDS = 100
"""About how many words each thing is answered in, where a question asks several."""
_LINK_MARGIN = 2.0
"""How far behind, in log odds, a list of links may be of the best, where links are asked for."""
_LINK_LISTS = 2
_DIAGRAMS = frozenset("mermaid plantuml dot".split())
_DIAGRAM = re.compile(
    r"\s*(?:flowchart|graph|sequenceDiagram|stateDiagram(?:-v2)?|classDiagram)\b.*(?:-->|->>)", re.DOTALL
)
_LAYOUT = re.compile(r"</?(?:td|th|tr|table|tbody|div|img|figure)\b[^<>]*>", re.IGNORECASE)
"""In code of no language: layout that a page shows by mistake."""
_MORE = 3
"""Links at the end, at most."""


@dataclass(frozen=True)
class Evidence:
    """What an answer is made of: the hits, how well each unit of each answers, and the question's words with weights."""

    hits: Sequence[Hit]
    scores: Sequence[Sequence[float]]
    rarity: dict[str, float]
    missing: tuple[str, ...] = ()  # words of the question that the sources have nothing of
    parts: tuple[AskedPart, ...] = ()  # of a comparison, each side by itself
    clauses: tuple[AskedPart, ...] = ()  # where it asks two or three things, each by itself
    aside: frozenset[str] = frozenset()  # the question's names that all pages of a tool have, see Asked.aside


@dataclass(frozen=True)
class AskedPart:
    """A part or clause of a question, with the scores that the units of the evidence's hits have for it."""

    text: str
    scores: Sequence[Sequence[float]]
    rarity: dict[str, float]
    aside: frozenset[str] = frozenset()


def compose(query: Query, evidence: Evidence, sections: Sections, topics: Topics) -> LaidOut:
    """The answer. Its text is "" where nothing can be quoted."""
    whole, evidence = evidence, _of_what_is_named(query, evidence, topics)
    hits, scores = trusted(*sections.widen(evidence.hits, evidence.scores))
    intent = query.intent
    parts: list[Part] = []
    if _ASKS_FOR_PAGES.search(query.own):
        intent = "resource"
        parts = _links(hits, scores)
    elif sides := sides_of(query):
        # A side that the documents have no section of is told by its words alone.
        told = evidence if all(side.entity for side in sides) else whole
        all_hits, all_scores = trusted(*sections.widen(told.hits, told.scores))
        own = [trusted(*sections.widen(told.hits, part.scores))[1] for part in told.parts]
        parts = compare(query, all_hits, own or [all_scores] * len(sides), sides, sections, topics.is_about)
    elif not query.entities and not evidence.clauses and (intent == "recommend" or _ASKS_FOR_ONE.search(query.own)):
        parts = recommendation(hits, scores, evidence.rarity)
    if not parts:
        if intent == "define":
            scores = with_definitions(query, hits, scores)
        elif intent in _OF_SEVERAL:  # it names nothing that could be compared or recommended
            intent = find_intent(query.own, but=_OF_SEVERAL)
        claims = _for_each_clause(query, evidence, sections) or merge(
            choose(hits, scores, intent, rarity=_told(evidence, query.intent), code=asks_for_code(query.own))
        )
        parts = [Quotes(tuple(claims))] if claims else []
    if parts and evidence.missing:
        named = ", ".join(f"“{word}”" for word in evidence.missing)
        parts.append(Words(f"{NOT_STATED.rstrip('.')}: {named}."))
    if parts and intent != "resource":
        parts += _more(parts)
    return lay_out(parts)


def _of_what_is_named(query: Query, evidence: Evidence, topics: Topics) -> Evidence:
    """The evidence about what a question names, and of the pages about something else those that name it: what suits Celery
    is no answer to what suits Airflow. Where none is about it, what names it; there may be nothing."""
    if not query.entities:
        return evidence
    about = [topics.is_about_any(query.entities, hit.passage) for hit in evidence.hits]
    kept = [
        at
        for at, hit in enumerate(evidence.hits)
        if about[at]
        or (topics.names_any(query.entities, hit.passage) and (hit.passage.source != "document" or not any(about)))
    ]

    def of(scores: Sequence[Sequence[float]]) -> list[Sequence[float]]:
        return [scores[at] for at in kept]

    return replace(
        evidence,
        hits=[evidence.hits[at] for at in kept],
        scores=of(evidence.scores),
        parts=tuple(replace(part, scores=of(part.scores)) for part in evidence.parts),
        clauses=tuple(replace(part, scores=of(part.scores)) for part in evidence.clauses),
    )


def _told(part: Evidence | AskedPart, intent: Intent) -> dict[str, float]:
    """The question's words, without the names of tools where it asks for something about them: a section that has nothing
    but its tool's name in common with the question adds nothing to that."""
    if intent not in _ASKS_ABOUT:
        return part.rarity
    return {word: weight for word, weight in part.rarity.items() if word not in part.aside}


def _for_each_clause(query: Query, evidence: Evidence, sections: Sections) -> list[Claim]:
    """The best of each clause's answer, in their order, each unit once."""
    said: set[tuple[str, int]] = set()
    claims: list[Claim] = []
    for clause in evidence.clauses:
        hits, scores = trusted(*sections.widen(evidence.hits, clause.scores))
        code, intent = asks_for_code(clause.text), find_intent(clause.text)
        if intent == "define":
            scores = with_definitions(replace(query, text=clause.text, intent=intent), hits, scores)
        for claim in choose(hits, scores, intent, _CLAUSE_WORDS, _told(clause, intent), code=code):
            fresh = tuple(unit for unit in claim.units if (claim.passage.url, unit.start) not in said)
            said.update((claim.passage.url, unit.start) for unit in fresh)
            claims += [replace(claim, units=fresh)] if any(unit.kind != "label" for unit in fresh) else []
    return merge(claims)


def trusted(hits: Sequence[Hit], scores: Sequence[Sequence[float]]) -> tuple[list[Hit], list[list[float]]]:
    """The hits without what speaks to the reader's assistant, or plants a link: of a page the whole paragraph, list item
    or code block, and what a "…:" of it introduces; and without the source of diagrams and layout. Documents are the
    reader's own."""
    kept: list[Hit] = []
    rows: list[list[float]] = []
    for hit, row in zip(hits, scores, strict=True):
        passage = hit.passage
        barred = set() if passage.source == "document" else _barred(passage)
        good = [at for at, unit in enumerate(passage.units) if unit.block not in barred]
        if good:
            units = tuple(passage.units[at] for at in good)
            kept.append(hit if not barred else replace(hit, passage=replace(passage, units=units)))
            rows.append([row[at] for at in good])
    return kept, rows


def _barred(passage: Passage) -> set[int]:
    host = urlsplit(passage.url).hostname or ""
    blocks: set[int] = set()
    leads = False
    for unit in passage.units:
        words = passage.words(unit)
        speaks = gives_instructions(words) or (unit.kind != "code" and plants_link(words, host))
        follows = leads and unit.kind in ("item", "code", "row")
        if speaks or follows or _is_drawn(unit, words):
            blocks.add(unit.block)
        leads = follows or (speaks and (unit.kind in ("label", "term") or words.rstrip().endswith(":")))
    return blocks


def _is_drawn(unit: Unit, words: str) -> bool:
    """Whether it is no text but the source of a diagram or of layout."""
    is_code = unit.kind == "code"
    return bool(
        _DIAGRAM.match(words)
        or (is_code and (unit.language in _DIAGRAMS or (not unit.language and _LAYOUT.search(words))))
    )


def claims_of(parts: Sequence[Part]) -> list[Claim]:
    """All claims, in order."""
    found: list[Claim] = []
    for part in parts:
        if isinstance(part, Quotes):
            found += part.claims
        elif not isinstance(part, Words):
            found += [claim for _, row in part.rows for cell in row for claim in cell]
    return found


# ---------------------------------------------------------------- resources


def _links(hits: Sequence[Hit], scores: Sequence[Sequence[float]]) -> list[Part]:
    """The best lists of links of the documents, each link with what it is for; empty where pages answer much better."""
    best = max((max(row) for row in scores), default=0.0)
    found: list[tuple[float, int, Claim]] = []
    for at, (hit, row) in enumerate(zip(hits, scores, strict=True)):
        links = [
            (score, unit)
            for unit, score in zip(hit.passage.units, row, strict=True)
            if hit.passage.source == "document" and unit.kind == "item" and hit.passage.words(unit).startswith("[")
        ]
        if links and max(score for score, _ in links) >= best - _LINK_MARGIN:
            units = [unit for _, unit in links]
            before = hit.passage.units.index(units[0]) - 1
            label = hit.passage.units[before : before + 1] if before >= 0 else ()
            lead = label if label and label[0].kind == "label" else ()
            found += [
                (-max(score for score, _ in links), at, replace(claim, under="" if lead else hit.passage.headings[-1]))
                for claim in merge([Claim(hit.passage, (unit,)) for unit in (*lead, *units)])
            ]
    claims = [claim for _, _, claim in sorted(found, key=lambda one: one[:2])][:_LINK_LISTS]
    return [Quotes(tuple(claims))] if claims else []


# ---------------------------------------------------------------- what to read further


def _more(parts: Sequence[Part]) -> list[Part]:
    """The original resources of the document sections that were quoted, as links, unless the answer has them already."""
    claims = claims_of(parts)
    said = "\n".join(claim.passage.words(unit) for claim in claims for unit in claim.units)
    cited = {claim.passage.url.rstrip("/") for claim in claims}
    sections = {
        (claim.passage.url, claim.passage.anchor): claim.passage.resources
        for claim in claims
        if claim.passage.source == "document"
    }
    links: dict[str, str] = {}
    for turn in zip_longest(*sections.values()):  # one of each section, then the second of each
        for resource in turn:
            if resource and resource.url not in said and resource.url.rstrip("/") not in cited:
                links.setdefault(resource.url, resource.label)
    if not links:
        return []
    shown = list(links.items())[:_MORE]
    return [Words("**More on this:** " + " · ".join(f"[{label}]({url})" for url, label in shown))]
