"""Documents, archive or index that are changed, damaged or unreadable: the `oka` command says so, and nothing is lost."""

import shutil
from pathlib import Path

from assistant.sources import STALE
from tests.archives import Written, assert_another_reader_agrees
from tests.command import ROOT, assert_one_sentence, oka
from tests.loopback import page

KB = ROOT / "corpus" / "documents"


def test_documents_that_changed_since_the_build_are_pointed_out(kb_data: Path, tmp_path: Path) -> None:
    shutil.copytree(KB, tmp_path / "documents")
    (tmp_path / "documents" / "more.md").write_text("# Tides\n\nThe tide turns twice a day.\n")
    asked = oka("ask", "What is Prefect best for?", data=kb_data, documents=str(tmp_path / "documents"))
    assert asked.stderr == f"({STALE})\n"
    assert "ML pipelines" in asked.stdout
    assert STALE in oka("status", data=kb_data, documents=str(tmp_path / "documents")).stdout
    assert STALE not in oka("status", data=kb_data).stdout


def test_documents_that_cannot_be_read(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    assert_one_sentence(oka("build", data=tmp_path / "var", documents=str(documents)), 1, "*.md")
    (documents / "latin.md").write_bytes("# Überschrift\n".encode("latin-1"))
    assert_one_sentence(oka("build", data=tmp_path / "var", documents=str(documents)), 1, "latin.md", "UTF-8")


def test_a_damaged_warc_gives_what_is_whole(tmp_path: Path) -> None:
    theirs = Written(tmp_path / "theirs.warc.gz")
    ends = [theirs.page(f"https://a.example/{n}", page(f"Page {n}")).offset for n in range(3)]
    data = (tmp_path / "theirs.warc.gz").read_bytes()
    (tmp_path / "cut.warc.gz").write_bytes(data[: ends[2] + 30])
    done = oka("fetch", "--from-warc", str(tmp_path / "cut.warc.gz"), data=tmp_path / "var")
    assert (done.returncode, done.stderr) == (1, "")
    first, where, following = done.stdout.splitlines()
    assert "2 responses read; 2 pages" in first
    assert f"breaks off in the middle of a record (byte {ends[2]} of {ends[2] + 30}); the 2 whole responses" in where
    assert following == "Next: oka build"
    archive = tmp_path / "var" / "pages.warc.gz"
    sound = archive.read_bytes()
    assert_another_reader_agrees(archive)
    (tmp_path / "none.warc.gz").write_bytes(b"this is no archive at all")
    for name, words in (("none", "is not a WARC file"), ("missing", "check the path")):
        done = oka("fetch", "--from-warc", str(tmp_path / f"{name}.warc.gz"), data=tmp_path / "var")
        assert_one_sentence(done, 1, f"{name}.warc.gz", words)
    assert archive.read_bytes() == sound


def test_an_archive_that_was_cut_is_named_where_the_index_loses_its_pages(models: Path, tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(models)
    archive = Written(tmp_path / "pages.warc.gz")
    for number in range(3):
        archive.page(f"https://a.example/{number}", page(f"Page {number}"))
    archive.archive.path.write_bytes(archive.archive.path.read_bytes()[:-9])
    built = oka("build", data=tmp_path)
    assert built.returncode == 0
    assert "is damaged" in built.stderr
    assert "is damaged" in oka("status", data=tmp_path).stdout


def test_status_tells_of_an_index_that_is_damaged(kb_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "var"
    shutil.copytree(kb_data, data, symlinks=True)
    next((data / "index").glob("build-*/texts.sqlite")).unlink()
    told = oka("status", data=data)
    assert (told.returncode, "oka build --fresh" in told.stdout) == (0, True)


def test_a_file_that_is_a_folder_is_named(kb_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "var"
    shutil.copytree(kb_data, data, symlinks=True)
    (data / "pages.warc.gz").mkdir()
    assert_one_sentence(oka("status", data=data), 1, "pages.warc.gz")


def test_a_link_that_is_no_address_stops_no_answer(models: Path, tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(models)
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "a.md").write_text("# Relays\n\n## Relay\n\nA relay sends events. See [it](http://[host]/).\n")
    assert oka("build", data=tmp_path, documents=str(documents)).returncode == 0
    assert "A relay sends events." in oka("ask", "What is a relay?", data=tmp_path, documents=str(documents)).stdout


def test_a_corrupted_chroma_folder_is_found_and_mended(kb_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "var"
    shutil.copytree(kb_data, data, symlinks=True)
    feedback = data / "feedback.jsonl"
    feedback.write_text("")
    chroma = next((data / "index").glob("build-*/chroma/chroma.sqlite3"))
    chroma.write_bytes(b"\0" * chroma.stat().st_size)
    assert_one_sentence(oka("ask", "What is a saga?", data=data), 1, "oka build --fresh")
    assert oka("build", "--fresh", data=data).returncode == 0
    assert feedback.exists()
    assert oka("ask", "What is the saga pattern?", data=data).returncode == 0


def test_an_index_of_other_settings_is_refused_with_the_command_that_mends_it(kb_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "var"
    shutil.copytree(kb_data, data, symlinks=True)
    manifest = next((data / "index").glob("build-*/manifest.json"))
    manifest.write_text(manifest.read_text().replace("all-MiniLM-L6-v2", "another-model"))
    assert_one_sentence(oka("ask", "What is a saga?", data=data), 1, "oka build")
