"""Posts to a URL: a few tries, no redirects, nothing but HTTP."""

from __future__ import annotations

import base64
import http
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from importlib import metadata
from urllib.parse import unquote, urlsplit, urlunsplit

from sdq.notices.undelivered import Undelivered, within

#: How long a try may take, and how long to wait before each, s.
PATIENCE_S = 10.0
_WAITS_S = (0.0, 1.0, 4.0)

#: Answers of receivers that may think otherwise later: time-out, too early, too many requests.
_TRY_AGAIN = frozenset({408, 425, 429})


def post(url: str, body: bytes, headers: Callable[[], Mapping[str, str]]) -> None:
    """Post a body until it is accepted, three times at most; raise Undelivered if it is not.

    headers: returns the headers of the next try.
    """
    for number, wait_s in enumerate(_WAITS_S):
        time.sleep(wait_s)
        try:
            return _try(url, body, headers())
        except _Refused as refused:
            raise Undelivered(str(refused)) from None
        except Undelivered:
            if number + 1 == len(_WAITS_S):
                raise
    raise AssertionError("unreachable: the last try returns or raises")


class _Refused(Undelivered):
    """An answer that another try would not change."""


def _try(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    address, login = _without_login(url)
    request = urllib.request.Request(
        address,
        data=body,
        headers={"User-Agent": f"sdq/{metadata.version('sdq')}", **headers, **login},
        method="POST",
    )
    try:
        with within(PATIENCE_S), _opener().open(request, timeout=PATIENCE_S):
            pass
    except urllib.error.HTTPError as error:
        error.close()
        raise _refusal(error.code) from None
    except urllib.error.URLError as error:
        raise Undelivered(_reason(error.reason)) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Undelivered(_reason(error)) from None


def _opener() -> urllib.request.OpenerDirector:
    """Return what opens http and https URLs, through a proxy if the environment names one, and follows no redirect."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _refusal(code: int) -> Undelivered:
    try:
        answer = f"answered {code} {http.HTTPStatus(code).phrase}"
    except ValueError:
        answer = f"answered {code}"
    if 300 <= code < 400:
        return _Refused(f"{answer}: it has moved, and its new URL has to be named")
    return (Undelivered if code >= 500 or code in _TRY_AGAIN else _Refused)(answer)


def _reason(error: object) -> str:
    """Say what went wrong without a library's words: they may quote the URL."""
    if isinstance(error, TimeoutError):
        return f"did not answer within {PATIENCE_S:g} s"
    verification = getattr(error, "verify_message", None)
    if verification:
        return f"has a certificate that is not accepted ({verification})"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be reached ({error.strerror})"
    return f"cannot be reached ({type(error).__name__})"


def _without_login(url: str) -> tuple[str, dict[str, str]]:
    """Return a URL without name and password, and these as a header."""
    parts = urlsplit(url)
    login, mark, place = parts.netloc.rpartition("@")
    if not mark:
        return url, {}
    token = base64.b64encode(unquote(login).encode()).decode()
    return urlunsplit(parts._replace(netloc=place)), {"Authorization": f"Basic {token}"}
