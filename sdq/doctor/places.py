"""The folders: whether they are writable, how much space is free, and which models are in them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from sdq.doctor.report import Fact, Section
from sdq_core.images.root import lost
from sdq_core.models import ModelStore
from sdq_core.models.inventory import inventory
from sdq_core.settings import Settings

#: A night of images, or a small prepared model; a full-size model takes several times as much.
_LEAST_FREE_BYTES = 1_000_000_000


def folders(settings: Settings) -> Section:
    """Examine data and output folder; for one that does not exist, the folder it would be created in."""
    facts: list[Fact] = []
    problems: list[str] = []
    for name, folder, variable in (
        ("data folder", settings.home, "SDQ_HOME"),
        ("outputs", settings.outputs, "SDQ_OUTPUTS"),
    ):
        there = _nearest(folder)
        absence = lost(folder, settings.home) if name == "outputs" else None
        state = "exists" if there == folder else "not created yet"
        facts.append(Fact(name=name, text=f"{folder}, {'absent' if absence else state}"))
        if absence:
            problems.append(absence)
            continue
        try:
            _try_to_write(there)
        except OSError as error:
            reason = error.strerror or error
            problems.append(
                f"Cannot write to the {name} {folder} ({reason}). Fix that, or set {variable} to another folder."
            )
        try:
            free_bytes = shutil.disk_usage(there).free
        except OSError:
            continue
        facts.append(
            Fact(
                name=f"free for {name}",
                text=f"{free_bytes / 1e9:,.1f} GB",
                value={"bytes": free_bytes},
            )
        )
        if free_bytes < _LEAST_FREE_BYTES:
            problems.append(
                f"Only {free_bytes / 1e9:.2f} GB are free on the disk of {folder}. Free some space: preparing a "
                "full-size model takes several gigabytes."
            )
    return Section(title="Folders", facts=facts, problems=problems)


def models(settings: Settings) -> Section:
    """Return the models here, as `sdq models` lists them."""
    facts: list[Fact] = []
    problems: list[str] = []
    try:
        for model in inventory(ModelStore(settings.models)):
            name = f"{model.name} {model.variant}"
            text = f"{model.kind}, {model.size_bytes / 1e6:,.1f} MB"
            if model.problem:
                problems.append(f"Model {name} is unusable: {model.problem}")
                text += ", unusable"
            else:
                text += f", {model.width}x{model.height}, {model.precision}"
            facts.append(Fact(name=name, text=text, value={"revision": model.revision, "is": text}))
    except OSError as error:
        problems.append(f"Cannot read {settings.models} ({error.strerror}). Fix its permissions.")
    return Section(title="Models", facts=facts, problems=problems)


def _nearest(folder: Path) -> Path:
    """Return the folder, or its nearest parent that exists."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def _try_to_write(folder: Path) -> None:
    """Write an unnamed file, which leaves nothing behind; raise OSError if that fails."""
    with tempfile.TemporaryFile(dir=folder, prefix=".sdq-doctor-") as file:
        file.write(b"sdq")
        file.flush()
        os.fsync(file.fileno())
