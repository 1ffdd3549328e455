"""Where an image is below the output root by default: ``{batch}/{entry:05d}/{entry:05d}-{seed}.png``.

Invariant: two different (batch name, entry, seed) never share a path, also on file systems that fold case or Unicode
forms, and no batch name leads outside the root. The path does not depend on the prompt's text, so an attempt that died
is overwritten by the next one. Where another's file is, such as one that a removed batch of the same name left, an
image has the next free path, ``{entry:05d}-{seed}-2.png``. Batches may name their files otherwise
(`sdq_core.images.filing`).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache

from sdq_core.images.safe_names import RESERVED

#: ext4 and APFS take 255 bytes for one component, and a batch folder may get a hash as well.
_MAX_NAME_BYTES = 200

_UNSAFE = re.compile(r"[^\w\-.+,=@() ]+")
_LOOKS_HASHED = re.compile(r"-[0-9a-f]{10}$")


def image_path(batch_name: str, entry: int, seed: int, suffix: str = ".png") -> str:
    """Return an image's path relative to the output root, with forward slashes.

    entry: the recipe's number in the batch, from 1.
    suffix: the end of the file's name, with the dot of its extension.
    """
    if entry < 0 or seed < 0:
        raise ValueError(f"entry {entry} and seed {seed} must not be negative")
    return f"{batch_folder(batch_name)}/{entry:05d}/{entry:05d}-{seed}{suffix}"


def beside(path: str, number: int) -> str:
    """Return the path that an image has instead if there is another's file at `path`; number: from 2."""
    stem, dot, ending = path.rpartition(".")
    return f"{stem}-{number}{dot}{ending}"


def is_beside(path: str, other: str) -> bool:
    """Whether a path is one that an image has if there is another's file at `other`."""
    stem, _, ending = other.rpartition(".")
    number = path.removeprefix(f"{stem}-").removesuffix(f".{ending}")
    return number.isdecimal() and path == f"{stem}-{number}.{ending}"


@lru_cache(maxsize=1000)  # asked for each image of a batch
def batch_folder(batch_name: str) -> str:
    """Return a batch's folder name: its own name, if every file system can tell that from all others.

    Otherwise (capitals, separators, control characters, an overlong or reserved name) it is what remains of the name
    and ten digits of the sha256 of the whole.
    """
    name = unicodedata.normalize("NFC", batch_name)
    safe = _UNSAFE.sub("_", name)
    safe = _cut(safe, _MAX_NAME_BYTES).strip(" .").lstrip("- .")
    if RESERVED.fullmatch(safe):
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
