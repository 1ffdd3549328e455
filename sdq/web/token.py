"""The token's file in the data folder: the same token for as long as programs and browsers keep it.

And the file that opens a browser with it: an address among a program's arguments is for all users of a machine to see.
"""

from __future__ import annotations

import contextlib
import html
import os
import re
import secrets
from pathlib import Path

from sdq_core.errors import OutputError

NAME = "web-token"
OPENING = "web-open.html"
_FORM = re.compile(r"[A-Za-z0-9_-]{32,128}")


def token_in(home: Path, *, new: bool = False) -> str:
    """Return the token of a data folder, made if there is none. new: make another one, and forget the former.

    Raise OutputError if its file cannot be read or written.
    """
    file = home / NAME
    try:
        if not new:
            with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
                found = file.read_text(encoding="utf-8").strip()
                if _FORM.fullmatch(found):
                    file.chmod(0o600)
                    return found
        return _written(file, secrets.token_urlsafe(32))
    except OSError as error:
        raise OutputError(
            f"The token's file {file} cannot be used ({error.strerror}). Make it readable and writable for you."
        ) from error


def opening_page(home: Path, address: str) -> Path:
    """Write a page that leads to an address with the token; return it. Raise OutputError if it cannot be written."""
    file = home / OPENING
    text = f'<meta http-equiv="refresh" content="0; url={html.escape(address)}">'
    try:
        _write(file, f'<!DOCTYPE html><meta charset="utf-8"><title>sdq</title>{text}')
    except OSError as error:
        raise OutputError(
            f"{file} cannot be written ({error.strerror}). Open the printed address yourself."
        ) from error
    return file


def _written(file: Path, token: str) -> str:
    _write(file, f"{token}\n")
    return token


def _write(file: Path, text: str) -> None:
    """Write a file for nobody else's eyes, whole or not at all."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as opened:  # noqa: PTH123  (a descriptor has no path)
        opened.write(text)
    temporary.replace(file)
