"""Names outside ASCII in the POSIX locale, for a Python that was told not to read it as UTF-8."""

from __future__ import annotations

import os
import sys


def read_names_as_utf8() -> None:
    """Start this process anew in Python's UTF-8 mode if it could name no file outside ASCII; once, before all else.

    Which encoding Python names files in is settled at its start. Python does the same by itself, unless PYTHONUTF8 or
    PYTHONCOERCECLOCALE says no: then a ledger with other letters could be neither read nor found.
    """
    if sys.getfilesystemencoding() != "ascii" or os.environ.get("PYTHONUTF8") == "1":
        return
    # The option for an interpreter that ignores its environment, the variable for the processes that this one starts.
    os.execve(
        sys.executable,
        [sys.executable, "-X", "utf8", *sys.orig_argv[1:]],
        os.environ | {"PYTHONUTF8": "1"},
    )
