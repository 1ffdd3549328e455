"""A worker's death is known from the lock that it held; processes and locks are real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.claims.presence import Presence, dead_workers

LIVE = """
import sys
from pathlib import Path
from worker.claims.presence import Presence
presence = Presence(Path(sys.argv[1]), sys.argv[2])
presence.begin()
presence.note(redis="r1")
print("here", flush=True)
sys.stdin.read()
presence.end()
"""


WRITE_LATER = """
import resource, sys
from pathlib import Path
from worker.claims.presence import Presence
presence = Presence(Path(sys.argv[1]), "late")
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
presence.begin()
presence.note(redis="r1")
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
print(dict(presence.about("late")))
presence.begin()
presence.note(redis="r2")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "workers"


@pytest.fixture
def neighbour(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", LIVE, str(folder), "n"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"here\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def presence(folder: Path) -> Iterator[Presence]:
    own = Presence(folder, "own")
    own.begin()
    own.note(redis="r1")
    yield own
    own.end()


Process = subprocess.Popen[bytes]


def test_a_neighbour_lives_until_it_is_killed(presence: Presence, neighbour: Process) -> None:
    assert presence.dead() == []
    assert not presence.is_alone()
    os.kill(neighbour.pid, signal.SIGSTOP)
    assert presence.dead() == [], "it is suspended, not dead"
    neighbour.kill()
    neighbour.wait()
    (departed,) = presence.dead()
    assert (departed.worker, departed.about["redis"]) == ("n", "r1")
    assert presence.is_alone()
    presence.forget("n")
    assert presence.dead() == []


def test_one_that_ends_in_order_leaves_nothing(
    presence: Presence, neighbour: Process, folder: Path
) -> None:
    assert neighbour.stdin is not None
    neighbour.stdin.close()
    neighbour.wait(timeout=60)
    assert presence.dead() == []
    assert [path.name for path in folder.iterdir()] == ["own.lock"]


def test_what_a_full_disk_did_not_take_is_written_later(folder: Path) -> None:
    """Or a worker that began on a full disk would not be known to be dead."""
    told = subprocess.run(
        [sys.executable, "-c", WRITE_LATER, str(folder)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert told.stdout == b"{}\n"
    assert Presence(folder, "own").about("late")["redis"] == "r2"


def test_a_living_neighbour_is_not_forgotten(presence: Presence, neighbour: Process) -> None:
    presence.forget("n")
    neighbour.kill()
    neighbour.wait()
    assert [departed.worker for departed in presence.dead()] == ["n"]


def test_a_file_of_another_machine_tells_nothing(presence: Presence, folder: Path) -> None:
    """The folder may be shared over a network that does not pass locks on."""
    (folder / "far.lock").write_text(json.dumps({"host": "far", "boot": "other", "redis": ""}))
    assert presence.dead() == []
    assert presence.about("far")["host"] == "far"


def test_a_file_of_this_machine_before_it_was_booted_is_a_dead_workers(
    presence: Presence, folder: Path
) -> None:
    (folder / "own.lock").replace(folder / "before.lock")
    about = json.loads((folder / "before.lock").read_text())
    (folder / "before.lock").unlink()
    (folder / "before.lock").write_text(json.dumps(about | {"boot": "the one before"}))
    assert [departed.worker for departed in presence.dead()] == ["before"]


@pytest.mark.parametrize("content", ["", "no JSON", "[]"])
def test_a_file_that_says_nothing_is_left_alone(
    presence: Presence, folder: Path, content: str
) -> None:
    (folder / "odd.lock").write_text(content)
    assert presence.dead() == []


def test_without_a_folder_nobody_is_dead(tmp_path: Path) -> None:
    assert dead_workers(tmp_path / "nowhere") == []
    presence = Presence(tmp_path / "no parent" / "workers", "own")
    presence.begin()  # the data folder is gone: it is not made again
    assert not (tmp_path / "no parent").exists()
    presence.end()
