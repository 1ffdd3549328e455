"""Regular expressions that always end.

Python's own `re` can take longer than the universe for `(a+)+b`, and a rule that refuses all such patterns refuses good
ones, too. The library `regex` gives up after a time. It knows more than `re`, such as patterns that contain themselves
and take memory without end, so a pattern has to be one for both.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

import regex

from sdq_core.errors import InputError, UsageError
from sdq_core.printable import quote

MAX_CHARACTERS = 1000
#: `regex` takes twice as long to read a pattern for each pair that repeats within another: 11 ms for 12, 186 ms for 16.
_MAX_PARENTHESES = 10
_ESCAPED = re.compile(r"\\.")
#: A brace that is no count means itself for `re`; for `regex` it can be the number of errors to overlook.
_BRACE = re.compile(r"(\\.)|\{(?![0-9]*,?[0-9]*\})", re.DOTALL)
#: Processor time for one text. What is not a trap takes a thousandth of that for the longest prompt.
TIMEOUT_S = 0.25


def found_in(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a pattern is found in a text, in whichever case.

    Raise InputError for a pattern that is none. The function raises UsageError if a text takes too long.
    """
    if len(pattern) > MAX_CHARACTERS:
        raise InputError(f"the pattern has more than {MAX_CHARACTERS:,} characters")
    if _ESCAPED.sub("", pattern).count("(") > _MAX_PARENTHESES:
        raise InputError(
            f"the pattern has more than {_MAX_PARENTHESES} parentheses; join several patterns with and, or"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of patterns that a later Python may read otherwise
            re.compile(pattern)
            plain = _BRACE.sub(lambda found: found[1] or r"\{", pattern)
            search = regex.compile(plain, regex.IGNORECASE).search
    except (re.error, regex.error, ValueError, OverflowError, RecursionError) as error:
        why = f" ({error.msg})" if isinstance(error, re.error | regex.error) else ""
        raise InputError(
            f"{quote(pattern)} is not a pattern{why}; write a backslash before . * + ? ( ) [ ] {{ }} | that are "
            "meant literally"
        ) from None

    def found(text: str) -> bool:
        try:
            return search(text, timeout=TIMEOUT_S) is not None
        except TimeoutError:
            raise UsageError(
                f"The pattern {quote(pattern)} takes too long on {quote(text)}. Write it without a repeat of what "
                "repeats itself."
            ) from None

    return found
