"""Names that APFS, exFAT, NTFS and ext4 all take, and when two of them are one file to any of these.

Two names may be the same on one file system and not on another: case and Unicode forms are folded here as coarsely as
any of them does it. Everything in a name is a letter, mark or digit of any script, or one of a few characters that no
shell or system gives a meaning to in the middle of a name.
"""

from __future__ import annotations

import re
import unicodedata

#: Bytes of a name without its ending: 255 are the limit on ext4 and APFS, fewer than that of exFAT and NTFS. The rest
#: is for the ending and for a number behind the name, such as -2.
MAX_STEM_BYTES = 240

_PLAIN = frozenset("-._+,=@() ")
_ASCII_UNSAFE = re.compile(r"[^\w\-.+,=@() ]+", re.ASCII)
_NO_LETTER = re.compile(r"[\W_]+", re.ASCII)

#: Names that Windows reserves for devices, whatever their extension; output folders are often shared.
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.IGNORECASE)

#: Vowels and finals of Korean syllables, where they are not one character with what stands before them.
_JAMO = (("\u1160", "\u11ff"), ("\ud7b0", "\ud7fb"))


def cleaned(text: str) -> str:
    """Return a text with everything replaced that cannot be in a name everywhere; never empty."""
    if text.isascii():
        return _ASCII_UNSAFE.sub("_", text) or "_"
    kept: list[str] = []
    for letter in unicodedata.normalize("NFC", text):
        is_safe = letter in _PLAIN or unicodedata.category(letter)[0] in "LMN"
        if is_safe and (kept or not is_mark(letter)):  # a mark needs a letter that it stands on
            kept.append(letter)
        elif not kept or kept[-1] != "_":
            kept.append("_")
    return "".join(kept) or "_"


def slug(text: str, limit_bytes: int) -> str:
    """Return the words of a text in small letters with hyphens between them, cut behind a word if one fits."""
    if text.isascii():
        words = _NO_LETTER.sub("-", text.lower()).strip("-")
    else:
        lower = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
        spaced = (c if unicodedata.category(c)[0] in "LMN" else " " for c in lower)
        words = "-".join("".join(spaced).split()).lstrip("-")
        while words and is_mark(words[0]):
            words = words[1:].lstrip("-")
    short = cut(words, limit_bytes)
    if short != words and words[len(short)] != "-" and "-" in short:
        short = short.rpartition("-")[0]
    return short.rstrip("-") or "image"


def cut(text: str, limit_bytes: int) -> str:
    """Return the beginning of a text that takes at most so many bytes, with no letter parted from its marks."""
    if len(text) * (1 if text.isascii() else 4) <= limit_bytes:
        return text
    encoded = text.encode()
    if len(encoded) <= limit_bytes:
        return text
    end = len(encoded[: max(limit_bytes, 0)].decode(errors="ignore"))
    while end and _goes_on(text[end]):
        end -= 1
    return text[:end]


def component(name: str) -> str:
    """Return a folder's name or a file's without its ending, as no system hides it, refuses it or changes it."""
    whole = name if name.isascii() else unicodedata.normalize("NFC", name)
    begun = whole.lstrip(" .-")
    if begun != whole:
        begun = f"_{begun}"
    ended = begun.rstrip(" .")
    if ended != begun:
        ended = f"{ended}_"
    return f"_{ended}" if not ended or RESERVED.fullmatch(ended) else ended


def folded(path: str) -> str:
    """Return what two paths have in common if any file system takes them for one."""
    if path.isascii():
        return path.lower()
    # Upper case first: exFAT compares in it, and some letters have their upper case in common only.
    upper = unicodedata.normalize("NFD", path).upper()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", upper).casefold())


def is_mark(letter: str) -> bool:
    """Whether a character is a part of the letter before it, such as an accent."""
    return unicodedata.category(letter)[0] == "M"


def _goes_on(letter: str) -> bool:
    return is_mark(letter) or any(first <= letter <= last for first, last in _JAMO)
