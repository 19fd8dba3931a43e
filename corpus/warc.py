"""WARC 1.1 records: taken whole from a file, read into captures, written from what a server said.

Reading splits the file into records itself, because warcio passes over a truncated or damaged one in silence; what a
record means is warcio's business. Knows nothing of our archive's place, index or history (`corpus.snapshot`).
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, Literal, get_args

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from corpus.addresses import address
from corpus.errors import ArchiveError, CorpusError, Damage
from corpus.webpage import canonical_address, refresh_target

MAX_RECORD = 64 * 2**20  # bytes of one record, unpacked; a larger one is passed over
_READ = 2**16
_GZIP = b"\x1f\x8b\x08"
_LENGTH = re.compile(rb"^Content-Length:\s*(\d+)\s*$", re.IGNORECASE | re.MULTILINE)
_NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
_SAME_PAYLOAD = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"

CaptureKind = Literal["response", "revisit", "failure"]
Cause = Literal["", "network", "status", "robots", "unsafe", "content"]


@dataclass(frozen=True)
class Capture:
    """What one attempt to fetch an address brought, as the archive remembers it, its body left out."""

    url: str  # in the spelling of `corpus.addresses.address`
    kind: CaptureKind  # revisit: unchanged since an earlier response; failure: no response that counts
    status: int  # HTTP; 0 where none came
    fetched_at: str  # ISO 8601 UTC
    location: str = ""  # where a redirect leads (3xx, or a page that is only a meta refresh), fragment included
    content_type: str = ""
    canonical: str = ""  # the address that a page gives as its own, "" where it gives none
    etag: str = ""
    last_modified: str = ""
    digest: str = ""  # of the payload, "sha1:…"; a revisit has that of the response it repeats
    reason: str = ""  # of a failure, one line
    cause: Cause = ""  # of a failure
    offset: int = 0  # of the record in the archive
    length: int = 0

    @property
    def is_page(self) -> bool:
        """Whether it holds text of its own: HTML or a PDF that came with status 200 and isn't a redirect."""
        return self.kind == "response" and self.status == 200 and not self.location and bool(media(self.content_type))


def media(content_type: str) -> str:
    """ "html" or "pdf" by the Content-Type header; "" for what we don't take."""
    kind = content_type.partition(";")[0].strip().lower()
    return {"text/html": "html", "application/xhtml+xml": "html", "application/pdf": "pdf"}.get(kind, "")


def split(stream: BinaryIO, start: int = 0) -> Iterator[tuple[int, int, bytes]]:
    """Offset, length in the file and unpacked bytes of each whole record from `start` on.

    A record larger than MAX_RECORD is passed over. Raises Damage at the first one that isn't whole.
    """
    stream.seek(start)
    if stream.read(3) == _GZIP:
        for offset, length, member in _members(stream, start):
            for _, _, record in _plain(io.BytesIO(member), offset):
                yield offset, length, record
        return
    stream.seek(start)
    yield from _plain(stream, 0)


def _members(stream: BinaryIO, start: int) -> Iterator[tuple[int, int, bytes]]:
    """The gzip members of a file; each holds a record, or all of them where some tool packed the file as a whole."""
    offset = start
    stream.seek(offset)
    ahead = stream.read(_READ)
    while ahead:
        unpacker, parts, size, read = zlib.decompressobj(31), [], 0, 0
        while not unpacker.eof:
            if not ahead:
                raise Damage(offset, "the file breaks off in the middle of a record")
            read += len(ahead)
            try:  # in steps, so that a record that unpacks to gigabytes never takes more memory than MAX_RECORD
                while ahead and not unpacker.eof:
                    part = unpacker.decompress(ahead, _READ * 16)
                    ahead = unpacker.unconsumed_tail
                    size += len(part)
                    if size <= MAX_RECORD:
                        parts.append(part)
            except zlib.error as error:
                raise Damage(offset, "the compressed data is damaged") from error
            ahead = unpacker.unused_data if unpacker.eof else stream.read(_READ)
        length = read - len(ahead)
        if size <= MAX_RECORD:
            yield offset, length, b"".join(parts)
        offset += length
        ahead = ahead or stream.read(_READ)


def _plain(stream: BinaryIO, base: int) -> Iterator[tuple[int, int, bytes]]:
    while True:
        offset = stream.tell()
        head = b""
        while not head.endswith(b"\r\n\r\n") and len(head) < _READ:
            line = stream.readline(_READ)
            if not head and line in (b"\r\n", b"\n"):
                offset = stream.tell()
                continue
            head += line
            if not line:
                break
        if not head:
            return
        length = _LENGTH.search(head)
        if head.startswith(b"WARC/") and not line:
            raise Damage(base + offset, "the file breaks off in the middle of a record")
        if not head.startswith(b"WARC/") or not head.endswith(b"\r\n\r\n") or not length:
            raise Damage(base + offset, "no record starts there")
        size = int(length.group(1))
        if size > MAX_RECORD:
            stream.seek(size, io.SEEK_CUR)
            continue
        body = stream.read(size)
        if len(body) < size:
            raise Damage(base + offset, "the file breaks off in the middle of a record")
        yield base + offset, len(head) + size, head + body + b"\r\n\r\n"


def parse(record: bytes) -> Any:
    """A record as warcio reads it, its digests to be checked. Raises CorpusError where warcio can't."""
    try:
        return next(iter(ArchiveIterator(io.BytesIO(record), check_digests=True)))
    except (ArchiveLoadFailed, StopIteration, ValueError, EOFError) as error:
        raise CorpusError("not a WARC record that can be read") from error


def body_of(record: bytes, limit: int = MAX_RECORD) -> bytes:
    """The decoded body of a response record. Raises CorpusError where it is packed in a way we don't know."""
    parsed = parse(record)
    packed = (parsed.http_headers.get_header("content-encoding") or "identity") if parsed.http_headers else "identity"
    if packed.strip().lower() not in ("identity", "gzip", "x-gzip", "deflate", ""):
        raise CorpusError(f"content encoding {packed}")
    body: bytes = parsed.content_stream().read(limit + 1)
    if len(body) > limit:
        raise CorpusError(f"larger than {limit // 2**20} MiB")
    return body


def capture_of(record: bytes, offset: int = 0, length: int = 0) -> Capture | None:
    """What a record says of its address; None for records about the file itself (warcinfo), requests and the like."""
    parsed = parse(record)
    headers, http = parsed.rec_headers, parsed.http_headers
    kind = {"response": "response", "revisit": "revisit", "metadata": "failure"}.get(parsed.rec_type)
    url, date = headers.get_header("WARC-Target-URI"), headers.get_header("WARC-Date")
    if kind is None or not url or not date or (kind != "failure" and http is None and kind == "response"):
        return None
    url = address(url.strip("<>"))
    if kind == "failure":
        fields = dict(line.split(": ", 1) for line in _text(parsed).splitlines() if ": " in line)
        if "reason" not in fields:
            return None
        status = int(fields["status"]) if fields.get("status", "").isdecimal() else 0
        cause: Cause = next((known for known in get_args(Cause) if known == fields.get("cause")), "")
        return Capture(url, "failure", status, date, reason=fields["reason"], cause=cause, offset=offset, length=length)
    status = int(http.get_statuscode()) if http is not None and http.get_statuscode().isdecimal() else 0
    content_type = _header(http, "content-type")
    location = _header(http, "location") if 300 <= status < 400 else ""
    canonical = ""
    if kind == "response" and status == 200 and media(content_type) == "html":
        try:
            body = body_of(record)
        except CorpusError:  # is reported where its text is wanted
            body = b""
        location = refresh_target(body, content_type) or ""
        canonical = canonical_address(body, url)
    return Capture(
        url,
        "revisit" if kind == "revisit" else "response",
        status,
        date,
        _absolute(location, url),
        content_type,
        canonical,
        _header(http, "etag"),
        _header(http, "last-modified"),
        headers.get_header("WARC-Payload-Digest") or headers.get_header("WARC-Block-Digest") or "",
        offset=offset,
        length=length,
    )


def _header(http: Any, name: str) -> str:
    return str((http.get_header(name) if http is not None else None) or "").strip()


def _text(parsed: Any) -> str:
    text: str = parsed.content_stream().read(_READ).decode("utf-8", "replace")
    return text


def _absolute(location: str, url: str) -> str:
    if not location:
        return ""
    mark = location.find("#")
    return address(location, url) + (location[mark:] if mark >= 0 else "")


def is_whole(record: bytes) -> bool:
    """Whether the record's own digests, where it has any, agree with its content."""
    parsed = parse(record)
    while parsed.raw_stream.read(_READ):
        pass
    return parsed.digest_checker is None or parsed.digest_checker.passed is not False


def _packed(record_type: str, url: str, payload: bytes, fetched_at: str, **fields: Any) -> bytes:
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=True, warc_version="1.1")
    dated = {"WARC-Date": fetched_at}
    # With its length given, warcio needs no temporary file.
    record = writer.create_warc_record(
        url, record_type, payload=io.BytesIO(payload), length=len(payload), warc_headers_dict=dated, **fields
    )
    writer.write_record(record)
    return out.getvalue()


def file_record(name: str, software: str) -> bytes:
    """The record that opens a file and says who wrote it."""
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=True, warc_version="1.1")
    info = {"software": software, "format": "WARC File Format 1.1"}
    writer.write_record(writer.create_warcinfo_record(name, info))
    return out.getvalue()


def response_record(
    url: str, status: int, reason: str, headers: Sequence[tuple[str, str]], body: bytes, fetched_at: str
) -> bytes:
    """A response; `body` is decoded, so the headers that speak of its coding and length are replaced."""
    coding = ("content-encoding", "transfer-encoding", "content-length", "set-cookie")
    kept = [(name, _latin(value)) for name, value in headers if name.lower() not in coding]
    line = StatusAndHeaders(
        f"{status} {_latin(reason)}".strip(), [*kept, ("Content-Length", str(len(body)))], "HTTP/1.1"
    )
    return _packed("response", url, body, fetched_at, http_headers=line)


def revisit_record(original: Capture, status: int, fetched_at: str) -> bytes:
    """The server said that nothing changed (304), or sent the same bytes again (200)."""
    line = StatusAndHeaders(f"{status} {'Not Modified' if status == 304 else 'OK'}", [], "HTTP/1.1")
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=True, warc_version="1.1")
    record = writer.create_revisit_record(
        original.url,
        original.digest,
        original.url,
        original.fetched_at,
        http_headers=line,
        warc_headers_dict={"WARC-Date": fetched_at},
    )
    record.rec_headers.replace_header("WARC-Profile", _NOT_MODIFIED if status == 304 else _SAME_PAYLOAD)
    writer.write_record(record)
    record.raw_stream.close()  # warcio leaves the temporary file of a revisit open
    return out.getvalue()


def failure_record(url: str, cause: Cause, reason: str, fetched_at: str, status: int = 0) -> bytes:
    """A metadata record that remembers why an address gave no page."""
    fields = f"status: {status}\r\ncause: {cause}\r\nreason: {' '.join(reason.split())}\r\n".encode()
    return _packed("metadata", url, fields, fetched_at, warc_content_type="application/warc-fields")


def repacked(record: bytes) -> bytes:
    """A record of another file as a gzip member of its own, its words and digests untouched."""
    parsed = parse(record)
    parsed.rec_headers.protocol = "WARC/1.1"
    out = io.BytesIO()
    WARCWriter(out, gzip=True, warc_version="1.1").write_record(parsed)
    return out.getvalue()


def payload_digest(body: bytes) -> str:
    """The digest by which WARC knows a payload: equal where the bytes are."""
    return "sha1:" + base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode("ascii")


def _latin(text: str) -> str:
    """Header text that HTTP can carry, on one line."""
    return " ".join(text.split()).encode("latin-1", "replace").decode("latin-1")


def to_line(capture: Capture) -> dict[str, Any]:
    """A capture as plain values, empty ones left out."""
    return {name: value for name, value in asdict(capture).items() if value != ""}


def from_line(values: Mapping[str, Any]) -> Capture:
    """The capture that `to_line` wrote. Raises TypeError or KeyError where it is none."""
    return Capture(**dict(values))


def read_record(stream: BinaryIO, offset: int) -> bytes:
    """The record at an offset. Raises ArchiveError where none is there."""
    try:
        return next(split(stream, offset))[2]
    except (Damage, StopIteration) as error:
        raise ArchiveError(f"The archive has no whole record at byte {offset}: run `oka fetch` again.") from error
