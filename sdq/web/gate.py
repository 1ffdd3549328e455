"""The gate before all routes: decides whether a request is served, and bounds what it may send.

In this order: the prefix, the name of the host, the token, requests of other sites, read-only, the body. Whatever goes
wrong behind it is one sentence for the client, never a traceback.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sdq.web import body
from sdq.web.access import COOKIE_AGE_S, Access
from sdq.web.problems import out_of_order, refusal, unexpected
from sdq.web.templates import page

_LOG = logging.getLogger("sdq.web")

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

#: What may be sent without the token.
_OPEN_BYTES = 4096

#: What an answer tells browsers. Scripts, styles and pictures come from here only, and no other site may show them.
_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class Gate:
    """The gate of one server, an ASGI application around another."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        *,
        open_paths: frozenset[str] = frozenset(),
        open_folders: tuple[str, ...] = (),
        limits: Mapping[str, int] | None = None,
    ) -> None:
        """Guard an application.

        open_paths, open_folders: served without the token, such as `/login` and what is below `/static/`.
        limits: path -> how many bytes it may be sent, where that is not the usual number.
        """
        self._app = app
        self._access = access
        self._open_paths = open_paths
        self._open_folders = open_folders
        self._limits = dict(limits or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = self._below_prefix(scope)
        began = False

        async def send_with_headers(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        request = Request(scope)
        try:
            refused = self._refused(request, path)
            if refused is None:
                refused = await self._served(request, path, receive, send_with_headers)
            if refused is not None:
                await refused(scope, receive, send_with_headers)
        except OSError as error:
            # The disk is full, or no file can be opened.
            _LOG.error("%s %s: %s", request.method, path, error)
            if not began:
                await out_of_order(request, error)(scope, receive, send_with_headers)
        except Exception as error:
            # A bug of ours; the rest of the server is as well as before.
            _LOG.error(
                "%s %s: unexpected %s: %s", request.method, path, type(error).__name__, error
            )
            _LOG.debug("where it happened", exc_info=error)
            if not began:
                await unexpected(request)(scope, receive, send_with_headers)

    def _below_prefix(self, scope: Scope) -> str:
        """Return the path below the prefix, which a proxy may have taken off or not."""
        prefix, path = self._access.prefix, str(scope["path"])
        below = path[len(prefix) :] if path == prefix or path.startswith(f"{prefix}/") else path
        below = below or "/"
        scope["root_path"], scope["path"] = prefix, prefix + below
        return below

    def _refused(self, request: Request, path: str) -> Response | None:
        access, headers = self._access, request.headers
        server = request.scope.get("server") or ("", None)
        if not access.goes_by(headers.get("host", ""), server[0]):
            return refusal(
                request,
                421,
                "This server does not go by that name. Ask for it as `sdq web` printed it, or name it "
                "with --allow-host.",
            )
        is_safe = request.method in _SAFE_METHODS
        if is_safe and (signed_in := self._signed_in(request)):
            return signed_in
        if not self._is_open(path) and not access.admits(headers):
            return refusal(request, 401, "The token is missing or not the right one.")
        if not is_safe and not access.is_own(headers):
            return refusal(request, 403, "Another site's page sent this request.")
        if not is_safe and access.read_only and not self._is_open(path):
            return refusal(
                request, 403, "This server is read-only: it was started with --read-only."
            )
        return None

    def _signed_in(self, request: Request) -> Response | None:
        """Return what gives a browser its cookie and takes the token out of the address; None without a right one."""
        if "token=" not in request.url.query:
            return None
        try:
            fields = parse_qsl(request.url.query, keep_blank_values=True)
        except ValueError:
            return None
        if not any(name == "token" and self._access.is_token(value) for name, value in fields):
            return None
        rest = urlencode([(name, value) for name, value in fields if name != "token"])
        address = _local(request.url.path, rest)
        answer: Response = RedirectResponse(address, status_code=303)
        if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            # What began elsewhere is sent on without the cookie; what begins at a page of ours has it.
            answer = page(request, "enter.html", {"address": address})
        return with_cookie(answer, self._access, request)

    def _is_open(self, path: str) -> bool:
        return path in self._open_paths or path.startswith(self._open_folders or ("\0",))

    async def _served(
        self, request: Request, path: str, receive: Receive, send: Send
    ) -> Response | None:
        """Serve a request; return what refuses it, if its body does not come."""
        if request.method in _SAFE_METHODS:
            await self._app(request.scope, receive, send)
            return None
        limit = self._limits.get(path, body.USUAL_BYTES)
        if self._is_open(path):
            limit = _OPEN_BYTES  # anybody may send it, on as many connections as there may be
        try:
            content = await body.read_body(receive, limit, _length(request.headers))
        except body.TooLargeError:
            return refusal(
                request, 413, f"That is too large: at most {limit:,} bytes fit here.", close=True
            )
        except TimeoutError:
            return refusal(request, 408, "The request took too long to arrive.", close=True)
        except ConnectionError:
            return None
        with content:
            body.keep(request.scope, content)
            await self._app(request.scope, body.again(content, receive), send)
        return None


def with_cookie(response: Response, access: Access, request: Request) -> Response:
    """Let a browser keep that it has the token."""
    response.set_cookie(
        access.cookie_name,
        access.cookie_value,
        max_age=COOKIE_AGE_S,
        path=f"{access.prefix}/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


def _length(headers: Headers) -> int | None:
    given = headers.get("content-length")
    return int(given) if given else None  # h11 lets nothing but 20 digits through


def _local(path: str, query: str) -> str:
    """Return an address on this server; `//host` would be another's."""
    return f"/{path.lstrip('/')}" + (f"?{query}" if query else "")
