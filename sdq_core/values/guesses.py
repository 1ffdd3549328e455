"""What a user may have meant by a word that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from sdq_core.errors import ALL_KNOWN

#: One letter of four, or two of eight: a guess that is further away sends the user astray.
NEAR = 0.75


def did_you_mean(word: str, known: Iterable[str], shown: Iterable[str] | None = None) -> str:
    """Return '; did you mean ...?' or, if nothing is near, '; use one of ...' (of `shown`)."""
    known = list(known)
    by_lower = {name.lower(): name for name in known}
    written = word[:60].lower()
    near = difflib.get_close_matches(written, by_lower, n=1, cutoff=NEAR) or [
        name for name in by_lower if len(written) >= 3 and name.startswith(written)
    ]
    if near:
        return f"; did you mean {by_lower[near[0]]}?"
    return f"{ALL_KNOWN}{', '.join(known if shown is None else shown)}"
