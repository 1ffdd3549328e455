"""`sdq show`: all that is known of a batch or an image."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdq.cli.batch import named_batch
from sdq.cli.candidates import batches_or_files
from sdq.cli.options import existing_ledger, settings_options
from sdq_core.errors import InputError, InputMissingError
from sdq_core.settings import Settings, whole_path
from sdq_core.values.image_files import ImageFormat

if TYPE_CHECKING:
    from db.known_image import KnownImage
    from db.ledger import Ledger
    from db.values import BatchStatus

#: `night/3/42` and `night/00003/00003-42.png`: the third prompt with seed 42.
_IMAGE = re.compile(
    r"(?P<batch>.+?)(?:/\d{5,9})?/(?P<entry>\d{1,9})[-/](?P<seed>\d{1,10})(?:\.\w+)?", re.DOTALL
)


@click.command("show")
@click.argument("what", metavar="BATCH|IMAGE|FILE", shell_complete=batches_or_files)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@settings_options
def command(settings: Settings, what: str, as_json: bool) -> None:
    """Show all that is known of a batch or of one image.

    An image is BATCH/PROMPT/SEED, such as night/3/42, or its file, which tells how it was drawn, wherever it is, even
    if this ledger does not know it.
    """
    with existing_ledger(settings) as ledger:
        status = ledger.batches.find(what) if ledger else None
        file = None if status else _file(settings, what)
        named = _IMAGE.fullmatch(what)
        if file:
            lines, document = _of_file(settings, ledger, file)
        elif named and not status:
            lines, document = _of_image(settings, ledger, named)
        else:
            lines, document = _of_batch(settings, ledger, status or named_batch(ledger, what))
    click.echo(json.dumps(document, indent=2) if as_json else "\n".join(lines))


Shown = tuple[list[str], dict[str, object]]


def _of_batch(settings: Settings, ledger: Ledger | None, status: BatchStatus) -> Shown:
    from sdq.views.batch import batch_as_dict, batch_facts
    from sdq_core.images.filing import Filing

    assert ledger is not None  # or there would be no batch
    request = ledger.batches.request(status.id)
    folder = settings.outputs / Filing.of(request.options.given).folder(status.name)
    return batch_facts(status, request, folder), batch_as_dict(ledger, status, request, folder)


def _of_image(settings: Settings, ledger: Ledger | None, named: re.Match[str]) -> Shown:
    from sdq.views.image import image_as_dict, image_facts

    status = named_batch(ledger, named["batch"])
    entry, seed = int(named["entry"]), int(named["seed"])
    image = ledger.batches.image(status.id, entry, seed) if ledger else None
    if image is None:
        raise InputMissingError(
            f"Batch {status.name} does not ask for prompt {entry} with seed {seed}. See `sdq show {status.name}`."
        )
    return image_facts(image, settings.outputs), image_as_dict(image, settings.outputs)


def _of_file(settings: Settings, ledger: Ledger | None, file: Path) -> Shown:
    from sdq.views.image import image_as_dict, image_facts, record_as_dict, record_facts
    from sdq_core.images.read import FileRecord, read_record

    image = _by_place(settings, ledger, file) if ledger else None
    if image is None:
        record: FileRecord | InputError
        try:
            record = read_record(file)
            if ledger:
                image = ledger.batches.image_of_recipe(record.recipe.content_key, record.seed)
        except InputError as error:
            record = error
        # Without a record; or its recipe leaves the variant open, while the file names the one that drew it.
        image = image or (_by_path(settings, ledger, file) if ledger else None)
        if image is None:
            if isinstance(record, InputError):
                raise record
            return record_facts(record, file), record_as_dict(record, file)
    drawn = image.image
    changed = drawn is None or _sha256(file) != drawn.sha256
    return (
        image_facts(image, settings.outputs, file, changed=changed),
        {
            **image_as_dict(image, settings.outputs),
            "asked": {"path": str(file), "changed": changed},
        },
    )


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise InputMissingError(f"Cannot read {file} ({error.strerror}).") from None


def _by_place(settings: Settings, ledger: Ledger, file: Path) -> KnownImage | None:
    """Return the image whose file this is, by its place below the outputs, if that is as is the default."""
    from sdq_core.images.path import batch_folder

    try:
        place = file.relative_to(settings.outputs).as_posix()
    except ValueError:
        return None
    named = _IMAGE.fullmatch(place)
    if named is None:
        return None
    for name in ledger.batches.beginning_with(""):
        if batch_folder(name) == named["batch"]:
            image = ledger.batches.image(name, int(named["entry"]), int(named["seed"]))
            return image if image and image.image and image.image.path == place else None
    return None


def _by_path(settings: Settings, ledger: Ledger, file: Path) -> KnownImage | None:
    """Return the image whose row has this path below the outputs, which takes a look at every image."""
    try:
        return ledger.batches.image_at(file.relative_to(settings.outputs).as_posix())
    except ValueError:
        return None


def _file(settings: Settings, what: str) -> Path | None:
    """Return the file that is meant, as given or below the outputs; None if it is not a file's name."""
    if "/" not in what and "." not in what:
        return None
    for place in (whole_path(what), settings.outputs / what):
        try:
            if place.is_file():
                return place
        except (OSError, ValueError):  # no file can have this name
            continue
    endings = tuple(image_format.suffix for image_format in ImageFormat)
    if what.lower().endswith(endings) and not _IMAGE.fullmatch(what):
        raise InputMissingError(f"There is no file {what!r}.")
    return None
