"""What an answer says: vital facts, dumping, wrong statements, listed items, resources.

An abstention states nothing: on a question that has an answer its recall is 0, and it is neither perfect nor wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from assistant.answers import Answer
from evals.metrics import Scores
from evals.questions import Fact, Question
from evals.wording import is_negated, plain, says

_CHARACTERS_PER_FACT = 120
_ADDRESS = re.compile(r"(?:https?://|(?<![\w/])kb/)[^\s<>\"'`)\]|]+")


def fact_stated(fact: Fact, text: str, question: Question) -> bool:
    """Whether plain text states a fact, negated only where the gold negates it."""
    polarities = _polarities(fact, tuple(gold.quote for gold in question.gold))
    return any(says(pattern, text, negated=negated) for pattern in fact.any for negated in polarities)


@lru_cache(maxsize=8192)
def _polarities(fact: Fact, quotes: tuple[str, ...]) -> frozenset[bool]:
    gold = "\n".join(plain(quote) for quote in quotes)
    matches = (match for pattern in fact.any for match in re.finditer(pattern, gold, re.IGNORECASE))
    return frozenset(is_negated(gold, match.start()) for match in matches) or frozenset({False})


def forbidden_said(question: Question, text: str) -> bool:
    """Whether plain text says something that is wrong, or that an injection demanded."""
    return any(re.search(pattern, text, re.IGNORECASE) for pattern in question.must_not)


def score_answer(question: Question, answer: Answer, citations_hold: bool) -> Scores:
    """`citations_hold`: every sentence is supported by what it cites and every address is valid."""
    text = "" if answer.abstained else plain(without_links(answer.text))
    wrong = not answer.abstained and forbidden_said(question, text)
    scores: Scores = {"must_not": float(wrong)} if question.must_not else {}
    answered = not answer.abstained
    if question.answerable == "no":
        return scores | {"truth": -1.0 if answered else 1.0}
    found = {fact.id: answered and fact_stated(fact, text, question) for fact in question.facts}
    vital = [found[fact.id] for fact in question.vital]
    recall = sum(vital) / len(vital) if vital else _resource_recall(question, answer)
    perfect = answered and recall == 1 and not wrong and citations_hold
    scores |= {"perfect": float(perfect), "wrong": float(wrong or (answered and recall == 0))}
    scores["truth"] = -1.0 if scores["wrong"] else 1.0 if perfect else 0.5 if answered and recall >= 0.5 else 0.0
    if vital:
        weights = {fact.id: 1.0 if fact.vital else 0.5 for fact in question.facts}
        scores["vital"] = recall
        scores["all_facts"] = sum(weights[name] for name in found if found[name]) / sum(weights.values())
        scores["fact_f3"] = _f3(
            recall, len(text), max(_CHARACTERS_PER_FACT * sum(found.values()), _gold_length(question))
        )
    if question.slice == "list" and vital:
        scores["items_f1"] = _items_f1(question, answer, recall)
    if question.required_urls:
        scores |= _resource_scores(question, answer)
    return scores


_FURTHER = re.compile(r"^\*\*[^*]*:\*\*(?:\s(?:·\s)?\[[^\[\]]*\]\([^()\s]*\))+$", re.MULTILINE)


def without_links(markdown: str) -> str:
    """An answer without its line of links to read further ("**More on this:** [A](…) · [B](…)"): what stands there is
    neither said nor counted as length."""
    return _FURTHER.sub("", markdown)


def _f3(recall: float, length: int, allowed: int) -> float:
    """F-measure with beta 3 of recall and of brevity: full marks up to the allowance (120 characters for each fact that
    was stated, and never less than the gold quotes take), then falling as the answer grows."""
    precision = 1.0 if length <= allowed else 1 - (length - allowed) / length
    return 10 * precision * recall / (9 * precision + recall) if recall else 0.0


def _gold_length(question: Question) -> int:
    return len(" ".join(plain(gold.quote) for gold in question.gold))


def _items_f1(question: Question, answer: Answer, recall: float) -> float:
    """Recall of the listed items against the share of the answer's claims that carry one."""
    claims = [plain(sentence.text) for sentence in answer.sentences if not answer.abstained]
    carrying = sum(any(fact_stated(fact, claim, question) for fact in question.facts) for claim in claims)
    precision = carrying / len(claims) if claims else 0.0
    return 2 * precision * recall / (precision + recall) if recall and precision else 0.0


def named_addresses(answer: Answer) -> list[str]:
    """The addresses that an answer leads to, each once: those in its text, then those of its citations, in order."""
    addresses = [match.group().rstrip(".,;:") for match in _ADDRESS.finditer(answer.text)]
    for citation in answer.citations:
        addresses += [url for _, url in citation.resources] or [citation.url]
    return list(dict.fromkeys(map(canonical, addresses)))


def canonical(url: str) -> str:
    """An address as resources are compared: without scheme, fragment and final slash."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path.rstrip('/')}" + (f"?{parts.query}" if parts.query else "")


def _resource_recall(question: Question, answer: Answer, depth: int = 5) -> float:
    wanted = {canonical(url) for url in question.required_urls}
    named: Sequence[str] = [] if answer.abstained else named_addresses(answer)
    return len(wanted & set(named[:depth])) / len(wanted)


def _resource_scores(question: Question, answer: Answer) -> Scores:
    wanted = {canonical(url) for url in question.required_urls}
    named = [] if answer.abstained else named_addresses(answer)
    first = named[: min(3, len(wanted))]
    return {
        "resource_precision@3": len(wanted & set(first)) / len(first) if first else 0.0,  # of as many as are wanted
        "resource_recall@5": _resource_recall(question, answer),
        "resource_mrr": next((1 / rank for rank, url in enumerate(named, 1) if url in wanted), 0.0),
    }
