"""The options of `sdq export`, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdq.cli.outcome import Outcome
from sdq.exports.formats import FOLDERS, LISTS, SHARDS
from sdq_core.errors import UsageError
from sdq_core.images.formats import require
from sdq_core.printable import quote
from sdq_core.values.image_files import ImageFormat
from sdq_core.values.sizes import parse_size

if TYPE_CHECKING:
    from sdq.cli.publishing import Publishing
    from sdq.exports.captions import Caption
    from sdq.exports.lists.write import ListOptions
    from sdq.exports.options import ExportOptions
    from sdq.exports.splits import Splits

STANDARD_OUTPUT = "-"

_OF_FOLDERS = (
    "link",
    "image_format",
    "resize",
    "kohya_folder",
    "shuffle",
    "shard_size",
    "shard_samples",
    "license_id",
    "push",
    "private",
)
#: As the Hub's names of licences are.
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,62}")
_KOHYA_FOLDER = re.compile(r"[1-9][0-9]{0,5}_[^/\\\0]{1,200}")


def parse_format(named: str | None, out: str) -> str:
    """Return the format: the one that is named, or what the ending of OUT says; raise UsageError if it says nothing."""
    if named is not None:
        if named not in LISTS and out == STANDARD_OUTPUT:
            raise UsageError(f"{named} is a folder, which cannot go to standard output. Name one.")
        return named
    suffix = Path(out).suffix.lower().removeprefix(".")
    if suffix not in LISTS:
        known = ", ".join((*FOLDERS, *SHARDS, *LISTS))
        raise UsageError(
            f"The format of {quote(out)} is not clear. Add --format with one of {known}."
        )
    return suffix


def list_options(name: str, out: str, given: Mapping[str, Any], outcome: Outcome) -> ListOptions:
    """Return the options of a list; raise UsageError for those that it cannot have."""
    from sdq.exports.lists.write import ListOptions

    for option in _OF_FOLDERS:
        if given[option] is not None:
            raise UsageError(
                f"--{option.removesuffix('_id').replace('_', '-')} is for folders of images; {name} is a list of them. "
                "Leave it out."
            )
    if outcome.as_json and out == STANDARD_OUTPUT:
        raise UsageError("--json prints to standard output, where the list goes. Leave it out.")
    splits = _splits(given)
    return ListOptions(
        format=name,
        caption=_caption(given) if given["caption"] is not None else None,
        splits=splits if given["split"] is not None else None,
    )


def export_options(name: str, given: Mapping[str, Any]) -> ExportOptions:
    """Return the options of a data set; raise UsageError for those that cannot be combined.

    Raise ConfigurationError for a format that Pillow cannot write here.
    """
    from sdq.exports.conversion import Conversion
    from sdq.exports.link import Link
    from sdq.exports.options import ExportOptions

    image_format = given["image_format"] and ImageFormat(given["image_format"])
    if image_format:
        require(image_format)
    conversion = Conversion.parse(image_format, given["resize"])
    if given["link"] not in {None, "copy"} and (conversion or name not in FOLDERS):
        why = "a converted image is a new file" if conversion else f"{name} packs the images"
        raise UsageError(f"--link {given['link']} is not possible: {why}. Leave it out.")
    if name not in SHARDS and (given["shard_size"] or given["shard_samples"]):
        raise UsageError(
            f"--shard-size and --shard-samples are for {' and '.join(SHARDS)}. Leave them out."
        )
    kohya_folder = given["kohya_folder"]
    if kohya_folder is not None:
        if name != "kohya":
            raise UsageError("--kohya-folder is for --format kohya. Leave it out.")
        if not _KOHYA_FOLDER.fullmatch(kohya_folder):
            raise UsageError(
                f"--kohya-folder is {quote(kohya_folder)}; write how often images are repeated and the class, such as "
                "10_house."
            )
    return ExportOptions(
        format=name,
        caption=_caption(given),
        splits=_splits(given),
        conversion=conversion,
        link=Link(given["link"] or Link.COPY),
        shuffle=given["shuffle"],
        samples_per_part=given["shard_samples"],
        bytes_per_part=_bytes(given["shard_size"]),
        kohya_folder=kohya_folder or "1_images",
    )


def publishing(given: Mapping[str, Any]) -> Publishing:
    """Return what is asked for beside the files; raise an error for what could not be pushed anyhow."""
    from sdq.cli.publishing import Publishing

    license_id, repository = given["license_id"], given["push"]
    if license_id is not None and not _LICENSE.fullmatch(license_id):
        raise UsageError(
            f"--license is {quote(license_id)}; write the Hub's name of a licence, such as cc0-1.0, or other."
        )
    if given["private"] and repository is None:
        raise UsageError("--private is for --push. Add it, or leave both out.")
    if repository is not None:
        from sdq.exports.push import require_ready

        require_ready(repository)
    return Publishing(license_id=license_id, repository=repository, private=given["private"])


def _bytes(text: str | None) -> int | None:
    """Return a size such as ``500MB`` or ``1.5 GiB`` in bytes."""
    if text is None:
        return None
    size = parse_size(text)
    if size is None:
        raise UsageError(f"--shard-size is {quote(text)}; write a size such as 500MB or 2GB.")
    return size


def _caption(given: Mapping[str, Any]) -> Caption:
    from sdq.exports.captions import DEFAULT_TEMPLATE, Caption

    template = given["caption"]
    return Caption.parse(DEFAULT_TEMPLATE if template is None else template)


def _splits(given: Mapping[str, Any]) -> Splits:
    from sdq.exports.splits import Splits

    salt = given["split_salt"] or ""
    if given["split"] is not None:
        return Splits.parse(given["split"], salt=salt)
    if salt:
        raise UsageError("--split-salt needs --split. Add it, or leave both out.")
    return Splits()
