"""The morning after: everything that was promised, looked at one by one and from outside."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import redis

from sdq_core.images.path import image_path
from sdq_core.images.root import MARKER
from sdq_core.images.store import sweep_temporary_files
from tests.chaos.customer import Customer, Wish
from tests.chaos.fleet import Fleet
from tests.chaos.place import Place

_SETTLED = re.compile(r"^\d\d:\d\d:\d\d \S+/\d+ seed \d+$", re.MULTILINE)

_ROWS = """
SELECT r.prompt, r.num_inference_steps, i.seed, i.status, i.path, i.sha256, i.attempts, i.finished_at,
       i.recipe_id, i.error
FROM images i JOIN recipes r ON r.id = i.recipe_id
"""


@dataclass(kw_only=True)
class Reckoning:
    """What was found. violations: each a sentence; none means that the promise was kept.

    finished_at: of each (recipe id, seed), seconds since the epoch. saved_twice: images that were drawn to the end and
    saved more than once; begun_again: attempts that came to nothing. spare_copies: files of an image that two
    batches asked for at once and that was drawn for both.
    """

    asked: int = 0
    rows: int = 0
    begun_again: int = 0
    most_attempts: int = 0
    saved_twice: int = 0
    swept: int = 0
    spare_copies: int = 0
    audit: str = ""
    finished_at: dict[tuple[int, int], float] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


def look_at_everything(place: Place, customer: Customer, fleet: Fleet) -> Reckoning:
    """Compare what was asked for with ledger, files, Redis and processes."""
    found = Reckoning()
    paths = _look_at_the_ledger(place, customer, found)
    _look_at_the_files(place, customer, paths, found)
    _look_at_redis(place, found)
    _ask_for_an_audit(place, found)
    if (servers := _redis_servers(place)) > 1:
        found.violations.append(f"{servers} Redis servers share one folder")
    if left := _wait_for_engines(fleet):
        found.violations.append(f"{left} engine processes outlived their workers")
    saved = sum(len(_SETTLED.findall(log.read_text())) for log in place.logs.glob("worker-*.log"))
    found.saved_twice = max(0, saved - found.rows)
    return found


def _look_at_the_ledger(place: Place, customer: Customer, found: Reckoning) -> dict[str, str]:
    """Check the rows against the wishes; give each row's path with its file's sha256."""
    with place.looking() as ledger:
        rows: list[tuple[Any, ...]] = ledger.execute(_ROWS).fetchall()
        damage = [text for (text,) in ledger.execute("PRAGMA integrity_check") if text != "ok"]
        damage += [str(row) for row in ledger.execute("PRAGMA foreign_key_check")]
        batches = ledger.execute(
            "SELECT name, open_slices, images_total, images_done, images_failed, completed_at IS NOT NULL FROM batches"
        ).fetchall()
    wishes = customer.wishes()
    held: Counter[Wish] = Counter((row[0], row[1], row[2]) for row in rows)
    found.asked, found.rows = len(wishes), len(rows)
    found.begun_again = sum(row[6] for row in rows) - len(rows)
    found.most_attempts = max((row[6] for row in rows), default=0)
    found.finished_at = {(row[8], row[2]): row[7] / 1000 for row in rows if row[7] is not None}
    _complain(found, "images were lost", [wish for wish in wishes if wish not in held])
    _complain(found, "images have two rows", [wish for wish, count in held.items() if count > 1])
    _complain(found, "rows were never asked for", [wish for wish in held if wish not in wishes])
    unfinished = [f"{row[:3]}: {row[3]}, {row[9]}" for row in rows if row[3] != "done"]
    _complain(found, "images are not done", unfinished)
    _complain(found, "damages in the ledger", damage)
    sizes = {order.name: len(order.wishes()) for order in customer.orders}
    wrong = [
        f"{name}: {(open_slices, total, done, failed, completed)} instead of {sizes.get(name)} images"
        for name, open_slices, total, done, failed, completed in batches
        if (open_slices, total, done, failed, completed)
        != (0, sizes.get(name), sizes.get(name), 0, 1)
    ]
    _complain(found, "batches count wrongly", wrong)
    return {row[4]: row[5].hex() for row in rows if row[3] == "done"}


def _look_at_the_files(
    place: Place, customer: Customer, paths: dict[str, str], found: Reckoning
) -> None:
    outputs = place.home / "outputs"
    found.swept = sweep_temporary_files(outputs, older_than_s=-1)
    there = {str(path.relative_to(outputs)) for path in outputs.rglob("*") if path.is_file()} - {
        MARKER
    }
    _complain(found, "rows lack their file", sorted(paths.keys() - there))
    damaged = [
        path
        for path, digest in paths.items()
        if path in there and hashlib.sha256((outputs / path).read_bytes()).hexdigest() != digest
    ]
    _complain(found, "files are not what their rows say", damaged)
    ordered = {
        image_path(order.name, entry, seed)
        for order in customer.orders
        for entry in range(1, len(order.prompts) + 1)
        for seed in range(order.seeds)
    }
    strays = there - paths.keys()
    found.spare_copies = len(strays & ordered)
    _complain(found, "stray files", sorted(strays - ordered))


def _look_at_redis(place: Place, found: Reckoning) -> None:
    place.redis.ensure_running()
    _complain(found, "keys are left in Redis", left_in_redis(place))


def left_in_redis(place: Place) -> list[str]:
    """List what Redis holds of the ledger's queues and jobs."""
    with place.looking() as ledger:
        (ledger_id,) = ledger.execute("SELECT ledger_id FROM identity").fetchone()
    with redis.Redis(unix_socket_path=str(place.redis.socket)) as client:
        names = {
            bytes(key).decode() for key in client.scan_iter(match=f"*{ledger_id}*", count=1000)
        }
        # RQ's note of an execution that died ends by itself within minutes.
        return sorted(name for name in names if client.ttl(name) == -1)


def _redis_servers(place: Place) -> int:
    """Count the servers of the folder, those that nobody can reach any more included."""
    count = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            count += "-server" in process.name() and Path(process.cwd()) == place.redis.folder
    return count


def _ask_for_an_audit(place: Place, found: Reckoning) -> None:
    """Let the product check itself; spare copies are the one thing that it may list."""
    audit = place.start("verify", log="verify.log")
    audit.wait(timeout=120)
    said = (place.logs / "verify.log").read_text().splitlines()
    found.audit = said[-1] if said else "nothing"
    if audit.returncode != 0:
        kinds = ("not in the ledger:", "To repair, run")
        if not found.spare_copies or any(not line.startswith(kinds) for line in said):
            _complain(found, "lines of `sdq verify`", said)


def _wait_for_engines(fleet: Fleet, deadline_s: float = 15.0) -> int:
    end = time.monotonic() + deadline_s
    while (left := len(fleet.engines())) and time.monotonic() < end:
        time.sleep(0.2)
    return left


def _complain(found: Reckoning, what: str, instances: list[Any]) -> None:
    if instances:
        shown = "; ".join(map(str, instances[:5])) + ("; ..." if len(instances) > 5 else "")
        found.violations.append(f"{len(instances)} {what}: {shown}")
