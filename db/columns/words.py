"""The words of what users write about columns: conditions, orders and lists, one word after the other.

Every text ends: it has at most `MAX_CHARACTERS`, and each is looked at once.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from sdq_core.errors import UsageError
from sdq_core.printable import printable
from sdq_core.values.tidying import tidy

#: Enough for a list of a thousand ids.
MAX_CHARACTERS = 20_000

#: What is shown of a long text on either side of the word that is wrong.
_SHOWN_CHARACTERS = 40


class WordKind(StrEnum):
    """What a word is."""

    NAME = "name"
    TEXT = "text"
    TIME = "time"
    NUMBER = "number"
    SIGN = "sign"
    END = "end"


# A quotation mark within a text is written twice, as in SQL; backslashes are left to patterns.
_WORD = re.compile(
    r"""
      (?P<text> '(?:[^']|'')*' | "(?:[^"]|"")*" )
    | (?P<time> [0-9]{4}-[0-9]{2}-[0-9]{2} (?: T [0-9:.]+ (?: Z | [+-][0-9:]+ )? )? (?![\w:-])
              | [0-9]{1,2}:[0-9]{2}(?::[0-9]{2})? (?![\w:])
              | [0-9]{1,6}(?:\.[0-9]{1,3})?(?:s|min|m|h|d|w) (?!\w) )
    | (?P<number> [+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:e[+-]?[0-9]+)? (?!\w) )
    | (?P<name> [^\W\d][\w-]* )
    | (?P<sign> == | != | <> | <= | >= | =~ | !~ | [=<>~(),.-] )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SPACE = re.compile(r"\s*")

#: What other languages write, and what is written here.
_FOREIGN = {
    "&&": "write and",
    "&": "write and",
    "||": "write or",
    "|": "write or",
    "!": "write not",
    "%": "write ~ and a pattern",
    "*": "write ~ and a pattern",
    "'": "the text that begins here has no end",
    '"': "the text that begins here has no end",
    "“": "write ' or \"",
    "‘": "write ' or \"",
}


@dataclass(frozen=True, slots=True)
class Word:
    """A word. text: as it is written; at: the number of its first character, from 0."""

    kind: WordKind
    text: str
    at: int

    def is_one_of(self, *texts: str) -> bool:
        """Tell whether it is one of these signs or names, which are in small letters."""
        return self.kind in {WordKind.SIGN, WordKind.NAME} and self.text.lower() in texts

    @property
    def unquoted(self) -> str:
        """What a text says."""
        mark = self.text[0]
        return self.text[1:-1].replace(mark * 2, mark)


class Words:
    """The words of a text, in order, as long as somebody takes them."""

    def __init__(self, text: str, *, of: str) -> None:
        """Raise UsageError for a text that is too long or has a character that is no word's.

        of: what the text is, as messages name it.
        """
        self._of = of
        self._text = tidy(text)
        if len(self._text) > MAX_CHARACTERS:
            raise UsageError(
                f"{of} has more than {MAX_CHARACTERS:,} characters: write a shorter one."
            )
        self._words = self._split()
        self._next = 0

    def peek(self) -> Word:
        """Return the next word, which is END after the last one."""
        return self._words[self._next]

    def take(self) -> Word:
        """Return the next word and go on behind it."""
        word = self._words[self._next]
        if word.kind is not WordKind.END:
            self._next += 1
        return word

    def take_if(self, *texts: str) -> Word | None:
        """Take the next word if it is one of these signs or names."""
        return self.take() if self.peek().is_one_of(*texts) else None

    def refused(self, word: Word, clause: str) -> UsageError:
        """Return the error about a word. clause: what is wrong, without a full stop; the text follows, with a mark."""
        return self._refused_at(word.at, clause)

    def unexpected(self, word: Word, wanted: str) -> UsageError:
        """Return the error about a word where another was due."""
        found = "the end" if word.kind is WordKind.END else shortened(word.text)
        return self.refused(word, f"{wanted} is expected here, not {found}")

    def _split(self) -> list[Word]:
        words: list[Word] = []
        at = 0
        while True:
            space = _SPACE.match(self._text, at)
            at = space.end() if space else at
            if at == len(self._text):
                return [*words, Word(WordKind.END, "", at)]
            found = _WORD.match(self._text, at)
            if found is None:
                raise self._refused_at(at, self._foreign(at))
            words.append(Word(WordKind(str(found.lastgroup)), found[0], at))
            at = found.end()

    def _foreign(self, at: int) -> str:
        for length in (2, 1):
            sign = self._text[at : at + length]
            if sign in _FOREIGN:
                return _FOREIGN[sign]
        if self._text[at].isdigit():
            number = re.compile(r"[\w.:-]+").match(self._text, at)
            return f"{shortened(number[0] if number else '')} is neither a number nor a time"
        return f"{printable(self._text[at])!r} means nothing here"

    def _refused_at(self, at: int, clause: str) -> UsageError:
        begin, end = max(0, at - _SHOWN_CHARACTERS), at + _SHOWN_CHARACTERS
        before = ("..." if begin else "") + _on_one_line(self._text[begin:at])
        shown = before + _on_one_line(self._text[at:end]) + ("..." if self._text[end:] else "")
        mark = f"{' ' * _terminal_columns(before)}^"
        sentence = f"{self._of} cannot be read: {clause}{'' if clause.endswith('?') else '.'}"
        return UsageError(f"{sentence}\n    {shown}\n    {mark}" if self._text else sentence)


def shortened(text: str) -> str:
    """Return a word of a message, never longer than it needs to be recognized."""
    return printable(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}...")


def _on_one_line(text: str) -> str:
    return printable(re.sub(r"\s", " ", text))


def _terminal_columns(text: str) -> int:
    """Return how many columns of a terminal a text takes, nearly: a mark below it need not be exact."""
    wide = sum(unicodedata.east_asian_width(letter) in {"W", "F"} for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)
