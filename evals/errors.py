"""The one error of the evals; the tree it belongs to is drawn in corpus/errors.py."""

from corpus.errors import RagError


class EvalError(RagError):
    """A question file, a report or a floor that can't be used; the message says which and what to run."""
