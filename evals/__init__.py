"""Evals: how good the answers are, measured offline against the baselines that a reader would try first.

Reading order: questions, wording, metrics/, pages, systems, starter, statistics, runner, report, gate, __main__.
"""
