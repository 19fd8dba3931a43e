"""Archives written by hand for tests: what a server would have answered, and when."""

from __future__ import annotations

from pathlib import Path

from corpus.snapshot import Archive
from corpus.warc import Capture, Cause, failure_record, response_record, revisit_record

HTML = "text/html; charset=utf-8"


class Written:
    """An archive and short ways to add to it. Days count from 2026-01-01."""

    def __init__(self, path: Path) -> None:
        self.archive = Archive(path)

    def page(self, url: str, body: str | bytes, day: int = 1, content_type: str = HTML, **headers: str) -> Capture:
        data = body.encode() if isinstance(body, str) else body
        sent = [("Content-Type", content_type), *((name.replace("_", "-"), value) for name, value in headers.items())]
        return self.archive.append(response_record(url, 200, "OK", sent, data, _at(day)))

    def redirect(self, url: str, target: str, status: int = 301, day: int = 1) -> Capture:
        return self.archive.append(response_record(url, status, "Moved", [("Location", target)], b"", _at(day)))

    def missing(self, url: str, day: int = 1, status: int = 404) -> Capture:
        return self.archive.append(response_record(url, status, "Not Found", [("Content-Type", HTML)], b"", _at(day)))

    def failed(self, url: str, reason: str, cause: Cause = "network", day: int = 1, status: int = 0) -> Capture:
        return self.archive.append(failure_record(url, cause, reason, _at(day), status))

    def unchanged(self, original: Capture, day: int, status: int = 304) -> Capture:
        return self.archive.append(revisit_record(original, status, _at(day)))


def _at(day: int) -> str:
    return f"2026-01-{day:02}T12:00:00Z"


def pdf(*pages: str) -> bytes:
    """A PDF with a line of text for each line of a page."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for text in pages:
        lines = " ".join(f"({line}) Tj T*" for line in text.split("\n"))
        content = f"BT /F1 12 Tf 14 TL 72 720 Td {lines} ET"
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    out = "%PDF-1.4\n"
    places = []
    for number, text in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{text}\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{place:010} 00000 n \n" for place in places)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return out.encode("latin-1")


def assert_another_reader_agrees(path: Path) -> None:
    """FastWARC, which shares no code with warcio, reads every record that warcio does and finds its digests right."""
    from fastwarc.warc import ArchiveIterator as Fast
    from warcio.archiveiterator import ArchiveIterator

    with path.open("rb") as stream:
        expected = [record.rec_headers["WARC-Record-ID"] for record in ArchiveIterator(stream)]
    read, wrong = [], []
    with path.open("rb") as stream:
        for record in Fast(stream, parse_http=False):
            read.append(record.headers["WARC-Record-ID"])
            if "WARC-Block-Digest" in record.headers and not record.verify_block_digest():
                wrong.append(read[-1])
    with path.open("rb") as stream:
        wrong += [
            record.headers["WARC-Record-ID"]
            for record in Fast(stream)
            if record.headers["WARC-Type"] == "response" and not record.verify_payload_digest()
        ]
    assert (read, wrong) == (expected, [])
