"""`oka fetch` and what tells of it afterwards, against a site on loopback: `oka links`, `oka status`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpus.snapshot import Archive
from tests.archives import Written, assert_another_reader_agrees
from tests.command import environment, oka
from tests.fetching import html
from tests.loopback import Site, page

LOGIN = page("Sign in", "Your name", body="<form><input type=password></form>")


@pytest.fixture
def other() -> Iterator[Site]:
    """Another site: where politeness has two hosts, a fetch waits for them side by side."""
    with Site({"/login": lambda exchange: exchange.reply(200, LOGIN)}) as running:
        yield running


@pytest.fixture
def documents(site: Site, other: Site, tmp_path: Path) -> Path:
    """A folder with one document that links to two pages of each site."""
    folder = tmp_path / "documents"
    folder.mkdir()
    links = (f"{site.url}/ok", f"{site.url}/moved", f"{other.url}/login", f"{other.url}/none")
    (folder / "a.md").write_text("# Links\n\n" + "".join(f"- [{url.rpartition('/')[2]}]({url})\n" for url in links))
    site.answers = {
        "/ok": html("Lighthouses"),
        "/moved": lambda exchange: exchange.reply(301, Location="/new"),
        "/new": html("New"),
    }
    return folder


def test_what_was_fetched_is_told_by_links_and_status(site: Site, other: Site, documents: Path, tmp_path: Path) -> None:
    data = tmp_path / "var"
    settings = {
        "documents": str(documents),
        "allow_private_hosts": f"{site.host},{other.host}",
        "contact": "keeper@example.org",
    }
    done = oka("fetch", data=data, **settings)
    assert done.returncode == 0  # pages came; that one link is broken is what `oka links` is for
    summary, *lines = done.stdout.splitlines()
    assert summary.startswith("3 new, 0 changed, 0 unchanged, 1 redirects, 1 missing; 1 failed; ")
    assert lines == [
        f"  missing: {other.url}/none",
        f"  failed: {other.url}/login: a login form",
        "Next: oka build",
    ]
    assert "fetching pages: 5 of 5" in done.stderr
    assert "MB, waiting for" in done.stderr or "MB" in done.stderr.splitlines()[-1]
    assert all("(+keeper@example.org; " in sent["User-Agent"] for sent in site.headers)

    states = oka("links", "--json", data=data, **settings)
    assert states.returncode == 1
    assert [state["state"] for state in json.loads(states.stdout)] == ["ok", "moved", "not a page", "gone"]
    diff = oka("links", "--suggest", data=data, **settings).stdout
    assert f"-- [moved]({site.url}/moved)\n" in diff
    assert f"+- [moved]({site.url}/new)\n" in diff

    status = json.loads(oka("status", "--json", data=data, **settings).stdout)
    assert [link["url"] for link in status["missing"]] == [f"{other.url}/login", f"{other.url}/none"]
    assert status["failures"] == []  # said already
    assert_another_reader_agrees(data / "pages.warc.gz")


def test_what_failed_later_or_deeper_is_told_by_status_too(site: Site, documents: Path, tmp_path: Path) -> None:
    written = Written(tmp_path / "pages.warc.gz")
    written.page(f"{site.url}/ok", page("Lighthouses"))
    written.missing(f"{site.url}/ok", 2, 410)
    written.failed(f"{site.url}/deeper", "no byte for 10 s", day=3)
    done = oka("status", data=tmp_path, documents=str(documents))
    assert done.stdout.splitlines()[-3:] == [
        "failed when last fetched:",
        f"  2026-01-02  {site.url}/ok  HTTP status 410",
        f"  2026-01-03  {site.url}/deeper  no byte for 10 s",
    ]


def test_ctrl_c_keeps_what_arrived_and_the_next_run_goes_on(
    site: Site, other: Site, documents: Path, tmp_path: Path
) -> None:
    data = tmp_path / "var"
    settings = {"documents": str(documents), "allow_private_hosts": f"{site.host},{other.host}"}
    command = [sys.executable, "-m", "assistant.cli", "fetch"]
    with subprocess.Popen(
        command, env=environment(data, **settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
    ) as process:
        until = time.monotonic() + 30
        while "/moved" not in site.requests:  # then /ok has arrived
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "were not reached (stopped); `oka fetch` goes on with them." in said
    assert "Traceback" not in errors
    assert f"{site.url}/ok" in Archive(data / "pages.warc.gz").captures()
    site.requests.clear()
    assert oka("fetch", data=data, **settings).returncode == 0
    assert "/ok" not in site.requests
    assert {f"{site.url}/new", f"{other.url}/login"} <= set(Archive(data / "pages.warc.gz").captures())


def test_where_nothing_comes_the_exit_code_says_so(site: Site, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"# Links\n\n[none]({site.url}/none)\n")
    settings = {"documents": str(tmp_path), "allow_private_hosts": site.host}
    assert oka("fetch", data=tmp_path / "var", **settings).returncode == 1


def test_without_links_there_is_nothing_to_fetch(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Tides\n\nThe tide turns twice a day.\n")
    done = oka("fetch", data=tmp_path / "var", documents=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


def test_once_does_nothing_where_pages_were_fetched_before(site: Site, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"# Links\n\n[none]({site.url}/none)\n")
    settings = {"documents": str(tmp_path), "allow_private_hosts": site.host}
    oka("fetch", "--once", data=tmp_path / "var", **settings)
    asked = len(site.requests)
    done = oka("fetch", "--once", data=tmp_path / "var", **settings)
    assert (done.returncode, done.stdout, len(site.requests)) == (0, "", asked)
