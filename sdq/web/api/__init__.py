"""The HTTP interface for programs."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import BaseRoute

from sdq.web.feed import Writer

#: Path -> how many bytes it may be sent, where that is more than usual.
LIMITS: Mapping[str, int] = {}
#: What is served without the token.
OPEN: frozenset[str] = frozenset()


def routes() -> list[BaseRoute]:
    """Return the routes, from the root."""
    return []


def writers() -> dict[str, Writer]:
    """Return what makes the events of `/v1/events`, by the kind of listener."""
    return {}
