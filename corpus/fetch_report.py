"""What a run of fetching says of itself: while it goes on, and in the end."""

from __future__ import annotations

from dataclasses import dataclass, field

from corpus.warc import Cause


@dataclass(frozen=True)
class Progress:
    """What a person may see while a run goes on."""

    done: int
    total: int
    bytes_read: int
    waiting_for: str  # the host that has been waited for longest, "" where there is none


@dataclass(frozen=True)
class Failure:
    """A page that didn't come, and why."""

    url: str
    cause: Cause
    reason: str


@dataclass(frozen=True)
class FetchReport:
    """What a run brought; addresses of redirects and their targets count one by one."""

    new: tuple[str, ...]  # pages that came for the first time
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    redirects: tuple[str, ...]
    missing: tuple[str, ...]  # 404 and 410
    failures: tuple[Failure, ...]
    resumed: int  # addresses that an interrupted run had done before
    not_reached: int  # addresses that the run ended before
    interrupted: bool
    requests: int
    bytes_read: int
    seconds: float

    @property
    def is_offline(self) -> bool:
        """Whether nothing at all could be reached."""
        causes = {failure.cause for failure in self.failures}
        reached = self.new or self.changed or self.unchanged or self.redirects or self.missing
        return not reached and bool(causes) and causes <= {"network", "unsafe"} and "network" in causes


@dataclass
class Tally:
    """A report in the making; its names mean the same."""

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    redirects: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    resumed: int = 0
    bytes_read: int = 0

    def report(self, *, not_reached: int, interrupted: bool, requests: int, seconds: float) -> FetchReport:
        """The tally of a run that is over."""
        return FetchReport(
            tuple(self.new),
            tuple(self.changed),
            tuple(self.unchanged),
            tuple(self.redirects),
            tuple(self.missing),
            tuple(self.failures),
            self.resumed,
            not_reached,
            interrupted,
            requests,
            self.bytes_read,
            seconds,
        )
