"""Takes the README's pictures from a running chat: `oka serve &` then `python docs/screenshots/take.py [ADDRESS]`.

Needs playwright and a Chromium (OKA_TEST_CHROMIUM, /usr/bin/chromium). The answers are real, from whatever is indexed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
CHROMIUM = os.environ.get("OKA_TEST_CHROMIUM", "/usr/bin/chromium")
LAPTOP, PHONE = {"width": 1360, "height": 850}, {"width": 390, "height": 844}
BROKERS = "Which message brokers does Celery support?"
TOP_LEVEL = "Why should I avoid top-level code in a DAG file?"
COMPARE = "Compare Airflow, Temporal and Celery: what is each best for?"
BREAD = "How do I bake sourdough bread?"


def main(address: str) -> None:
    """Writes one PNG a state of the page, each under 300 KiB."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        shoot(browser, address, "light", LAPTOP, [TOP_LEVEL])
        shoot(browser, address, "dark", LAPTOP, [BROKERS], color_scheme="dark")
        shoot(browser, address, "comparison", LAPTOP, [COMPARE])
        shoot(browser, address, "abstention", LAPTOP, [BREAD])
        shoot(browser, address, "phone", PHONE, [BROKERS])
        shoot(browser, address, "phone-sources", PHONE, [BROKERS], sources=True)
        shoot(browser, address, "sources", LAPTOP, [BROKERS], sources=True)
        shoot(browser, address, "knowledge-base", LAPTOP, [], path="/kb")


def shoot(
    browser: Browser,
    address: str,
    name: str,
    size: Any,
    asked: list[str],
    sources: bool = False,
    path: str = "/",
    **options: Any,
) -> None:
    """One picture, after asking `asked`; with `sources` the first marker is followed."""
    page = browser.new_page(viewport=size, **options)
    page.goto(address + path)
    for number, question in enumerate(asked, 1):
        ask(page, question, number)
    if asked:
        page.locator(".oka-asked").last.scroll_into_view_if_needed()
    if sources:
        page.locator(".oka-mark").first.click()
        page.wait_for_timeout(400)
    page.screenshot(path=HERE / f"{name}.png")
    page.close()
    kib = (HERE / f"{name}.png").stat().st_size / 1024
    print(f"{name}.png {kib:.0f} KiB")
    if kib > 300:
        sys.exit(f"{name}.png is larger than 300 KiB; make the page smaller or compress it.")


def ask(page: Page, question: str, number: int) -> None:
    """Asks and waits for the answer and its follow-ups."""
    page.locator("#oka-box textarea").fill(question)
    page.keyboard.press("Enter")
    page.locator(".oka-answer:not(.oka-partial)").nth(number - 1).wait_for(timeout=20000)
    page.wait_for_timeout(1500)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:7860")
