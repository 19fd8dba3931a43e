"""How close a polite fetch comes to the shortest time that its own delays allow: `python -m evals.bench_fetch`.

A server on loopback plays 200 pages on 10 hosts (ports) with 50 ms latency each. The polite lower bound is that of one
host: a request for robots.txt and one for each page, the delay from start to start, and the last answer's latency. The
figure to hold is wall time within 1.5 times that bound, and memory that doesn't grow with the number of pages.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

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


def measure(pages: int, hosts: int, latency: float, delay: float, size: int) -> dict[str, float]:
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--hosts", type=int, default=10)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds until a server answers")
    parser.add_argument(
        "--delay", type=float, default=0.25, help="polite seconds between the starts of two requests to a host"
    )
    parser.add_argument("--size", type=int, default=20_000, help="bytes of a page")
    arguments = parser.parse_args()
    # A tenth first: memory is flat where ten times the pages take about as much.
    few = measure(arguments.pages // 10, arguments.hosts, arguments.latency, arguments.delay, arguments.size)
    all_pages = measure(arguments.pages, arguments.hosts, arguments.latency, arguments.delay, arguments.size)
    print(json.dumps({"few": few, "all": all_pages}, indent=2))
    print(
        f"{all_pages['pages']} pages over {arguments.hosts} hosts: {all_pages['wall_s']} s, "
        f"{all_pages['ratio']} times the polite lower bound of {all_pages['lower_bound_s']} s; "
        f"peak memory {few['peak_mb']} MB after {few['pages']} pages, {all_pages['peak_mb']} MB after all",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
