"""Which units are said, and what comes with them."""

from dataclasses import replace

import pytest

from assistant.choosing import Claim, asks_for_code, choose, merge
from tests.passages import hit, one_block, passage, said


def test_a_list_is_whole_and_has_its_label() -> None:
    listed = passage(
        ("sentence", "Other."), ("label", "States:"), ("item", "Open"), ("item", "Closed"), ("item", "Half")
    )
    claims = choose([hit(listed)], [[-9.0, 0.0, -1.0, 3.0, -1.0]], "list")
    assert said(claims) == ["States:", "Open", "Closed", "Half"]


def test_of_a_list_within_a_list_a_procedure_takes_the_part_that_is_about_it() -> None:
    items = ["Monitoring", "Shows tasks", "Control", "Stops workers", "Revokes tasks", "Web", "Lists tasks"]
    flat = passage(*(("item", words) for words in items))
    nested = replace(flat, units=tuple(replace(unit, depth=at in (1, 3, 4, 6)) for at, unit in enumerate(flat.units)))
    scores = [[-9.0, -9.0, -9.0, -9.0, 3.0, -9.0, -9.0]]
    assert said(choose([hit(nested)], scores, "how")) == ["Control", "Stops workers", "Revokes tasks"]
    assert said(choose([hit(nested)], scores, "list")) == said(choose([hit(flat)], scores, "how")) == items


def test_a_lead_in_brings_what_it_introduces() -> None:
    steps = passage(("sentence", "Set the option like this:"), ("code", "x = 1\ny = 2"), ("sentence", "Done."))
    claims = choose([hit(steps)], [[3.0, -5.0, -5.0]], "fact")
    assert said(claims)[:2] == ["Set the option like this:", "x = 1\ny = 2"]


def test_a_sentence_that_leans_back_brings_the_one_before() -> None:
    leaning = one_block(
        passage(("sentence", "A task is retried by default."), ("sentence", "It waits a second first."))
    )
    claims = choose([hit(leaning)], [[-5.0, 3.0]], "fact")
    assert said(claims) == ["A task is retried by default.", "It waits a second first."]


def test_the_best_sentence_takes_along_what_goes_on_with_it() -> None:
    words = (
        "The limit is optional for a task.",
        "Its default is zero, which means none.",
        "Workers have names of their own.",
    )
    paragraph = one_block(passage(*(("sentence", one) for one in words)))
    assert said(choose([hit(paragraph)], [[3.0, -5.0, -5.0]], "fact")) == list(words[:2])


def test_where_nothing_stands_before_a_pronoun_the_heading_does() -> None:
    page = passage(("sentence", "It waits a second before each retry."), headings=("Tasks", "Backoff"))
    assert [claim.under for claim in choose([hit(page)], [[1.0]], "fact")] == ["Backoff"]


def test_half_a_list_is_said_whole() -> None:
    listed = passage(("label", "Uses:"), ("item", "Leader election of nodes"), ("item", "Shared configuration of nodes"),
                     ("item", "Locks that many nodes share"))  # fmt: skip
    assert len(said(choose([hit(listed)], [[0.0, 3.0, 2.0, -9.0]], "fact"))) == 4
    assert len(said(choose([hit(listed)], [[0.0, 3.0, -9.0, -9.0]], "fact"))) == 2
    assert len(said(choose([hit(listed)], [[0.0, 3.0, -9.0, -9.0]], "fact", rarity={"use": 1.0}))) == 4


@pytest.mark.parametrize(("cell", "rows"), [("the longest queue", 3), ("word " * 30, 1)], ids=["short", "long"])
def test_of_a_short_table_all_rows_are_said(cell: str, rows: int) -> None:
    table = passage(("row", "Policy\tWhat goes"), *(("row", f"{name}\t{cell}") for name in ("lru", "ttl", "random")))
    table = replace(table, units=(replace(table.units[0], header=True), *table.units[1:]))
    told = said(choose([hit(table)], [[0.0, -9.0, 3.0, -9.0]], "fact"))
    assert sum("\t" in row and not row.startswith("Policy") for row in told) == rows
    assert len(said(choose([hit(table)], [[0.0, -9.0, 3.0, -9.0]], "compare"))) == 1  # a cell is of one side


def test_the_answer_comes_first_and_a_document_keeps_its_order() -> None:
    words = (
        "A broker is a post office for tasks.",
        "Nothing at all of interest stands here.",
        "It takes Redis or RabbitMQ as well.",
    )
    page = passage(*(("sentence", one) for one in words[:2]), ("sentence", "The broker may be Redis or RabbitMQ."))
    assert said(choose([hit(page)], [[1.0, -9.0, 2.0]], "fact"))[0] == "The broker may be Redis or RabbitMQ."
    document = passage(("sentence", "A queue."), ("sentence", "No."), ("sentence", "Redis."), source="document")
    assert said(choose([hit(document)], [[1.0, -9.0, 2.0]], "fact"))[0] == "A queue."


def test_what_the_question_asks_and_nothing_said_has_comes_before_what_is_said_again() -> None:
    page = passage(
        ("sentence", "A retry policy has a limit on the number of attempts."),
        ("sentence", "A limit of any retry policy is a plain number."),
        ("sentence", "Jitter is drawn by lot."),
    )
    scores, asked = [[3.0, 2.5, 1.4]], {"retri": 1.0, "limit": 1.0, "jitter": 2.0}
    first, again, new = (page.words(unit) for unit in page.units)
    assert said(choose([hit(page)], scores, "fact", budget=21, rarity=asked)) == [first, new]
    assert said(choose([hit(page)], scores, "fact", budget=21)) == [first, again]
    assert said(choose([hit(page)], [[3.0, -9.0, -2.0]], "fact", rarity=asked)) == [first]


def test_pointers_questions_and_menus_say_nothing() -> None:
    page = passage(("sentence", "See the guide for more on retries."), ("sentence", "What is a retry policy?"),
                   ("sentence", "The pages are:"), ("item", "Retries"), ("item", "Timeouts"), ("item", "Limits"),
                   ("sentence", "A retry waits for the backoff to pass."))  # fmt: skip
    assert said(choose([hit(page)], [[3.0, 3.0, 3.0, -9.0, -9.0, -9.0, 2.5]], "fact")) == [
        "A retry waits for the backoff to pass."
    ]


def test_a_row_without_its_header_is_no_cell_of_a_comparison() -> None:
    table = passage(
        ("row", "Medium\tWhere"),
        ("row", "Video of the talk on rafts\tChannel"),
        ("sentence", "Rafts float on any water."),
    )
    headed = replace(table, units=(replace(table.units[0], header=True), *table.units[1:]))
    assert said(choose([hit(table)], [[-9.0, 3.0, 2.5]], "compare")) == ["Rafts float on any water."]
    assert said(choose([hit(headed)], [[-9.0, 3.0, 2.5]], "compare"))[0].startswith("Video")
    assert said(choose([hit(table)], [[-9.0, 3.0, 2.5]], "fact"))[0].startswith("Medium")


def test_since_when_it_is_there_is_said_only_where_that_is_asked() -> None:
    page = passage(("sentence", "New in version 2.7."), ("sentence", "The sync loads the jobs of a folder from git."))
    assert said(choose([hit(page)], [[3.0, 2.0]], "fact", rarity={"sync": 1.0})) == [page.words(page.units[1])]
    assert said(choose([hit(page)], [[3.0, 2.0]], "fact", rarity={"version": 1.0}))[0] == "New in version 2.7."


def test_what_speaks_of_an_example_is_said_only_with_it() -> None:
    words = "The following example illustrates how to sync jobs."
    page = passage(("sentence", words), ("code", "sync(jobs)"), ("sentence", "The sync loads the jobs of a folder."))
    assert said(choose([hit(page)], [[3.0, -5.0, 2.5]], "fact")) == ["The sync loads the jobs of a folder."]
    assert said(choose([hit(page)], [[3.0, -5.0, -5.0]], "how")) == [words, "sync(jobs)"]
    assert said(choose([hit(passage(("sentence", words)))], [[3.0]], "fact")) == [words]  # nothing else is there


def test_a_bibliography_is_no_list() -> None:
    papers = [("item", " ".join(["Author and title of a paper"] * 10)) for _ in range(8)]
    page = passage(("sentence", "More papers on consensus:"), *papers, ("sentence", "Two of five servers may fail."))  # type: ignore[arg-type]  # a list of pairs is meant
    scores = [3.0, *[1.0] * 8, 2.5]
    assert said(choose([hit(page)], [scores], "list"))[0] == "Two of five servers may fail."


def test_a_long_list_leaves_room_for_a_sentence() -> None:
    items = [("item", f"Number {number} of the kinds of task that there are") for number in range(12)]
    listed = passage(("label", "Kinds:"), *items)  # type: ignore[arg-type]  # a list of pairs is meant
    other = passage(("sentence", "Every kind of task has a name of its own."), id="q")
    claims = choose([hit(listed), hit(other)], [[0.0, 3.0, *[2.0] * 11], [2.0]], "list")
    assert "Every kind of task has a name of its own." in said(claims)
    assert len(said(claims)) == 14


def test_what_was_taken_out_of_a_passage_stays_out_of_its_quotes() -> None:
    page = one_block(passage(("sentence", "One is fine."), ("sentence", "Two is bad."), ("sentence", "Three is fine.")))
    good = replace(page, units=(page.units[0], page.units[2]))
    assert [good.text[c.start : c.end] for c in merge([Claim(good, (unit,)) for unit in good.units])] == [
        "One is fine.",
        "Three is fine.",
    ]


def test_the_same_words_are_said_once() -> None:
    first, second = passage(("sentence", "Same words."), id="a"), passage(("sentence", "Same words."), id="b")
    assert said(choose([hit(first, 2.0), hit(second)], [[2.0], [2.0]], "fact")) == ["Same words."]


def test_what_falls_far_behind_is_left_out() -> None:
    long = " ".join(["word"] * 40)
    both = passage(("sentence", f"Best {long}."), ("sentence", f"Worse {long}."))
    assert said(choose([hit(both)], [[5.0, 0.0]], "fact")) == [f"Best {long}."]


def test_of_a_document_s_short_items_more_is_said() -> None:
    page = passage(("sentence", "Redis keeps it."), ("sentence", "Celery sends it."))
    document = replace(page, source="document")
    assert said(choose([hit(page)], [[4.0, 2.0]], "fact")) == ["Redis keeps it."]
    assert said(choose([hit(document)], [[4.0, 2.0]], "fact")) == ["Redis keeps it.", "Celery sends it."]


def test_nothing_to_choose_from_gives_nothing() -> None:
    assert choose([], [], "fact") == []


def test_neighbouring_claims_share_a_citation() -> None:
    one = passage(("sentence", "One."), ("sentence", "Two."), ("sentence", "Three."))
    merged = merge([Claim(one, one.units[:1]), Claim(one, one.units[1:2])])
    assert len(merged) == 1
    assert one.text[merged[0].start : merged[0].end] == "One.\nTwo."


def test_another_section_adds_only_what_has_a_word_of_the_question() -> None:
    broker = passage(("sentence", "A broker keeps the tasks until a worker takes them."), id="a", headings=("Broker",))
    other = passage(("sentence", "Load is levelled by a queue of messages."), id="b", headings=("Patterns",))
    best_first = [[3.0], [2.0]]
    assert len(said(choose([hit(broker), hit(other)], best_first, "fact", rarity={"broker": 1.0}))) == 1
    assert len(said(choose([hit(broker), hit(other)], best_first, "fact", rarity={"broker": 1.0, "queue": 1.0}))) == 2
    headed = replace(other, headings=("Broker",))
    assert len(said(choose([hit(broker), hit(headed)], best_first, "fact", rarity={"broker": 1.0}))) == 2


def test_what_asks_for_money_or_an_address_is_no_answer() -> None:
    asks, tells = (
        "Your sponsorship directly supports brokers and tasks.",
        "Redis and RabbitMQ are supported as brokers.",
    )
    page = passage(("sentence", asks), ("sentence", tells))
    assert said(choose([hit(page)], [[1.5, 1.0]], "list")) == [tells]
    assert asks in said(choose([hit(page)], [[3.0, 1.0]], "fact"))  # clearly what was asked for


def test_an_answer_begins_with_words_where_no_code_is_asked_for() -> None:
    code = passage(("label", "Example"), ("code", "retry: 3"), id="code", headings=("Setting",))
    words = passage(("sentence", "Retries are set for each task."), id="words", headings=("Setting",))
    code = replace(code, units=code.units[1:])
    chosen = [said(choose([hit(code), hit(words)], [[3.0], [2.5]], "how", code=asks)) for asks in (False, True)]
    assert chosen == [["Retries are set for each task.", "retry: 3"], ["retry: 3", "Retries are set for each task."]]


def test_an_answer_does_not_begin_with_a_bare_lead() -> None:
    shown = passage(("sentence", "Good example:"), ("code", "retry(3)"), id="a")
    said_first = passage(("sentence", "A retry is given how often it may run."), id="b")
    told = said(choose([hit(shown), hit(said_first)], [[1.0, 3.0], [2.0]], "how"))
    assert told == ["A retry is given how often it may run.", "Good example:", "retry(3)"]
    assert said(choose([hit(shown)], [[1.0, 3.0]], "how")) == ["Good example:", "retry(3)"]


def test_a_reason_is_given_in_words_not_in_code() -> None:
    page = passage(
        ("code", "# imports are slow because files are read often\nimport torch"),
        ("sentence", "Files are parsed often, so that slow imports cost much."),
    )
    assert said(choose([hit(page)], [[3.0, 2.0]], "why")) == ["Files are parsed often, so that slow imports cost much."]
    assert len(said(choose([hit(page)], [[3.0, 2.0]], "how"))) == 2


def test_code_leads_only_where_it_is_asked_for() -> None:
    prose = passage(("sentence", "A worker that acks late keeps the message until the task is done."))
    code = passage(("code", "task_acks_late = True"))
    scores = [[0.0], [0.5]]
    assert said(choose([hit(prose), hit(code)], scores, "fact"))[0].startswith("A worker")
    assert said(choose([hit(prose), hit(code)], scores, "fact", code=True))[0].startswith("task_acks_late")


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("Which command purges a queue?", True),
        ("what does bind=True do", True),
        ("example of a wait state", True),
        ("What happens if a worker dies?", False),
    ],
)
def test_whether_code_is_asked_for(question: str, asks: bool) -> None:
    assert asks_for_code(question) is asks


def test_what_explains_a_term_is_said_with_it() -> None:
    page = passage(
        ("term", "delivery_info:"), ("sentence", "More on delivery."), ("sentence", "Keys depend on the broker.")
    )
    page = replace(page, units=tuple(replace(u, block=min(n, 1), depth=min(n, 1)) for n, u in enumerate(page.units)))
    assert said(choose([hit(page)], [[0.0, 0.0, 9.0]], "fact"))[0] == "delivery_info:"


def test_a_section_with_nothing_but_the_tool_s_name_adds_nothing() -> None:
    answer, other = (
        passage(("sentence", "Celery workers stop after a task."), id="a"),
        passage(("sentence", "Celery is a task queue for Python."), id="b"),
    )
    scores = [[9.0], [8.5]]
    both = choose([hit(answer), hit(other)], scores, "fact", rarity={"celeri": 1.0, "worker": 3.0})
    one = choose([hit(answer), hit(other)], scores, "fact", rarity={"worker": 3.0})
    assert (len(both), len(one)) == (2, 1)
