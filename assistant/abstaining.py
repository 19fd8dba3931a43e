"""What is said where the sources don't answer: what they lack, what this program is for, the nearest that they have."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.confidence import Verdict
from assistant.message import asks_of_an_answer, thanks
from assistant.names import Entity
from assistant.query import Query
from assistant.retrieval import Found
from assistant.sections import Sections
from assistant.topics import Topics
from corpus.instructions import gives_instructions
from index.passages import Passage

_SCOPE = "I answer questions about workflow orchestration from the documents and pages that I have, and quote them."
_NOTHING_ASKED = "You're welcome."
_OF_AN_ANSWER = {
    "proof": "Each sentence of an answer is quoted: its number opens the words where they stand, and `oka verify` reads them again. "
    "Whether they answer the question is what the confidence tells, and it is never certain.",
    "wording": "I quote what the sources say, word by word, and don't put it in other words. Ask for one thing of it to read less.",
}
_EXAMPLE = "Ask for example: What is Temporal best for?"
_UNCLEAR = "I can't tell what this is about: name the tool or the pattern, for example Airflow, Celery or saga."
_NEAREST = 3
"""Resources that are named, at most."""


def abstention(
    query: Query, found: Found, verdict: Verdict, sections: Sections, topics: Topics, only: str | None = None
) -> str:
    """The text, as Markdown. `verdict` has the reason, which is not None; `only` is what was looked at alone."""
    if verdict.reason == "underspecified":
        return _UNCLEAR
    if of_an_answer := asks_of_an_answer(query.own):
        return _OF_AN_ANSWER[of_an_answer]
    text = _SCOPE if verdict.reason == "out_of_scope" else "The sources don't answer this."
    if thanks(query.own):
        text = f"{_NOTHING_ASKED} {text}"
    if only and verdict.reason != "out_of_scope":
        text += f" Only “{only}” was searched: ask without this filter to search them all."
    if verdict.missing:
        text += f" They say nothing of {', '.join(f'“{word}”' for word in verdict.missing)}."
    if verdict.reason == "out_of_scope":
        text += f" {_EXAMPLE}"
    nearest = _nearest(query, found, sections, topics) if verdict.reason == "not_stated" else []
    if nearest:
        text += " The nearest they have:\n\n" + "\n".join(f"- [{title}]({url})" for title, url in nearest)
    return text


def _nearest(query: Query, found: Found, sections: Sections, topics: Topics) -> list[tuple[str, str]]:
    """Titles and addresses of the resources behind the hits, each once; those of what the question names first, and where
    no hit is about that, those of its section."""
    nearest: dict[str, str] = {}
    passages = [hit.passage for hit in found.hits]
    about = [topics.is_about_any(query.entities, passage) for passage in passages]
    ranked = [passages[at] for at in sorted(range(len(passages)), key=lambda at: not about[at])]
    for passage in ranked if any(about) else _sections_of(query.entities, sections) or ranked:
        if passage.source == "document":
            for resource in passage.resources:
                nearest.setdefault(resource.url, resource.label)
        else:
            nearest.setdefault(passage.url, passage.url if gives_instructions(passage.title) else passage.title)
    return [(title, url) for url, title in nearest.items()][:_NEAREST]


def _sections_of(entities: Sequence[Entity], sections: Sections) -> list[Passage]:
    """The passages of the documents' sections about these."""
    return [
        passage
        for entity in entities
        for url in sections.documents()
        for passage in sections.of_document(url, entity.anchor)
    ]
