"""The pages' templates, and the words that they use for numbers and times."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

FOLDER = Path(__file__).with_name("templates")


@cache
def environment() -> Environment:
    """Return the templates; whatever a prompt holds is text in a page."""
    found = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
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
    text = render(name, {"root": request.scope.get("root_path", ""), **values})
    return HTMLResponse(text, status, headers)


def render(name: str, values: Mapping[str, Any]) -> str:
    """Return a template with values."""
    return environment().get_template(name).render(values)
