"""What is in a text without being seen, taken out of it: in prompts, and in the names of batches."""

from __future__ import annotations

import re
import unicodedata

#: Characters without width that mean nothing in a prompt: byte order marks, soft hyphens, zero-width spaces, direction
#: marks. Not the joiners U+200C and U+200D, which Persian, Hindi and emoji need.
INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)
#: Spaces at which no line may break, which keyboards and word processors write for plain ones.
_FIXED_SPACE = re.compile("[\u00a0\u2007\u202f]")


def tidy(text: str) -> str:
    """Return the text without invisible characters, its accents composed (NFC), its spaces plain, its line ends LF."""
    if text.isascii():
        return text if "\r" not in text else text.replace("\r\n", "\n").replace("\r", "\n")
    text = _FIXED_SPACE.sub(" ", INVISIBLE.sub("", text))
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
