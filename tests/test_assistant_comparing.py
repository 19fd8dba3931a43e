"""Comparisons: which sides a question names, what it asks about them, and the table that comes of it."""

from dataclasses import replace

import pytest

from assistant.answering import Assistant
from assistant.comparing import Sided, compare
from assistant.layout import NOT_STATED, Comparison, Quotes, Words
from assistant.query import understand
from assistant.sections import Sections
from assistant.sides import asks_more, aspect_of, sides_of, with_sides
from index.passages import Passage
from tests.passages import hit, passage, said

TOPICS = {"Temporal": "temporal", "Apache Airflow": "airflow", "Circuit Breaker Pattern": "circuit-breaker-pattern"}


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Temporal vs Airflow", ["Temporal", "Apache Airflow"]),
        ("How does Temporal differ from Airflow in retries?", ["Temporal", "Apache Airflow"]),
        ("Should I take Temporal or Airflow?", ["Temporal", "Apache Airflow"]),
        ("When should I pick Temporal over Airflow?", ["Temporal", "Apache Airflow"]),
        ("Why would we use Temporal instead of Airflow for cron jobs?", ["Temporal", "Apache Airflow"]),
        ("What is the difference between a Task state and a Map state in ASL?", ["Task state", "Map state"]),
        ("Timeouts: Redis broker vs SQS broker", ["Redis broker", "SQS broker"]),
        ("What separates workflows from activities as to determinism?", ["workflows", "activities"]),
        ("How do sagas and outboxes differ?", ["sagas", "outboxes"]),
        ("How does a DockerOperator compare with a BashOperator?", ["DockerOperator", "BashOperator"]),
        ("When to take Temporal and when Airflow?", ["Temporal", "Apache Airflow"]),
        ("Jaeger or Zipkin: what does each do?", ["Jaeger", "Zipkin"]),
        ("Temporal vs Airflow each", ["Temporal", "Apache Airflow"]),
        ("Airflow Temporal workers vs Airflow circuit breakers", ["Temporal", "Circuit Breaker Pattern"]),
        ("How do Temporal and Airflow work together?", []),
        ("Is it a queue or a topic that keeps order?", []),
        ("What is Temporal?", []),
        ("Is Temporal durable, and does Airflow schedule?", []),
        ("Compare everything", []),
        ("Of branches: ending in Succeed vs ending in Fail, what then?", ["ending in Succeed", "ending in Fail"]),
        ("Streams of Redis vs streams of all, is one faster?", ["Streams of Redis", "streams of all"]),
        ("Redis Streams vs Redis in memory use", ["Redis Streams", "Redis"]),
        (
            "raise Ignore() vs raise Reject(requeue=False): what is stored?",
            ["raise Ignore()", "raise Reject(requeue=False)"],
        ),
        ("Choosing between Temporal and Airflow. Our services are in Go: which one?", ["Temporal", "Apache Airflow"]),
        ("Flower or `celery events`, which is better?", ["Flower", "celery events"]),
        ("We use cron. Flower vs Kafka?", ["Flower", "Kafka"]),
        ("Is Temporal better than Airflow for ETL?", ["Temporal", "Apache Airflow"]),
        ("Can Temporal replace Airflow?", ["Temporal", "Apache Airflow"]),
        ("Why Temporal instead of Airflow?", ["Temporal", "Apache Airflow"]),
        ("Advantages of Temporal over Airflow", ["Temporal", "Apache Airflow"]),
        ("Do I need Temporal if we already use Airflow?", ["Temporal", "Apache Airflow"]),
        ("Temporal, Airflow: which one for training?", ["Temporal", "Apache Airflow"]),
        ("Is Jaeger better than Zipkin?", ["Jaeger", "Zipkin"]),
        ("Is it better than Zipkin?", []),
        ("Temporal, Airflow: do they retry?", []),
        ("Does Temporal run Airflow's jobs over again?", []),
        ("We moved from Temporal to Airflow; is it faster than before?", []),
    ],
)
def test_the_sides_that_a_question_names(question: str, names: list[str]) -> None:
    assert [side.name for side in sides_of(understand(question, TOPICS))] == names


@pytest.mark.parametrize(
    ("question", "aspect"),
    [
        ("How do Temporal and Airflow differ in retries?", "retries"),
        ("Temporal vs Airflow on delivery guarantees", "delivery guarantees"),
        ("Temporal vs Airflow - overhead and setup", "overhead and setup"),
        ("Temporal vs Airflow", ""),
        ("Temporal vs Airflow - which should I run?", ""),
        ("Temporal or Airflow for nightly jobs - how do they differ?", "nightly jobs"),
        ("Temporal or Airflow for nightly jobs (batches)?", "nightly jobs"),
    ],
)
def test_what_is_asked_about_them(question: str, aspect: str) -> None:
    query = understand(question, TOPICS)
    assert aspect_of(query, sides_of(query)) == aspect


@pytest.mark.parametrize(
    ("question", "more"),
    [
        ("Temporal vs Airflow", False),
        ("Which is better, Temporal or Airflow?", False),
        ("Which retries failed work by itself, Temporal or Airflow?", True),
    ],
)
def test_whether_more_is_asked_than_a_comparison(question: str, more: bool) -> None:
    query = understand(question, TOPICS)
    assert asks_more(query, sides_of(query)) == more


@pytest.mark.parametrize(
    ("question", "carried", "names"),
    [
        ("is it better than Airflow?", ["What is Temporal"], ["Temporal", "Apache Airflow"]),
        ("would that run faster than Airflow?", ["Temporal retries"], ["Temporal", "Apache Airflow"]),
        ("is Airflow better than it was?", ["What is Temporal"], []),
        ("which one is easier to run?", ["Temporal vs Airflow"], ["Temporal", "Apache Airflow"]),
        ("which should I take for payments?", ["Temporal vs Airflow"], ["Temporal", "Apache Airflow"]),
        ("and which of them retries?", ["which is cheaper", "Temporal or Airflow"], ["Temporal", "Apache Airflow"]),
        ("which one is the default?", ["Why does Temporal lose Airflow's jobs"], []),
        ("how often does it retry?", ["Temporal vs Airflow"], []),
    ],
)
def test_a_follow_up_compares_with_what_came_before(question: str, carried: list[str], names: list[str]) -> None:
    assert [side.name for side in sides_of(understand(question, TOPICS, tuple(carried)))] == names


def test_each_side_is_searched_for() -> None:
    assert with_sides(understand("Redis broker vs SQS broker on timeouts", TOPICS)).parts == (
        "Redis broker on timeouts",
        "SQS broker on timeouts",
    )
    assert with_sides(understand("Celery visibility timeout: Redis broker vs SQS broker", TOPICS)).parts == (
        "Celery visibility timeout: Redis broker",
        "Celery visibility timeout: SQS broker",
    )
    assert with_sides(understand("What is the difference between Temporal and Airflow for retries?", TOPICS)).parts == (
        "What is Temporal for retries?",
        "What is Airflow for retries?",
    )
    assert with_sides(understand("What is Temporal?", TOPICS)).parts == ()


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("open vs half-open breaker", ("open (breaker)", "half-open breaker")),
        ("Temporal execution timeout vs run timeout", ("Temporal execution timeout", "run timeout (Temporal)")),
        ("prefetch vs Airflow worker pools", ("prefetch (Airflow pools)", "Airflow worker pools")),
        ("Temporal vs Airflow", ("Temporal", "Airflow")),
        ("red vs blue", ("red", "blue")),
        ("Query vs Update for reading a row", ("Query for reading a row", "Update for reading a row")),
    ],
)
def test_a_side_of_few_words_is_searched_with_what_both_share(question: str, parts: tuple[str, str]) -> None:
    assert with_sides(understand(question, TOPICS)).parts == parts


def test_what_a_side_is_may_stand_under_its_heading(kb: Assistant) -> None:
    red, blue = (
        replace(passage(("sentence", f"Made for {name}."), ("sentence", f"A {name} queue is a line of tasks."),
                        headings=(f"{name} queue",), id=name), title="Acme")
        for name in ("red", "blue")
    )  # fmt: skip
    (table,) = composed("Acme red queue vs blue queue", [red, blue], [[1.0, 0.5], [1.0, 0.5]], kb)
    assert isinstance(table, Comparison)
    assert [label for label, _ in table.rows] == ["What it is", "What the sources say"]
    rows = {label: [[c.passage.words(u) for c in cell for u in c.units] for cell in row] for label, row in table.rows}
    assert rows["What it is"] == [["A red queue is a line of tasks."], ["A blue queue is a line of tasks."]]


def test_units_are_told_apart_by_their_own_words_and_headings() -> None:
    sides = sides_of(understand("difference between spans and traces", {}))
    sided = Sided(sides, (), lambda entity, passage: False)
    page = passage(("item", "Spans: operations within a trace"), ("item", "Traces: end-to-end flows"), ("item", "Logs"))
    assert [sided.units(side, page) for side in sides] == [[True, False, False], [False, True, False]]
    open_, half = sides_of(understand("open vs half-open breaker", {}))
    states = passage(("item", "Open: fail fast"), ("item", "Half-Open: test"), headings=("Circuit breaker",))
    sided = Sided((open_, half), (), lambda entity, passage: False)
    assert [sided.units(side, states) for side in (open_, half)] == [[True, False], [False, True]]


def units_of_each(question: str, page: Passage) -> list[list[bool]]:
    query = understand(question, TOPICS)
    sides = sides_of(query)
    sided = Sided(sides, query.entities, lambda entity, passage: False)
    return [sided.units(side, page) for side in sides]


def test_what_both_names_have_need_not_be_said() -> None:
    page = passage(("sentence", "A succeed state ends its branch."), ("sentence", "A fail state ends all of them."))
    assert units_of_each("ending in Succeed vs ending in Fail?", page) == [[True, False], [False, True]]


def test_a_name_of_two_words_in_one_is_one_word() -> None:
    words = (("sentence", "The result is dropped by a null OutputPath."), ("sentence", "ResultPath null keeps it."))
    page = passage(*words, headings=("ResultPath and OutputPath", "Nulls"))  # type: ignore[arg-type]  # they are units
    assert units_of_each("ResultPath null vs OutputPath null?", page) == [[False, True], [True, False]]


def test_a_side_is_told_without_the_tool_that_it_belongs_to() -> None:
    page = passage(("sentence", "The execution timeout limits a chain."), ("sentence", "The run timeout limits one."))
    assert units_of_each("Temporal execution timeout vs run timeout", page) == [[True, False], [False, True]]


def test_a_page_that_has_one_side_in_its_title_speaks_of_that() -> None:
    page = replace(passage(("sentence", "The timeout is half an hour."), headings=("Caveats",)), title="Amazon SQS")
    assert units_of_each("Redis broker vs SQS broker", page) == [[False], [True]]
    both = replace(page, title="Redis and Amazon SQS")
    assert units_of_each("Redis broker vs SQS broker", both) == [[False], [False]]


def composed(
    question: str, pages: list[Passage], scores: list[list[float]], kb: Assistant
) -> list[Comparison | Quotes | Words]:
    query = understand(question, {})
    hits = [hit(page) for page in pages]
    return compare(query, hits, [scores, scores], sides_of(query), Sections(kb.index), kb.topics.is_about)


def test_sides_that_only_pages_know_get_their_cells(kb: Assistant) -> None:
    red = passage(
        ("sentence", "The red queue is a queue that keeps its tasks on disk."), id="a", headings=("Red queue",)
    )
    blue = passage(("sentence", "A blue queue forgets its tasks when it stops."), id="b", headings=("Blue queue",))
    (table,) = composed("red queue vs blue queue", [red, blue], [[1.0], [1.0]], kb)
    assert isinstance(table, Comparison)
    assert table.sides == ("Red queue", "Blue queue")
    rows = dict(table.rows)
    assert [said(list(cell)) for cell in rows["What it is"]] == [
        ["The red queue is a queue that keeps its tasks on disk."],
        [],
    ]
    assert [said(list(cell)) for cell in rows["What the sources say"]] == [
        [],
        ["A blue queue forgets its tasks when it stops."],
    ]


def test_the_shorter_name_has_the_last_word_of_the_longer_where_the_texts_call_it_so(kb: Assistant) -> None:
    words = ("Classic Queues are a kind that keeps one copy.", "Quorum queues are a kind that keeps three copies.")
    pages = [passage(("sentence", one), id=str(at), headings=("Kinds",)) for at, one in enumerate(words)]
    (table,) = composed("classic vs quorum queues", pages, [[1.0], [1.0]], kb)
    assert isinstance(table, Comparison)
    assert table.sides == ("Classic Queues", "Quorum queues")
    assert [said(list(cell)) for cell in dict(table.rows)["What it is"]] == [[one] for one in words]
    lone = passage(("sentence", "A classic is what everybody knows."), id="0", headings=("Kinds",))
    (table,) = composed("classic vs quorum queues", [lone, pages[1]], [[1.0], [1.0]], kb)
    assert isinstance(table, Comparison)
    assert table.sides[0] == "Classic"


def test_names_are_written_as_the_texts_write_their_words(kb: Assistant) -> None:
    red = passage(("sentence", "A null ResultPath keeps the input."), id="a", headings=("Paths",))
    blue = passage(("sentence", "A null OutputPath drops acks_late."), id="b", headings=("Paths",))
    (table,) = composed("resultpath null vs outputpath null", [red, blue], [[1.0], [1.0]], kb)
    assert isinstance(table, Comparison)
    assert table.sides == ("ResultPath null", "OutputPath null")


def test_a_capital_that_begins_a_line_is_not_the_word_s(kb: Assistant) -> None:
    red = passage(("item", "Spans: parts of a trace"), ("item", "ETL: jobs by night"), id="a", headings=("Airflow",))
    blue = passage(("item", "Spans: steps with a Redis key"), id="b", headings=("Celery",))
    (table, *_) = composed("Airflow vs Celery for redis spans of etl", [red, blue], [[1.0, 1.0], [1.0]], kb)
    assert isinstance(table, Comparison)
    assert table.rows[0][0] == "Redis spans of ETL"


def test_a_side_that_is_nowhere_makes_no_table(kb: Assistant) -> None:
    red = passage(("sentence", "The red queue keeps its tasks on disk."), headings=("Red queue",))
    assert composed("red queue vs blue queue", [red], [[1.0]], kb) == []


def test_code_stands_under_headings_not_in_cells(kb: Assistant) -> None:
    red = passage(("code", "red.start()\nred.stop()"), id="a", headings=("Red queue",))
    blue = passage(("code", "blue.start()"), id="b", headings=("Blue queue",))
    parts = composed("red queue vs blue queue in code", [red, blue], [[1.0], [1.0]], kb)
    assert [part.text for part in parts if isinstance(part, Words)] == ["### Red queue", "### Blue queue"]


def test_code_that_was_not_asked_for_compares_nothing(kb: Assistant) -> None:
    red = passage(("code", "red.start()"), id="a", headings=("Red queue",))
    blue = passage(("code", "blue.start()"), id="b", headings=("Blue queue",))
    assert composed("red queue vs blue queue", [red, blue], [[1.0], [1.0]], kb) == []


def test_a_heading_that_names_both_sides_gives_its_words_to_neither(kb: Assistant) -> None:
    both = passage(
        ("sentence", "A null input is discarded."),
        ("sentence", "A null ResultPath keeps the input."),
        ("sentence", "A null OutputPath empties the output."),
        headings=("ResultPath and OutputPath",),
    )
    (table,) = composed("ResultPath null vs OutputPath null", [both], [[3.0, 1.0, 1.0]], kb)
    assert isinstance(table, Comparison)
    assert [said(list(cell)) for cell in table.rows[0][1]] == [
        ["A null ResultPath keeps the input."],
        ["A null OutputPath empties the output."],
    ]


def test_a_comparison_of_two_sections_is_a_table_of_their_own_rows(kb: Assistant) -> None:
    reply = kb.answer("Temporal vs Celery")
    head, _, *rows = reply.text.split("\n\n")[0].splitlines()
    assert head == "|  | **Temporal** | **Celery** |"
    assert [row.split("**")[1] for row in rows] == ["What it is", "Key features", "Best for"]
    assert "Long-running workflows, mission-critical processes, workflows requiring durability [5]" in reply.text
    assert "**Best For:**" not in reply.text
    cited = {citation.number: citation for citation in reply.citations}
    for sentence in reply.sentences:
        assert sentence.text in " ".join(cited[sentence.citations[0]].quote.split()), sentence
    for row in rows:  # every cell ends in its marker
        assert all(cell.rstrip().endswith("]") for cell in row.split(" | ")[1:-1])


def test_what_is_asked_of_two_tools_stands_first_and_their_other_features_are_left_out(kb: Assistant) -> None:
    _, _, *rows = (
        kb.answer("Which retries by itself without any set-up, Temporal or Celery?").text.split("\n\n")[0].splitlines()
    )
    assert [row.split("**")[1] for row in rows] == ["What the sources say", "What it is", "Best for"]
    assert "Automatic retries and timeouts" in rows[0]


def test_three_sides_are_three_columns(kb: Assistant) -> None:
    assert kb.answer("Compare Celery, Prefect and Airflow").text.splitlines()[0].count("**") == 6


def test_an_aspect_that_one_side_lacks_is_said_to_be_missing(kb: Assistant) -> None:
    reply = kb.answer("How do Orchestration and Celery differ in brokers?")
    assert NOT_STATED in reply.text
    assert "Multiple broker support (Redis, RabbitMQ, Amazon SQS)" in reply.text


def test_a_side_has_its_own_section_first(kb: Assistant) -> None:
    query = understand("acks versus rejects", {})
    apart = passage(("sentence", "Rejects are sent by workers."), ("sentence", "Acks are sent by workers too."))
    own = replace(
        passage(("sentence", "Rejects need late acknowledgement to mean anything.")), headings=("Life", "Rejects")
    )
    hits = [hit(apart), hit(own)]
    scores = [[0.0, 0.0], [-1.0]]
    (table,) = compare(query, hits, [scores, scores], sides_of(query), Sections(kb.index), kb.topics.is_about)
    assert isinstance(table, Comparison)
    assert dict(table.rows)["What the sources say"][1][0].passage.headings[-1] == "Rejects"


def test_a_side_without_a_section_is_told_by_what_is_about_neither(kb: Assistant) -> None:
    said = kb.answer("What is the difference between a queue and pub/sub?").text
    assert said.startswith("|  | **Queue** | **Pub/Sub Pattern** |")
    assert "Load leveling (handle traffic spikes)" in said
    assert kb.answer("Temporal vs cron jobs").text.startswith("[Temporal](https://docs.temporal.io/)")
