"""`--path-template`, `--image-format` and `--quality`: how a batch's files are named and encoded."""

from __future__ import annotations

from datetime import datetime

from db.values import BatchOptions
from producer.reading.words import parse_image_format
from sdq.submitting.options import SubmitOptions
from sdq_core.errors import InputError, UsageError
from sdq_core.images.filing import Filing, without_ending
from sdq_core.images.formats import require
from sdq_core.images.template import PathTemplate
from sdq_core.settings import Preferences
from sdq_core.values.image_files import ImageFormat


def filing_for(
    options: SubmitOptions, preferences: Preferences, batch: BatchOptions | None, batch_name: str
) -> Filing:
    """Return what a batch has, or what a new one gets; batch: None for a new one.

    Raise UsageError for options that cannot be used or that would change an existing batch, ConfigurationError for a
    format that cannot be written here.
    """
    try:
        if batch is not None:
            return _kept(options, Filing.of(batch.given), batch_name)
        filing = _new(options, preferences)
    except InputError as error:
        raise UsageError(f"--path-template: {error}") from error
    require(filing.image_format)
    return filing


def _new(options: SubmitOptions, preferences: Preferences) -> Filing:
    image_format = parse_image_format(options.image_format or preferences.image_format)
    if image_format.is_lossless and options.quality is not None:
        raise UsageError(
            "--quality is for jpg, webp and avif; a png loses nothing. Leave it out, or add --image-format."
        )
    template, quality = options.path_template, options.quality
    return Filing.make(
        preferences.path_template if template is None else template,
        image_format,
        preferences.quality if quality is None else quality,
        datetime.now().astimezone().date().isoformat(),
    )


def _kept(options: SubmitOptions, kept: Filing, batch_name: str) -> Filing:
    asked = options.path_template
    if asked is not None:
        asked = PathTemplate.parse(without_ending(asked, kept.image_format)).text
    for option, value, has in (
        ("--image-format", options.image_format and ImageFormat(options.image_format), kept.image_format),
        ("--quality", options.quality, kept.quality),
        ("--path-template", asked, kept.template.text),
    ):  # fmt: skip
        if value is not None and value != has:
            raise UsageError(
                f"Batch {batch_name} has its files as {kept.describe()}, and that cannot change. Leave {option} out, "
                "or name another --batch."
            )
    return kept
