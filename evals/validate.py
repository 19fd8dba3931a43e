"""Proves a question file against the pages: quotes stand where gold says, patterns match gold, clusters hold together.

Pages are parsed as the product parses them. What isn't in the archive is skipped and counted, never failed.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.settings import Settings
from corpus import Archive, Page, Section, linked_resources, read_documents
from corpus.load import find_pages, parse
from evals.errors import EvalError
from evals.pages import locate
from evals.questions import Fact, Gold, Question, split_of
from evals.wording import plain


@dataclass(frozen=True)
class Problem:
    """Something wrong with one record."""

    id: str
    message: str


@dataclass(frozen=True)
class Validation:
    """What was checked, what was skipped for want of its page, and what is wrong."""

    checked: int
    skipped: tuple[str, ...]
    problems: tuple[Problem, ...]


def read_pages(settings: Settings, urls: Collection[str]) -> dict[str, Page]:
    """The pages of these addresses that documents and archive have."""
    documents = read_documents(settings.documents)
    archive = Archive(settings.archive)
    pages = {page.url: page for page in documents}
    pages |= {
        found.capture.url: parse(found, archive)
        for found in find_pages(documents, archive)
        if found.capture.url in urls
    }
    return pages


def validate(questions: Sequence[Question], settings: Settings) -> Validation:
    """Checks every record; `skipped` are the ids whose pages aren't in the archive."""
    pages = read_pages(settings, {gold.url for question in questions for gold in question.gold})
    resources = {resource.url for resource in linked_resources([p for p in pages.values() if p.source == "document"])}
    problems = list(_across(questions))
    skipped = []
    for question in questions:
        if any(gold.url not in pages for gold in question.gold):
            skipped.append(question.id)
        problems += [Problem(question.id, message) for message in _alone(question, pages, resources)]
    return Validation(len(questions), tuple(skipped), tuple(problems))


def _alone(question: Question, pages: Mapping[str, Page], resources: Collection[str]) -> Iterator[str]:
    for gold in question.gold:
        page = pages.get(gold.url)
        if page is None:
            continue
        anchors = [section.anchor for section in _sections_with(page, gold.quote)]
        if not anchors:
            yield f"the quote {gold.quote!r} doesn't stand on {gold.url}"
        elif gold.anchor not in anchors:
            yield f"the quote {gold.quote!r} stands under {sorted(set(map(str, anchors)))}, not under {gold.anchor}"
    gold_text = plain("\n".join(gold.quote for gold in question.gold))
    for fact in question.facts:
        if not any(re.search(pattern, gold_text, re.IGNORECASE) for pattern in fact.any):
            yield f"no pattern of fact {fact.id} matches the gold quotes"
    for pattern in question.must_not:
        if question.gold and re.search(pattern, gold_text, re.IGNORECASE):
            yield f"must_not {pattern!r} matches the gold quotes"
    for url in question.required_urls:
        if url not in resources and url not in pages:
            yield f"required address {url} is no link of the documents"


def _sections_with(page: Page, quote: str) -> list[Section]:
    found: list[Section] = []
    place = locate(quote, page.text)
    while place:
        found += [s for s in page.sections if s.start <= place[0] < s.end]
        place = locate(quote, page.text, place[0] + 1)
    return found


def _across(questions: Sequence[Question]) -> Iterator[Problem]:
    by_id = {question.id: question for question in questions}
    chains: dict[str, list[Question]] = defaultdict(list)
    splits: dict[str, str] = {}
    owner: dict[tuple[str, str | None], Question] = {}
    texts = Counter((q.chain, q.question.casefold()) for q in questions)
    for question in questions:
        if splits.setdefault(question.cluster, question.split) != question.split:
            yield Problem(question.id, f"cluster {question.cluster} is cut by the splits")
        if question.chain:
            chains[question.chain].append(question)
        if question.base is not None:
            base = by_id.get(question.base)
            if base is None or base.cluster != question.cluster:
                yield Problem(question.id, f"its base {question.base} is missing or in another cluster")
        if texts[(question.chain, question.question.casefold())] > 1:
            yield Problem(question.id, "the same question is asked twice")
        for gold in question.gold[:1] if question.turn == 1 else ():  # its home; a comparison has others beside
            first = owner.setdefault((gold.url, gold.anchor), question)
            if first.cluster != question.cluster:
                yield Problem(
                    question.id, f"is at home in {gold.url}#{gold.anchor} as {first.id} is, in another cluster"
                )
    for chain, turns in chains.items():
        if [turn.turn for turn in turns] != list(range(1, len(turns) + 1)) or len({turn.cluster for turn in turns}) > 1:
            yield Problem(turns[0].id, f"chain {chain} isn't turns 1, 2, … of one cluster in order")


def new_record(question: str, address: str, quote: str, settings: Settings) -> Question:
    """A record with its section found and one pattern made of the quote, ready to be made more generous by hand.

    Raises EvalError for a page that isn't in the archive, or words that aren't on it.
    """
    url = address.partition("#")[0]
    pages = read_pages(settings, {url})
    page = pages.get(url) or next((page for page in pages.values() if url in page.aliases), None)
    if page is None:
        raise EvalError(f"{url} is neither in the archive nor a document: see `oka links`, or run `oka fetch`.")
    sections = _sections_with(page, quote)
    if not sections:
        raise EvalError(f"{quote!r} doesn't stand on {page.url} word for word: copy it from the page as oka shows it.")
    cluster = f"own-{hashlib.sha256(f'{page.url} {sections[0].anchor}'.encode()).hexdigest()[:8]}"
    source: dict[str, Literal["kb", "linked", "deep"]] = {"document": "kb", "linked": "linked", "deep": "deep"}
    return Question(
        id=f"own-{hashlib.sha256(f'{question} {quote}'.encode()).hexdigest()[:8]}",
        split=split_of(cluster),
        cluster=cluster,
        slice="factoid-kb" if page.source == "document" else "factoid-linked" if page.source == "linked" else "deep",
        corpus=source[page.source],
        question=question,
        answerable="yes",
        gold=(Gold(url=page.url, anchor=sections[0].anchor, quote=" ".join(quote.split())),),
        facts=(Fact(id="f1", text=plain(quote), any=(r"\s+".join(map(re.escape, plain(quote).split())),)),),
    )
