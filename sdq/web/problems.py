"""What went wrong, for whoever asked: a page for browsers, JSON for programs in the form that they read."""

from __future__ import annotations

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sdq.web.reading import sources_of
from sdq.web.templates import page
from sdq_core.errors import (
    InputError,
    InputMissingError,
    SdqError,
    UsageError,
)

#: The folders of addresses that only programs ask for.
_FOR_PROGRAMS = ("/v1/", "/sdapi/", "/metrics", "/healthz", "/readyz")
_RETRY_AFTER_S = 5


def refusal(request: Request, status: int, sentence: str, *, close: bool = False) -> Response:
    """Return an answer that says what is wrong. close: and end the connection, on which more may still come."""
    headers: dict[str, str] = {"connection": "close"} if close else {}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = str(_RETRY_AFTER_S)
    if for_browser(request):
        name = "sign_in.html" if status == HTTPStatus.UNAUTHORIZED else "problem.html"
        return page(
            request,
            name,
            {"status": status, "title": HTTPStatus(status).phrase, "sentence": sentence},
            status=status,
            headers=headers,
        )
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    if _path(request).startswith("/sdapi/"):
        return JSONResponse({"detail": sentence}, status, headers)
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error = {"message": sentence, "type": kind, "param": None, "code": _code(status)}
    return JSONResponse({"error": error}, status, headers)


def for_browser(request: Request) -> bool:
    """Whether a person will read the answer."""
    is_page = not _path(request).startswith(_FOR_PROGRAMS)
    return is_page and "text/html" in request.headers.get("accept", "")


def _path(request: Request) -> str:
    """Return the path below the prefix."""
    path: str = request.scope["path"]
    return path[len(request.scope.get("root_path", "")) :]


def unexpected(request: Request) -> Response:
    """Return the answer to a request on which a bug of ours was met."""
    return refusal(
        request, 500, "Something unexpected went wrong. This is a bug in sdq; its log says more."
    )


def out_of_order(request: Request, error: OSError) -> Response:
    """Return the answer to a request for which this machine lacks something, such as room on its disk."""
    problem = error.strerror or type(error).__name__
    return refusal(request, 503, f"This machine cannot do that now ({problem}). Check its disks.")


def of_ours(request: Request, error: Exception) -> Response:
    """Return the answer for an error of `sdq_core.errors`."""
    assert isinstance(error, SdqError)
    return refusal(request, status_of(error), sources_of(request).hide(str(error)))


def of_http(request: Request, error: Exception) -> Response:
    """Return the answer for an address or a method that there is not."""
    assert isinstance(error, HTTPException)
    sentence = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND:
        sentence = "There is nothing at this address."
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        methods = (error.headers or {}).get("Allow", "GET").split(", ")
        sentence = f"This address takes {' and '.join(sorted(methods))} only."
    response = refusal(request, error.status_code, sentence)
    response.headers.update(error.headers or {})
    return response


def status_of(error: SdqError) -> int:
    """Return the status of HTTP for an error."""
    if isinstance(error, InputMissingError):
        return 404
    if isinstance(error, InputError | UsageError):
        return 400
    return 503 if error.retryable else 500


def _code(status: int) -> str:
    return HTTPStatus(status).phrase.lower().replace(" ", "_")
