"""Notices by Apprise, which knows a hundred services (`pip install 'sdq[notify]'`)."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from sdq.notices.undelivered import Undelivered, within
from sdq_core.privacy import masked_address

_PATIENCE_S = 30.0

NOT_INSTALLED = "needs Apprise, which is not installed: run `pip install 'sdq[notify]'`"


def is_installed() -> bool:
    """Whether Apprise is installed; does not import it."""
    return importlib.util.find_spec("apprise") is not None


def tell_apprise(urls: Iterable[str], title: str, text: str) -> None:
    """Send a text to each URL; raise Undelivered, with the kinds of URL, if some were not reached."""
    if not is_installed():
        raise Undelivered(NOT_INSTALLED)
    import apprise

    failed = []
    for url in urls:
        service = apprise.Apprise()
        try:
            with within(_PATIENCE_S):
                reached = bool(service.add(url)) and bool(service.notify(body=text, title=title))
        except Exception:  # a service's plugin may raise anything, and its words may hold the URL
            reached = False
        if not reached:
            failed.append(masked_address(url))
    if failed:
        raise Undelivered(f"did not reach {', '.join(failed)}")
