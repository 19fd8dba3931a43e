"""From ranked passages to an answer made of quotes: which units are said, in what order, and how they look in Markdown.

Nothing is rewritten. A claim is a run of neighbouring units of one passage; what is added around it (bullets, code
fences, table bars, back-ticks around code) is layout only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from assistant.answers import Sentence
from assistant.query import Intent
from index.passages import Hit, Passage, Unit

_WORDS: dict[Intent, int] = {"list": 140, "how": 140, "compare": 140}
"""About how many words an answer has, by what is asked; a whole list or code block may exceed it."""
_DEFAULT_WORDS = 110
_SIDE_WORDS = 60
"""About how many words each side of a comparison has."""
_LEAST_WORDS = 30
"""Up to this many words, units twice as far behind are said too."""
_MARGIN = 2.5
"""Units this far behind the best, in log odds, are left out: of 1 to 3 the best balance of facts and length on dev."""
_LIST_ITEMS = 30
_ENTRY_WORDS = 4
_CLEARLY = 1.0
"""A link or a menu's entry has to be this much better, in log odds, than all else to be said unasked."""
_LEANS_BACK = re.compile(
    r"^(it|its|they|their|them|this|that|these|those|such|he|she|however|therefore|thus|hence|instead|otherwise|also|then|"
    r"moreover|furthermore|additionally|consequently|in this case|in that case|for this reason|as a result|in addition|but|so|and|or)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Scored:
    """A unit of a hit with how well it answers (log odds), and the rank of its hit from 0."""

    unit: Unit
    passage: Passage
    rank: int
    score: float


@dataclass(frozen=True)
class Claim:
    """Neighbouring units of one passage, quoted as one range."""

    passage: Passage
    units: tuple[Unit, ...]

    @property
    def start(self) -> int:
        """Offset into the page's text."""
        return self.units[0].start

    @property
    def end(self) -> int:
        """Offset into the page's text."""
        return self.units[-1].end


def choose(
    hits: Sequence[Hit], scores: Sequence[Sequence[float]], intent: Intent, budget: int | None = None
) -> list[Claim]:
    """The claims of an answer: the passage with the best unit first, each passage's units in its own order.

    `scores[i][j]` says how well unit j of hit i answers the question. Empty where there are no units.
    """
    pool = [
        Scored(unit, hit.passage, rank, score)
        for rank, (hit, row) in enumerate(zip(hits, scores, strict=True))
        for unit, score in zip(hit.passage.units, row, strict=True)
        if unit.kind != "label" and not unit.header
    ]
    pool.sort(key=lambda scored: (-scored.score, scored.rank, scored.unit.start))
    best_alone = max((scored.score for scored in pool if _stands_alone(scored, intent)), default=float("-inf"))
    budget = budget or _WORDS.get(intent, _DEFAULT_WORDS)
    chosen: dict[str, set[int]] = {}
    passages: dict[str, Passage] = {}
    said: set[str] = set()
    used = 0
    for scored in pool:
        behind = pool[0].score - scored.score
        if behind > 2 * _MARGIN or (behind > _MARGIN and used >= _LEAST_WORDS):
            break
        if not _stands_alone(scored, intent) and scored.score < best_alone + _CLEARLY:
            continue
        group = _group(scored, intent)
        fresh = [unit for unit in group if _key(scored.passage, unit) not in said]
        words = sum(len(scored.passage.words(unit).split()) for unit in fresh)
        if not fresh or (used and used + words > budget):
            continue
        passages.setdefault(scored.passage.id, scored.passage)
        chosen.setdefault(scored.passage.id, set()).update(unit.start for unit in group)
        said.update(_key(scored.passage, unit) for unit in group)
        used += words
    return [Claim(passages[key], run) for key, starts in chosen.items() for run in _runs(passages[key], starts)]


def choose_sides(
    hits: Sequence[Hit], scores: Sequence[Sequence[float]], sides: Sequence[Callable[[Passage], bool]]
) -> list[list[Claim]]:
    """The claims of a comparison, a list a side; each side is told by a test on passages. A side may have none."""
    found = []
    for side in sides:
        own = [at for at, hit in enumerate(hits) if side(hit.passage)]
        claims = choose([hits[at] for at in own], [scores[at] for at in own], "compare", _SIDE_WORDS)
        found.append(claims)
    return found


def _stands_alone(scored: Scored, intent: Intent) -> bool:
    """Whether a unit says something: it is no link that wasn't asked for, nor an entry of a menu."""
    words = scored.passage.words(scored.unit)
    if words.rstrip().endswith(":") and scored.unit == scored.passage.units[-1]:
        return False  # what it introduces stands in another passage
    if scored.passage.source == "document":
        return intent == "resource" or scored.unit.kind != "item" or not words.startswith("[")
    return intent == "list" or scored.unit.kind != "item" or len(words.split()) >= _ENTRY_WORDS


def _group(scored: Scored, intent: Intent) -> list[Unit]:
    """What has to be said together with a unit: the list it belongs to, what leads to it, what it leans on."""
    units = scored.passage.units
    at = units.index(scored.unit)
    first = last = at
    unit = scored.unit
    if unit.kind == "item" and intent in ("list", "resource", "define"):
        while first > 0 and units[first - 1].kind == "item" and at - first < _LIST_ITEMS:
            first -= 1
        while last + 1 < len(units) and units[last + 1].kind == "item" and last - at < _LIST_ITEMS:
            last += 1
    if unit.kind == "term":
        while last + 1 < len(units) and units[last + 1].depth > unit.depth and units[last + 1].kind != "term":
            last += 1
    while last + 1 < len(units) and last - at < _LIST_ITEMS and _continues(scored, units[last], units[last + 1]):
        last += 1
    if first > 0 and (
        _introduces(scored.passage, units[first - 1], units[first])
        or _leans_back(scored.passage, units[first], units[first - 1])
    ):
        first -= 1
    if unit.kind == "sentence" and intent == "how" and last + 1 < len(units) and units[last + 1].kind == "code":
        last += 1
    return list(units[first : last + 1])


def _introduces(passage: Passage, before: Unit, unit: Unit) -> bool:
    """Whether `before` is the label, the term or the "…:" sentence that `unit` belongs to."""
    if before.kind == "label":
        return True
    if before.kind == "term":
        return unit.depth > before.depth
    return (
        before.kind == "sentence"
        and unit.kind in ("item", "code", "row")
        and passage.words(before).rstrip().endswith(":")
    )


def _continues(scored: Scored, last: Unit, unit: Unit) -> bool:
    """Whether `unit` belongs to what a "…:" sentence introduces: the code, or list item after list item."""
    if scored.unit.kind != "sentence" or not scored.passage.words(scored.unit).rstrip().endswith(":"):
        return False
    return last == scored.unit or (last.kind == unit.kind and unit.kind in ("item", "row"))


def _leans_back(passage: Passage, unit: Unit, before: Unit) -> bool:
    """Whether a sentence can't be understood without the one before it in its paragraph."""
    return (
        unit.kind == before.kind == "sentence"
        and before.block == unit.block
        and bool(_LEANS_BACK.match(passage.words(unit)))
    )


def _runs(passage: Passage, starts: set[int]) -> list[tuple[Unit, ...]]:
    """The chosen units in page order, neighbours together."""
    runs: list[list[Unit]] = []
    previous = -2
    for position, unit in enumerate(passage.units):
        if unit.start in starts:
            if previous == position - 1 and runs:
                runs[-1].append(unit)
            else:
                runs.append([unit])
            previous = position
    return [tuple(run) for run in runs]


def _key(passage: Passage, unit: Unit) -> str:
    """The same words are said once, wherever they stand."""
    return " ".join(re.findall(r"\w+", passage.words(unit).lower()))


# ---------------------------------------------------------------- layout


def layout(claims: Sequence[Claim], numbers: Sequence[int]) -> tuple[str, tuple[Sentence, ...]]:
    """The Markdown of an answer and its claims in order; `numbers[i]` is the citation of claim i."""
    blocks: list[str] = []
    sentences: list[Sentence] = []
    for claim, number in zip(claims, numbers, strict=True):
        marker = f" [{number}]"
        paragraph: list[str] = []
        previous: Unit | None = None
        table: list[str] = []
        for unit in claim.units:
            if previous is not None and paragraph and (unit.block != previous.block or unit.kind != "sentence"):
                blocks.append(" ".join(paragraph))
                paragraph = []
            if table and unit.kind != "row":
                blocks.append("\n".join(table))
                table = []
            words = in_markdown(claim.passage, unit)
            if unit.kind == "sentence":
                paragraph.append(words + marker)
            elif unit.kind in ("item", "term"):
                item = f"{'  ' * unit.depth}- {words}{marker}" if unit.kind == "item" else f"**{words}**{marker}"
                join = previous is not None and previous.kind == "item" and unit.kind == "item" and blocks
                if join:
                    blocks[-1] += "\n" + item
                else:
                    blocks.append(item)
            elif unit.kind == "row":
                cells = [cell.strip().replace("|", "\\|") for cell in words.split("\t")]
                if not table and not unit.header:
                    table += ["| " + " | ".join(" " for _ in cells) + " |", "|" + "---|" * len(cells)]
                table.append("| " + " | ".join(cells) + f"{'' if unit.header else marker} |")
                if unit.header and len(table) == 1:
                    table.append("|" + "---|" * len(cells))
            elif unit.kind == "code":
                blocks.append(f"{words}\n{marker.strip()}")
            else:
                blocks.append(words if words.startswith("**") else f"**{words}**")
            if unit.kind != "label" and not unit.header:
                sentences.append(Sentence(words, (number,)))
            previous = unit
        if paragraph:
            blocks.append(" ".join(paragraph))
        if table:
            blocks.append("\n".join(table))
    return "\n\n".join(blocks), tuple(sentences)


def in_markdown(passage: Passage, unit: Unit) -> str:
    """A unit's words as Markdown. A document's are Markdown already; a page's are plain text and must stay plain:
    code is fenced, inline code and anything that Markdown or HTML would take for markup goes into back-ticks.
    """
    words = passage.words(unit)
    if unit.kind == "code":
        body = _fence_body(words) if passage.source == "document" else words
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", body)), default=0))
        return f"{fence}{unit.language}\n{body.strip(chr(10))}\n{fence}"
    if passage.source == "document":
        return " ".join(words.split()) if unit.kind != "row" else words
    pieces: list[str] = []
    position = unit.start
    for start, end in sorted(unit.inline_code):
        if start < position or end > unit.end:
            continue
        pieces += [
            _plain(passage.text[position - passage.start : start - passage.start]),
            _ticked(passage.text[start - passage.start : end - passage.start]),
        ]
        position = end
    pieces.append(_plain(passage.text[position - passage.start : unit.end - passage.start]))
    text = "".join(pieces)
    return text if unit.kind == "row" else " ".join(text.split())


def _fence_body(words: str) -> str:
    lines = words.split("\n")
    return "\n".join(lines[1:-1]) if lines[0].lstrip().startswith(("```", "~~~")) and len(lines) > 2 else words


_MARKUP = re.compile(r"\S*(?:[<>\[\]`*~\\|#]|(?<!\w)_|_(?!\w)|&\w+;|!\[|https?://)\S*")


def _plain(text: str) -> str:
    """Words that Markdown would take for markup go into back-ticks; the words themselves stay as they are."""
    return _MARKUP.sub(lambda match: _ticked(match.group()), text)


def _ticked(code: str) -> str:
    if not code.strip():
        return code
    ticks = "`" * (1 + max((len(run) for run in re.findall(r"`+", code)), default=0))
    pad = " " if code.startswith("`") or code.endswith("`") else ""
    return f"{ticks}{pad}{code}{pad}{ticks}"


def merge(claims: Sequence[Claim]) -> list[Claim]:
    """Claims that touch in the same passage become one, so that they share a citation."""
    merged: list[Claim] = []
    for claim in claims:
        last = merged[-1] if merged else None
        if last and last.passage.id == claim.passage.id and last.end <= claim.start:
            between = claim.passage.text[last.end - claim.passage.start : claim.start - claim.passage.start]
            if not between.strip(" \n\t-*"):
                merged[-1] = replace(last, units=last.units + claim.units)
                continue
        merged.append(claim)
    return merged
