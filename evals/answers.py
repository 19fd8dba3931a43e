"""Twenty answers for a person to judge how they read: docs/answers.md.

Nobody chooses them: from the test split the first question of each slice in file order, then the second of each, until
there are twenty.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from assistant.answering import Assistant
from assistant.export import to_markdown
from evals.questions import SLICES, Question
from evals.runner import askable

FILE = Path(__file__).resolve().parents[1] / "docs" / "answers.md"
ANSWERS = 20
_HEAD = """# Twenty answers

Written by `python -m evals answers`, not by hand, from {pages}. The questions are the test split's: the first of each
kind in the file's order, then the second of each, until there are twenty. They are never tuned on.

"""


def chosen(questions: Sequence[Question], urls: frozenset[str], most: int = ANSWERS) -> list[Question]:
    """First turns of the test split that can be asked of these pages, kinds in turn."""
    asked, _ = askable([question for question in questions if question.split == "test"], urls)
    kinds: dict[str, list[Question]] = defaultdict(list)
    for question in asked:
        if question.turn == 1:
            kinds[question.slice].append(question)
    turns = max((len(found) for found in kinds.values()), default=0)
    mixed = [kinds[name][turn] for turn in range(turns) for name in SLICES if turn < len(kinds[name])]
    return mixed[:most]


def write_answers(assistant: Assistant, questions: Sequence[Question], file: Path = FILE) -> int:
    """Asks and writes; how many there are."""
    asked = chosen(questions, assistant.index.urls)
    status = assistant.status()
    counts = ", ".join(f"{count:,} {source}" for source, count in status["indexed_pages"].items())
    parts = []
    for number, question in enumerate(asked, 1):
        # Each answer has footnotes of its own, told apart by its number.
        said = to_markdown(assistant.answer(question.question)).replace("[^", f"[^{number}.")
        said = said.replace("](kb/", "](../corpus/documents/")
        title, _, rest = said.partition("\n")
        parts.append(f"## {number}. {title.removeprefix('## ')}\n\n*{question.slice}*\n{rest}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_HEAD.format(pages=f"pages of the index: {counts}") + "\n".join(parts), encoding="utf-8")
    return len(asked)
