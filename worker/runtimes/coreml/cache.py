"""Compiled models on disk, shared by every process on the machine.

    <folder>/<package's name>-<key>.mlmodelc

Core ML caches what it prepared for the Neural Engine by the full path of the compiled model, so the path must be the
same at every load: `MLModel(package)` compiles to a new temporary folder each time and never hits that cache.

Invariant: a folder under its final name is complete, because it is compiled under another name and renamed. A lock
makes the second of two processes wait for the first instead of spending minutes on a model that is discarded. The key
covers the package's contents and the system's build, so models are compiled again after an update of macOS.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sdq_core.models.package import Package
from worker.runtimes.disk import disk_errors, drop_stale, note_use

_TEMPORARY = ".partial-"

#: Compiles the package at the first path to the second, which does not exist and ends in ``.mlmodelc``.
Compile = Callable[[Path, Path], None]


class CompiledModels:
    """The compiled models in one folder.

    system: the operating system and its build.
    """

    def __init__(self, folder: Path, system: str) -> None:
        self._folder = folder
        self._system = system

    def get(self, package: Package, compile_package: Compile, *, rebuild: bool = False) -> Path:
        """Return the compiled model of `package`, compiling it unless it exists.

        rebuild: replace an existing one.

        Raises OutputError or StorageError if the folder cannot be written, and whatever `compile_package` raises.
        """
        final = self._folder / f"{package.path.stem}-{package.content_key(self._system)}.mlmodelc"
        if final.is_dir() and not rebuild:
            note_use(final)
            return final
        with disk_errors(self._folder):
            self._folder.mkdir(exist_ok=True)
            drop_stale(self._folder, _TEMPORARY)
            with _alone(final.with_suffix(".lock")):
                if final.is_dir() and not rebuild:  # compiled by another process in the meantime
                    return final
                work = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self._folder))
                try:
                    compile_package(package.path, work / final.name)
                    if final.is_dir():
                        final.rename(work / "former")
                    (work / final.name).rename(final)
                finally:
                    shutil.rmtree(work, ignore_errors=True)
        return final


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold `lock` for the block; the system releases it when the process ends, however it ends."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
