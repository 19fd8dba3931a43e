"""From archive to pages: which link leads where, one page under several addresses, what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from corpus import Page, load_pages, read_documents
from corpus.errors import CorpusError
from corpus.importing import import_warc
from corpus.markdown import document_from_markdown
from corpus.pdf import page_from_pdf
from corpus.snapshot import Archive
from tests.archives import Written, pdf
from tests.loopback import PROSE, page

ROOT = Path(__file__).parent.parent
SITE = "https://a.example"


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path / "pages.warc.gz")


def document(*urls: str) -> Page:
    return document_from_markdown("a.md", "# Links\n\n" + "".join(f"- [{url}]({url})\n" for url in urls))


def test_pages_know_who_leads_to_them(written: Written) -> None:
    written.page(f"{SITE}/deep", page("Deep"))
    written.page(f"{SITE}/new", page("New"), day=2)
    written.redirect(f"{SITE}/old", f"{SITE}/older", 301)
    written.redirect(f"{SITE}/older", f"{SITE}/new#part", 302)
    links = document(f"{SITE}/old", f"{SITE}/new#part", f"{SITE}/new?utm_source=x", f"{SITE}/none")
    linked, deep = load_pages([links], written.archive)
    assert (linked.url, linked.source, linked.title) == (f"{SITE}/new", "linked", "New")
    assert linked.fetched_at == "2026-01-02T12:00:00Z"
    assert [r.url for r in linked.resources] == [f"{SITE}/old", f"{SITE}/new#part", f"{SITE}/new?utm_source=x"]
    assert linked.aliases == (f"{SITE}/old", f"{SITE}/older")
    assert (deep.url, deep.source, deep.resources, deep.aliases) == (f"{SITE}/deep", "deep", (), ())


def test_the_same_page_under_two_addresses_is_one_page(written: Written) -> None:
    same = f'<link rel="canonical" href="{SITE}/page">'
    written.page(f"{SITE}/page", page("Page", head=same))
    written.page(f"{SITE}/page?print", page("Page", head=same + "<!-- printed -->"))
    written.page(f"{SITE}/copy", page("Page", head=same))
    pages = list(load_pages([document(f"{SITE}/page?print")], written.archive))
    assert [(p.url, p.aliases, len(p.resources)) for p in pages] == [
        (f"{SITE}/page?print", (f"{SITE}/copy", f"{SITE}/page"), 1)
    ]


def test_a_canonical_address_that_says_something_else_is_not_believed(written: Written) -> None:
    home = f'<link rel="canonical" href="{SITE}/">'
    written.page(f"{SITE}/", page("Home", head=home))
    written.page(f"{SITE}/a", page("A", PROSE + "One.", head=home))
    written.page(f"{SITE}/b", page("B", PROSE + "Two.", head=home))
    assert [p.url for p in load_pages([], written.archive)] == [f"{SITE}/", f"{SITE}/a", f"{SITE}/b"]


def test_what_is_gone_or_no_page_is_left_out(written: Written) -> None:
    written.page(f"{SITE}/gone", page("Gone"))
    written.missing(f"{SITE}/gone", 2)
    assert [p.url for p in load_pages([], written.archive)] == [f"{SITE}/gone"]  # one 404 takes nothing away
    written.missing(f"{SITE}/gone", 3)
    written.page(f"{SITE}/login", page("Sign in", "Name", body="<form><input type=password></form>"))
    written.page(f"{SITE}/broken.pdf", b"%PDF-1.4 broken", content_type="application/pdf")
    assert list(load_pages([], written.archive)) == []


def test_a_pdf_has_a_section_a_page(written: Written) -> None:
    body = pdf(
        "The Harbour Book\nA keeper writes down the weather every four hours, and the next\n"
        "watch reads it at night, a con-\nvenient custom.\nA new day begins.",
        "Second page.\n2",
    )
    written.page(f"{SITE}/book.pdf", body, content_type="application/pdf")
    (book,) = load_pages([document(f"{SITE}/book.pdf")], written.archive)
    assert [(s.anchor, s.headings) for s in book.sections] == [
        ("page=1", ("book.pdf",)),
        ("page=2", ("book.pdf",)),
    ]
    assert [book.text[b.start : b.end] for s in book.sections for b in s.blocks] == [
        "The Harbour Book A keeper writes down the weather every four hours, and the next watch reads it at night, "
        "a convenient custom.",
        "A new day begins.",
        "Second page.",
    ]


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"no pdf", pdf("x")[:150]])
def test_a_damaged_pdf_is_an_error_of_ours(content: bytes) -> None:
    with pytest.raises(CorpusError, match="The PDF can't be read"):
        page_from_pdf("https://a.example/x.pdf", content)


def test_progress_counts_pages(written: Written) -> None:
    for name in "abc":
        written.page(f"{SITE}/{name}", page(name))
    seen: list[tuple[int, int]] = []
    list(load_pages([], written.archive, lambda done, total: seen.append((done, total))))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_21_of_the_42_links_lead_to_text(snapshot: Path, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "pages.warc.gz")
    import_warc(archive, snapshot / "linked-pages.warc.gz")
    documents = read_documents(ROOT / "corpus" / "documents")
    pages = list(load_pages(documents, archive))
    assert len({resource.url for page in pages for resource in page.resources}) == 21
    assert all(page.source == "linked" for page in pages)
    practices = next(page for page in pages if page.url.endswith("/best-practices.html"))
    assert "top-level-python-code" in [section.anchor for section in practices.sections]
    for loaded in pages:
        for section in loaded.sections:
            for block in section.blocks:
                assert loaded.text[block.start : block.end].strip()
