"""The page around a body: one file that needs nothing else, its style, script and pictures within."""

from __future__ import annotations

import base64
import hashlib
from importlib import metadata
from pathlib import Path

from sdq.views.report.markup import Markup, element, joined

#: The style of the page.
STYLE = Path(__file__).with_name("page.css")


def document(title: str, body: Markup, *, style: str = "", script: str = "") -> str:
    """Return a whole page. style: more of it. script: the only one that runs, at the end of the page.

    Whatever a prompt or an error holds, a browser runs nothing else and asks nobody for anything.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
        policy += f"; script-src 'sha256-{digest}'"
        body = joined((body, element("script", Markup(script))))
    head = joined(
        (
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=policy),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("meta", name="generator", content=f"sdq {metadata.version('sdq')}"),
            element("title", title),
            element("style", Markup(STYLE.read_text(encoding="utf-8") + style)),
        )
    )
    html = element("html", element("head", head), element("body", body), lang="en")
    return f"<!DOCTYPE html>\n{html}\n"
