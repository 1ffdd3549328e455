"""The night itself: three batches, hours that end and begin, a compute unit that gets stuck, a worker that is killed.

Everything is the installed program with real processes, signals and a web server that is told. Times are those of a
night of 20 minutes; a shorter one has the same in the same order.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.acceptance.program import Program
from tests.night.keeper import Keeper
from tests.night.receiver import Receiver

#: Read by every Python process that starts; engines of one variant fail for as long as the file is there.
_STUCK = """
import os, sys
from pathlib import Path

if "worker.engine.main" in sys.orig_argv:
    from worker.pipelines import builtin

    draw, load = builtin.BuiltinPipeline.draw, builtin.BuiltinPipeline.load.__func__

    def noting(cls, folder, *how):
        pipeline = load(cls, folder, *how)
        pipeline.attention = str(folder.attention_implementation)
        return pipeline

    def failing(self, request, on_step, upcoming=None):
        if self.attention == "split_einsum" and Path(os.environ["SDQ_HOME"], "stuck").exists():
            raise RuntimeError("the Neural Engine is stuck")
        return draw(self, request, on_step, upcoming)

    builtin.BuiltinPipeline.draw = failing
    builtin.BuiltinPipeline.load = classmethod(noting)
"""

_VARIANTS = {"landscapes": "original", "portraits": "split_einsum"}
#: Engines are replaced after so many images, a few times a night.
RECYCLE_AFTER = 400
QUICK = 10


class StudioProgram(Program):
    """An `sdq` whose Neural Engine can get stuck."""

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"PYTHONPATH": str(self.home.parent / "stuck")}


@dataclass(kw_only=True)
class Night:
    """What happened. Moments are aware; rates in images per s.

    planned_s: what the plan said the two large batches take; planned_bytes: and their files.
    """

    program: StudioProgram
    receiver: Receiver
    begun_at: datetime
    asked: dict[str, int] = field(default_factory=dict)
    planned_s: float = 0.0
    planned_bytes: int = 0
    rested: tuple[datetime, datetime] | None = None
    engines_at_rest: int = -1
    quick_submitted_at: datetime | None = None
    worker_said: str = ""
    worker_ended_with: int = -1
    kills: int = 0
    report_html: Path = Path()


def play(folder: Path, *, minutes: float) -> Night:
    """Play it in an empty folder; what is said on the way goes to standard output."""
    minute = minutes * 60 / 20
    (folder / "stuck").mkdir()
    (folder / "stuck" / "sitecustomize.py").write_text(_STUCK)
    program, receiver = StudioProgram(folder / "home"), Receiver()
    night = Night(program=program, receiver=receiver, begun_at=datetime.now().astimezone())
    _say(f"The evening begins, in {folder}.")
    try:
        _play(night, folder, minute)
    finally:
        program.close()
        receiver.shutdown()
    return night


def _play(night: Night, folder: Path, minute: float) -> None:
    program = night.program
    rate = _first_images(program)
    _submit_the_large_batches(night, folder, images=int(rate * minute * 16))
    begins = datetime.now().astimezone()
    closes, opens = (begins + timedelta(seconds=minute * at) for at in (5, 8))
    night.rested = (closes, opens)
    worker = Keeper(
        program, folder / "worker.log",
        "--hours", f"{opens:%H:%M:%S}-{closes:%H:%M:%S}", "--unload-after", "5",
        "--recycle-engine", str(RECYCLE_AFTER),
    )  # fmt: skip
    _say(f"A worker draws until {closes:%H:%M:%S} and again from {opens:%H:%M:%S} on.")

    def at(minutes_later: float) -> None:
        time.sleep(
            max(
                0.0, (begins - datetime.now().astimezone()).total_seconds() + minutes_later * minute
            )
        )

    at(2)
    night.quick_submitted_at = datetime.now().astimezone()
    program.run("submit", "--prompt", "a quick look at the sea", "--seed", f"0-{QUICK - 1}", "--batch", "quick",
                "--variant", "original", "--priority", "high", *_told(night))  # fmt: skip
    night.asked["quick"] = QUICK
    _say("Ten images are submitted at high priority.")
    at(4)
    worker.kill()
    _say("The worker is killed.")
    at(7.5)
    night.engines_at_rest = worker.engines
    _say(f"It is out of hours: {worker.engines} engines in memory.")
    at(10)
    (program.home / "stuck").touch()
    _say("The Neural Engine gets stuck.")
    program.wait_until(lambda: bool(_paused(program)), timeout_s=300)
    (key,) = _paused(program)
    _say("The variant is paused.")
    at(12)
    (program.home / "stuck").unlink()
    program.run("resume", "--variant-key", key)
    program.run("retry", "portraits")
    _say("It is resumed, and its failed images are queued again.")
    program.wait_until(lambda: _all_done(program), timeout_s=minute * 60)
    _say("Everything is drawn.")
    program.wait_until(lambda: _endings(night) >= len(night.asked), timeout_s=60)
    night.worker_ended_with = worker.end()
    night.worker_said, night.kills = worker.said, worker.kills
    night.report_html = folder / "report.html"
    since = f"{night.begun_at:%Y-%m-%dT%H:%M:%S}"
    said = program.run("report", "--since", since).stdout
    program.run("report", "--since", since, "--html", str(night.report_html))
    _say(f"The morning report:\n\n{said}")


def _first_images(program: Program) -> float:
    """Draw a few with each variant, so that the plan knows what an image takes; give the plan's images per s."""
    for variant in _VARIANTS.values():
        program.run("run", "--prompt", "a test of the evening", "--seed", "0-24", "--variant", variant,
                    "--batch", f"first-{variant}", "-q")  # fmt: skip
    plan = program.run(
        "submit", "--prompt", "a plan", "--seed", "0-999", "--dry-run", "--json"
    ).stdout
    rate = float(1000 / json.loads(plan)["drawing_s"])
    _say(f"50 first images: by them the plan expects {rate:.1f} a second.")
    return rate


def _submit_the_large_batches(night: Night, folder: Path, *, images: int) -> None:
    seeds = max(1, images // 2 // 20)
    for name, variant in _VARIANTS.items():
        prompts = folder / f"{name}.txt"
        prompts.write_text("".join(f"{name} of the night, number {line}\n" for line in range(20)))
        wanted = (
            "submit",
            str(prompts),
            "--seed-range",
            f"0-{seeds - 1}",
            "--variant",
            variant,
            *_told(night),
        )
        plan = json.loads(night.program.run(*wanted, "--dry-run", "--json").stdout)
        night.planned_s += plan["drawing_s"]
        night.planned_bytes += plan["disk_bytes"]
        night.program.run(*wanted)
        night.asked[name] = 20 * seeds
        _say(
            f"{name}: {20 * seeds:,} images of {variant}; the plan says {plan['drawing_s']:.0f} s."
        )


def _told(night: Night) -> tuple[str, ...]:
    keep = f"{sys.executable} -c 'import sys; open(sys.argv[1], \"a\").write(sys.stdin.read().strip() + chr(10))'"
    return (
        "--on-done", f"{keep} {night.program.home.parent / 'told.jsonl'}",
        "--webhook", f"{night.receiver.url}/chat",
    )  # fmt: skip


def _endings(night: Night) -> int:
    """Count the batches whose end the web server was told of."""
    return len(notices_of_end(night))


def notices_of_end(night: Night) -> list[dict[str, Any]]:
    """List what the web server was told of batches that ended."""
    return [
        body
        for path, body in night.receiver.received
        if path == "/chat" and body["type"] == "batch.completed"
    ]


def _all_done(program: Program) -> bool:
    return all(
        batch["status"] == "completed"
        for batch in json.loads(program.run("status", "--json").stdout)
    )


def _paused(program: Program) -> list[str]:
    with program.ledger() as ledger:
        return [held.variant.key for held in ledger.variants.paused()]


def _say(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S}  {text}", flush=True)
