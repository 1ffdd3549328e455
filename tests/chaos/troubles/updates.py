"""An update of the system: everything ends, and other compute units fail from then on."""

from __future__ import annotations

import contextlib
import time

import psutil

from tests.chaos.troubles.trouble import Scene, Struck, Trouble

_BOOTS_S = (2.0, 6.0)


def update_troubles(scene: Scene) -> list[Trouble]:
    """List what updates of the system do, where builds differ."""
    builds = scene.builds
    if builds is None:
        return []

    def update() -> Struck:
        for berth in scene.fleet.berths:
            scene.fleet.kill(berth)
        for engine in scene.place.engines():
            with contextlib.suppress(psutil.Error):
                engine.kill()
                engine.wait(timeout=5)
        builds.update()
        lasts_s = scene.dice.uniform(*_BOOTS_S)
        for berth in scene.fleet.berths:
            berth.not_before = time.monotonic() + lasts_s
        return Struck(workers=None, lasts_s=lasts_s, heal=lambda: None)

    return [
        Trouble(name="system updated", rate=10, strike=update, is_kill=True, thing="system", wide=True)
    ]  # fmt: skip
