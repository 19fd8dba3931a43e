"""Is every claim proven by what it cites? Decided by words alone, and apart from the product's own check.

A claim is supported by a citation when its words stand in the quote; else when the quote and its headings cover 80 % of
its content words by rarity and have every number, address, identifier and name of it, and its closest sentence has
the same negations and comparatives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from assistant.answers import Answer, Citation
from evals.metrics import Scores
from evals.metrics.answers import canonical, named_addresses, without_links
from evals.metrics.retrieval import gold_units
from evals.questions import Question
from evals.wording import key, plain, same
from index.sentences import sentence_ranges
from index.terms import terms

PageText = Callable[[str], str | None]
Rarity = Callable[[str], float]
Knows = Callable[[str], bool]  # whether an address, as `canonical` writes it, is the corpus's or the documents'

_COVERAGE = 0.8
_EXACT = re.compile(r"https?://\S+|\w*\d[\w.,%]*\w|\d|\w+(?:[_./:]\w+)+|(?<=[\w,;] )[A-Z]\w+")
_LOGIC = re.compile(
    r"\b(not|never|no|without|cannot|only|more|less|fewer|least|most|before|after|exactly|unless|except)\b|n't\b", re.I
)
_FRAME = re.compile(
    r"^(?:Not stated in the sources(?:\.|: [^.]*\.)|\*\*.*\*\*:?|#{1,6} .*|\|[\s:|-]*\||[^.!]*[:?]|\[\d+\]|`{3,}.*|~{3,}.*|)$"
)


def score_citations(question: Question, answer: Answer, page_text: PageText, rarity: Rarity, knows: Knows) -> Scores:
    """Exactness, recall and precision of citations, validity of addresses, and whether the originals are cited."""
    scores: Scores = {"links_valid": float(all_links_valid(answer, knows))}
    if answer.abstained:
        return scores
    cited = {citation.number: citation for citation in answer.citations}
    claims = [(s.text, [cited[n] for n in s.citations if n in cited]) for s in answer.sentences]
    claims += [(text, []) for text in _unclaimed(answer)]
    held = [supported(text, proofs, rarity) for text, proofs in claims]
    scores["citation_recall"] = sum(held) / len(held) if held else 0.0
    needed = [
        supported(text, [proof], rarity) or (ok and not supported(text, [p for p in proofs if p is not proof], rarity))
        for (text, proofs), ok in zip(claims, held, strict=True)
        for proof in proofs
    ]
    scores["citation_precision"] = sum(needed) / len(needed) if needed else 0.0
    if cited:
        stands = [is_exact(citation, page_text) for citation in cited.values()]
        scores["citation_exact"] = sum(stands) / len(stands)
        if question.gold:
            scores |= _sources(question, list(cited.values()), stands)
    return scores


def _sources(question: Question, citations: Sequence[Citation], stands: Sequence[bool]) -> Scores:
    """Original: the page itself, or a document of ours where gold stands in one and nothing further is linked to."""
    gold = {gold.url for gold in question.gold}
    in_documents = any(url.startswith("kb/") for url in gold)
    original = [
        exact and (in_documents or not citation.url.startswith("kb/"))
        for citation, exact in zip(citations, stands, strict=True)
    ]
    urls = {citation.url for citation in citations}
    units = gold_units(question)
    best = max(unit.grade for unit in units)
    wanted = [{url for url, _ in unit.places} for unit in units if unit.grade == best]
    return {
        "original_source": sum(original) / len(original),
        "source_recall": sum(bool(places & urls) for places in wanted) / len(wanted),
        "source_precision": sum(citation.url in gold for citation in citations) / len(citations),
    }


def is_exact(citation: Citation, page_text: PageText) -> bool:
    """Whether the quote stands in the stored page, word for word, at the range that it names."""
    text = page_text(citation.url)
    return text is not None and bool(citation.quote.strip()) and text[citation.start : citation.end] == citation.quote


def all_links_valid(answer: Answer, knows: Knows) -> bool:
    """Whether every address in text and citations is a page of the corpus, a link of the documents, or quoted."""
    quotes = "\n".join(citation.quote for citation in answer.citations)
    return all(c.link.startswith(c.url) and knows(canonical(c.url)) for c in answer.citations) and all(
        knows(name) or name in quotes for name in named_addresses(answer)
    )


def _unclaimed(answer: Answer) -> list[str]:
    """Lines of the text that belong to no claim, headings, table frames, lead-ins ("…:") and links alone left out."""
    said = key(plain("\n".join(sentence.text for sentence in answer.sentences)))
    pieces = (
        piece.strip()
        for line in _lines(without_links(answer.text))
        if not _FRAME.match(line)
        for piece in re.split(r"\s?(?:\[\d+\])+\s*(?:·\s)?", line)
    )
    return [piece for piece in pieces if terms(plain(piece)) and key(plain(piece)) not in said]


def _lines(markdown: str) -> list[str]:
    """The text line by line; of a table the cells, without its head."""
    lines = [line.strip() for line in markdown.splitlines()]
    found: list[str] = []
    for at, line in enumerate(lines):
        if not line.startswith("|"):
            found.append(line)
        elif at + 1 == len(lines) or not re.fullmatch(r"\|[\s:|-]*\|", lines[at + 1]):
            found += [cell.strip() for cell in re.split(r"(?<!\\)\|", line)]
    return found


def supported(claim: str, proofs: Sequence[Citation], rarity: Rarity) -> bool:
    """Whether the citations together prove a claim; one without citations is not proven."""
    wanted = key(plain(claim))
    if not proofs or not wanted:
        return False
    quotes = [proof.quote for proof in proofs]
    if any(wanted in key(plain(quote)) or key(claim) in key(quote) for quote in quotes):
        return True
    context = "\n".join(" ".join((*proof.headings, proof.title)) for proof in proofs)
    return _entailed(plain(claim), plain("\n".join(quotes)), f"{plain(context)}\n", rarity)


def _entailed(claim: str, source: str, context: str, rarity: Rarity) -> bool:
    whole = key(context + source)
    if any(key(token).strip(".,:;") not in whole for token in _EXACT.findall(claim)):
        return False
    words = dict.fromkeys(terms(claim))
    having = set(terms(context + source))
    total = sum(map(rarity, words))
    if not total or sum(rarity(word) for word in words if word in having) < _COVERAGE * total:
        return False
    sentences = [source[start:end] for start, end in sentence_ranges(source, 0, len(source))] or [source]
    closest = max(sentences, key=lambda sentence: len(set(terms(sentence)) & set(words)))
    return _logic(claim) == _logic(closest)


def _logic(text: str) -> set[str]:
    return {match.group().lower() for match in _LOGIC.finditer(same(text))}
