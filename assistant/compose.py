"""From ranked passages to an answer made of quotes, in the form that the question asks for.

A definition begins with what the thing is; a recommendation gives the reason and the runner-up; a comparison is a table
(comparing.py); a resource answer lists links with what each is for; the rest is the best units, the best first. Which
units are said is decided in choosing.py, how they look in layout.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from urllib.parse import urlsplit

from assistant.choosing import Claim, asks_for_code, choose, merge
from assistant.comparing import compare
from assistant.grouping import defines
from assistant.layout import NOT_STATED, LaidOut, Part, Quotes, Words, lay_out
from assistant.query import Intent, Query, find_intent
from assistant.sections import Sections
from assistant.sides import sides_of
from assistant.topics import Topics
from corpus.instructions import gives_instructions, plants_link
from index.chunk import plain_markdown
from index.passages import Hit, Passage, Unit
from index.terms import terms

_ELSEWHERE = 0.5
"""How far behind, in log odds, a recommendation may be of the best that the pages say."""
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
_AHEAD = 0.1
_ASKS_ABOUT = ("fact", "how", "why", "list")
_CLAUSE_WORDS = 100
"""About how many words each thing is answered in, where a question asks several."""
_LINK_MARGIN = 2.0
"""How far behind, in log odds, a list of links may be of the best, where links are asked for."""
_LINK_LISTS = 2
_DEFINES = 2.0
"""What a sentence that begins "X is a …" gains, in log odds, where it is asked what X is."""
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
    evidence = _of_what_is_named(query, evidence, topics)
    hits, scores = trusted(*sections.widen(evidence.hits, evidence.scores))
    intent = query.intent
    parts: list[Part] = []
    if _ASKS_FOR_PAGES.search(query.own):
        intent = "resource"
        parts = _links(hits, scores)
    elif sides := sides_of(query):
        own = [trusted(*sections.widen(evidence.hits, part.scores))[1] for part in evidence.parts]
        parts = compare(query, hits, own or [scores] * len(sides), sides, sections, topics.is_about)
    elif not query.entities and not evidence.clauses and (intent == "recommend" or _ASKS_FOR_ONE.search(query.own)):
        parts = _recommendation(hits, scores, evidence.rarity)
    if not parts:
        if intent == "define":
            scores = _with_definitions(query, hits, scores)
        elif intent in ("compare", "recommend"):
            intent = "fact"  # it names nothing that could be compared or recommended
        claims = _for_each_clause(evidence, sections) or merge(
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
    """The evidence about what a question names, where that has a hit: what suits Celery is no answer to what suits Airflow.
    Of the pages about something else, those that name it."""
    about = [any(topics.is_about(entity, hit.passage) for entity in query.entities) for hit in evidence.hits]
    kept = [
        at
        for at, hit in enumerate(evidence.hits)
        if about[at] or (hit.passage.source != "document" and topics.names_any(query.entities, hit.passage))
    ]
    if not any(about) or len(kept) == len(evidence.hits):
        return evidence

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


def _for_each_clause(evidence: Evidence, sections: Sections) -> list[Claim]:
    """The best of each clause's answer, in their order, each unit once."""
    said: set[tuple[str, int]] = set()
    claims: list[Claim] = []
    for clause in evidence.clauses:
        hits, scores = trusted(*sections.widen(evidence.hits, clause.scores))
        code, intent = asks_for_code(clause.text), find_intent(clause.text)
        for claim in choose(hits, scores, intent, _CLAUSE_WORDS, _told(clause, intent), code=code):
            fresh = tuple(unit for unit in claim.units if (claim.passage.url, unit.start) not in said)
            said.update((claim.passage.url, unit.start) for unit in fresh)
            claims += [replace(claim, units=fresh)] if any(unit.kind != "label" for unit in fresh) else []
    return merge(claims)


def trusted(hits: Sequence[Hit], scores: Sequence[Sequence[float]]) -> tuple[list[Hit], list[list[float]]]:
    """The hits without what speaks to the reader's assistant, or plants a link: of a page the whole paragraph, list item
    or code block, and what a "…:" of it introduces. Documents are the reader's own."""
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
        if speaks or follows:
            blocks.add(unit.block)
        leads = follows or (speaks and (unit.kind in ("label", "term") or words.rstrip().endswith(":")))
    return blocks


def claims_of(parts: Sequence[Part]) -> list[Claim]:
    """All claims, in order."""
    found: list[Claim] = []
    for part in parts:
        if isinstance(part, Quotes):
            found += part.claims
        elif not isinstance(part, Words):
            found += [claim for _, row in part.rows for cell in row for claim in cell]
    return found


# ---------------------------------------------------------------- recommendation


def _recommendation(hits: Sequence[Hit], scores: Sequence[Sequence[float]], rarity: dict[str, float]) -> list[Part]:
    """What the documents' best section recommends, why, and the runner-up; empty where no section says what it suits."""
    found = [
        (max(row), at)
        for at, (hit, row) in enumerate(zip(hits, scores, strict=True))
        if hit.passage.source == "document" and _suits(hit.passage) is not None
    ]
    if not found:
        return []
    found.sort(key=lambda pair: (-pair[0], pair[1]))
    best, at = found[0]
    if at and best < max(max(row) for row in scores) - _ELSEWHERE:
        return []  # a page answers better, and the search has it first
    passage = hits[at].passage
    wanted = {unit.start for unit in (_names(passage), _suits(passage)) if unit}
    chosen = choose([hits[at]], [scores[at]], "recommend", rarity=rarity)
    wanted |= {unit.start for claim in chosen for unit in claim.units}
    parts: list[Part] = []
    if _names(passage) is None:
        parts.append(Words(f"**{passage.headings[-1]}**"))
    parts.append(Quotes(_ranges(passage, wanted)))
    same = _label(passage)
    for second in (hits[other].passage for _, other in found[1:] if _label(hits[other].passage) == same):
        suits = _suits(second)
        units = {unit.start for unit in (suits, *_list_below(second, suits)) if unit} if suits else set()
        parts += [Words(f"**Runner-up: {second.headings[-1]}**"), Quotes(_ranges(second, units))]
        break
    return parts


def _label(passage: Passage) -> str:
    """What a section calls that which it suits: only sections that say it alike are rivals."""
    suits = _suits(passage)
    found = _SUITS.match(passage.words(suits)) if suits else None
    return found[1].lower() if found else ""


_SUITS = re.compile(r"^\**(best for|use when|use cases?|use it when|when to use|choose)\b", re.IGNORECASE)


def _suits(passage: Passage) -> Unit | None:
    """The unit that says what a section's subject is for: "Best For: …", or the label of such a list."""
    return next((unit for unit in passage.units if _SUITS.match(passage.words(unit))), None)


def _names(passage: Passage) -> Unit | None:
    """The unit that says what a section's subject is: its first, if that is a sentence."""
    first = passage.units[0]
    return first if first.kind == "sentence" and not passage.words(first).startswith("**") else None


def _list_below(passage: Passage, label: Unit) -> list[Unit]:
    below: list[Unit] = []
    if label.kind != "label":
        return below
    for unit in passage.units[passage.units.index(label) + 1 :]:
        if unit.kind != "item":
            break
        below.append(unit)
    return below


def _ranges(passage: Passage, starts: set[int]) -> tuple[Claim, ...]:
    """Units of a passage as claims, neighbours together."""
    return tuple(merge([Claim(passage, (unit,)) for unit in passage.units if unit.start in starts]))


# ---------------------------------------------------------------- definition

_SUBJECT = re.compile(
    r"^\W*(?:what|who)(?: exactly)?(?:'s|’s| is| are| was| does)? (?:exactly )?(?:meant by |is |are )?(?:an? "
    r"|the )?(?P<what>.+?)(?: mean| stand for|,? exactly|,? in (?:one|a|a few|two|simple|short|plain)[\w ]*)?\W*$"
    r"|\b(?:define|explain|definition of|meaning of)\s+(?:an? |the )?(?P<other>.+?)\W*$",
    re.IGNORECASE,
)


def _with_definitions(query: Query, hits: Sequence[Hit], scores: Sequence[Sequence[float]]) -> list[list[float]]:
    """The scores, with what begins "X is …" ahead, where X is asked for; where nothing does and a section of a document
    answers best, with all that the section says of X close behind."""
    found = _SUBJECT.search(query.own)
    subject = set(terms((found["what"] or found["other"]) if found else query.own))
    raised = [list(row) for row in scores]
    top = max((max(row) for row in scores), default=0.0)
    defining: list[tuple[float, int, int]] = []
    for at, hit in enumerate(hits):
        headed = set(terms(" ".join((*hit.passage.headings, hit.passage.title, urlsplit(hit.passage.url).netloc))))
        for number, unit in enumerate(hit.passage.units):
            words = plain_markdown(hit.passage.words(unit))
            if scores[at][number] > float("-inf") and defines(words, unit, subject, headed):
                raised[at][number] += _DEFINES
                is_link = unit.kind == "item" and hit.passage.words(unit).startswith("[")
                defining += [] if is_link else [(raised[at][number], -at, number)]
    if defining:
        _, behind, number = max(defining)
        raised[-behind][number] = max(top, raised[-behind][number]) + _AHEAD
    else:
        best = next((at for at, row in enumerate(scores) if max(row) == top), None)
        if best is not None and hits[best].passage.source == "document":
            raised[best] = [max(score, top - 1.0) for score in raised[best]]
    return raised


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
