"""Who is told of a batch, on the command line: checked before anything is queued, and shown without what is secret."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sdq_core.values.receivers import Receivers
from tests.core.commands import Commands
from tests.ledger.nights import draw
from tests.ledger.plans import plan


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        (
            "--webhook",
            "s3cret",
            "--webhook: it is not a URL with http:// or https:// and a host (it is not shown)",
        ),
        ("--webhook", "file:///etc/s3cret", "--webhook: it is not a URL with http"),
        ("--webhook", "https:///s3cret", "--webhook: it is not a URL with http"),
        ("--ping", "https://h:99999/s3cret", "--ping: it is not a URL with http"),
        (
            "--ping",
            "https://h/s3crét",
            "--ping: the URL has letters that a URL cannot have: write them as %20",
        ),
        ("--apprise", "s3cret", "--apprise: it is not a URL of Apprise, such as mailto://"),
        ("--on-done", " ", "--on-done: it is not a command: write it as in a terminal"),
    ],
)
@pytest.mark.parametrize("command", ["submit", "run"])
def test_a_receiver_that_cannot_be_told_is_refused(
    sdq: Commands, command: str, option: str, value: str, says: str
) -> None:
    said = sdq(command, "--prompt", "a boat", option, value, code=65)
    assert said.err.startswith(f"sdq: {says}")
    assert len(said.err.splitlines()) == 1
    assert "s3cr" not in said.err
    assert not sdq.home.exists()


def test_a_command_needs_a_ledger_that_only_its_owner_writes(sdq: Commands) -> None:
    for url in (
        "postgresql://ann:s3cret@127.0.0.1:1/d",
        f"sqlite:///{sdq.home.parent}/shared/sdq.db",
    ):
        said = sdq("submit", "--prompt", "x", "--on-done", "true", "--database-url", url, code=2)
        assert "--on-done needs the data folder's own ledger" in said.err
        assert "[notify] of sdq.toml where the worker runs" in said.err
    assert not sdq.home.exists()


def test_a_batch_shows_who_is_told_and_nothing_secret(sdq: Commands) -> None:
    receivers = Receivers(
        webhook="https://hooks.example/s3cret",
        ping="https://hc.example/s3cret",
        apprise=("tgram://s3cret/12",),
        on_done="curl -H s3cret",
        mac=True,
    )
    with sdq.ledger() as ledger:
        ledger.submissions.add(replace(plan(["a"], [1], name="night"), receivers=receivers))
        ledger.submissions.add(plan(["b"], [1], name="quiet"))
        draw(ledger, "night", "D")
        notice = ledger.notices.open()[0]
        ledger.notices.claim(notice, "w")
        ledger.notices.note(notice.id, "w", "ping", "failed: answered 404 Not Found")
    shown = sdq("show", "night").out
    assert (
        "webhook https://hooks.example/***, ping https://hc.example/***, tgram://***, macOS, a command\n"
    ) in shown
    document = sdq("show", "night", "--json")
    assert document.json["sdq"]["notify"] == {
        "webhook": "https://hooks.example/***",
        "ping": "https://hc.example/***",
        "apprise": ["tgram://***"],
        "on_done": "***",
        "mac": True,
    }
    assert "\nnotices" not in sdq("show", "quiet").out
    assert (
        "notice: that it is started: ping failed: answered 404 Not Found\n"
        in sdq("logs", "night").out
    )
    for arguments in (
        ["status", "night", "--json"],
        ["logs", "night", "--json"],
        ["report", "night", "--json"],
    ):
        assert "s3cret" not in sdq(*arguments).out
    assert "s3cret" not in shown + document.out
