"""Fits the linear models of assistant/weights.json on dev split and training questions: `python -m evals.fit MODEL …`.

All are logistic models over features that the product computes itself, with an L2 penalty, fitted by Newton's method and
checked by five-fold cross-validation over clusters. The test split is never read. Run it again when the corpus, the
encoder, a feature or the questions change; weights and how they came about are written together.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from assistant.answering import CONSIDERED, QUOTED, Assistant
from assistant.candidates import FEATURES, searches_for
from assistant.confidence import bar_for, probability
from assistant.query import Query
from assistant.retrieval import WEIGHTS, load_model, retrieve
from assistant.retrieval import Found as Retrieved
from assistant.settings import Settings, load_settings
from assistant.signals import SIGNALS, SUBJECT, signals_of
from assistant.units import UNIT_FEATURES, unit_features
from evals.logistic import Array, Group, fit_logistic, fit_pairs, held_out, reciprocal_rank, standardised
from evals.metrics.answers import fact_stated
from evals.metrics.retrieval import counts_for, gold_units
from evals.questions import ELSEWHERE, Question, questions_to_learn_from
from evals.runner import askable
from evals.systems import found_from
from evals.wording import key, plain
from index.passages import Passage, Unit


@dataclass(frozen=True)
class Corpora:
    """One assistant a data folder: weights should hold for small and large corpora alike."""

    assistants: tuple[Assistant, ...]
    questions: tuple[Question, ...]

    def asked(self) -> Iterator[tuple[Assistant, Question, Query]]:
        """Every question of each corpus that has its pages, follow-ups in their written-out form."""
        for assistant in self.assistants:
            for question in askable(self.questions, assistant.index.urls)[0]:
                if question.slice != "injection":
                    text = question.standalone or question.question
                    yield assistant, question, assistant.understand(text)


def passage_groups(corpora: Corpora) -> list[Group]:
    """The candidates of every question that has gold sections, columns as retrieval.FEATURES."""
    groups = []
    for assistant, question, query in corpora.asked():
        units = gold_units(question)
        if not units:
            continue
        (search,) = searches_for(assistant.index, assistant.topics, query, [query.text])
        rows = [int(row) for row in search.candidates()]
        found = assistant.index.passages(rows)
        right = np.array([any(counts_for(found_from(p), unit) for unit in units) for p in found])
        groups.append(
            Group(question.cluster, search.features(rows, assistant.index.texts.places(rows)).astype(np.float64), right)
        )
    return groups


def passages(corpora: Corpora) -> dict[str, Any]:
    """Which candidates are gold sections."""
    groups = passage_groups(corpora)
    w = fit_pairs(groups, PENALTY)
    ranks = held_out(groups, lambda part: fit_pairs(part, PENALTY), reciprocal_rank)
    return _model(
        FEATURES,
        w,
        groups,
        {"mrr": float(np.mean(ranks)), "recall@5": float(np.mean(np.array(ranks) >= 0.2))},
    )


def unit_groups(corpora: Corpora) -> list[Group]:
    """The units of the best passages of every question that has vital facts, columns as units.UNIT_FEATURES."""
    groups = []
    for assistant, question, query in corpora.asked():
        if not question.vital:
            continue
        found = _retrieved(assistant, query, QUOTED)
        features = unit_features(query, found, QUOTED)
        right = [_tells(question, hit.passage, unit) for hit in found.hits for unit in hit.passage.units]
        groups.append(Group(question.cluster, np.concatenate(features), np.array(right)))
    return groups


def units(corpora: Corpora) -> dict[str, Any]:
    """Which units of the best passages state a vital fact or stand in a gold quote."""
    groups = unit_groups(corpora)
    w = fit_pairs(groups, PENALTY_UNITS)
    ranks = held_out(groups, lambda part: fit_pairs(part, PENALTY_UNITS), reciprocal_rank)
    return _model(UNIT_FEATURES, w, groups, {"mrr": float(np.mean(ranks))})


def answerable(corpora: Corpora) -> dict[str, Any]:
    """Whether the corpus answers.

    The dev split has few questions without an answer, so each one with an answer is also asked of the corpus without
    the passages that answer it: what is found then is near and yet no answer. And the questions of elsewhere.txt have
    nothing to do with orchestration. These two count little, and not at all in the figures and bars. The documents alone
    answer few of the questions, all pages most of them; those without an answer count so that their share is alike in all
    corpora, or it would be the corpus that is learned.
    """
    groups: list[Group] = []
    importance: list[float] = []
    counted: list[bool] = []  # in the figures and bars

    def add(
        cluster: str,
        query: Query,
        found: Retrieved,
        weight: float,
        answered: bool = False,
        counts: bool = True,
    ) -> None:
        groups.append(Group(cluster, _signals(query, found), np.array([answered])))
        importance.append(weight)
        counted.append(counts)

    shares = _shares_answered(corpora)
    for assistant, question, query in corpora.asked():
        found = _retrieved(assistant, query, _DEEP)
        own = question.answerable != "no"
        weight = 1.0 if own else _ABSENT * shares[assistant] / max(shares.values())
        add(question.cluster, query, found, weight, answered=own)
        rest = _without_gold(question, found) if question.vital and question.answerable == "yes" else None
        if rest and len(rest.hits) >= CONSIDERED:
            add(question.cluster, query, rest, _REMOVED, counts=False)
    for assistant in corpora.assistants:
        for asked in ELSEWHERE.read_text(encoding="utf-8").splitlines():
            query = assistant.understand(asked)
            add(asked, query, _retrieved(assistant, query, _DEEP), _OTHER, counts=False)
    fitted = standardised(groups, importance, _PENALTY_GATE)
    real = np.array(counted)
    truth = np.concatenate([group.right for group in groups])[real].astype(np.float64)
    odds = np.array(held_out(groups, fitted, lambda group, part: float(group.rows[0] @ part)))[real]
    even = np.array(importance)[real]
    even[truth == 0] /= _ABSENT
    # What counts more or less shifts the probabilities: they are brought back to the shares that were seen.
    shift, slope = fit_logistic(np.stack([np.ones(len(odds)), odds], 1), truth, even, 0.0, free=[0, 1])
    w = fitted(groups) * slope
    w[0] += shift
    chance = 1 / (1 + np.exp(-(odds * slope + shift)))
    bars = {str(share): round(_bar(chance, truth, even, share), 4) for share in _SHARES}
    refused, caught = (
        float(np.average(chance[truth == side] < bars["0.05"], weights=even[truth == side])) for side in (1, 0)
    )
    auroc = float(np.mean(chance[truth == 1][:, None] > chance[truth == 0][None, :]))
    measured = {"auroc": auroc, "absent caught": caught, "refused": refused}
    return {**_model(SIGNALS, w, groups, measured), "bars": bars}


def subject(corpora: Corpora) -> dict[str, Any]:
    """Whether a question is about the corpus's subject at all, answered or not: those to learn from, and elsewhere.txt.

    Each corpus and each side counts alike. The bar lies where one in `_LOST` of the questions that have an answer and get
    it would lose it, in the corpus that has most to lose.
    """
    answers_from = bar_for(Settings.model_fields["unsupported"].default, load_model("answerable")["bars"])
    groups: list[Group] = []
    answered: list[bool] = []
    sides: list[tuple[Assistant, bool]] = []

    def add(cluster: str, assistant: Assistant, query: Query, own: bool, has_answer: bool) -> None:
        found = _retrieved(assistant, query, CONSIDERED)
        signals = signals_of(found, query)
        groups.append(Group(cluster, np.array([[signals[name] for name in SUBJECT]]), np.array([own])))
        answered.append(has_answer and probability("answerable", signals) >= answers_from)
        sides.append((assistant, own))

    for assistant, question, query in corpora.asked():
        own = question.unanswerable_class != "out-of-domain"
        add(question.cluster, assistant, query, own, question.answerable != "no")
    for assistant in corpora.assistants:
        for asked in ELSEWHERE.read_text(encoding="utf-8").splitlines():
            add(asked, assistant, assistant.understand(asked), False, False)
    sizes = Counter(sides)
    fitted = standardised(groups, [max(sizes.values()) / sizes[side] for side in sides], _PENALTY_GATE)
    odds = np.array(held_out(groups, fitted, lambda group, part: float(group.rows[0] @ part)))
    right = np.array([own for _, own in sides])
    kept = [
        odds[[has and one is assistant for has, (one, _) in zip(answered, sides, strict=True)]]
        for assistant in corpora.assistants
    ]
    bar = min(float(np.quantile(of_corpus, _LOST)) for of_corpus in kept)
    auroc = float(np.mean(odds[right][:, None] > odds[~right][None, :]))
    measured = {"auroc": auroc, "others caught": float(np.mean(odds[~right] < bar))}
    return {**_model(SUBJECT, fitted(groups), groups, measured), "bar": round(float(1 / (1 + np.exp(-bar))), 4)}


def _signals(query: Query, found: Retrieved) -> Array:
    values = signals_of(found, query)
    return np.array([[values[name] for name in SIGNALS]])


def _without_gold(question: Question, found: Retrieved) -> Retrieved:
    """The hits that neither stand in a gold section nor state a vital fact."""
    units = gold_units(question)
    kept = [
        at
        for at, hit in enumerate(found.hits)
        if not any(counts_for(found_from(hit.passage), unit) for unit in units)
        and not any(fact_stated(fact, plain(hit.passage.text), question) for fact in question.vital)
    ]
    return found.of(kept)


def _shares_answered(corpora: Corpora) -> dict[Assistant, float]:
    """For each corpus how many of its questions have an answer, for one that has none."""
    asked = [(assistant, question.answerable != "no") for assistant, question, _ in corpora.asked()]
    return {
        assistant: sum(own for one, own in asked if one is assistant)
        / max(sum(not own for one, own in asked if one is assistant), 1)
        for assistant in corpora.assistants
    }


def _bar(chance: Array, truth: Array, weights: Array, share: float) -> float:
    """The lowest confidence from which on at most this share of the answers lacks support, where `_PREVALENCE` of the
    questions have no answer. 1 where there is none."""
    for bar in np.unique(chance):
        wrongly, rightly = (
            part * float(np.average(chance[truth == side] >= bar, weights=weights[truth == side]))
            for side, part in ((0, _PREVALENCE), (1, 1 - _PREVALENCE))
        )
        if wrongly <= share * (wrongly + rightly):
            return float(bar)
    return 1.0


PENALTY = 0.01  # of 0.001 … 1 the best mean reciprocal rank of passages in cross-validation
PENALTY_UNITS = 0.3  # likewise, of units
_PENALTY_GATE = 5.0  # on standardised signals; of 0.3 … 30 the best AUROC in cross-validation
_ABSENT, _REMOVED = 1.5, 0.2  # how much a question without an answer counts, and one whose answer was taken away
_OTHER = 0.4  # likewise, one about something else: there are many, and `subject` tells most of them
_LOST = 0.003  # share of the answers that the question's subject may cost
_DEEP = 40  # hits looked at, so that enough are left where the gold is taken away
_PREVALENCE = 0.0905
"""Share of the questions asked of a running oka that its sources don't answer. Chosen, not measured: the default of
OKA_UNSUPPORTED then declines 1.8 % of the questions that have an answer in cross-validation, and 48 % of those that have
none. It is a tuned number: with .0923 the gate found too many answerable questions declined on the linked pages."""
_SHARES = (0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.2, 0.5)  # of answers without support: OKA_UNSUPPORTED


def _retrieved(assistant: Assistant, query: Query, limit: int) -> Retrieved:
    return retrieve(assistant.index, assistant.topics, query, limit=limit)


def _tells(question: Question, passage: Passage, unit: Unit) -> bool:
    if unit.kind == "label" or unit.header or passage.url not in {gold.url for gold in question.gold}:
        return False
    words = plain(passage.words(unit))
    quoted = any(key(gold.quote) in key(words) or key(words) in key(gold.quote) for gold in question.gold)
    return quoted or any(fact_stated(fact, words, question) for fact in question.vital)


def _model(names: Sequence[str], w: Array, groups: Sequence[Group], measured: dict[str, float]) -> dict[str, Any]:
    return {
        "fitted": f"python -m evals.fit, dev split and training questions, {len(groups)} askings, L2, five-fold cross-validation",
        "cross_validation": {name: round(value, 3) for name, value in measured.items()},
        "weights": {name: round(float(value), 4) for name, value in zip(names, w, strict=True)},
    }


def main(
    models: Annotated[list[str], typer.Argument(help="of: passages, units, answerable, subject; in this order")],
    data_dir: Annotated[list[Path], typer.Option(help="a data folder with a built index; repeatable")],
) -> None:
    """Fits models on the dev split and the training questions, and writes them to assistant/weights.json."""
    questions = questions_to_learn_from()
    for name in models:
        if name not in _FITS:
            raise typer.BadParameter(f"{name} is none of {', '.join(_FITS)}")
        load_model.cache_clear()
        corpora = Corpora(tuple(Assistant(load_settings(data_dir=folder)) for folder in data_dir), questions)
        model = _FITS[name](corpora)
        written = json.loads(WEIGHTS.read_text(encoding="utf-8"))
        written[name] = model
        WEIGHTS.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
        print(f"{name}: {json.dumps(model, indent=1)}")


_FITS: dict[str, Callable[[Corpora], dict[str, Any]]] = {
    "passages": passages, "units": units, "answerable": answerable, "subject": subject,
}  # fmt: skip

if __name__ == "__main__":
    typer.run(main)
