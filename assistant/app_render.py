"""From answers to HTML that is safe by construction: the one place where words of a source become markup.

Answers are Markdown, which app_markdown.py renders; everything else is escaped by its `t`. Leaves out the page's layout
(app.py) and its looks (app.css).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from assistant.app_markdown import OUTSIDE, answer_markdown, safe_link, t
from index.passages import Hit

Turn = Mapping[str, Any]
"""One question with its answer, as kept in the browser: `id`, `question`, and `answer` in the contract's JSON form."""

_LONG, _LINES = 280, 4
"""Characters and line breaks of a question that takes no more room than a headline may."""
_FINDERS = {"lexical": "its words", "dense": "its meaning", "parts": "a part of the question"}
_FEATURES = {  # assistant/candidates.py says how each is measured
    "body": "the question’s words in the text, 0 to 1",
    "headings": "the question’s words in title and headings, 0 to 1",
    "other_site": "page of another tool than the question names, 0 or 1",
    "document": "from the knowledge base, 0 or 1",
    "linked": "from a page that it links to, 0 or 1",
    "part": "nearest sentence, cosine",
    "maxsim": "nearness of its words’ meanings, 0 to 1",
    "unit": "nearness of the meanings in its nearest sentence, 0 to 1",
    "page": "best nearness of meanings on its page, 0 to 1",
    "page_found": "passages of its page that were found, log(1 + n)",
    "reranker": "score of the reranker",
}
_VERDICTS = {
    "underspecified": "Say a little more",
    "out_of_scope": "",
}  # what is said then, also to thanks, needs no heading
_SCORE = (
    "Best first. A score says how well a passage fits this question, by words and meaning together; it has no unit, and only "
    "the scores of one question can be compared."
)
_CONFIDENCE = (
    (0.9, "Well supported", "The sources state this almost word for word"),
    (0.7, "Supported", "The sources speak of this"),
    (0.0, "Weakly supported", "The sources only touch on this; read the quotes before relying on it"),
)


def asked_html(turn: Turn) -> str:
    """The user's own words, as typed; a long question scrolls in itself, so that its answer is in view with it."""
    words = str(turn["question"])
    is_long = len(words) > _LONG or words.count("\n") > _LINES
    scrolls = ' class="oka-long" tabindex="0" role="group" aria-label="Your question"' if is_long else ""
    return _one_line(
        f'<div class="oka-asked" id="oka-q-{t(turn["id"])}"><span{scrolls}>{t(words)}</span> '
        '<button type="button" class="oka-do oka-edit" title="Edit this question">Edit</button></div>'
    )


def partial_html(markdown: str, elapsed: str = "") -> str:
    """An answer that is still being written; markers are plain text until their citations are known."""
    body = (
        answer_markdown(markdown) if markdown else f'<p class="oka-wait">{t(elapsed or "Searching the sources …")}</p>'
    )
    return _one_line(f'<div class="oka-answer oka-partial">{body}</div>')


def answer_html(turn: Turn, last: bool = False) -> str:
    """A whole answer or abstention with its confidence in words; the last one of a conversation can be asked again or undone."""
    answer = turn["answer"]
    turn_id = str(turn["id"])
    body = answer_markdown(
        str(answer["text"]),
        tuple((int(c["number"]), turn_id, str(c["link"]), str(c["title"])) for c in answer["citations"]),
    )
    if answer.get("notice"):
        body = f'<p class="oka-notice" role="note">{t(answer["notice"])}</p>{body}'
    if answer["abstained"]:
        verdict = _VERDICTS.get(str(answer["reason"]), "Not in the sources")
        head = f'<p class="oka-verdict"><strong>{verdict}</strong></p>' if verdict else ""
        return _one_line(
            f'<div class="oka-answer oka-abstained" id="oka-a-{t(turn_id)}">{head}{body}{_actions(turn, last)}</div>'
        )
    return _one_line(
        f'<div class="oka-answer" id="oka-a-{t(turn_id)}">{body}{_confidence(answer)}{_actions(turn, last)}</div>'
    )


def failure_html(sentence: str, stopped: bool = False) -> str:
    """A failure, or a stop, in the place of an answer, with a button that asks again."""
    kind, role = ("oka-stopped", "status") if stopped else ("oka-error", "alert")
    again = '<div class="oka-actions"><button type="button" class="oka-do oka-retry">Ask again</button></div>'
    return _one_line(f'<div class="oka-answer {kind}" role="{role}"><p>{_commands(sentence)}</p>{again}</div>')


def sources_html(turns: Sequence[Turn]) -> str:
    """The sources of every answer of a conversation; only the chosen answer's are shown (app.js), the last one's first."""
    parts = []
    for turn in turns:
        answer = turn["answer"]
        cited = sorted(map(_fixed, answer["citations"]), key=lambda one: one.number)  # as the markers are
        cards = "".join(_card(str(turn["id"]), one) for one in cited)
        if not cards:
            cards = '<p class="oka-none">This reply quotes nothing.</p>'
        parts.append(
            f'<section class="oka-sources" id="oka-s-{t(turn["id"])}" aria-label="Sources of: {t(turn["question"])}">'
            f'<p class="oka-for">{t(turn["question"])}</p>{cards}</section>'
        )
    return "".join(parts) or '<p class="oka-none">The sources of an answer appear here.</p>'


def why_html(turn: Turn, hits: Sequence[Hit]) -> str:
    """Timings and the passages considered, by falling score: where each stands, who found it, its words; what the score is made
    of is folded away. Where there is a reranker, the score is the reranker's."""
    timings = " · ".join(f"{t(name)} {float(ms):.0f} ms" for name, ms in turn["answer"]["timings_ms"].items())
    quoted = {(c["url"], c["anchor"]) for c in turn["answer"]["citations"]}
    rows = []
    scored = [(hit.signals.get("reranker", hit.score), hit) for hit in hits]
    for rank, (score, hit) in enumerate(sorted(scored, key=lambda one: -one[0]), 1):
        passage = hit.passage
        place = [passage.title, *(heading for heading in passage.headings if heading != passage.title)]
        found = " and ".join(_FINDERS.get(name, name) for name in hit.found_by)
        signals = "".join(
            f"<tr><td>{t(_FEATURES.get(name, name))}</td><td>{value:.2f}</td></tr>"
            for name, value in hit.signals.items()
        )
        used = ' <span class="oka-used">quoted</span>' if (passage.url, passage.anchor) in quoted else ""
        words = _readable(passage.text) if passage.url.startswith("kb/") else passage.text
        text = words if len(words) <= 280 else words[:280].rsplit(" ", 1)[0] + " …"
        rows.append(
            f'<li><p><span class="oka-number">{rank}</span> <strong>{t(" › ".join(place))}</strong>{used}</p>'
            f'<p class="oka-score">{f"found by {t(found)} · " if found else ""}score {score:.1f}</p>'
            f'<p class="oka-excerpt">{t(text)}</p>'
            + (
                f'<details class="oka-features"><summary>What the score is made of</summary>'
                f"<table><tbody>{signals}</tbody></table></details>"
                if signals
                else ""
            )
            + "</li>"
        )
    return (
        f'<p class="oka-timings">{timings}</p><p class="oka-timings">{_SCORE}</p>'
        f'<div class="oka-why" tabindex="0" role="region" aria-label="Passages considered"><ol>{"".join(rows)}</ol></div>'
    )


def status_html(status: Mapping[str, Any], said: str = "") -> str:
    """The state of the corpus, small; `said` is what the last fetch ended with."""
    pages, links = int(status["pages"]), int(status["links"])
    deep = int(status["indexed_pages"].get("deep", 0))
    more = f" and {deep:,} pages further on" if deep else ""
    offline = (
        '<p class="oka-offline"><strong>Offline</strong>: OKA_OFFLINE is set, nothing is fetched.</p>'
        if status["offline"]
        else ""
    )
    problem = f'<p class="oka-problem">{_commands(status["problem"])}</p>' if status["problem"] else ""
    last = f'<p role="status" class="oka-said">{_commands(said)}</p>' if said else ""
    return (
        f"<p>Answers come from {status['documents']} document{'s' if status['documents'] != 1 else ''} and "
        f"<strong>{pages} of {links}</strong> linked pages{more}: {int(status['passages']):,} passages, "
        f"indexed {t(str(status['indexed_at'])[:10])}.</p>"
        f"<p>{t(status['embedder'])}; {t(status['llm'] or 'no language model, quotes only')}</p>{offline}{problem}{last}"
    )


def progress_html(phase: str, done: int, total: int) -> str:
    """One state of a running fetch."""
    share = f' value="{done}" max="{total}"' if total else ""
    count = f" {done:,} of {total:,}" if total else ""
    return f'<p role="status">{t(phase)}{count}</p><progress{share} aria-label="{t(phase)}"></progress>'


def welcome_html(examples: Sequence[str]) -> str:
    """What an empty conversation shows."""
    asks = "".join(f'<li><button type="button" class="oka-ask">{t(example)}</button></li>' for example in examples)
    return _one_line(
        '<div class="oka-welcome"><h2>Ask about workflow orchestration</h2><p>Answers are quotes from the knowledge base and the '
        f"pages it links to. Each number leads to its words.</p><ul>{asks}</ul></div>"
    )


def scope_html(groups: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """The filter of sources: a list whose choices, (label, `only`), stand in groups. The browser keeps what is chosen (app.js)."""
    chosen = "".join(
        f'<optgroup label="{t(name)}">'
        + "".join(f'<option value="{t(only)}">{t(label)}</option>' for label, only in choices)
        + "</optgroup>"
        for name, choices in groups.items()
    )
    return (
        '<label for="oka-only">Answer from</label>'
        f'<select id="oka-only"><option value="">All sources</option>{chosen}</select>'
    )


def offers_html(questions: Sequence[str]) -> str:
    """Questions that can be asked next, as buttons."""
    asks = "".join(f'<li><button type="button" class="oka-ask">{t(question)}</button></li>' for question in questions)
    return f'<ul class="oka-follow" aria-label="Ask next">{asks}</ul>' if asks else ""


@dataclass(frozen=True)
class _Cited:
    """What a card shows of a citation."""

    number: int
    url: str
    link: str
    title: str
    headings: tuple[str, ...]
    words: tuple[str, str, str]  # before, quote, after
    resources: tuple[tuple[str, str], ...]
    fetched_at: str


def _fixed(citation: Mapping[str, Any]) -> _Cited:
    return _Cited(
        int(citation["number"]),
        str(citation["url"]),
        str(citation["link"]),
        str(citation["title"]),
        tuple(citation["headings"]),
        (str(citation.get("before", "")), str(citation["quote"]), str(citation.get("after", ""))),
        tuple((str(resource["title"]), str(resource["url"])) for resource in citation["resources"]),
        str(citation["fetched_at"] or ""),
    )


@lru_cache(maxsize=4096)  # every turn of a conversation is shown again with each question
def _card(turn_id: str, cited: _Cited) -> str:
    """A citation: the quote marked inside its surroundings, where it stands, the original resources, a link to the words."""
    ours, link = cited.url.startswith("kb/"), safe_link(cited.link)
    before, quote, after = (_readable(text) for text in cited.words) if ours else cited.words
    resources = "".join(
        f'<li><a href="{t(url)}" {OUTSIDE}>{t(title)}</a></li>' for title, url in cited.resources if safe_link(url)
    )
    fetched = f"fetched {t(cited.fetched_at[:10])}" if cited.fetched_at else "knowledge base"
    opening = "Open in the knowledge base" if ours else "Open the page at these words"
    return (
        f'<article class="oka-card" id="oka-c-{t(turn_id)}-{cited.number}" tabindex="-1">'
        f'<h3><span class="oka-number">{cited.number}</span> {t(cited.title)}</h3>'
        f'<p class="oka-where">{t(" › ".join(cited.headings))}</p>'
        f'<blockquote tabindex="0" aria-label="Quote {cited.number} and the words around it">'  # a long one scrolls
        f"{t(before)}<mark>{t(quote)}</mark>{t(after)}</blockquote>"
        + (f'<p><a class="oka-open" href="{t(link)}" {OUTSIDE}>{opening}</a></p>' if link else "")
        + (
            f'<p class="oka-label">Original resources</p><ul class="oka-resources">{resources}</ul>'
            if resources
            else ""
        )
        + f'<p class="oka-date">{t(_host(cited.url))} · {fetched}</p></article>'
    )


def _readable(markdown: str) -> str:
    """Words of a document of ours without their Markdown; a page's words are plain already."""
    text = re.sub(r"\[([^\]\n]*)\]\([^)\s]*\)", r"\1", markdown)
    text = re.sub(r"\[(?=[^\]\n]*$)|\]\([^)\s]*(?:$|\))", "", text)  # a link that was cut through, at either end
    text = re.sub(r"^#+ (.*?)(?: \{#[\w-]+\})?$", r"\1", text, flags=re.MULTILINE)
    return re.sub(r"\n{2,}", "\n", text.replace("**", ""))


def _actions(turn: Turn, last: bool) -> str:
    """What can be done with an answer; app.js turns a click into an event."""
    voted = turn.get("vote")
    votes = "".join(
        f'<button type="button" class="oka-do oka-vote-{vote}{" oka-on" if voted == vote else ""}">{word}</button>'
        for vote, word in (("up", "Helpful"), ("down", "Not helpful"))
    )
    retry = (
        '<button type="button" class="oka-do oka-retry">Ask again</button>'
        '<button type="button" class="oka-do oka-undo" title="Take question and answer back">Undo</button>'
    ) if last else ""  # fmt: skip
    sources = '<button type="button" class="oka-do oka-show">Sources</button>' if turn["answer"]["citations"] else ""
    return f'<div class="oka-actions">{sources}<button type="button" class="oka-do oka-copy-answer">Copy</button>{votes}{retry}</div>'


def _confidence(answer: Mapping[str, Any]) -> str:
    value = float(answer["confidence"])
    word, meaning = next((word, meaning) for least, word, meaning in _CONFIDENCE if value >= least)
    return (
        f'<details class="oka-confidence"><summary>{word}</summary><p>{meaning}. Of answers rated like this one, about '
        f"{round(100 * value)} in 100 are answered by the sources. Every sentence above is a verbatim quote; its number "
        "leads to it.</p></details>"
    )


def _host(url: str) -> str:
    return url if url.startswith("kb/") else urlsplit(url).netloc


def _commands(sentence: str) -> str:
    """A sentence of ours, in which commands stand between backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", t(sentence))


def _one_line(html: str) -> str:
    """Gradio passes a message through its own Markdown, which would take an HTML block apart at an empty line."""
    return html.replace("\n", "&#10;")
