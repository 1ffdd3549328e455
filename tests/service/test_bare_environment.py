"""What the system starts works with what the system gives it: no HOME, no terminal, another umask and folder."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

import pytest

from sdq_core.queue.server import RedisServer
from tests.core.commands import Commands
from tests.service.reading import Started, read_crontab_line, read_plist, read_unit


def ended(started: Started) -> subprocess.CompletedProcess[str]:
    """Run it as launchd and systemd do, with nothing but what its file says."""
    variables = [f"{name}={value}" for name, value in started.environment.items()]
    return subprocess.run(
        ["/usr/bin/env", "-i", *variables, *started.words],
        cwd=started.folder or "/", umask=0o077, start_new_session=True,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip


def test_a_night_without_home_and_terminal(
    sdq: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("prompts.txt").write_text("a red house\n")
    submit = ("submit", "prompts.txt", "--batch", "night-{date}", "--steps", "1")
    agent, _ = read_plist(sdq("schedule", "22:00", "--for", "launchd", "--", *submit).out.encode())
    log = tmp_path / "logs" / "worker.log"
    worker = ("worker", "--burst", "--log-file", "logs/worker.log")
    said = sdq("schedule", "22:01", "--for", "systemd", "--", *worker, code=0).out
    unit, _ = read_unit(said.partition("\n\n# /")[0])
    prompt = '100% "it\'s" $PATH'
    at_once = ("submit", "--prompt", prompt, "--steps", "1")
    cron = sdq("schedule", "23:00", "--cron", "--", *at_once).out
    try:
        before = date.today()
        assert ended(agent).returncode == 0
        _, command = read_crontab_line(cron.strip())
        ran = subprocess.run(
            ["/usr/bin/env", "-i", "HOME=/", "PATH=/usr/bin:/bin", "/bin/sh", "-c", command],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (ran.returncode, ran.stderr) == (0, "")
        drew = ended(unit)
        assert (drew.returncode, drew.stdout, drew.stderr) == (0, "", "")
        assert "2 images drawn, 0 failed." in log.read_text()
    finally:
        RedisServer(sdq.home / "redis").stop()
    with sdq.ledger() as ledger:
        nightly, ours = sorted(one.name for one in ledger.batches.statuses())
        assert nightly in {f"night-{day}" for day in (before, date.today())}
        [image] = ledger.batches.images(ours)
        assert image.recipe.prompt == prompt
