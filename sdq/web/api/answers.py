"""What handlers of this interface have in common: JSON in, JSON out, and errors in the form of the client."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from db.values import JSON
from producer.reading.json_objects import NotJSONError, parse
from sdq.web.api.errors import ApiError, translated, wrong
from sdq.web.body import body_of
from sdq.web.reading import sources_of
from sdq_core.errors import InputError, SdqError

Handler = Callable[[Request], Any]


def openais(handler: Handler) -> Handler:
    """Answer errors in OpenAI's form."""
    return _answering(handler, ApiError.in_openais_form)


def a1111s(handler: Handler) -> Handler:
    """Answer errors in AUTOMATIC1111's form."""
    return _answering(handler, ApiError.in_a1111s_form)


def json_body(request: Request) -> Mapping[str, JSON]:
    """Return the object that a request sent; raise ApiError for anything else."""
    try:
        value = parse(body_of(request).decode())
    except UnicodeDecodeError:
        raise wrong("The body is not UTF-8.") from None
    except NotJSONError:
        raise wrong("The body is not JSON.", code="invalid_json") from None
    except InputError as error:
        raise wrong(f"The body cannot be used: {error}.", code="invalid_json") from None
    if not isinstance(value, dict):
        raise wrong("The body has to be a JSON object.", code="invalid_json")
    return value


def whole_number(request: Request, name: str, usual: int, most: int) -> int:
    """Return a number from 1 to `most` of the query; raise ApiError for anything else."""
    given = request.query_params.get(name)
    if given is None:
        return usual
    if not (given.isascii() and given.isdecimal() and len(given) < 10 and 1 <= int(given) <= most):
        raise wrong(f"{name} has to be a whole number from 1 to {most:,}.", name)
    return int(given)


def page_of(found: Sequence[Mapping[str, JSON]], *, has_more: bool) -> JSONResponse:
    """Return a page of OpenAI's objects."""
    return JSONResponse(
        {
            "object": "list",
            "data": list(found),
            "first_id": found[0]["id"] if found else None,
            "last_id": found[-1]["id"] if found else None,
            "has_more": has_more,
        }
    )


def _answering(handler: Handler, form: Callable[[ApiError], JSON]) -> Handler:
    def told(request: Request, error: ApiError | SdqError) -> Response:
        said = error if isinstance(error, ApiError) else translated(error)
        said.message = sources_of(request).hide(said.message)
        return JSONResponse(form(said), said.status, said.headers)

    if inspect.iscoroutinefunction(handler):

        @functools.wraps(handler)
        async def answered_later(request: Request) -> Response:
            try:
                return await handler(request)  # type: ignore[no-any-return]
            except (ApiError, SdqError) as error:
                return told(request, error)

        return answered_later

    @functools.wraps(handler)
    def answered(request: Request) -> Response:
        try:
            return handler(request)  # type: ignore[no-any-return]
        except (ApiError, SdqError) as error:
            return told(request, error)

    return answered
