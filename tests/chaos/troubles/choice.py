"""All kinds of trouble that can come to a place."""

from __future__ import annotations

from collections.abc import Sequence

from tests.chaos.troubles.disks import disk_troubles
from tests.chaos.troubles.services import service_troubles
from tests.chaos.troubles.trouble import Scene, Struck, Trouble
from tests.chaos.troubles.updates import update_troubles
from tests.chaos.troubles.workers import SUSPENDS_ENGINES, worker_troubles


def all_troubles(scene: Scene, more: Sequence[Trouble] = ()) -> list[Trouble]:
    """List what can be done here. more: what only this storm has."""

    def kill_submission() -> Struck | None:
        return Struck() if scene.customer.kill() else None

    def kill_export() -> Struck | None:
        return Struck() if scene.curator.kill() else None

    def kill_server() -> Struck | None:
        return Struck() if scene.onlooker and scene.onlooker.kill() else None

    def jump() -> Struck | None:
        scene.dice.choice(scene.place.clocks).jump(scene.dice)
        return Struck()

    kinds = [
        *worker_troubles(scene),
        *service_troubles(scene),
        *disk_troubles(scene),
        *update_troubles(scene),
        *more,
    ]
    kinds.append(Trouble(name="submission killed", rate=12, strike=kill_submission, is_kill=True))
    kinds.append(Trouble(name="export killed", rate=12, strike=kill_export, is_kill=True))
    if scene.onlooker:
        kinds.append(
            Trouble(name="server of pages killed", rate=12, strike=kill_server, is_kill=True)
        )
    if scene.place.clocks:
        kinds.append(Trouble(name="clock jumped", rate=4, strike=jump))
    if scene.builds:
        # A unit that hangs and an engine that somebody suspends look alike.
        kinds = [kind for kind in kinds if kind.name not in SUSPENDS_ENGINES]
    return kinds
