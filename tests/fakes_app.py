"""A scripted stand-in for `assistant.answering.Assistant`: the same methods, no model, answers known by heart.

Words in a question steer it: "slowly" streams for seconds, "held" stays at half of its words until `released`, "fail" raises,
"explode" raises what nobody planned for, "sourdough" abstains, "hostile" answers with markup that must stay text.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from assistant.answers import Answer, Citation, Sentence
from corpus.errors import QuestionError, StoreUnreachable
from corpus.pages import Resource
from index.passages import Hit, Passage

CELERY = "Distributed task execution\nMultiple broker support (Redis, RabbitMQ, Amazon SQS)\nFlexible routing and prioritization"
AIRFLOW = (
    "Best practices. You should avoid writing the top level code which is not necessary to create Operators and build DAG "
    "relations between them. This is because of the design decision for the scheduler of Airflow and the impact the "
    "top-level code parsing speed on both performance and scalability of Airflow. The scheduler executes the code outside "
    "the operator's methods with a minimum interval."
)
HOSTILE = (
    "<script>window.hacked=1</script><img src=x onerror='window.hacked=2'> [click](javascript:window.hacked=3) "
    "![pixel](http://evil.test/p.png) [2] [1]: http://evil.test/ </div></details><style>*{display:none}</style> <b onclick=hack()>"
)
CODE = 'from airflow import DAG\n\nwith DAG("daily") as dag:\n    pass\n'
TEXTS = {
    "kb/orchestration-knowledge-base.md": CELERY,
    "https://airflow.test/best-practices.html": AIRFLOW,
    "https://hostile.test/": HOSTILE,
    "https://airflow.test/code.html": CODE,
}


def citation(number: int, url: str, quote: str, **other: Any) -> Citation:
    start = TEXTS[url].index(quote)
    anchor = other.pop("anchor", "top")
    return Citation(
        number=number,
        url=url,
        anchor=anchor,
        link=other.pop("link", f"{url}#{anchor}"),
        title=other.pop("title", "Apache Airflow: Best Practices"),
        headings=other.pop("headings", ("Best Practices", "Top level Python Code")),
        quote=quote,
        start=start,
        end=start + len(quote),
        digest=hashlib.sha256(quote.encode()).hexdigest(),
        resources=other.pop("resources", (("Airflow Best Practices", "https://airflow.test/best-practices.html"),)),
        fetched_at=other.pop("fetched_at", "2026-11-20T10:00:00Z"),
    )


def of_celery(quote: str) -> Citation:
    return citation(
        1,
        "kb/orchestration-knowledge-base.md",
        quote,
        anchor="celery",
        title="Orchestration Knowledge Base",
        headings=("Workflow Orchestration Frameworks", "Celery"),
        resources=(
            ("Celery Docs", "https://docs.celeryq.test/"),
            ("Celery Monitoring", "https://docs.celeryq.test/monitoring"),
        ),
        fetched_at=None,
    )


BROKERS = of_celery("Multiple broker support (Redis, RabbitMQ, Amazon SQS)")
TOP_LEVEL = citation(
    2,
    "https://airflow.test/best-practices.html",
    "You should avoid writing the top level code which is not necessary to create Operators and build DAG relations between them.",
    anchor="best-practices-top-level-code",
    link="https://airflow.test/best-practices.html#:~:text=You%20should%20avoid,between%20them.",
)


class FakeAssistant:
    """Answers from a script. `closed` counts streams that were ended before their end."""

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause
        self.asked: list[tuple[str, tuple[str, ...], str | None]] = []
        self.closed = 0
        self.running = 0
        self.released = threading.Event()
        self._lock = threading.Lock()
        self.fetched = 21

    def answer(
        self, question: str, history: Sequence[Mapping[str, Any]] | None = None, only: str | None = None
    ) -> Answer:
        with self._lock:
            self.asked.append((question, tuple(str(m["content"]) for m in history or () if m["role"] == "user"), only))
        time.sleep(self.pause)
        low = question.lower()
        if not question.strip():
            raise QuestionError('The question is empty; ask for example: oka ask "What is a saga?"')
        if "fail" in low:
            raise StoreUnreachable(
                "The Chroma server at http://127.0.0.1:9 doesn't answer; start it or unset OKA_CHROMA_URL."
            )
        if "explode" in low:
            raise ZeroDivisionError("secret detail")
        searched = question
        earlier = [str(m["content"]) for m in history or () if m["role"] == "user"]
        if earlier and low.startswith("and "):
            searched = f"{question} (after: {earlier[-1]})"
        if "thanks" in low:
            return self._reply(question, searched, "You're welcome.", abstained=True)
        if "sourdough" in low:
            text = "The sources don't say how to bake sourdough bread.\n\nNearest: [Airflow Best Practices](https://airflow.test/best-practices.html)"
            return self._reply(question, searched, text, abstained=True)
        if "hostile" in low:
            quote = HOSTILE
            cited = citation(
                1,
                "https://hostile.test/",
                quote,
                title="<img src=x onerror=window.hacked=4>",
                headings=("<script>x</script>",),
                link="javascript:window.hacked=5",
                resources=(("evil", "javascript:window.hacked=6"), ("ok", "https://ok.test/")),
            )
            return self._reply(question, searched, f"{HOSTILE} [1]\n\n{HOSTILE}", (cited,))
        if "code" in low and "top-level" not in low:
            cited = citation(1, "https://airflow.test/code.html", CODE.strip())
            return self._reply(
                question, searched, f"Declare a DAG like this: [1]\n\n```python\n{CODE}```\n[1]", (cited,)
            )
        if " vs " in low or "compare" in low:
            table = (
                "| | Airflow | Celery |\n|---|---|---|\n| Brokers | not stated | Redis, RabbitMQ, Amazon SQS [1] |\n"
                "| Top-level code | You should avoid it [2] | not stated |"
            )
            return self._reply(question, searched, table, (BROKERS, TOP_LEVEL))
        if "top-level" in low:
            return self._reply(question, searched, f"{TOP_LEVEL.quote} [1]", (replace(TOP_LEVEL, number=1),))
        if "best for" in low or "key features" in low:
            cited = of_celery(CELERY.splitlines()[0 if "best for" in low else 2])
            return self._reply(question, searched, f"{cited.quote} [1]", (cited,))
        scope = f" (only {only})" if only else ""
        return self._reply(
            question,
            searched,
            f"**Key Features:**\n\n- {BROKERS.quote} [1]{scope}\n\nYou asked: {_plain(searched)} [1]",
            (BROKERS,),
        )

    def stream(
        self, question: str, history: Sequence[Mapping[str, Any]] | None = None, only: str | None = None
    ) -> Iterator[str | Answer]:
        self.running += 1
        try:
            reply = self.answer(question, history, only)
            words = reply.text.split(" ")
            for count in range(1, len(words)):
                time.sleep(0.07 if "slowly" in question.lower() else 0.0)
                yield " ".join(words[:count])
                while "held" in question and count == len(words) // 2 and not self.released.wait(0.05):
                    yield " ".join(words[:count])
            yield reply
        except GeneratorExit:
            self.closed += 1
            raise
        finally:
            self.running -= 1

    def search(self, question: str, limit: int = 10, only: str | None = None) -> list[Hit]:
        passage = Passage(
            id="p1",
            url=BROKERS.url,
            anchor="celery",
            title=BROKERS.title,
            headings=BROKERS.headings,
            start=0,
            end=len(CELERY),
            text=CELERY,
            units=(),
            source="document",
            resources=(Resource("https://docs.celeryq.test/", "Celery Docs", "", BROKERS.url, "celery", "Celery"),),
        )
        other = replace(
            passage,
            id="p2",
            url=TOP_LEVEL.url,
            anchor=TOP_LEVEL.anchor,
            title=TOP_LEVEL.title,
            headings=TOP_LEVEL.headings,
            text=AIRFLOW,
            source="linked",
            fetched_at="2026-11-20T10:00:00Z",
        )
        return [
            Hit(passage, 0.91, ("lexical", "dense"), {"body": 0.72, "part": 0.63}),
            Hit(other, 0.42, ("dense",), {"part": 0.4}),
        ][:limit]

    def page_text(self, url: str) -> str:
        return TEXTS[url]

    def status(self) -> dict[str, Any]:
        return {
            "documents": 1,
            "links": 42,
            "pages": self.fetched,
            "passages": 1234,
            "indexed_at": "2026-11-24T03:00:00Z",
            "embedder": "all-MiniLM-L6-v2",
            "llm": None,
            "offline": False,
            "fingerprint": "f" * 16,
            "indexed_pages": {"linked": self.fetched},
            "problem": "",
        }

    def _reply(
        self, question: str, searched: str, text: str, citations: tuple[Citation, ...] = (), abstained: bool = False
    ) -> Answer:
        return Answer(
            question=question,
            searched=searched,
            text=text,
            abstained=abstained,
            reason="nothing_relevant" if abstained else None,
            confidence=0.08 if abstained else 0.93,
            sentences=tuple(Sentence(c.quote, (c.number,)) for c in citations),
            citations=citations,
            fingerprint="f" * 16,
            timings_ms={"retrieve": 12.0, "compose": 3.0, "total": 15.5},
        )


def _plain(text: str) -> str:
    return f"`{text}`" if "`" not in text else "..."
