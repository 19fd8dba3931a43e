"""What users said of answers, and what could not be answered: JSON lines in the data folder, never sent anywhere.

A bad answer becomes a record for the eval questions; unanswered questions are grouped by likeness. Leaves out printing
(cli.py) and asking the user (app.py).
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from corpus.errors import FeedbackError

Kind = Literal["up", "down", "unanswered"]
_LIKE = 0.6
"""Cosine from which two unanswered questions are of one group: "retries in Dagster" and "does Dagster retry" have 0.8."""


@dataclass(frozen=True)
class Entry:
    """One remark. `id` names the answer, so that a note adds to the vote before it and the newest entry of an id counts."""

    id: str
    kind: Kind
    question: str
    searched: str
    text: str
    abstained: bool
    confidence: float
    sources: tuple[str, ...]  # url#anchor of each citation
    fingerprint: str
    at: str  # ISO 8601 UTC
    only: str | None = None
    note: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)  # keys that a newer oka wrote


class Feedback:
    """The log at `path`; made at the first remark. Safe to use from many threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def add(self, kind: Kind, answer: Mapping[str, Any], *, id: str, only: str | None = None, note: str = "") -> Entry:
        """Appends one remark on an answer in the contract's JSON form. Raises FeedbackError where the log can't be written."""
        sources = tuple(f"{c['url']}#{c['anchor']}" if c["anchor"] else str(c["url"]) for c in answer["citations"])
        entry = Entry(
            id=id,
            kind=kind,
            question=str(answer["question"]),
            searched=str(answer["searched"]),
            text=str(answer["text"]),
            abstained=bool(answer["abstained"]),
            confidence=float(answer["confidence"]),
            sources=tuple(dict.fromkeys(sources)),
            fingerprint=str(answer["fingerprint"]),
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            only=only,
            note=" ".join(note.split()),
        )
        kept = {key: value for key, value in asdict(entry).items() if key != "extra"}
        line = (json.dumps(kept, ensure_ascii=False) + "\n").encode()
        try:
            with self._lock:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                # One write to a file opened for appending is not mixed with another process's.
                descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                try:
                    os.write(descriptor, line)
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise FeedbackError(
                f"Feedback can't be written to {self.path} ({error.strerror}); make it writable or set OKA_DATA_DIR."
            ) from error
        return entry

    def entries(self, kind: Kind | None = None) -> list[Entry]:
        """The newest entry of each answer, oldest first; [] where nothing was said yet. A line cut short is passed over."""
        newest: dict[tuple[str, bool], Entry] = {}
        for entry in self._lines():
            key = (entry.id, entry.kind == "unanswered")  # a vote on an abstention doesn't replace that it was one
            newest.pop(key, None)
            newest[key] = entry
        return [entry for entry in newest.values() if kind is None or entry.kind == kind]

    def _lines(self) -> list[Entry]:
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FeedbackError(
                f"Feedback in {self.path} can't be read ({error.strerror}); make it readable."
            ) from error
        entries = []
        for line in text.splitlines():
            try:
                kept = json.loads(line)
                known = {name: kept.pop(name) for name in Entry.__dataclass_fields__ if name in kept}
                known["sources"] = tuple(known["sources"])
                if not isinstance(known["id"], str) or not isinstance(known["question"], str):
                    raise TypeError("no entry")
                entries.append(Entry(**known, extra=kept))
            except (ValueError, TypeError, KeyError):
                continue  # the last line of a process that was killed
        return entries


def eval_record(entry: Entry) -> dict[str, Any]:
    """A question for the eval suite (README of evals: question records) from one entry, with what only a person knows left open.

    A bad answer's own sources are no evidence of what is right, so `gold` and `facts` are empty; what was answered and
    what the user noted goes to `notes`, for whoever fills them in and takes the notes out. An abstention that was marked
    as bad should have been answered; an answer that was marked as bad may or may not have one in the sources.
    """
    return {
        "id": f"feedback-{entry.id}",
        "cluster": f"feedback-{entry.id}",
        "chain": None,
        "turn": 1,
        "slice": "unanswerable" if entry.kind == "unanswered" else "factoid-linked",
        "corpus": "linked",
        "question": entry.question,
        "standalone": entry.searched if entry.searched != entry.question else None,
        "answerable": "no" if entry.kind == "unanswered" else "yes",
        "unanswerable_class": "absent-fact" if entry.kind == "unanswered" else None,
        "gold": [],
        "facts": [],
        "must_not": [],
        "required_urls": [],
        "forbidden_urls": [],
        "base": None,
        "perturbation": None,
        "notes": {"said": entry.note, "answered": entry.text, "sources": list(entry.sources), "at": entry.at},
    }


def group_unanswered(
    entries: Sequence[Entry], embed: Callable[[Sequence[str]], NDArray[np.float32]]
) -> list[list[Entry]]:
    """Groups of questions alike, largest first, in order of asking within; `embed` gives a unit vector a question.

    Each question joins the group whose first question is nearest, if it is at least `_LIKE`; else it opens a group.
    """
    groups: list[list[Entry]] = []
    if not entries:
        return groups
    vectors = embed([entry.question for entry in entries])
    heads: list[int] = []
    for position, entry in enumerate(entries):
        likeness = [float(vectors[head] @ vectors[position]) for head in heads]
        best = int(np.argmax(likeness)) if likeness else -1
        if best >= 0 and likeness[best] >= _LIKE:
            groups[best].append(entry)
        else:
            heads.append(position)
            groups.append([entry])
    return sorted(groups, key=len, reverse=True)
