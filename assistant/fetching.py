"""Bringing pages in, for the command line and the chat: from the network, from a WARC file; the state of links."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from assistant.progress import Report
from assistant.sources import Sources
from corpus import linked_resources
from corpus.errors import FetchError
from corpus.fetch import refresh
from corpus.fetch_report import FetchReport, Progress
from corpus.importing import import_warc
from corpus.politeness import Manners

_SKIPPED_SHOWN = 20


def fetch_pages(
    sources: Sources,
    *,
    follow: int = 0,
    max_pages: int = 500,
    time_limit: float | None = None,
    only_missing: bool = False,
    progress: Report | None = None,
    note: Callable[[str], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[str, bool]:
    """Fetches the linked pages over the network: the summary, and whether the run was interrupted or brought nothing.

    `note` is given a few words to show beside the progress: bytes, and the host that is being waited for. Raises
    FetchError where the settings forbid the network or nothing at all could be reached; the archive stays as it was.
    """
    settings = sources.settings
    if settings.offline:
        raise FetchError(
            "Nothing was fetched: OKA_OFFLINE is set; unset it, or import a file: oka fetch --from-warc FILE."
        )

    def show(state: Progress) -> None:
        if cancelled():
            raise KeyboardInterrupt  # how a run is told to end: what has arrived is kept
        if note:
            note(
                f"{state.bytes_read / 1e6:.1f} MB" + (f", waiting for {state.waiting_for}" if state.waiting_for else "")
            )
        if progress:
            progress("fetching pages", state.done, state.total)

    report = refresh(
        linked_resources(sources.documents()),
        sources.archive,
        follow_links=follow,
        max_pages=max_pages,
        only_missing=only_missing,
        time_limit=time_limit,
        allow_private_hosts=frozenset(settings.allow_private_hosts),
        manners=Manners(contact=settings.contact or ""),
        progress=show,
    )
    if report.is_offline:
        raise FetchError(
            "No page could be reached: there is no network, or a firewall is in the way; answers come from the documents "
            "and what was fetched before. Try `oka fetch` again later."
        )
    arrived = report.new or report.changed or report.unchanged or report.resumed
    wanted = report.failures or report.missing or report.not_reached
    return _summary(report), report.interrupted or bool(wanted and not arrived)


def import_files(sources: Sources, files: Sequence[Path], progress: Report | None = None) -> tuple[str, bool]:
    """Imports WARC files into the archive: the summary, and whether a file was damaged. Raises ArchiveError."""
    lines: list[str] = []
    damaged = False
    for file in files:
        show = (lambda done, total, name=file.name: progress(f"importing {name}", done, total)) if progress else None
        report = import_warc(sources.archive, file, show)
        lines.append(
            f"{file.name}: {report.records:,} responses read; {report.pages:,} pages, {report.redirects:,} redirects and "
            f"{report.missing:,} missing pages added, {report.known:,} known before."
        )
        lines += [f"  skipped {url}: {reason}" for url, reason in report.skipped[:_SKIPPED_SHOWN]]
        if len(report.skipped) > _SKIPPED_SHOWN:
            lines.append(f"  and {len(report.skipped) - _SKIPPED_SHOWN:,} more skipped")
        if report.damage:
            damaged = True
            lines.append(f"  {report.damage}; the {report.records:,} whole responses before it were taken.")
    lines.append("Next: oka build")
    return "\n".join(lines), damaged


def _summary(report: FetchReport) -> str:
    lines = [
        f"{len(report.new):,} new, {len(report.changed):,} changed, {len(report.unchanged):,} unchanged, "
        f"{len(report.redirects):,} redirects, {len(report.missing):,} missing; {len(report.failures):,} failed; "
        f"{report.bytes_read / 1e6:.1f} MB in {report.seconds:.0f} s."
    ]
    lines += [f"  missing: {url}" for url in report.missing]
    lines += [f"  failed: {failure.url}: {failure.reason}" for failure in report.failures]
    if report.not_reached:
        why = "stopped" if report.interrupted else "the time was up"
        lines.append(f"{report.not_reached:,} pages were not reached ({why}); `oka fetch` goes on with them.")
    if report.new or report.changed:
        lines.append("Next: oka build")
    return "\n".join(lines)
