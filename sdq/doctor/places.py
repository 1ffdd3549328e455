"""The folders: can they be written, is there room, and which models lie in them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from sdq.doctor.report import Fact, Section
from sdq_core.models import ModelStore
from sdq_core.models.inventory import inventory
from sdq_core.settings import Settings

#: A night of pictures, or a small model made ready; a model of full size takes several.
_LEAST_FREE_BYTES = 1_000_000_000


def folders(settings: Settings) -> Section:
    """Look at data and output folder; one that is not there is judged by the folder that it would be made in."""
    facts: list[Fact] = []
    problems: list[str] = []
    for name, folder, variable in (
        ("data folder", settings.home, "SDQ_HOME"),
        ("outputs", settings.outputs, "SDQ_OUTPUTS"),
    ):
        there = _nearest(folder)
        state = "there" if there == folder else "not made yet"
        facts.append(Fact(name=name, said=f"{folder}, {state}"))
        try:
            _try_to_write(there)
        except OSError as error:
            reason = error.strerror or error
            problems.append(
                f"The {name} {folder} cannot be written ({reason}): mend that, or set {variable} to another folder."
            )
        try:
            free_bytes = shutil.disk_usage(there).free
        except OSError:
            continue
        facts.append(
            Fact(
                name=f"free for {name}",
                said=f"{free_bytes / 1e9:,.1f} GB",
                value={"bytes": free_bytes},
            )
        )
        if free_bytes < _LEAST_FREE_BYTES:
            problems.append(
                f"The disk of {folder} has {free_bytes / 1e9:.2f} GB left: make room; a model that is made ready takes "
                "gigabytes."
            )
    return Section(title="Folders", facts=facts, problems=problems)


def models(settings: Settings) -> Section:
    """List the models here, as `sdq models` does."""
    facts: list[Fact] = []
    problems: list[str] = []
    try:
        for model in inventory(ModelStore(settings.models)):
            name = f"{model.name} {model.attention_implementation}"
            said = f"{model.kind}, {model.size_bytes / 1e6:,.1f} MB"
            if model.problem:
                problems.append(f"Model {name} cannot be drawn with: {model.problem}")
                said += ", unusable"
            else:
                said += f", {model.width}x{model.height}, {model.precision}"
            facts.append(Fact(name=name, said=said, value={"revision": model.revision, "is": said}))
    except OSError as error:
        problems.append(f"{settings.models} cannot be read ({error.strerror}): mend its rights.")
    return Section(title="Models", facts=facts, problems=problems)


def _nearest(folder: Path) -> Path:
    """Give the folder itself, or the nearest one above that is there."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def _try_to_write(folder: Path) -> None:
    """Write a file without a name, of which nothing stays; raise OSError where that cannot be."""
    with tempfile.TemporaryFile(dir=folder, prefix=".sdq-doctor-") as file:
        file.write(b"sdq")
        file.flush()
        os.fsync(file.fileno())
