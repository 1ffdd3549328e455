"""What befalls the disks: the outputs cannot be written, are gone, or are full."""

from __future__ import annotations

import errno
from pathlib import Path

from tests.chaos.troubles.trouble import Scene, Struck, Trouble


def disk_troubles(scene: Scene) -> list[Trouble]:
    """List what can be done to the disks here."""
    disks = DiskTroubles(scene)
    kinds = [
        Trouble(name="outputs closed", rate=2, strike=disks.close_outputs, thing="outputs", wide=True),
        Trouble(name="outputs unplugged", rate=2, strike=disks.unplug_outputs, thing="outputs", wide=True),
    ]  # fmt: skip
    if scene.place.disk:
        kinds.append(Trouble(name="disk full", rate=2.5, strike=disks.fill, thing="disk", wide=True))  # fmt: skip
    return kinds


class DiskTroubles:
    """Each method gives None when there was nothing to hit."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._outputs = scene.place.outputs

    def close_outputs(self) -> Struck | None:
        """Take the right to write from all output folders."""
        if not self._outputs.is_dir():
            return None
        folders = [self._outputs, *(path for path in self._outputs.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o500)

        def open_again() -> None:
            for folder in folders:
                folder.chmod(0o755)

        return Struck(workers=None, lasts_s=self._scene.duration_s(), heal=open_again)

    def unplug_outputs(self) -> Struck | None:
        """Take the folder away, as a drive that is unplugged."""
        away = self._outputs.with_name("outputs.unplugged")
        if not self._outputs.is_dir():
            return None
        self._outputs.rename(away)

        def plug_in() -> None:
            if self._outputs.exists():
                # What was written to the mount point meanwhile lies hidden beneath the drive.
                hidden = len(list(self._outputs.parent.glob("outputs.hidden-*")))
                self._outputs.rename(self._outputs.with_name(f"outputs.hidden-{hidden}"))
            away.rename(self._outputs)

        return Struck(workers=None, lasts_s=self._scene.duration_s(), heal=plug_in)

    def fill(self) -> Struck | None:
        """Leave no byte free."""
        disk = self._scene.place.disk
        assert disk is not None
        filler = disk / "filler"
        _fill(filler)
        return Struck(workers=None, lasts_s=self._scene.duration_s(), heal=filler.unlink)


def _fill(path: Path) -> None:
    """Write until nothing more fits, the last bytes one by one."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    if file.write(b"\0" * size) < size:
                        break
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
