"""The archive: WARC in and out, damage, crashes, one writer."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from corpus.errors import ArchiveError, CorpusError
from corpus.history import follow
from corpus.importing import import_warc
from corpus.snapshot import Archive
from corpus.warc import response_record
from tests.archives import HTML, Written, assert_another_reader_agrees
from tests.loopback import page

A, B, C = (f"https://a.example/{name}" for name in "abc")


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path / "pages.warc.gz")


def foreign(path: Path, *, packed: bool = True, version: str = "1.0") -> Path:
    """A file as another tool writes it: requests, a packed body, an image, a redirect, a 404, a revisit, a 503."""
    with path.open("wb") as out:
        writer = WARCWriter(out, gzip=packed, warc_version=version)
        writer.write_record(writer.create_warcinfo_record(path.name, {"software": "another tool"}))

        def response(url: str, status: str, headers: list[tuple[str, str]], body: bytes = b"") -> None:
            line = StatusAndHeaders(status, headers, protocol="HTTP/1.1")
            request = StatusAndHeaders("GET / HTTP/1.1", [("Host", "a.example")], is_http_request=True)
            dated = {"WARC-Date": "2026-01-01T00:00:00Z"}
            record = writer.create_warc_record(
                url, "response", io.BytesIO(body), len(body), http_headers=line, warc_headers_dict=dated
            )
            writer.write_record(writer.create_warc_record(url, "request", io.BytesIO(), 0, http_headers=request))
            writer.write_record(record)

        coded = [("Content-Type", HTML), ("Content-Encoding", "gzip"), ("ETag", '"1"')]
        response(A, "200 OK", coded, gzip.compress(page("A").encode()))
        response("https://A.example:443/image.png#x", "200 OK", [("Content-Type", "image/png")], b"png")
        response(B, "302 Found", [("Location", "/a#part")])
        response(C, "404 Not Found", [("Content-Type", HTML)], b"gone")
        response("https://a.example/busy", "503 Busy", [("Content-Type", HTML)], b"busy")
        response("https://a.example/br", "200 OK", [("Content-Type", HTML), ("Content-Encoding", "br")], b"brotli")
        record = writer.create_revisit_record(
            A, "sha1:AAAA", A, "2026-01-01T00:00:00Z", warc_headers_dict={"WARC-Date": "2026-01-05T00:00:00Z"}
        )
        writer.write_record(record)
        record.raw_stream.close()  # warcio leaves the temporary file of a revisit open
    return path


@pytest.mark.parametrize(("packed", "version"), [(True, "1.0"), (True, "1.1"), (False, "1.0"), (False, "1.1")])
def test_another_tools_file_is_imported(tmp_path: Path, packed: bool, version: str) -> None:
    archive = Archive(tmp_path / "pages.warc.gz")
    report = import_warc(archive, foreign(tmp_path / "theirs.warc.gz", packed=packed, version=version))
    assert (report.records, report.pages, report.redirects, report.missing, report.known) == (7, 1, 1, 1, 0)
    assert report.skipped == (
        ("https://a.example/image.png", "content type image/png"),
        ("https://a.example/busy", "HTTP status 503"),
        ("a record", "content encoding br"),
    )
    assert report.damage == ""
    histories = archive.histories()
    assert set(histories) == {A, B, C}
    good = histories[A].page
    assert good is not None
    assert archive.body(good).decode() == page("A")
    assert good.etag == '"1"'
    assert histories[A].confirmed_at == "2026-01-05T00:00:00Z"
    redirect = histories[B].redirect
    assert redirect is not None
    assert redirect.location == f"{A}#part"
    assert histories[C].is_gone


def test_importing_again_adds_nothing(tmp_path: Path) -> None:
    theirs = foreign(tmp_path / "theirs.warc.gz")
    import_warc(Archive(tmp_path / "pages.warc.gz"), theirs)
    before = (tmp_path / "pages.warc.gz").read_bytes()
    report = import_warc(Archive(tmp_path / "pages.warc.gz"), theirs)
    assert (report.pages, report.known) == (0, 4)
    assert (tmp_path / "pages.warc.gz").read_bytes() == before


def test_a_file_packed_as_a_whole_is_imported(tmp_path: Path) -> None:
    plain = foreign(tmp_path / "plain.warc", packed=False)
    (tmp_path / "whole.warc.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert import_warc(Archive(tmp_path / "pages.warc.gz"), tmp_path / "whole.warc.gz").pages == 1


@pytest.mark.parametrize("packed", [True, False])
def test_a_truncated_file_gives_its_whole_records(tmp_path: Path, packed: bool) -> None:
    theirs = Written(tmp_path / "theirs.warc.gz")
    ends = [theirs.page(f"https://a.example/{n}", page(f"Page {n}")).offset for n in range(5)]
    data = (tmp_path / "theirs.warc.gz").read_bytes()
    if not packed:
        starts = [len(gzip.decompress(data[:end])) for end in ends]
        data, ends = gzip.decompress(data), starts
    cut = ends[3] + 40
    (tmp_path / "cut.warc.gz").write_bytes(data[:cut])
    archive = Archive(tmp_path / "pages.warc.gz")
    report = import_warc(archive, tmp_path / "cut.warc.gz")
    assert report.pages == 3
    assert report.damage == f"the file breaks off in the middle of a record (byte {ends[3]} of {cut})"
    assert set(Archive(tmp_path / "pages.warc.gz").captures()) == {f"https://a.example/{n}" for n in range(3)}


def test_a_damaged_file_gives_the_records_before_the_damage(tmp_path: Path) -> None:
    theirs = Written(tmp_path / "theirs.warc.gz")
    captures = [theirs.page(f"https://a.example/{n}", page(f"Page {n}")) for n in range(5)]
    data = bytearray((tmp_path / "theirs.warc.gz").read_bytes())
    middle = captures[2].offset + captures[2].length // 2
    data[middle : middle + 20] = bytes(20)
    (tmp_path / "bad.warc.gz").write_bytes(data)
    report = import_warc(Archive(tmp_path / "pages.warc.gz"), tmp_path / "bad.warc.gz")
    assert report.pages == 2
    assert f"(byte {captures[2].offset} of {len(data)})" in report.damage


@pytest.mark.parametrize("cut", range(0, 3000, 97))
def test_wherever_a_file_is_cut_the_import_is_sound(tmp_path: Path, cut: int) -> None:
    data = foreign(tmp_path / "theirs.warc.gz").read_bytes()
    (tmp_path / "cut.warc.gz").write_bytes(data[:cut])
    archive = Archive(tmp_path / "pages.warc.gz")
    with nullcontext() if cut > 500 else suppress(ArchiveError):  # the first record ends before byte 500
        import_warc(archive, tmp_path / "cut.warc.gz")
    for capture in archive.captures().values():
        assert archive.body(capture) is not None


@pytest.mark.parametrize("content", [b"", b"hello", b"%PDF-1.4", b"\x1f\x8b\x08garbage", b"PK\x03\x04"])
def test_what_is_no_warc_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ArchiveError, match="is not a WARC file"):
        import_warc(Archive(tmp_path / "pages.warc.gz"), tmp_path / "x")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="none\\.warc can't be read"):
        import_warc(Archive(tmp_path / "pages.warc.gz"), tmp_path / "none.warc")


def test_a_record_whose_digest_is_wrong_is_skipped(tmp_path: Path) -> None:
    plain = foreign(tmp_path / "plain.warc", packed=False)
    plain.write_bytes(plain.read_bytes().replace(b"gone", b"back"))
    report = import_warc(Archive(tmp_path / "pages.warc.gz"), plain)
    assert (C, "its digest doesn't match its content") in report.skipped


def test_our_archive_is_a_warc_that_other_readers_read(written: Written) -> None:
    first = written.page(A, page("A"))
    written.unchanged(first, 2)
    written.unchanged(first, 3, 200)
    written.redirect(B, A)
    written.missing(C)
    written.failed("https://b.example/", "no byte for 10 s")
    path = written.archive.path
    checked = subprocess.run([sys.executable, "-m", "warcio.cli", "check", str(path)], capture_output=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, b"")
    with path.open("rb") as stream:
        records = [
            (r.rec_type, r.rec_headers.protocol, r.rec_headers["WARC-Target-URI"]) for r in ArchiveIterator(stream)
        ]
    assert [kind for kind, _, _ in records] == [
        "warcinfo",
        "response",
        "revisit",
        "revisit",
        "response",
        "response",
        "metadata",
    ]
    assert {protocol for _, protocol, _ in records} == {"WARC/1.1"}
    assert_another_reader_agrees(path)


def test_history_and_last_good_copy(written: Written) -> None:
    first = written.page(A, page("A"))
    history = written.archive.histories()[A]
    assert (history.page, history.confirmed_at, history.is_gone) == (first, "2026-01-01T12:00:00Z", False)
    written.unchanged(first, 2)
    written.missing(A, 3)
    written.failed(A, "busy", "status", 4, 503)
    written.missing(A, 3)
    history = written.archive.histories()[A]
    assert (history.page, history.confirmed_at, history.is_gone) == (first, "2026-01-02T12:00:00Z", False)
    written.missing(A, 5, 410)
    assert written.archive.histories()[A].is_gone
    back = written.page(A, page("A again"), 6)
    history = written.archive.histories()[A]
    assert (history.page, history.is_gone) == (back, False)


def test_an_older_import_does_not_replace_newer_pages(written: Written) -> None:
    newer = written.page(A, page("new"), 9)
    written.page(A, page("old"), 2)
    assert written.archive.histories()[A].page == newer


def test_redirects_are_followed_and_loops_end(written: Written) -> None:
    written.redirect(A, f"{B}#part")
    written.redirect(B, C, 302)
    final, hops = follow(A, written.archive.histories())
    assert (final, [hop.status for hop in hops]) == (C, [301, 302])
    written.redirect(C, A)
    final, hops = follow(A, written.archive.histories())
    assert (final, len(hops)) == (A, 3)


def test_the_digest_is_of_the_content(written: Written) -> None:
    empty = written.archive.digest()
    first = written.page(A, page("A"))
    one = written.archive.digest()
    written.unchanged(first, 2)
    written.missing(A, 3)
    written.failed(B, "busy")
    assert written.archive.digest() == one != empty
    written.redirect(B, A)
    two = written.archive.digest()
    written.page(A, page("A changed"), 4)
    assert len({empty, one, two, written.archive.digest()}) == 4


def test_the_index_can_be_lost_or_damaged(written: Written) -> None:
    written.page(A, page("A"))
    written.redirect(B, A)
    index = written.archive.path.with_name("pages.warc.gz.index")
    whole = index.read_text()
    expected = Archive(written.archive.path).captures()
    for content in ("", "x", whole[:-20], whole + '{"half', whole.replace(A, C), '{"version": 0}\n{"end": 5}\n'):
        index.write_text(content)
        assert Archive(written.archive.path).captures() == expected
    index.unlink()
    assert Archive(written.archive.path).captures() == expected


def test_a_half_written_record_is_cut_by_the_next_writer(written: Written) -> None:
    written.page(A, page("A"))
    path = written.archive.path
    sound = path.read_bytes()
    path.write_bytes(
        sound + response_record(B, 200, "OK", [("Content-Type", HTML)], b"half", "2026-01-01T00:00:00Z")[:99]
    )
    again = Archive(path)
    assert set(again.captures()) == {A}
    assert len(path.read_bytes()) > len(sound)  # reading changes nothing
    assert Written(path).page(C, page("C")).offset == len(sound)
    assert set(Archive(path).captures()) == {A, C}
    assert path.read_bytes().startswith(sound)
    assert_another_reader_agrees(path)


def test_damage_in_the_middle_costs_only_what_it_hits(written: Written) -> None:
    captures = [written.page(url, page(url)) for url in (A, B, C)]
    path = written.archive.path
    data = bytearray(path.read_bytes())
    data[captures[1].offset + 100 : captures[1].offset + 130] = bytes(30)
    path.write_bytes(data)
    path.with_name(path.name + ".index").unlink()
    Written(path).page("https://a.example/d", page("D"))
    assert set(Archive(path).captures()) == {A, C, "https://a.example/d"}
    assert Archive(path).damage() == [(captures[1].offset, captures[2].offset)]


def test_a_whole_file_has_no_damage_and_one_cut_short_has_its_end(written: Written) -> None:
    assert written.archive.damage() == []
    captures = [written.page(url, page(url)) for url in (A, B)]
    path = written.archive.path
    assert Archive(path).damage() == []
    path.write_bytes(path.read_bytes()[:-9])
    assert Archive(path).damage() == [(captures[1].offset, path.stat().st_size)]


def test_another_writer_is_told_to_wait(written: Written) -> None:
    code = f"""
import sys
from pathlib import Path
from corpus.snapshot import Archive
with Archive(Path({str(written.archive.path)!r})).writing():
    print("locked", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(ArchiveError, match="Another process is writing"):
            written.page(A, page("A"))
        other.kill()
    written.page(A, page("A"))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArchiveError, match=r"can't be written .*: check its rights, or set OKA_DATA_DIR"):
        Written(tmp_path / "file" / "pages.warc.gz").page(A, page("A"))


def test_a_body_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(70 * 2**20))
    theirs = Written(tmp_path / "theirs.warc.gz")
    theirs.page(A, bomb, Content_Encoding="gzip")  # our records never say so: the header is dropped
    with (tmp_path / "bomb.warc.gz").open("wb") as out:
        writer = WARCWriter(out, gzip=True)
        line = StatusAndHeaders("200 OK", [("Content-Type", HTML), ("Content-Encoding", "gzip")], protocol="HTTP/1.1")
        writer.write_record(writer.create_warc_record(A, "response", io.BytesIO(bomb), len(bomb), http_headers=line))
    report = import_warc(Archive(tmp_path / "pages.warc.gz"), tmp_path / "bomb.warc.gz")
    assert report.skipped == (("a record", "larger than 64 MiB"),)


def test_a_record_at_no_such_place(written: Written) -> None:
    capture = written.page(A, page("A"))
    written.archive.path.write_bytes(b"")
    with pytest.raises(CorpusError, match="no whole record at byte"):
        written.archive.body(capture)


def test_the_snapshot_of_the_linked_pages(snapshot: Path, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "pages.warc.gz")
    report = import_warc(archive, snapshot / "linked-pages.warc.gz")
    assert (report.records, report.pages, report.redirects, report.missing) == (30, 20, 9, 1)
    assert (report.skipped, report.damage) == ((), "")
