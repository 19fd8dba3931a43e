"""A model's reply against the quotes that it was given, a sentence at a time: what is said, what is quoted instead.

Knows no server: text comes in as it is written, checked Markdown goes out. What a sentence may say is decided in
support.py. Nothing that the composer chose is lost: a source that no sentence covers is quoted as it is.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assistant.alignment import PRONOUNS
from assistant.answers import Sentence
from assistant.support import covers, supported, without_markers
from index.sentences import sentence_ranges

_PATIENCE = 3
"""Times that the same refused sentence may come, and refused sentences in a row beyond one a source."""


@dataclass(frozen=True)
class Source:
    """A quote that the model may phrase. `text` is what is shown where it doesn't: Markdown without marker. Several may
    share a number. `lead` is a label that stands above it ("**Key Features:**") and is no claim."""

    number: int
    text: str
    headings: tuple[str, ...]
    lead: str = ""

    @property
    def prose(self) -> bool:
        """Whether it can be phrased: code, tables and lists of several lines are quoted whole."""
        return not any(mark in self.text for mark in ("\n", "\t", "```"))


@dataclass(frozen=True)
class Phrased:
    """The answer after the model: `text` is the Markdown of `sentences`, in the order of the sources.

    `kept` sentences are the model's own; where it is 0 the composed answer serves as well. `removed` of it were not
    supported, or left out part of what their source says. `notice` is for the reader; None: there is nothing to say.
    """

    sentences: tuple[Sentence, ...]
    removed: int
    notice: str | None
    kept: int
    text: str


@dataclass(frozen=True)
class _Said:
    text: str
    proof: tuple[int, ...]
    item: bool


class Reply:
    """A reply that is coming in. `take` gives Markdown that can be shown at once; `finish` the rest."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self.written = 0  # sentences of the model, repetitions included
        self.removed = 0
        self.kept = 0
        self.length = 0  # characters of the model, thoughts left out
        self._prose = [index for index, source in enumerate(sources) if source.prose]
        self._refused: Counter[str] = Counter()
        self._in_a_row = 0  # refused since the last supported sentence
        self._buffer = ""
        self._fenced = False
        self._next = 0  # the first source that isn't said yet
        self._waiting: list[_Said] = []  # supported, their source not yet covered
        self._sentences: list[Sentence] = []
        self._pieces: list[str] = []
        self._last_item = False

    @property
    def complete(self) -> bool:
        """Whether all that can be phrased is said: what still comes would repeat it."""
        return not self._prose or self._next > self._prose[-1]

    @property
    def hopeless(self) -> bool:
        """Whether the model talks on about something else than the sources: the reader need not wait for more of it."""
        return self._in_a_row > _PATIENCE + len(self._prose)

    @property
    def endless(self) -> bool:
        """Whether the model writes the same sentence, and no supported one, again and again, as small models do."""
        return max(self._refused.values(), default=0) > _PATIENCE

    @property
    def empty(self) -> bool:
        """Whether the model has written nothing, thoughts apart."""
        return not self.written and (_thinks(self._buffer) or not self._buffer.strip())

    def take(self, text: str) -> Iterator[str]:
        """More of what the model writes."""
        self._buffer += text
        if _thinks(self._buffer):
            return
        self.length += len(text)
        self._buffer = _without_thoughts(self._buffer)
        *lines, rest = self._buffer.split("\n")
        for written in lines:
            yield from self._line(written)
        self._buffer = rest
        ranges = sentence_ranges(rest, 0, len(rest)) if not self._fenced and rest.count("`") % 2 == 0 else []
        if len(ranges) > 1:
            yield from self._line(rest[: ranges[-1][0]])
            # An item's later sentences are no items of their own.
            self._buffer = rest[ranges[-1][0] :]

    def finish(self, whole: bool = True) -> Iterator[str]:
        """The end: the last sentence (unless the reply was cut off: not `whole`), then every source not yet said."""
        if whole and not self.complete and not self.hopeless and not _thinks(self._buffer):
            yield from self._line(self._buffer)
        self._buffer = ""
        yield from self._close(len(self.sources))

    def phrased(self, failure: str | None = None) -> Phrased:
        """The result, once finished; `failure` says why the model stopped early."""
        rest = "The rest of this answer is quotes." if self.kept else "This answer is quotes only."
        notice = f"{failure} {rest}" if failure else self._notice()
        return Phrased(tuple(self._sentences), self.removed, notice, self.kept, "".join(self._pieces))

    def _notice(self) -> str | None:
        if not self.removed:
            return None
        if not self.kept:
            return "No sentence of the model was fully supported by the sources; this answer is quotes only."
        were = "was" if self.removed == 1 else "were"
        return (
            f"{self.removed} of {self.written} sentences of the model {were} not fully supported by the sources "
            f"and {were} replaced by quotes."
        )

    # ------------------------------------------------------------ one line, one sentence

    def _line(self, line: str) -> Iterator[str]:
        if line.lstrip().startswith(("```", "~~~")):
            self.written += not self._fenced
            self.removed += not self._fenced  # a code block is quoted from its source or not at all
            self._fenced = not self._fenced
            return
        if self._fenced:
            return
        bullet = re.match(r"\s*(?:[-*+•]|\d{1,2}[.)])\s+", line)
        words = line[bullet.end() :] if bullet else line
        for start, end in sentence_ranges(words, 0, len(words)):
            yield from self._sentence(words[start:end], item=bullet is not None)
            if self.complete:
                return

    def _sentence(self, words: str, item: bool) -> Iterator[str]:
        words = html.unescape(without_markers(words)).strip()
        if not re.search(r"\w", words):
            return
        self.written += 1
        found = supported(words, [s.text for s in self.sources], ["\n".join(s.headings) for s in self.sources])
        ahead = [index for index in found.sources if index >= self._next]
        if not found.ok or not self._leans_rightly(words, found.sources):
            self.removed += 1
            self._refused[words] += 1
            self._in_a_row += 1
            return
        self._in_a_row = 0
        if ahead:
            yield from self._close(ahead[0])
            self._waiting.append(_Said(words, found.sources, item))
            while self._next < len(self.sources) and self._covered(self._next):
                yield from self._close(self._next + 1)

    def _leans_rightly(self, words: str, proof: tuple[int, ...]) -> bool:
        """Whether a sentence that begins with "It" follows one about the same thing."""
        first = re.match(r"\w+", words.lower())
        if first is None or first.group() not in PRONOUNS:
            return True
        theirs = [re.match(r"\w+", self.sources[index].text.lower()) for index in proof]
        if any(match and match.group() == first.group() for match in theirs):
            return True
        before = self._waiting[-1].proof[-1] if self._waiting else self._next - 1
        mine = self.sources[proof[0]]
        return before >= 0 and (
            before in proof or (bool(mine.headings) and self.sources[before].headings == mine.headings)
        )

    # ------------------------------------------------------------ what goes out

    def _covered(self, index: int) -> bool:
        texts = [said.text for said in self._waiting if index in said.proof]
        return bool(texts) and covers(texts, self.sources[index].text)

    def _close(self, upto: int) -> Iterator[str]:
        """Says the sources before `upto`: in the model's words where they cover one, else as quotes."""
        while self._next < upto:
            index, source = self._next, self.sources[self._next]
            if source.lead:
                self._pieces.append(f"\n\n{source.lead}\n\n" if self._pieces else f"{source.lead}\n\n")
                self._last_item = False
                yield self._pieces[-1]
            mine = [said for said in self._waiting if index in said.proof]
            if mine and self._covered(index):
                for said in mine:
                    if min(number for number in said.proof) == index or said.proof[0] < index:
                        numbers = tuple(dict.fromkeys(self.sources[at].number for at in said.proof))
                        self.kept += 1
                        yield self._emit(_shown(said.text), numbers, said.item)
            else:
                self.removed += len(mine)
                self._waiting = [said for said in self._waiting if said not in mine]
                if source.text not in (sentence.text for sentence in self._sentences):
                    yield self._emit(
                        source.text, (source.number,), not source.text.rstrip().endswith((".", "!", "?", ":", "```"))
                    )
            self._next += 1
            self._waiting = [said for said in self._waiting if max(said.proof) >= self._next]

    def _emit(self, text: str, numbers: tuple[int, ...], item: bool) -> str:
        self._sentences.append(Sentence(text, numbers))
        marker = "".join(f"[{number}]" for number in numbers)
        block = "\n" in text
        if not self._pieces or self._pieces[-1].endswith("\n\n"):
            joint = ""
        elif item and self._last_item:
            joint = "\n"
        else:
            joint = "\n\n" if item or self._last_item or block or "\n" in self._pieces[-1].strip() else " "
        piece = f"{joint}{'- ' if item and not block else ''}{text}{chr(10) if block else ' '}{marker}"
        self._last_item = item and not block
        self._pieces.append(piece)
        return piece


def _thinks(text: str) -> bool:
    """Whether a reply is still in the thoughts that some models write first, or may be about to be."""
    begun = text.lstrip()
    return ("<think>".startswith(begun[:7]) and len(begun) < 7) or (
        begun.startswith("<think>") and "</think>" not in begun
    )


def _without_thoughts(text: str) -> str:
    return text.partition("</think>")[2] if text.lstrip().startswith("<think>") else text


_CODE = re.compile(r"`[^`\n]+`")
_RISKY = re.compile(r"[^\s`]*(?:[<>\[\]~\\|#]|(?<!\w)_|_(?!\w)|&\w+;|://|www\.|mailto:)[^\s`]*")


def _shown(text: str) -> str:
    """A supported sentence as Markdown: bold and inline code stay, whatever else would be markup or a link goes into
    back-ticks."""
    if text.count("**") % 2:
        text = text.replace("**", "")
    pieces: list[str] = []
    position = 0
    for match in [*_CODE.finditer(text), None]:
        part = text[position : match.start() if match else None]
        part = re.sub(r"(?<!\*)\*(?!\*)", "", part.replace("`", ""))
        pieces.append(_RISKY.sub(lambda risky: f"`{risky.group()}`", part))
        if match:
            pieces.append(match.group())
            position = match.end()
    return " ".join("".join(pieces).split())
