"""Forms as browsers send them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tests.web.site import BEARER, Answer, Site

PAGE = BEARER | {"Accept": "text/html"}
_BOUNDARY = "----sdq-test"


def send(
    site: Site,
    fields: Mapping[str, str],
    files: Sequence[tuple[str, bytes | str]] = (),
    headers: Mapping[str, str] = PAGE,
) -> Answer:
    """Send the form of Submit. files: name and content."""
    parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    parts += [
        f'name="files"; filename="{name}"\r\n\r\n'.encode()
        + (content.encode() if isinstance(content, str) else content)
        for name, content in files
    ]
    body = b"".join(
        f"--{_BOUNDARY}\r\nContent-Disposition: form-data; ".encode() + part + b"\r\n"
        for part in parts
    )
    body += f"--{_BOUNDARY}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    return site.ask("/submit", "POST", {**headers, **kind}, body)


def plan(
    site: Site, fields: Mapping[str, str], files: Sequence[tuple[str, bytes | str]] = ()
) -> tuple[str, str]:
    """Send the form; return the address of its plan, and the page."""
    sent = send(site, fields, files)
    assert sent.status == 303, sent.text
    address = sent.headers["location"]
    assert re.fullmatch("/submit/[0-9a-f]{24}", address)
    return address, site.ask(address, headers=PAGE).text
