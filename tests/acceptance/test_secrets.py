"""No command tells a secret, whatever is wrong and wherever the secret stands."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdq import cli
from sdq_core.privacy import TOKEN_VARIABLES, Secrets
from sdq_core.queue.server import RedisServer
from sdq_core.settings import VARIABLES
from tests.acceptance.program import SDQ, Program

#: Parts of the secrets below; none may be shown.
FRAGMENTS = ("s3cr", "w0rd", "t0ken")

REDIS = [
    "redis://:s3cr@et/w0rd@host:63x79/0",
    "redis://:s3cr@w0rd@127.0.0.1:1/0",
    "redis://:s3cr%40w0rd@127.0.0.1:1/0",
    "redis://:s3cr#w0rd@127.0.0.1:1/0",
    "redis://:s3cr?w0rd@127.0.0.1:1/0",
    "redis://s3crw0rd@127.0.0.1:1/0",
    "redis://127.0.0.1:1/0?password=s3crw0rd",
    "redis://:[s3crw0rd@127.0.0.1:1/0",
    "redis://:s3cr w0rd@127.0.0.1:1",
    "memcached://:s3cr@w0rd@h/x",
    "s3crw0rd",
]
DATABASE = [
    "postgresql://ann:s3cr@w0rd@127.0.0.1:1/d",
    "postgresql://ann:s3cr/w0rd@127.0.0.1:1/d",
    "postgresql://ann:s3cr%2Fw0rd@127.0.0.1:1/d",
    "postgresql://ann:s3cr#w0rd@127.0.0.1:1/d",
    "postgresql://ann@127.0.0.1:1/d?password=s3crw0rd",
    "postgresql://ann@127.0.0.1:1/d?sslrootcert=s3crw0rd&sslmode=verify-full",
    "postgresql://ann:s3cr@127.0.0.1:w0rd/d",
    "mysql+x://ann:s3cr@w0rd@h/d",
    "sqlite://ann:s3cr@w0rd@h/d",
    "s3crw0rd",
]
COMMANDS = {
    "redis_url": [["submit", "--prompt", "x"], ["verify"], ["doctor", "--no-draw"], ["worker", "--burst"]],
    "database_url": [
        ["status"], ["submit", "--prompt", "x", "--dry-run"], ["doctor", "--no-draw", "--json"], ["worker", "--burst"],
    ],
}  # fmt: skip


def said(program: Program, arguments: list[str], **environment: str) -> str:
    result = subprocess.run(
        [SDQ, *arguments], env=program.environment | environment,
        capture_output=True, text=True, timeout=90, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert result.returncode, arguments
    assert "unexpected" not in result.stderr, result.stderr
    return result.stdout + result.stderr


def said_here(program: Program, arguments: list[str], **environment: str) -> str:
    """What `said` gives, within this process."""
    result = program.call(*arguments, code=None, **environment)
    assert "unexpected" not in result.stderr, result.stderr
    return result.stdout + result.stderr


def assert_untold(text: str) -> None:
    for fragment in FRAGMENTS:
        assert fragment not in text, text


CASES = [
    *((("redis_url"), url, n) for n, url in enumerate(REDIS)),
    *((("database_url"), url, n) for n, url in enumerate(DATABASE)),
]


@pytest.mark.parametrize(("setting", "url", "number"), CASES)
def test_no_url_is_told(setting: str, url: str, number: int, program: Program) -> None:
    """Each URL through variable, option and file, each with another command; all of them with tracebacks.

    Each command is once a process of its own: what differs from URL to URL is within.
    """
    commands = COMMANDS[setting]
    option = f"--{setting.replace('_', '-')}"
    names = VARIABLES[setting]
    first, second = (commands[(number + way) % len(commands)] for way in (0, 1))
    variable = {names[number % len(names)]: url}
    say = said if number < len(commands) else said_here
    assert_untold(say(program, first, SDQ_DEBUG="1", **variable))
    options = [option, url] if number % 2 else [f"{option}={url}"]
    assert_untold(said_here(program, [*second, *options], SDQ_DEBUG="1"))
    (program.home / "sdq.toml").write_text(f"{setting} = '{url}'\n")
    assert_untold(said_here(program, first, SDQ_DEBUG="1"))
    if "://" in url:
        (program.home / "sdq.toml").write_text(f"'{url}' = 1\n")
        assert_untold(said_here(program, ["status"], SDQ_DEBUG="1"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["models", "pull", "a/b"],
        ["models", "pull", "https://ann:s3cr@w0rd@h/x"],
        ["models", "add", "https://ann:s3cr@w0rd@h/x"],
        ["submit", "https://ann:s3cr@w0rd@h/x?token=t0ken"],
        ["submit", "--prompt", "x", "--model", "https://ann:s3cr@w0rd@h/x?token=t0ken"],
        ["status", "https://ann:s3cr@w0rd@h/x"],
        ["show", "https://ann:s3cr@w0rd@h/x.png"],
        ["sheet", "x", "https://ann:s3cr@w0rd@h/x.png"],
        ["redis", "redis://:s3cr@w0rd@h/x"],
    ],
)
def test_neither_tokens_nor_proxies_are_told(
    arguments: list[str], program: Program, tmp_path: Path
) -> None:
    token = "hf_t0kent0ken"
    text = said(
        program, arguments,
        SDQ_DEBUG="1", HF_TOKEN=token, HF_HOME=str(tmp_path), HF_ENDPOINT="http://ann:s3crw0rd@127.0.0.1:1",
        HTTPS_PROXY="http://ann:s3crw0rd@127.0.0.1:1", NO_PROXY="",
    )  # fmt: skip
    assert_untold(text)


#: One or more of each command, which fail or succeed without drawing; workers are above, in processes of their own.
EVERY_COMMAND = {
    "submit": [
        ["--prompt", "x"],
        ["--prompt", "x", "--dry-run", "--json"],
        ["gone.txt"],
        [
            "gone.txt",
            "--webhook",
            "https://hooks.example/s3crw0rd",
            "--on-done",
            "curl https://h/s3crw0rd",
        ],
        ["--prompt", "x", "--webhook", "ftp://h/s3crw0rd"],
        ["--prompt", "x", "--ping=https://h:w0rd/s3cr"],
        ["--prompt", "x", "--apprise", "s3crw0rd"],
        ["--prompt", "x", "--webhook", "https://ann:s3cr@h/w0rd", "--no"],
    ],
    "run": [
        ["--prompt", "x", "--model", "gone"],
        ["gone.txt", "--apprise", "tgram://s3crw0rd/w0rd"],
    ],
    "status": [[], ["--json"], ["gone"]],
    "ls": [[], ["gone"], ["gone", "--where", "prompt ~ '('"]],
    "show": [["gone"], ["gone.png"]],
    "logs": [["gone"]],
    "open": [["gone"]],
    "metrics": [[]],
    "web": [["--host", "192.0.2.1"]],
    "report": [["gone"], ["--since", "12h"]],
    "completion": [["fish"]],
    "sheet": [["gone", "sheet.png"]],
    "inspect": [[], ["gone"]],
    "export": [["gone", "data", "--format", "imagefolder"], ["gone", "-", "--format", "jsonl"]],
    "compare": [["gone", "other"]],
    "rerun": [["gone"], ["gone.png"], ["."]],
    "retry": [["gone"]],
    "cancel": [["gone"]],
    "move": [["gone", "--front"]],
    "pause": [["gone"], ["--variant-key", "gone"]],
    "resume": [["gone"]],
    "verify": [[], ["gone"]],
    "prune": [["gone", "--yes"], ["--older-than", "1", "--yes"]],
    "bench": [["gone"]],
    "models": [[], ["pull", "a/b"], ["add", "gone"], ["verify"], ["remove", "gone", "--yes"]],
    "doctor": [["--no-draw"], ["--no-draw", "--json"]],
    "redis": [[], ["start"], ["stop"]],
    "service": [
        ["status"],
        ["install", "--print", "--for", "systemd"],
        ["install", "--lanes", "gone"],
    ],
    "schedule": [["22:00", "--", "submit", "gone"], ["22:00", "--", "worker", "--burst"]],
    "worker": [],
}
#: A value for each setting that can hold a secret; a folder of the network may be named by a URL, too. Variables that
#: other programs also use are above.
VALUES = {
    "redis_url": ("redis://:s3cr@w0rd@127.0.0.1:1/0", "redis://:s3cr@et/w0rd@host:63x79/0"),
    "database_url": ("postgresql://ann:s3crw0rd@127.0.0.1:1/d", "mysql+x://ann:s3cr@w0rd@h/d"),
    "outputs": ("smb://ann:s3crw0rd@nas/images",),
    "home": ("smb://ann:s3crw0rd@nas/sdq",),
    "model": ("https://ann:s3cr@w0rd@h/x?token=t0ken",),
}
#: They stand in every data folder of these tests.
NOTIFY = """
[notify]
on_done = "curl -H 'Authorization: s3crw0rd' https://h/t0ken"
webhook = "https://hooks.example/services/s3crw0rd/t0ken"
webhook_secret = "whsec_s3crw0rdt0kenAAA"
ping = "https://hc.example/s3crw0rd-t0ken"
apprise = ["tgram://s3crw0rd/t0ken", "mailtos://ann:s3crw0rd@mail.example"]
"""
SETTINGS = [
    *({VARIABLES[setting][0]: value} for setting, values in VALUES.items() for value in values),
    {
        **dict.fromkeys(TOKEN_VARIABLES, "hf_t0kent0ken"),
        "HF_ENDPOINT": "http://ann:s3crw0rd@127.0.0.1:1",
        "HTTPS_PROXY": "http://ann:s3crw0rd@127.0.0.1:1",
        "ALL_PROXY": "socks5://ann:s3crw0rd@127.0.0.1:1",
        "SLACK_WEBHOOK": "https://hooks.example/s3crw0rd",
        "AWS_SECRET_ACCESS_KEY": "s3crw0rd",
    },
]  # fmt: skip


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """This process as the command line's own: a folder and an environment to change, and its logging afterwards."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("SDQ_", "RQ_", "REDIS_", "DATABASE_", "HF_")):
            monkeypatch.delenv(name)
    for name, value in {
        "SDQ_HOME": str(tmp_path / "home"),
        "SDQ_DEBUG": "1",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "sdq.toml").write_text(NOTIFY)
    handlers, level = logging.root.handlers[:], logging.root.level
    yield monkeypatch
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    RedisServer(tmp_path / "home" / "redis").stop()


@pytest.mark.parametrize("settings", SETTINGS, ids=" ".join)
def test_no_command_tells_a_setting(
    settings: dict[str, str], process: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert set(EVERY_COMMAND) == set(cli.cli.list_commands(None))  # type: ignore[arg-type]
    for name, value in settings.items():
        process.setenv(name, value)
    failed = set()
    for command, all_arguments in EVERY_COMMAND.items():
        for arguments in all_arguments:
            process.setattr(sys, "argv", ["sdq", command, *arguments])
            said: list[str] = []
            if cli._run(secrets := Secrets.around(os.environ, arguments), said.append):
                failed.add(command)
            printed = capfd.readouterr()
            text = "\n".join(
                [*map(secrets.removed, said), printed.out, printed.err]
            )  # as main says it
            assert "unexpected" not in text, text
            assert_untold(text)
    assert len(failed) > 5
