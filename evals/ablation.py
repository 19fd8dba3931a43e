"""What each part of the search earns, and what it costs: `python -m evals.ablation --data-dir FOLDER`.

A part is left out of the model, the model is fitted again without it, and the reciprocal rank of the best right
candidate is compared with the whole model's on the same questions, each scored under weights that were fitted without
its cluster (dev split and training questions, five folds). What is significant after Holm's correction is marked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from assistant.answering import Assistant
from assistant.candidates import FEATURES, searches_for
from assistant.query import Query
from assistant.settings import load_settings
from assistant.units import UNIT_FEATURES
from evals.fit import PENALTY, PENALTY_UNITS, Corpora, passage_groups, unit_groups
from evals.logistic import Group, fit_pairs, held_out, reciprocal_rank
from evals.questions import questions_to_learn_from
from evals.statistics import compare, holm

PARTS: dict[str, tuple[str, ...]] = {
    "BM25 of the body": ("body",),
    "BM25 of the headings": ("headings",),
    "all that counts words": ("body", "headings"),
    "another tool is named": ("other_site",),
    "documents first": ("document",),
    "linked pages before deep ones": ("linked",),
    "best unit's cosine": ("part",),
    "MaxSim of the tokens": ("maxsim",),
    "MaxSim of the best unit": ("unit",),
    "what else its page has": ("page", "page_found"),
    "all that the encoder says": ("part", "maxsim", "unit", "page"),
}
UNIT_PARTS: dict[str, tuple[str, ...]] = {
    "how far its passage lies behind": ("behind",),
    "its passage's rank": ("rank",),
    "both": ("behind", "rank"),
    "place in the passage": ("place",),
    "MaxSim of the tokens": ("near",),
    "MaxSim with the neighbours": ("neighbours",),
    "all MaxSim": ("near", "neighbours"),
    "many words": ("long",),
    "a number is asked for": ("number",),
    "a default is asked for": ("default",),
    "items for a list": ("item",),
}


def ablated(
    groups: Sequence[Group], names: Sequence[str], parts: dict[str, tuple[str, ...]], penalty: float
) -> list[str]:
    """Rows of a Markdown table: a part a row, what leaving it out costs."""

    def ranks(left_out: Sequence[str]) -> list[float]:
        kept = [at for at, name in enumerate(names) if name not in left_out]
        cut = [Group(group.cluster, group.rows[:, kept], group.right) for group in groups]
        return held_out(cut, lambda part: fit_pairs(part, penalty), reciprocal_rank)

    whole = np.array(ranks(()))
    without = {part: np.array(ranks(left_out)) for part, left_out in parts.items()}
    clusters = [group.cluster for group in groups]
    found = holm({part: compare(list(whole), list(values), clusters) for part, values in without.items()})
    rows = [f"| *everything* | {whole.mean():.3f} | {(whole >= 0.2).mean():.3f} | | |"]
    for part, one in found.items():
        values = without[part]
        rows.append(
            f"| {part} | {values.mean():.3f} | {(values >= 0.2).mean():.3f} | "
            f"{one.mean:+.3f} ({one.low:+.3f} to {one.high:+.3f}) | {'yes' if one.detectable else 'no'} |"
        )
    return rows


def milliseconds(assistant: Assistant, queries: Sequence[Query]) -> list[str]:
    """Rows of a Markdown table: the median time of each step of a search, one question at a time."""
    index = assistant.index
    times: dict[str, list[float]] = {}

    def timed(name: str, do: Callable[..., object], *given: object) -> None:
        began = time.perf_counter()
        do(*given)
        times.setdefault(name, []).append((time.perf_counter() - began) * 1000)

    for query in queries:
        (search,) = searches_for(index, assistant.topics, query, [query.text])
        asked = search.asked
        rows = [int(row) for row in search.candidates()]
        timed("reading the question (encoder)", index.embedder.encode, [query.text])
        timed("BM25, both fields", index.words.scores, query.text)
        timed("cosines of all passages", index.nearest, asked.vector[None])
        timed("candidates of all lists", search.candidates)
        timed("units' cosines", index.parts.cosines, rows, asked.vector)
        timed("MaxSim of the tokens", index.parts.likenesses, rows, asked.tokens)
        timed("all features", search.features, rows, index.texts.places(rows))
    return [f"| {name} | {np.median(values):.1f} |" for name, values in times.items()]


def main(
    data_dir: Annotated[list[Path], typer.Option(help="a data folder with a built index; repeatable")],
) -> None:
    """Print the tables of docs/retrieval.md."""
    questions = questions_to_learn_from()
    corpora = Corpora(tuple(Assistant(load_settings(data_dir=folder)) for folder in data_dir), questions)
    for title, groups, names, parts, penalty in (
        ("Passages", passage_groups(corpora), FEATURES, PARTS, PENALTY),
        ("Units", unit_groups(corpora), UNIT_FEATURES, UNIT_PARTS, PENALTY_UNITS),
    ):
        print(f"\n### {title}: {len(groups)} questions\n")
        print(
            "| left out | MRR | right one among the first 5 | cost in MRR (95 %) | significant |\n|---|---|---|---|---|"
        )
        print("\n".join(ablated(groups, names, parts, penalty)), flush=True)
    for assistant in corpora.assistants:
        queries = [query for one, _, query in corpora.asked() if one is assistant][:100]
        print(f"\n### Milliseconds with {len(assistant.index):,} passages\n\n| step | median |\n|---|---|", flush=True)
        print("\n".join(milliseconds(assistant, queries)))


if __name__ == "__main__":
    typer.run(main)
