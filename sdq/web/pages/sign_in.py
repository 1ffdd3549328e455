"""Signing in: the token for a cookie."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sdq.web.body import form_of
from sdq.web.gate import with_cookie
from sdq.web.problems import refusal
from sdq.web.reading import sources_of


def sign_in(request: Request) -> Response:
    """Take the form of a browser that has no cookie yet."""
    access = sources_of(request).access
    given = form_of(request).get("token", "").rpartition("token=")[2]  # or the printed address
    if not access.is_token(given.strip()):
        return refusal(request, 401, "That is not the token.")
    return with_cookie(RedirectResponse(f"{access.prefix}/", status_code=303), access, request)
