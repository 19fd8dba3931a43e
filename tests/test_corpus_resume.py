"""A fetch that is killed at a random moment and run again ends with the same pages as one that was left alone."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from corpus import Archive, Resource, load_pages, refresh
from corpus.politeness import Manners
from tests.loopback import Answer, Site, page
from tests.processes import processes

KILLS = 6
COUNT = 24


def answers(name: str) -> dict[str, Answer]:
    """A front page that links to half of the pages; each of those to one of the other half, by a redirect."""
    half = COUNT // 2

    def reply(title: str, *targets: str) -> Answer:
        body = "".join(f'<a href="{target}">x</a>' for target in targets)
        return lambda exchange: exchange.reply(200, page(title, body=body), ETag=f'"{title}"')

    pages = {"/docs/": reply(f"{name} front", *(f"p{n}" for n in range(half)))}
    for n in range(half):
        pages[f"/docs/p{n}"] = reply(f"{name} {n}", f"r{n}")
        pages[f"/docs/r{n}"] = lambda exchange, n=n: exchange.reply(301, Location=f"q{n}")  # type: ignore[misc]  # the default binds n
        pages[f"/docs/q{n}"] = reply(f"{name} {n} again")
    return pages


@pytest.fixture(scope="module")
def sites() -> Iterator[list[Site]]:
    with Site(answers("One"), latency=0.005) as one, Site(answers("Two"), latency=0.005) as two:
        yield [one, two]


def start(path: Path, sites: list[Site]) -> ForkServerProcess:
    """A process that has begun to fetch both sites into the archive."""
    begun = processes().Event()
    process = processes().Process(target=_fetch, args=(path, [site.host for site in sites], begun))
    process.start()
    assert begun.wait(30)
    return process


def _fetch(path: Path, hosts: list[str], begun: Event) -> None:
    links = [Resource(f"http://{host}/docs/", "x", "", "kb/a.md", "a", "A") for host in hosts]
    manners = Manners(delay=0.01, jitter=0, backoff=0.01)
    begun.set()
    refresh(links, Archive(path), follow_links=2, max_pages=200, allow_private_hosts=frozenset(hosts), manners=manners)


def finish(process: ForkServerProcess) -> None:
    process.join(60)
    assert process.exitcode == 0


def kill(process: ForkServerProcess) -> None:
    process.kill()
    process.join()


def contents(path: Path) -> dict[str, bytes]:
    """Every page of the archive with its bytes."""
    archive = Archive(path)
    pages = {url: history.page for url, history in archive.histories().items()}
    return {url: archive.body(good) for url, good in pages.items() if good}


def test_killed_and_run_again_is_the_same_as_never_killed(sites: list[Site], tmp_path: Path) -> None:
    whole = start(tmp_path / "whole.warc.gz", sites)
    started = time.monotonic()
    finish(whole)
    seconds = time.monotonic() - started
    expected = contents(tmp_path / "whole.warc.gz")
    assert len(expected) == 2 * (1 + COUNT)

    path = tmp_path / "killed.warc.gz"
    chance = random.Random(20260101)
    grown = []
    for _ in range(KILLS):
        process = start(path, sites)
        time.sleep(chance.uniform(0.0, 0.7) * seconds)
        kill(process)
        grown.append(len(contents(path)))
    assert grown == sorted(grown)  # nothing that had arrived was lost
    assert any(0 < pages < len(expected) for pages in grown)
    finish(start(path, sites))
    assert contents(path) == expected
    whole_pages, killed_pages = (
        list(load_pages([], Archive(tmp_path / f"{name}.warc.gz"))) for name in ("whole", "killed")
    )
    assert [(p.url, p.digest, p.aliases) for p in whole_pages] == [(p.url, p.digest, p.aliases) for p in killed_pages]
    checked = subprocess.run([sys.executable, "-m", "warcio.cli", "check", str(path)], capture_output=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, b"")


def test_a_run_that_goes_on_asks_for_nothing_twice(sites: list[Site], tmp_path: Path) -> None:
    for site in sites:
        site.requests.clear()
    process = start(tmp_path / "pages.warc.gz", sites)
    time.sleep(0.3)
    kill(process)
    time.sleep(0.1)  # an answer under way may still be counted
    done = set(contents(tmp_path / "pages.warc.gz"))
    for site in sites:
        site.requests.clear()
    finish(start(tmp_path / "pages.warc.gz", sites))
    for site in sites:
        assert not {site.url + path for path in site.pages} & done
