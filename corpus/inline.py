"""The words inside a block: what of the characters a reader sees, white space collapsed, code told from prose.

Knows nothing of blocks, sections or pages.
"""

from __future__ import annotations

import re
from typing import Any

INLINE = frozenset(
    "a abbr acronym b bdi bdo big button cite code data del dfn em font i img ins kbd label map mark math meter nobr o "
    "output picture progress q rp rt ruby s samp small span strike strong sub sup time tt u var wbr".split()
)
_NOT_A_LANGUAGE = frozenset("code literal-block notranslate highlight doctest-block default none".split())
_SPACE = re.compile(r"\s+")
# What no reader sees: control and format characters, soft hyphens, zero-width, bidirectional and tag characters,
# fillers, variation selectors. Browsers ignore them when they search for a quote: leaving them out breaks no link.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """The text without the characters that no reader sees."""
    return _INVISIBLE.sub("", text)


def one_line(text: str) -> str:
    """The text with white space collapsed and invisible characters left out."""
    return _SPACE.sub(" ", visible(text)).strip()


class Run:
    """Inline text being collected; its white space collapses over the borders of elements."""

    def __init__(self) -> None:
        self._code_depth = 0
        self._clear()

    def _clear(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self.space = False  # white space was met and not written yet
        self.plain = False  # there are words that are not bold
        self.code: list[tuple[int, int]] = []
        self._code_start = -1

    def add(self, text: str, bold: bool = False) -> None:
        """Go on with the text of an element; white space at its ends counts once with that around it."""
        text = _SPACE.sub(" ", visible(text))
        if text.startswith(" "):
            self.space = True
        words = text.strip(" ")
        if not words:
            return
        if self.space and self.length and self.parts[-1] != "\n":
            self._write(" ")
        if self._code_depth and self._code_start < 0:
            self._code_start = self.length
        self._write(words)
        self.space = text.endswith(" ")
        self.plain = self.plain or not (bold or words == ":")

    def _write(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def line_break(self) -> None:
        """End the line."""
        if self.length and self.parts[-1] != "\n":
            self._write("\n")
        self.space = False

    def at_line_start(self) -> bool:
        """Whether the last thing added was a line break."""
        return bool(self.parts) and self.parts[-1] == "\n"

    def enter_code(self) -> None:
        """What is added from here on is code; may be nested."""
        self._code_depth += 1

    def leave_code(self) -> None:
        """End what `enter_code` began."""
        self._code_depth -= 1
        if not self._code_depth and self._code_start >= 0:
            self.code.append((self._code_start, self.length))
            self._code_start = -1

    def take(self) -> tuple[str, tuple[tuple[int, int], ...], bool]:
        """The text, its ranges of code, and whether all of it is bold; the run is empty afterwards, still in code."""
        if self._code_start >= 0:
            self.code.append((self._code_start, self.length))
        text, bold = "".join(self.parts).rstrip("\n"), not self.plain
        code = tuple((start, min(end, len(text))) for start, end in self.code if start < len(text))
        self._clear()
        return text, code, bold


def is_code(element: Any) -> bool:
    """Whether the element sets its text as code inside prose."""
    if element.tag in ("code", "tt", "kbd", "samp"):
        return True
    classes = (element.get("class") or "").split()
    return element.tag == "span" and "literal" in classes and "docutils" in classes


def code_text(pre: Any) -> str:
    """The text of a code block: line breaks and indentation kept, empty lines at either end left out."""
    for line_break in pre.iter("br"):
        line_break.tail = "\n" + (line_break.tail or "")
    text = "".join(pre.itertext()).replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    return re.sub(r"\A(?:[ \t]*\n)+", "", visible(text)).rstrip()


def language_of(pre: Any) -> str:
    """The language that the page names, by the customs of Markdown tools and Sphinx; "" where it names none."""
    around = [
        pre,
        *pre.iter("code"),
        *(a for a in pre.iterancestors() if (a.get("class") or "").startswith("highlight")),
    ]
    for element in around:
        named = element.get("data-lang") or element.get("data-language")
        if named:
            return str(named)
        for name in (element.get("class") or "").split():
            match = re.fullmatch(r"(?:language|lang|highlight-source|highlight|sourceCode)-(\S+)", name)
            if match and match.group(1) not in _NOT_A_LANGUAGE:
                return match.group(1)
    classes = (pre.get("class") or "").split()
    if classes[:1] == ["code"]:  # docutils: class="code python literal-block"
        return next((name for name in classes if name not in _NOT_A_LANGUAGE), "")
    return ""
