"""Sources to be put into sentences, and a question to a scripted model about them."""

from __future__ import annotations

import llama_index.llms.openai_like  # noqa: F401  # takes seconds, which no time limit of a test means

from assistant.llm import Phrased, Source, phrase

KEY = "sk-very-secret-0123456789"
SOURCES = [
    Source(1, "Celery supports RabbitMQ, Redis and Amazon SQS as message brokers.", ("Frameworks", "Celery")),
    Source(2, "Celery retries a failed task 3 times with a 30 second delay.", ("Frameworks", "Celery")),
    Source(
        3,
        "Temporal workflows can run for months, but activities must not block the worker.",
        ("Frameworks", "Temporal"),
    ),
]
GOOD = "Celery supports Redis, RabbitMQ and Amazon SQS. It retries a failed task 3 times with a 30 second delay. "
GOOD += "Temporal workflows can run for months, but activities must not block the worker."


def ask(
    server: str, sources: list[Source] = SOURCES, timeout: float = 10.0, key: str | None = KEY
) -> tuple[str, Phrased]:
    """The text that was streamed, and the result."""
    streamed: list[str] = []
    for piece in phrase("Which brokers?", sources, base_url=server, model="tiny", api_key=key, timeout=timeout):
        if isinstance(piece, Phrased):
            return "".join(streamed), piece
        streamed.append(piece)
    raise AssertionError("no Phrased came")
