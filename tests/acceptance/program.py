"""The installed `sdq` as a user has it: processes, signals, a data folder of its own."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import psutil
import pytest

from db.ledger import Ledger
from db.values import FinishedImage
from sdq.cli import main
from sdq_core.images.root import MARKER
from sdq_core.queue.server import RedisServer

SDQ = Path(sys.executable).with_name("sdq")


class Program:
    """One data folder and the processes that work on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.redis = RedisServer(home / "redis")
        self._processes: list[subprocess.Popen[str]] = []
        self._ledger: Ledger | None = None

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SDQ_", "RQ_", "REDIS_", "DATABASE_"))
        }
        return kept | {"SDQ_HOME": str(self.home), "NO_COLOR": "1"}

    def run(
        self, *arguments: str, code: int = 0, timeout_s: float = 90, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and check its exit code."""
        result = subprocess.run(
            [SDQ, *arguments],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert result.returncode == code, (result.returncode, result.stdout, result.stderr)
        return result

    def call(
        self, *arguments: str, code: int | None = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as `run` does, but within this process, in a tenth of the time. code: None for any failure.

        For what comes before and after the processes that a test is about; `test_streams` starts every command as one.
        """
        result = self.answer(*arguments, **environment)
        found = result.returncode
        assert found if code is None else found == code, (found, result.stdout, result.stderr)
        return result

    def answer(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command within this process, whatever comes of it."""
        said = io.BytesIO(), io.BytesIO()
        stdout, stderr = (io.TextIOWrapper(each, "utf-8", write_through=True) for each in said)
        handlers, level = logging.root.handlers[:], logging.root.level
        environment = self.environment | environment
        with pytest.MonkeyPatch.context() as patch:
            for name in os.environ.keys() - environment.keys():
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["sdq", *arguments])
            with (
                contextlib.redirect_stdout(stdout),
                contextlib.redirect_stderr(stderr),
                pytest.raises(SystemExit) as ended,
            ):
                main()
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        out, err = (each.getvalue().decode() for each in said)
        return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), out, err)

    def start(
        self,
        *arguments: str,
        stdout: IO[str] | None = None,
        stderr: IO[str] | int = subprocess.PIPE,
        log: Path | None = None,
    ) -> subprocess.Popen[str]:
        """Start a command that stays. log: a file to which it appends what it says on stderr."""
        with log.open("a") if log else contextlib.nullcontext(stderr) as where:
            process = subprocess.Popen(
                [SDQ, *arguments],
                env=self.environment, stdout=stdout, stderr=where, text=True,
            )  # fmt: skip
        self._processes.append(process)
        return process

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger; opened once, since opening it costs more than what is read."""
        if self._ledger is None:
            self._ledger = Ledger.open(f"sqlite:///{self.home / 'sdq.db'}")
        yield self._ledger

    def drawn(self, batch: str) -> list[FinishedImage]:
        with self.ledger() as ledger:
            return list(ledger.batches.images(batch))

    def wait_until(self, condition: Callable[[], bool], *, timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)

    def wait_for_images(self, batch: str, count: int) -> None:
        with self.ledger() as ledger:
            self.wait_until(
                lambda: (
                    (status := ledger.batches.find(batch)) is not None and status.completed >= count
                )
            )

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.communicate()
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None
        self.redis.stop()


def engines_of(worker: subprocess.Popen[str]) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(worker.pid).children()
        if "worker.engine.main" in child.cmdline()
    ]


def stop(
    process: subprocess.Popen[str], signum: int = signal.SIGTERM, timeout_s: float = 30
) -> int:
    process.send_signal(signum)
    process.communicate(timeout=timeout_s)
    return process.returncode


def assert_whole(home: Path, images: Sequence[FinishedImage], expected: int) -> None:
    """Every requested image is there exactly once, each file is what its row says, and nothing else lies about."""
    assert len(images) == expected
    assert len({(image.recipe.content_key, image.seed) for image in images}) == expected
    outputs = home / "outputs"
    for image in images:
        data = (outputs / image.image.path).read_bytes()
        assert hashlib.sha256(data).hexdigest() == image.image.sha256
    assert {path for path in outputs.rglob("*") if path.is_file()} == {
        outputs / MARKER,
        *(outputs / image.image.path for image in images),
    }
