"""What a question can be kept within: a section, a site, a depth; and that the chat offers nothing else."""

from __future__ import annotations

from itertools import chain

from assistant.answering import Assistant
from assistant.app_knowledge import scopes


def test_a_filter_by_depth(linked: Assistant) -> None:
    def found(only: str | None) -> set[str]:
        return {hit.passage.source for hit in linked.search("Celery workers", limit=40, only=only)}

    assert found("kb/orchestration-knowledge-base.md") == {"document"}
    assert found("linked") == {"document", "linked"}


def test_everything_that_the_chat_offers_to_stay_within_is_there(kb: Assistant) -> None:
    for _, only in chain.from_iterable(scopes(kb.sources.documents()).values()):
        assert kb.search("workflow", limit=1, only=only)
