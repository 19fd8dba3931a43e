"""From a message in a conversation to the query that is searched for: orders and courtesy left out, follow-ups written out,
typing errors and short forms explained, what it compares told apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from assistant.cache import in_one_form
from assistant.conversation import free_pronoun, from_last_subject, resolve, user_turns
from assistant.message import MAX_CHARACTERS, is_small_talk, is_unicode, plainly, question_alone, without_orders
from assistant.names import find_entities
from assistant.query import Query, understand
from assistant.sides import with_sides
from assistant.spelling import explain, explanations, is_english
from assistant.topics import Topics
from corpus.errors import QuestionError
from index.store import Index
from index.terms import terms

_NO_WORD = re.compile(r"\w{41,}")  # longer than any term


def in_conversation(asked: str, history: Sequence[Mapping[str, Any]] | None, index: Index, topics: Topics) -> Query:
    """What is searched for a question after these messages, in an index whose documents are about these topics. Raises
    QuestionError for a history that can't be read."""
    told = [turn[:MAX_CHARACTERS] for turn in user_turns(history)]  # no question can have been longer
    if not all(map(is_unicode, told)):
        raise QuestionError("The history isn't UTF-8 text; leave the message out that isn't.")
    turns = [turn for turn in told if not is_small_talk(plainly(turn))]
    *earlier, _ = from_last_subject([*turns, asked])
    query = _after(earlier, asked, index, topics)
    return replace(query, before=_after(earlier[:-1], earlier[-1], index, topics)) if query.carried else query


def _after(earlier: Sequence[str], asked: str, index: Index, topics: Topics) -> Query:
    question = plainly(without_orders(asked))
    if is_small_talk(question):
        return understand(question, topics.anchors)
    turn = resolve(question, earlier, topics.anchors)
    own, carried = turn.own, turn.carried
    meanings = explanations(" ".join((own, *carried)), index, topics.names)
    if carried and _is_strange(question, meanings, index, topics):
        # Words that the corpus hardly knows begin something new; the old subject's would hide that it has no answer.
        own, carried = question, ()
    written = explain(own, meanings)
    carried = tuple(explain(text, meanings) for text in carried)
    query = with_sides(understand(in_one_form(written), topics.anchors, carried))
    said = {term for meant in meanings.values() for term in terms(meant)}
    query = replace(query, explained=frozenset(term for word in meanings for term in terms(word)) - said)
    alone = question_alone(written)
    says_of_what = len(terms(alone)) > 1 and not free_pronoun(alone)  # not "What is wrong?" behind a story
    return replace(query, alone=in_one_form(alone)) if says_of_what else query


def _is_strange(question: str, meanings: Mapping[str, str], index: Index, topics: Topics) -> bool:
    """Whether the corpus has none of a question's words and they are no English either, or of several has half at most; and
    no other words are meant by them."""
    if find_entities(question, topics.anchors):
        return False
    meant = {term for word in meanings for term in terms(word)}
    told = [term for term in terms(question) if term not in ("one", "mine")]  # they stand for the old subject
    told += _NO_WORD.findall(question)
    strange = [term for term in told if term not in meant and not index.words.frequency(term)]
    if len(strange) > 1 and 2 * len(strange) >= len(told):
        return True
    return len(strange) == len(told) > 0 and not any(
        is_english(word) for word in re.findall(r"[a-z]+", question.lower())
    )
