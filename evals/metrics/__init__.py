"""Scores of one question each: name -> value. A measure that doesn't apply to a question gives no score, not zero."""

Scores = dict[str, float]
