"""Where an image is below the output root: ``{batch}/{entry:05d}/{entry:05d}-{seed}.png``.

Invariant: two different (batch name, entry, seed) never share a path, also on file systems that fold case or Unicode
forms, and no batch name leads outside the root. The path does not depend on the prompt's text, so an attempt that died
is overwritten by the next one. A batch may leave files to others when it is removed; a later batch of its name then has
the next free path, ``{entry:05d}-{seed}-2.png``.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from itertools import count

#: ext4 and APFS take 255 bytes for one component, and a batch folder may get a hash as well.
_MAX_NAME_BYTES = 200

_UNSAFE = re.compile(r"[^\w\-.+,=@() ]+")
_LOOKS_HASHED = re.compile(r"-[0-9a-f]{10}$")
#: Names that Windows reserves for devices, whatever their extension; output folders are often shared.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def image_path(batch_name: str, entry: int, seed: int, suffix: str = ".png") -> str:
    """Return an image's path relative to the output root, with forward slashes.

    entry: the recipe's number in the batch, from 1.
    suffix: the end of the file's name, with the dot of its extension.
    """
    if entry < 0 or seed < 0:
        raise ValueError(f"entry {entry} and seed {seed} must not be negative")
    return f"{batch_folder(batch_name)}/{entry:05d}/{entry:05d}-{seed}{suffix}"


def possible_paths(batch_name: str, entry: int, seed: int) -> Iterator[str]:
    """Yield an image's path, and those that it has if files of other images are there."""
    yield image_path(batch_name, entry, seed)
    yield from (image_path(batch_name, entry, seed, f"-{number}.png") for number in count(2))


def batch_folder(batch_name: str) -> str:
    """Return a batch's folder name: its own name, if every file system can tell that from all others.

    Otherwise (capitals, separators, control characters, an overlong or reserved name) it is what remains of the name
    and ten digits of the sha256 of the whole.
    """
    name = unicodedata.normalize("NFC", batch_name)
    safe = _UNSAFE.sub("_", name)
    safe = _cut(safe, _MAX_NAME_BYTES).strip(" .").lstrip("-")
    if _RESERVED.fullmatch(safe):
        safe = f"_{safe}"
    folded = unicodedata.normalize("NFC", safe.casefold())
    if safe and safe == batch_name == folded and not _LOOKS_HASHED.search(safe):
        return safe
    # surrogatepass: a name from a command line may contain bytes that are not text.
    digest = hashlib.sha256(batch_name.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{safe}-{digest}" if safe else f"batch-{digest}"


def _cut(text: str, limit_bytes: int) -> str:
    encoded = text.encode()
    return text if len(encoded) <= limit_bytes else encoded[:limit_bytes].decode(errors="ignore")
