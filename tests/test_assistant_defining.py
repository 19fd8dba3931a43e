"""What X is stands first where it is asked for: of sentences that begin "X is …" the one that names a kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.defining import begins_anew, defines, gains, with_definitions
from assistant.query import understand
from index.passages import UnitKind
from tests.passages import hit, passage


def order(*sentences: str) -> list[str]:
    """Sentences that answer "What is a relay?" alike by nearness, the best first."""
    asked = passage(*(("sentence", words) for words in sentences))
    (row,) = with_definitions(understand("What is a relay?", {}), [hit(asked)], [[0.0] * len(sentences)])
    return [sentences[at] for at in sorted(range(len(sentences)), key=lambda at: -row[at])]


def test_what_it_is_comes_before_what_it_does_and_what_it_is_used_for() -> None:
    does, used, kind = "Every relay sends events.", "A relay is used for events.", "A relay is a process for events."
    assert order(does, used, kind) == order(does, kind, used) == [kind, used, does]


@pytest.mark.parametrize(
    "kind",
    [
        "In networks, queues and buses, a relay (RL, repeater) is a process for events.",
        "A relay, also named a repeater after those of radio, states that events go on.",
        "The relay pattern is a way to send events.",
        "Relay™ - Process for events.",
        "A relay represents one way to send events.",
        "At its core, a relay is a process for events.",
    ],
)
def test_a_definition_may_begin_with_its_field_and_other_names(kind: str) -> None:
    assert order("Every relay sends events.", kind)[0] == kind


@pytest.mark.parametrize(
    "other",
    [
        "A relay client is a library for programs.",
        "Relays in Acme are a kind of queue.",
        "This relay is a process.",
        "In a relay, events are the unit of work.",
    ],
)
def test_what_is_said_of_something_else_of_its_name_defines_nothing(other: str) -> None:
    assert gains(["relay"], hit(passage(("sentence", other)))) == [0.0]


def test_who_has_it_explained_hears_more_than_what_it_is() -> None:
    page = hit(passage(("sentence", "Every relay sends events."), ("sentence", "A relay is a process.")))
    (asked,) = with_definitions(understand("What is a relay?", {}), [page], [[0.0, 0.0]])
    (explained,) = with_definitions(understand("Explain a relay", {}), [page], [[0.0, 0.0]])
    assert asked[1] - asked[0] > explained[1] - explained[0] > 0


@pytest.mark.parametrize(
    ("question", "anew"),
    [
        ("What is a relay?", True),
        ("what are an event's parts?", False),
        ("What is the default?", False),
        ("What is it?", False),
    ],
)
def test_whether_it_asks_what_something_is_that_it_names(question: str, anew: bool) -> None:
    assert begins_anew(question) == anew


@pytest.mark.parametrize("opening", ["At its core, a", "In networks and buses, a", "Conceptually, a", "Simply put, a"])
def test_how_a_definition_opens_takes_nothing_from_it(opening: str) -> None:
    opened, plain = (hit(passage(("sentence", f"{words} relay is a process."))) for words in (opening, "A"))
    assert gains(["relay"], opened) == gains(["relay"], plain)


def test_what_one_kind_of_it_is_comes_after_what_it_is() -> None:
    local, relay = "A local relay is a relay of one host.", "A relay is a process for events."
    assert order(local, relay) == order(relay, local) == [relay, local]
    assert order(local, "Every relay sends events.")[0] == local


def test_what_it_is_comes_before_a_kind_of_it_that_is_nearer_to_the_question() -> None:
    page = hit(
        passage(("sentence", "The dynamic relay is a relay of one host."), ("sentence", "A relay is a process."))
    )
    for question in ("What is a relay?", "Explain a relay", "Explain a relay and its limits"):
        ((local, relay),) = with_definitions(understand(question, {}), [page], [[4.0, 1.0]])
        assert relay > local


def test_what_leads_an_item_is_defined_by_it() -> None:
    page = hit(passage(("item", "Relays: single steps of a route"), ("item", "Relay hosts: where they run")))
    assert [gain > 0 for gain in gains(["relay"], page)] == [True, False]


def test_what_something_belongs_to_need_not_stand_beside_it() -> None:
    page = hit(passage(("sentence", "Every relay in Acme sends events."), ("sentence", "A relay is a process.")))
    (row,) = with_definitions(understand("What is a relay in Acme?", {}), [page], [[1.0, 0.0]])
    assert row[1] > row[0]


def test_on_the_site_of_a_product_its_name_makes_no_special_kind() -> None:
    words = "The Acme relay is a process for events."
    page = passage(("sentence", words))
    own = replace(page, url="https://docs.acme.example/relay")
    assert gains(["relay"], hit(own))[0] > gains(["relay"], hit(page))[0] > 0


def test_what_a_thing_is_is_looked_for_further_down_than_what_else_is_quoted() -> None:
    query = understand("What is a relay?", {})
    assert defines(query, hit(passage(("sentence", "It runs."), ("sentence", "A relay is a process."))))
    assert not defines(query, hit(passage(("sentence", "A relay is used for events."))))
    local = hit(passage(("sentence", "A local relay is a process.")))
    assert defines(query, local)
    assert not defines(query, local, clearly=True)
    assert not defines(understand("Does a relay run?", {}), hit(passage(("sentence", "A relay is a process."))))
    link = passage(("item", "[Relay](https://acme.test/) - The pattern"))
    assert not defines(query, hit(link))


def told(asked: str, *units: tuple[UnitKind, str], heading: str = "Options") -> list[str]:
    """Which of a passage's units tell what is asked for."""
    page = passage(*units, headings=(heading,))
    (row,) = with_definitions(understand(asked, {}), [hit(page)], [[0.0] * len(units)])
    return [words for (_, words), score in zip(units, row, strict=True) if score]


@pytest.mark.parametrize(
    "asked", ["What does ack_late do?", "what is task_ack_late", "What does `task_ack_late` mean?"]
)
def test_what_stands_under_an_identifier_tells_what_it_is(asked: str) -> None:
    off, when, more = ("Off.", "Messages are acknowledged behind the task.", "Queues have it, too.")
    sentences: list[tuple[UnitKind, str]] = [("sentence", words) for words in (off, when, more)]
    assert told(asked, *sentences, heading="task_ack_late") == [off, when]
    assert told(asked, ("term", "Task.task_ack_late"), *sentences) == [off, when]
    assert told(asked, ("term", "task_ack_early"), *sentences) == []
    assert told(asked, *sentences, heading="When to use task_ack_late") == []
    assert told(asked, ("item", "`task_ack_late`: when"), ("item", "late: task_ack_late")) == ["`task_ack_late`: when"]


def test_a_heading_that_is_no_identifier_has_more_below_it_than_a_definition() -> None:
    assert told("What does the relay do?", ("sentence", "Events go on here."), heading="Relay") == []


@pytest.mark.parametrize("words", ["Copies of data. A relay is used for them.", "What fails? A relay is a weak part."])
def test_a_remark_with_another_subject_before_it_defines_nothing(words: str) -> None:
    remark, own = gains(["relay"], hit(passage(("sentence", words), ("sentence", "A relay is used for them."))))
    assert remark == 0.0 < own


@pytest.mark.parametrize("asked", ["What is 2PC?", "what's a 2pc (two-phase commit)", "What is two-phase commit?"])
def test_a_short_form_is_defined_by_what_it_stands_for(asked: str) -> None:
    kind = "In networks, the two-phase commit protocol (2PC) is a way to agree."
    assert told(asked, ("sentence", kind), ("sentence", "Tree commits are a variant.")) == [kind]
