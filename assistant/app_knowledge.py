"""The knowledge base as a page to browse: the documents as they stand, the state of every link, questions for each section.

A plain HTML page without any script, so that it opens at once and links to its sections (`kb/<file>#celery`) always work.
Also derives the questions themselves, from the labels that a section has, and the follow-ups that the chat offers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

from assistant.answers import Answer
from assistant.app_markdown import markdown_html, t
from corpus import LinkState, Page, Section

_READ = "Where can I read more about {}?"
_QUESTIONS = (  # label in the documents, question; {} is the section's heading
    ("best for", "What is {} best for?"),
    ("key features", "What are the key features of {}?"),
    ("key concepts", "What are the key concepts of {}?"),
    ("key insight", "What is the key insight of the {}?"),
    ("states", "What states does the {} have?"),
    ("use cases", "What are the use cases of the {}?"),
    ("popular tools", "Which tools are popular for the {}?"),
    ("implementations", "How can a {} be implemented?"),
    ("characteristics", "What characterises {}?"),
    ("use when", "When should I use {}?"),
    ("resources", _READ),
    ("key resources", _READ),
)
_OFFERED, _TRIED = 3, 12
_LABEL = re.compile(r"^\*\*([^*\n]+?):\*\*", re.MULTILINE)
_LINK = re.compile(r"\]\((\S+?)\)")
_T = TypeVar("_T")
_Places = set[tuple[str, int]]  # characters: the address of their text, and where in it
_ASKING = frozenset("the of a what are is does which for how i".split())
_STATES = {
    "ok": "fetched", "moved": "moved", "gone": "gone", "failed": "failed", "never fetched": "not fetched yet",
    "missing anchor": "fetched, its section is gone",
}  # fmt: skip


def questions(page: Page, section: Section) -> list[str]:
    """What can be asked of one section of a document; [] where it has no label that oka knows."""
    return [question for question, _ in _answered_by(page, section)]


def _answered_by(page: Page, section: Section) -> list[tuple[str, _Places]]:
    """The questions of a section with the words that answer them: from the label to the next one."""
    labels = list(_LABEL.finditer(page.text, section.start, section.end))
    ends = [*(label.start() for label in labels[1:]), section.end]
    said = {label[1].lower(): _places(page.url, label.start(), end) for label, end in zip(labels, ends, strict=False)}
    return [(question.format(section.headings[-1]), said[label]) for label, question in _QUESTIONS if label in said]


def follow_ups(documents: Sequence[Page], answers: Sequence[Answer], ask: Callable[[str], Answer]) -> list[str]:
    """Up to three questions that lead on from the last of a conversation's answers: on the sections that it leads to, then one
    on each section beside these, then some from all over. Not what was asked, nor what the conversation has mostly quoted
    already; and each is asked before it is offered: one without an answer isn't."""
    last = answers[-1]
    cited = {(c.url, c.anchor) for c in last.citations}
    linked = {url for c in last.citations for _, url in c.resources} | set(_LINK.findall(last.text))
    near, beside = [], []
    everywhere = [(page, section) for page in documents for section in page.sections if section.headings]
    for page, section in everywhere:
        if (page.url, section.anchor) in cited or any(resource.url in linked for resource in section.resources):
            near.append((page, section))
    above = {(page.url, section.headings[:-1]) for page, section in near}
    for page, section in everywhere:
        if (page, section) not in near and (page.url, section.headings[:-1]) in above:
            beside.append((page, section))
    leads = [lead for place in near for lead in _leads(*place)]
    leads += [lead for place in beside for lead in _leads(*place)[:1]]
    leads += _spread([lead for place in everywhere for lead in _leads(*place)[:1]])

    asked = [_words(answer.question) | _words(answer.searched) for answer in answers]
    shown = _quoted(answers)
    fresh = [
        question
        for question, said in leads
        if not any(_words(question) <= words for words in asked) and _mostly_new(said, shown)
    ]
    offered: list[str] = []
    for question in fresh[:_TRIED]:
        quoted = _quoted([ask(question)])
        if _mostly_new(quoted, shown):  # an abstention quotes nothing
            offered.append(question)
            shown |= quoted
        if len(offered) == _OFFERED:
            break
    return offered


def _leads(page: Page, section: Section) -> list[tuple[str, _Places]]:
    """Its questions but where to read: an answer ends with that."""
    return [found for found in _answered_by(page, section) if found[0] != _READ.format(section.headings[-1])]


def _places(url: str, start: int, end: int) -> _Places:
    return {(url, at) for at in range(start, end)}


def _quoted(answers: Sequence[Answer]) -> _Places:
    return {place for answer in answers for c in answer.citations for place in _places(c.url, c.start, c.end)}


def _mostly_new(places: _Places, shown: _Places) -> bool:
    return 2 * len(places - shown) > len(places)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower())) - _ASKING


def sections(documents: Sequence[Page]) -> list[tuple[str, str]]:
    """(heading, anchor) of every section with links or facts of its own, in document order."""
    return [(s.headings[-1], s.anchor) for page in documents for s in page.sections if s.anchor and questions(page, s)]


def scopes(documents: Sequence[Page]) -> dict[str, list[tuple[str, str]]]:
    """What the chat's filter offers, as lists of (label, `only`) by what they go by: depth of the sources, topic."""
    alone = [(f"{page.title} alone", page.url) for page in documents]
    return {"By depth": [("Documents and the pages they link to", "linked"), *alone], "By topic": sections(documents)}


def examples(documents: Sequence[Page]) -> list[str]:
    """Four questions that the documents themselves answer, one from each part."""
    return _spread([found[0] for page in documents for section in page.sections if (found := questions(page, section))])


def _spread(values: list[_T]) -> list[_T]:
    """Four of them, from all over."""
    return values[:: max(1, len(values) // 4)][:4]


def knowledge_html(documents: Sequence[Page], states: Sequence[LinkState], style: str) -> str:
    """The whole page, every document below the other."""
    known = {state.url: state for state in states}
    text = sum(1 for state in states if state.has_text)
    contents = "".join(
        f'<li><a href="kb/{_file(p)}#{t(anchor)}">{t(title)}</a></li>'
        for p in documents
        for title, anchor in sections([p])
    )
    body = "".join(_document(page, known) for page in documents)
    return _page(
        f"<p>{len(documents)} document{'s' if len(documents) > 1 else ''}, {len(states)} links, text of {text} linked pages.</p>",
        f'<nav aria-label="Sections"><ul>{contents}</ul></nav><main>{body}</main>',
        style,
    )


def unknown_html(file: str, style: str) -> str:
    """What stands under an address of the knowledge base that has no document."""
    return _page(
        "",
        f'<main><p>The knowledge base has no document “{t(file)}”. <a href="kb">Go to the knowledge base</a></p></main>',
        style,
    )


def _page(head: str, body: str, style: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><base href="/">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Knowledge base · oka</title>'
        f'<link rel="stylesheet" href="{style}"></head><body class="oka-kb">'
        f'<header><p><a href="./">← Back to the chat</a></p>{head}</header>{body}</body></html>'
    )


def _file(page: Page) -> str:
    return t(page.url.removeprefix("kb/"))


def _document(page: Page, states: Mapping[str, LinkState]) -> str:
    parts = []
    for section in page.sections:
        heading, _, body = page.text[section.start : section.end].partition("\n")
        level = min(max(len(section.headings), 1), 6)
        title = section.headings[-1] if section.headings else ""
        if not section.headings:
            body = heading + "\n" + body
        asked = "".join(f'<li><a href="?q={quote(q)}">{t(q)}</a></li>' for q in questions(page, section))
        parts.append(
            (f'<h{level} id="{t(section.anchor or "")}">{t(title)}</h{level}>' if title else "")
            + markdown_html(body, after_link=lambda url: _badge(states.get(url)))
            + (
                f'<details class="oka-asks"><summary>Ask about this</summary><ul>{asked}</ul></details>'
                if asked
                else ""
            )
        )
    return "".join(parts)


def _badge(state: LinkState | None) -> str:
    if state is None:
        return ""
    when = f" {state.fetched_at[:10]}" if state.fetched_at else ""
    detail = f": {state.detail}" if state.detail else ""
    kind = (
        "good"
        if state.state in ("ok", "moved") and state.has_text
        else "bad"
        if state.state in ("gone", "failed")
        else "none"
    )
    return f' <span class="oka-state oka-{kind}">{t(_STATES.get(state.state, state.state))}{t(when)}{t(detail)}</span>'
