"""Progress in a log: a line a phase when it is done, with a rate that says something also where it is low."""

from __future__ import annotations

import pytest

from assistant.progress import progress


@pytest.mark.parametrize(("done", "seconds", "shown"), [(1, 4, "0.2/s"), (90, 6, "15/s"), (24_000, 2, "12,000/s")])
def test_the_rate_of_a_phase(
    done: int, seconds: int, shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([100.0, 100.0 + seconds])
    monkeypatch.setattr("assistant.progress.time.monotonic", lambda: next(times))
    with progress() as report:
        report("storing", 0, done)
        report("storing", done, done)
    assert capsys.readouterr().err == f"storing: {done:,} of {done:,} ({shown})\n"
