"""The pages' templates."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from sdq.views.words import counted
from sdq.web.assets import version
from sdq_core.printable import printable

_FOLDER = Path(__file__).with_name("templates")

#: The pages that all others lead to: address below the root, title.
PAGES = (
    ("/", "Queue"),
    ("/submit", "Submit"),
    ("/batches", "Batches"),
    ("/compare", "Compare"),
    ("/models", "Models"),
    ("/night", "Night"),
)


@cache
def environment() -> Environment:
    """Return the templates; whatever a prompt holds is text in a page."""
    found = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"counted": counted, "printable": printable}
    found.globals |= {"pages": PAGES, "version": version()}
    return found


def page(
    request: Request,
    name: str,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Return a page. name: its template."""
    root = request.scope.get("root_path", "")
    text = render(
        name, {"root": root, "here": request.scope["path"][len(root) :], "said": "", **values}
    )
    # A path may have bytes that are no text.
    return HTMLResponse(text.encode(errors="replace"), status, headers)


def render(name: str, values: Mapping[str, Any]) -> str:
    """Return a template with values."""
    return environment().get_template(name).render(values)
