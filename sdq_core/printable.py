"""Text from outside on its way to a terminal or a log.

File names, model names, operations of a package and ids in Redis can contain anything. Escape sequences in them could
recolour, retitle or rewrite a terminal, or forge a log line; so they are shown escaped.
"""

from __future__ import annotations

import re

# Control characters except tab and line feed, direction marks, and halves of surrogate pairs, which no stream can
# encode (they stand for bytes of a file name that are not text).
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Return the text with every unprintable character as an escape, such as ``\x1b``."""
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def quote(text: str) -> str:
    """Return foreign text for a message: quoted, escaped, and never longer than a line."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
