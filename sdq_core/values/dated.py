"""Names with a date in them: on 26 November, `nightly-{date}` is `nightly-2026-11-26`."""

from __future__ import annotations

import re
from datetime import datetime

from sdq_core.errors import UsageError
from sdq_core.printable import quote

#: Token -> how it is written: in order by name, and without a colon, which some file systems refuse.
_FORMATS = {"date": "%Y-%m-%d", "time": "%H%M"}
_TOKEN = re.compile(r"\{([^{}]*)\}")


def dated(name: str, now: datetime) -> str:
    """Return a name with the local date and time for {date} and {time}; raise UsageError for any other token.

    now: aware.
    """
    local = now.astimezone()

    def shown(token: re.Match[str]) -> str:
        if token[1] not in _FORMATS:
            raise UsageError(
                f"The name {quote(name)} has {quote(token[0])} in it. Only {{date}} and {{time}} are known."
            )
        return local.strftime(_FORMATS[token[1]])

    return _TOKEN.sub(shown, name)


def undated(name: str) -> str:
    """Return a name without its tokens."""
    return _TOKEN.sub("", name)
