"""The bodies of requests: read whole before a handler runs, bounded in size and in time.

So handlers can be plain functions, which run beside each other in threads and may ask the ledger, and no slow client
holds one of these.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from typing import IO, cast
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import Message, Receive

from sdq_core.errors import InputError

#: What a route may be sent unless it has a limit of its own.
USUAL_BYTES = 1 << 20
_IN_MEMORY_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 16
#: How long a client may say nothing, and how long it may take, s.
_SILENCE_S, _WHOLE_S = 20.0, 600.0
#: More fields in a form are no form of ours.
_FIELDS = 200

_KEY = "sdq.body"


class TooLargeError(Exception):
    """A body is larger than its route takes."""


async def read_body(receive: Receive, limit: int, length: int | None) -> IO[bytes]:
    """Return a request's body, as a file that large ones have on the disk.

    length: what the client says. Raise TooLargeError beyond the limit, TimeoutError for a slow client, and
    ConnectionError for one that is gone.
    """
    if length is not None and length > limit:
        raise TooLargeError
    body: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115  (the caller closes it)
    try:
        async with asyncio.timeout(_WHOLE_S):
            await _fill(body, receive, limit)
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return body


async def _fill(body: IO[bytes], receive: Receive, limit: int) -> None:
    more = True
    while more:
        async with asyncio.timeout(_SILENCE_S):
            message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        body.write(message.get("body", b""))
        if body.tell() > limit:
            raise TooLargeError
        more = message.get("more_body", False)


def keep(scope: object, body: IO[bytes]) -> None:
    """Keep a body for the handler of its request."""
    cast("dict[str, object]", scope)[_KEY] = body


def again(body: IO[bytes], receive: Receive) -> Receive:
    """Return what gives a body that was read to whoever reads it asynchronously."""
    ended = False

    async def replay() -> Message:
        nonlocal ended
        if ended:
            return await receive()
        chunk = body.read(_CHUNK_BYTES)
        ended = len(chunk) < _CHUNK_BYTES
        return {"type": "http.request", "body": chunk, "more_body": not ended}

    return replay


def body_file(request: Request) -> IO[bytes]:
    """Return a request's body as a file, from its beginning."""
    body = cast("IO[bytes]", request.scope[_KEY])
    body.seek(0)
    return body


def body_of(request: Request) -> bytes:
    """Return a request's body."""
    return body_file(request).read()


def form_of(request: Request) -> Mapping[str, str]:
    """Return the fields of a form that a page sent; the last of each name. Raise InputError for anything else."""
    try:
        text = body_of(request).decode()
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS, errors="strict")
        return dict(fields)
    except ValueError:
        raise InputError("This is not a form of these pages.") from None
