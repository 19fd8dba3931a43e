"""Links in a real browser: served copies of stored pages are opened at a citation's link, which marks the quoted words.

What the browser marks is seen by its colour: `::target-text` is painted, and the picture is compared with where the words
stand. Scripts don't run, and nothing leaves 127.0.0.1.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, BrowserContext, Page

from assistant.citations import link_to
from corpus.documents import read_documents
from corpus.importing import import_warc
from corpus.load import find_pages, parse
from corpus.snapshot import Archive
from corpus.webpage import decode, page_from_html
from index.chunk import passages_of
from index.passages import Passage
from tests.browser_chat import IN_A_BROWSER
from tests.fakes import BagOfWords
from tests.loopback import Site

pytestmark = IN_A_BROWSER
PAINT = (255, 0, 255)
STYLE = b"<style>::target-text{background:#ff00ff !important;color:#ff00ff !important}</style>"
PAGES = 30
PLACES = """words => {
  // Where these words stand in the window, white space apart: top and bottom of each occurrence.
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let text = '', at = [];
  for (let node; node = walker.nextNode();) {
    if (!node.parentElement.checkVisibility() || ['SCRIPT', 'STYLE'].includes(node.parentElement.tagName)) continue;
    for (let offset = 0; offset < node.data.length; offset++) {
      if (/[\\s\u200b\u00b6]/.test(node.data[offset])) continue;
      text += node.data[offset];
      at.push([node, offset]);
    }
  }
  const found = [], wanted = words.replace(/[\\s\u200b\u00b6]/g, '');
  for (let place = text.indexOf(wanted); place >= 0; place = text.indexOf(wanted, place + 1)) {
    const range = document.createRange();
    range.setStart(...at[place]);
    const [node, offset] = at[place + wanted.length - 1];
    range.setEnd(node, offset + 1);
    const box = range.getBoundingClientRect();
    found.push([Math.max(0, box.top), Math.min(innerHeight, box.bottom)]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def window(browser: Browser) -> BrowserContext:
    """Where pages are opened: no script runs in them, and nothing but loopback is asked for anything."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1000, "height": 800})
    context.route("**/*", lambda route: route.continue_() if "127.0.0.1" in route.request.url else route.abort())
    return context


def marks(window: BrowserContext, url: str, words: str) -> bool:
    """Whether the page, opened at this address, shows these words, marked, and marks nothing else."""
    page = window.new_page()
    page.goto(url, wait_until="load")
    found = False
    for _ in range(12):  # the mark is painted a moment after the page is there
        if found := _marked(page, words):
            break
        page.wait_for_timeout(20)
    page.close()
    return found


def _marked(page: Page, words: str) -> bool:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    places = page.evaluate(PLACES, words)
    paint = Image.new("RGB", picture.size, PAINT)
    same = ImageChops.difference(picture, paint).convert("L").point(lambda value: 255 if value == 0 else 0)
    box = same.getbbox()
    if box is None:
        return False
    return any(abs(top - box[1]) <= 12 and abs(bottom - box[3]) <= 12 for top, bottom in places)


def served(body: bytes) -> Site:
    """A copy of a page on loopback, in which marked text is painted."""
    painted = re.sub(rb"(?i)</head>|<body|$", lambda match: STYLE + match.group(), body, count=1)
    return Site({"/page": lambda exchange: exchange.reply(200, painted, "text/html; charset=utf-8")})


def quotes(passages: list[Passage], most: int) -> list[tuple[Passage, int, int]]:
    """Quotes spread over a page: sentences, items, rows and code, as answers have them."""
    units = [(p, u.start, u.end) for p in passages for u in p.units if u.kind != "label" and u.end - u.start > 25]
    return units[:: max(1, len(units) // most)][:most]


def test_a_link_marks_its_quote(window: BrowserContext) -> None:
    body = (Path(__file__).parent / "data" / "lighthouse.html").read_bytes()
    page = page_from_html("https://light.test/manual", body)
    with served(body) as site:
        tried = 0
        for passage, start, end in quotes(passages_of(page, BagOfWords().count_tokens), 12):
            link = link_to(passage, page.text, start, end)
            assert ":~:text=" in link
            assert marks(window, f"{site.url}/page#{urlsplit(link).fragment}", page.text[start:end]), link
            tried += 1
    assert tried >= 10


def test_a_link_to_other_words_marks_nothing(window: BrowserContext) -> None:
    body = (Path(__file__).parent / "data" / "lighthouse.html").read_bytes()
    with served(body) as site:
        assert not marks(window, f"{site.url}/page#:~:text=no%20such%20words", "Every watch signs the log.")


@pytest.mark.model
def test_links_into_stored_pages_mark_their_quotes(window: BrowserContext, snapshot: Path, tmp_path: Path) -> None:
    """One quote a page of the linked pages, then more of each until there are PAGES; at least 90 % must be marked."""
    archive = Archive(tmp_path / "pages.warc.gz")
    import_warc(archive, snapshot / "linked-pages.warc.gz")
    documents = read_documents(Path(__file__).resolve().parents[1] / "corpus" / "documents")
    marked: list[bool] = []
    missed: list[str] = []
    pages = [found for found in find_pages(documents, archive) if "html" in found.capture.content_type]
    for number, found in enumerate(pages):
        body = archive.body(found.capture)
        page = parse(found, archive)
        with served(decode(body, found.capture.content_type).encode()) as site:
            for passage, start, end in quotes(
                passages_of(page, BagOfWords().count_tokens),
                2 if number < PAGES - len(pages) + 2 else 1,  # one of them has hardly any text
            ):
                link = link_to(passage, page.text, start, end)
                good = ":~:text=" in link and marks(
                    window, f"{site.url}/page#{urlsplit(link).fragment}", page.text[start:end]
                )
                marked.append(good)
                missed += [] if good else [link]
    print(f"{sum(marked)} of {len(marked)} quotes are marked")
    assert len(marked) >= PAGES
    assert sum(marked) >= 0.9 * len(marked), missed
