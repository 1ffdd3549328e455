"""What editors, word processors and messengers do to plain characters, undone.

They turn `--` into a dash and `"` into a curly quote, leave byte order marks and zero-width characters in the middle of
a text, and write an accent as a character of its own. None of this may decide whether something is an option, nor make
a second picture of the same prompt: CLIP's tokenizer drops the invisible characters and composes the accents as well.
"""

from __future__ import annotations

import re
import unicodedata

from sdq_core.values.tidying import INVISIBLE

#: Hyphens, dashes and minus signs other than ASCII's: Unicode's category Pd, and what else looks like one of them.
DASHES = (
    "\u058a\u05be\u1400\u1806\u2010-\u2015\u2043\u207b\u2212\u2500\u2501\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d"
    "\u301c\u3030\u30a0\ufe31\ufe32\ufe58\ufe63\uff0d"
)
_DASH = re.compile(f"[{DASHES}]")

#: What may stand before and after a line without being seen.
EDGES = "\ufeff\u200b\u2060"

#: Opening quotes -> the quotes that may close them.
QUOTES = {
    '"': '"\u201d\u201c',
    "\u201c": '\u201d"\u201c',
    "\u201d": '\u201d"',
    "\u201e": '\u201c\u201d"',
    "\u201f": '\u201d"',
    "\uff02": '\uff02"',
    "\u300c": "\u300d",
    "\u300e": "\u300f",
    "\u301d": "\u301e\u301f",
    "\u00ab": "\u00bb",
    "\u00bb": "\u00ab",
    "'": "'\u2019\u2018",
    "\u2018": "\u2019'\u2018",
    "\u2019": "\u2019'",
    "\u201a": "\u2018\u2019'",
    "\u201b": "\u2019'",
    "\uff07": "\uff07'",
    "\u2039": "\u203a",
    "\u203a": "\u2039",
    "\u275b": "\u275c",
    "\u275d": "\u275e",
    "`": "`",
}
#: Those that are apostrophes as well.
APOSTROPHES = "'\u2018\u2019"
_ESCAPED = re.compile(r'\\(["\\])')


def plain(text: str) -> str:
    """Return a number or a seed range in ASCII's digits and signs, as far as it has them; for parsing only."""
    if not text.isascii():
        text = _DASH.sub("-", unicodedata.normalize("NFKC", INVISIBLE.sub("", text)))
        text = "".join(str(unicodedata.decimal(character, character)) for character in text)
        text = text.replace("\u066b", ".")  # the decimal point among Arabic digits
    return text.strip()


def code_point(character: str) -> str:
    """Return a character as messages name it, such as ``U+2014``."""
    return f"U+{ord(character):04X}"


def unquoted(text: str) -> str:
    """Return a text without the quotes around all of it, straight or typographic, an apostrophe inside or not.

    'Open' and 'Closed' is two quotes, not one around all of it: it stays as it is.
    """
    opening, closing = text[:1], text[-1:]
    if len(text) < 2 or closing not in QUOTES.get(opening, ()):
        return text
    inner = text[1:-1]
    if inner and not inner.strip(opening + closing):
        return text  # a line of Markdown
    closers, openers = re.escape(QUOTES[opening]), re.escape(opening)
    if re.search(rf"(?<!\\)[{closers}](?!\w)[^{openers}]*(?<![\w\\])[{openers}](?=\S)", inner):
        return text
    return _ESCAPED.sub(r"\1", inner) if opening == '"' else inner
