"""`sdq web` as a user has it: an address, a signal, the same token again."""

from __future__ import annotations

import signal
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.acceptance.program import Program


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_printed_address_leads_to_the_queue_until_a_signal(
    ending: signal.Signals, new_program: Program, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    with said.open("w") as stdout:
        server = new_program.start("web", "--port", "0", stdout=stdout)
    new_program.wait_until(lambda: said.read_text().endswith("\n"))
    address = urlsplit(said.read_text().strip())
    token = address.query.removeprefix("token=")
    assert (address.hostname, len(token)) == ("127.0.0.1", 43)

    def ask(path: str) -> urllib.request.Request:
        headers = {"Authorization": f"Bearer {token}"}
        return urllib.request.Request(f"http://{address.netloc}{path}", headers=headers)

    with urllib.request.urlopen(ask("/")) as page:
        assert "Nothing to draw yet" in page.read().decode()
    taken = new_program.call("web", "--port", str(address.port), code=73)
    assert f"port {address.port}" in taken.stderr
    with urllib.request.urlopen(ask("/events")) as events:  # which ends with the server
        assert events.readline() == b"retry: 2000\n"
        server.send_signal(ending)
        assert server.wait(20) == 0
    assert server.stderr is not None
    text = server.stderr.read()
    assert "Stop it with Ctrl-C" in text
    assert token not in text
    assert "Traceback" not in text
    assert (new_program.home / "web-token").read_text().strip() == token
