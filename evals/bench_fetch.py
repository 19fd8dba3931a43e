"""How close a polite fetch comes to the shortest time that its own delays allow: `python -m evals.bench_fetch`.

A server on loopback plays 200 pages on 10 hosts (ports) with 50 ms latency each. The polite lower bound is that of one
host: a request for robots.txt and one for each page, the delay from start to start, and the last answer's latency. The
figure to hold is wall time within 1.5 times that bound, and memory that doesn't grow with the number of pages.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import resource
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from corpus import Archive, Resource, refresh
from corpus.politeness import Manners

WORDS = "The keeper of the light writes down the weather every four hours, and the next watch reads it at night. "


class _Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    latency = 0.0
    size = 0

    def do_GET(self) -> None:
        time.sleep(self.latency)
        known = self.path != "/robots.txt"
        words = WORDS * (self.size // len(WORDS))
        body = (
            f"<html><title>{self.path}</title><main><h1>{self.path}</h1><p>{words}</p></main></html>" if known else ""
        )
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        return


def memory_mb() -> float:
    """The most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def fetch(pages: int, hosts: int, latency: float, delay: float, size: int) -> dict[str, float]:
    """Fetch `pages` pages of `size` bytes spread over `hosts` hosts, once; times in seconds."""
    _Page.latency, _Page.size = latency, size
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _Page) for _ in range(hosts)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    names = [f"127.0.0.1:{server.server_address[1]}" for server in servers]
    links = [
        Resource(f"http://{names[n % hosts]}/page/{n}", f"Page {n}", "", "kb/bench.md", "links", "Links")
        for n in range(pages)
    ]
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(Path(folder) / "pages.warc.gz")
        started = time.monotonic()
        report = refresh(links, archive, allow_private_hosts=frozenset(names), manners=Manners(delay=delay, jitter=0.0))
        wall = time.monotonic() - started
        stored = os.path.getsize(archive.path)
    for server in servers:
        server.shutdown()
        server.server_close()
    if len(report.new) != pages:
        raise SystemExit(f"only {len(report.new)} of {pages} pages arrived: {report.failures[:3]}")
    each = -(-pages // hosts)
    bound = each * max(delay, latency) + latency
    return {
        "pages": pages,
        "wall_s": round(wall, 2),
        "lower_bound_s": round(bound, 2),
        "ratio": round(wall / bound, 2),
        "peak_mb": round(memory_mb(), 1),
        "archive_mb": round(stored / 2**20, 2),
    }


def measure(
    pages: int = 200, hosts: int = 10, latency: float = 0.05, delay: float = 0.25, size: int = 20_000
) -> dict[str, Any]:
    """The figure (wall seconds of a polite fetch), its rival (the polite lower bound) and their ratio, with memory.

    `latency` is the seconds until a server answers, `delay` the polite ones between the starts of two requests to a
    host, `size` the bytes of a page. A tenth of the pages goes first: memory is flat where ten times the pages take
    about as much.
    """
    few = fetch(pages // 10, hosts, latency, delay, size)
    whole = fetch(pages, hosts, latency, delay, size)
    return {
        "name": f"{pages} pages over {hosts} hosts, fetched politely",
        "unit": "s",
        "figure": whole["wall_s"],
        "rival": whole["lower_bound_s"],
        "rival_name": "polite lower bound",
        "ratio": whole["ratio"],
        "goal": 1.5,
        "peak_mb": whole["peak_mb"],
        "peak_mb_of_a_tenth": few["peak_mb"],
        "archive_mb": whole["archive_mb"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, parameter in inspect.signature(measure).parameters.items():
        parser.add_argument(f"--{name}", type=type(parameter.default), default=parameter.default)
    print(json.dumps(measure(**vars(parser.parse_args())), indent=2))


if __name__ == "__main__":
    main()
