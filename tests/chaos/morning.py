"""The morning after: everything that was promised, looked at one by one and from outside."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import redis

from sdq_core.images.path import image_path
from sdq_core.images.root import MARKER
from sdq_core.images.store import sweep_temporary_files
from tests.chaos.customer import Order, Wish, all_wishes
from tests.chaos.place import Place

_ROWS = """
SELECT r.prompt, r.num_inference_steps, i.seed, i.status, i.path, i.sha256, i.attempts, i.error
FROM images i JOIN recipes r ON r.id = i.recipe_id
"""


@dataclass(kw_only=True)
class Reckoning:
    """What was found. violations: each a sentence; none means that the promise was kept.

    begun_again: attempts that came to nothing. spare_copies: files of an image that two batches asked for at once and
    that was drawn for both.
    """

    asked: int = 0
    rows: int = 0
    begun_again: int = 0
    most_attempts: int = 0
    swept: int = 0
    spare_copies: int = 0
    audit: str = ""
    violations: list[str] = field(default_factory=list)


def look_at_everything(place: Place, orders: Sequence[Order]) -> Reckoning:
    """Compare what was asked for with ledger, files, Redis and processes."""
    found = Reckoning()
    paths = _look_at_the_ledger(place, orders, found)
    _look_at_the_files(place, orders, paths, found)
    _look_at_redis(place, found)
    _ask_for_an_audit(place, found)
    if (servers := _redis_servers(place)) > 1:
        found.violations.append(f"{servers} Redis servers share one folder")
    if left := _wait_for_engines(place):
        found.violations.append(f"{left} engine processes outlived their workers")
    return found


def _look_at_the_ledger(
    place: Place, orders: Sequence[Order], found: Reckoning
) -> dict[str, str]:  # fmt: skip
    """Check the rows against the wishes; give each row's path with its file's sha256."""
    rows = place.ledger.rows(_ROWS)
    batches = place.ledger.rows(
        "SELECT name, open_slices, images_total, images_done, images_failed, completed_at IS NOT NULL FROM batches"
    )
    wishes = all_wishes(orders)
    held: Counter[Wish] = Counter((row[0], row[1], row[2]) for row in rows)
    found.asked, found.rows = len(wishes), len(rows)
    found.begun_again = sum(row[6] for row in rows) - len(rows)
    found.most_attempts = max((row[6] for row in rows), default=0)
    _complain(found, "images were lost", [wish for wish in wishes if wish not in held])
    _complain(found, "images have two rows", [wish for wish, count in held.items() if count > 1])
    _complain(found, "rows were never asked for", [wish for wish in held if wish not in wishes])
    unfinished = [f"{tuple(row[:3])}: {row[3]}, {row[7]}" for row in rows if row[3] != "done"]
    _complain(found, "images are not done", unfinished)
    _complain(found, "damages in the ledger", place.ledger.damage())
    sizes = {order.name: len(order.wishes()) for order in orders}
    wrong = [
        f"{name}: {(open_slices, total, done, failed, completed)} instead of {sizes.get(name)} images"
        for name, open_slices, total, done, failed, completed in batches
        if (open_slices, total, done, failed, completed)
        != (0, sizes.get(name), sizes.get(name), 0, 1)
    ]
    _complain(found, "batches count wrongly", wrong)
    return {row[4]: row[5].hex() for row in rows if row[3] == "done"}


def _look_at_the_files(
    place: Place, orders: Sequence[Order], paths: dict[str, str], found: Reckoning
) -> None:
    outputs = place.outputs
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
        for order in orders
        for entry in range(1, len(order.prompts) + 1)
        for seed in order.seeds
    }
    strays = there - paths.keys()
    found.spare_copies = len(strays & ordered)
    _complain(found, "stray files", sorted(strays - ordered))


def _look_at_redis(place: Place, found: Reckoning) -> None:
    place.redis.ensure_running()
    _complain(found, "keys are left in Redis", left_in_redis(place))


def left_in_redis(place: Place) -> list[str]:
    """List what Redis holds of the ledger's queues and jobs."""
    ((ledger_id,),) = place.ledger.rows("SELECT ledger_id FROM identity")
    with redis.Redis(unix_socket_path=str(place.redis.socket)) as client:
        names = {
            bytes(key).decode() for key in client.scan_iter(match=f"*{ledger_id}*", count=1000)
        }
        # RQ's note of an execution that died ends by itself within minutes. Since when Redis has its memory is kept,
        # and until the next reconciliation the order of what was drawn.
        lasting = (name for name in names if client.ttl(name) == -1)
        return sorted(name for name in lasting if not name.endswith(("-since", "-order", "-turns")))


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
    audit.wait(timeout=600)
    said = (place.logs / "verify.log").read_text().splitlines()
    found.audit = said[-1] if said else "nothing"
    if audit.returncode != 0:
        kinds = ("not in the ledger:", "Files that are not in the ledger")
        if not found.spare_copies or any(not line.startswith(kinds) for line in said):
            _complain(found, "lines of `sdq verify`", said)


def _wait_for_engines(place: Place, deadline_s: float = 15.0) -> int:
    end = time.monotonic() + deadline_s
    while (left := len(place.engines())) and time.monotonic() < end:
        time.sleep(0.2)
    return left


def _complain(found: Reckoning, what: str, instances: list[Any]) -> None:
    if instances:
        shown = "; ".join(map(str, instances[:5])) + ("; ..." if len(instances) > 5 else "")
        found.violations.append(f"{len(instances)} {what}: {shown}")
