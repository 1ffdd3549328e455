"""`sdq export`: finished images as a data set, or as a list."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sdq.cli.batch import batches_before_out
from sdq.cli.candidates import batches_or_files
from sdq.cli.export_options import (
    export_options,
    list_options,
    parse_format,
    publishing,
)
from sdq.cli.image_options import where_option
from sdq.cli.option_groups import GroupedCommand, options_under
from sdq.cli.options import existing_ledger, settings_options
from sdq.cli.outcome import Outcome, outcome_options
from sdq.exports.formats import FOLDERS, LISTS, SHARDS
from sdq_core.settings import Settings
from sdq_core.values.image_files import ImageFormat

if TYPE_CHECKING:
    from db.columns.where import Where

_files = options_under("Files")
_texts = options_under("Captions and splits")
_shards = options_under("Shards (webdataset, parquet)")
_hub = options_under("Card and Hub")


@click.command("export", cls=GroupedCommand)
@batches_before_out(shell_complete=batches_or_files)
@click.argument("out", metavar="OUT")
@_files(
    "--format",
    "format_name",
    type=click.Choice([*FOLDERS, *SHARDS, *LISTS]),
    help="Not needed if OUT ends in .jsonl or .csv.",
)
@partial(where_option, option=_files)
@_files(
    "--dedup",
    metavar="phash:N",
    help="Leave out images that look like another one: their hashes differ in at most N bits. phash:6 is a good start.",
)
@_files(
    "--link",
    type=click.Choice(["copy", "hard", "sym", "reflink"]),
    help="Copy or link the images' files.  [default: copy]",
)
@_files(
    "--image-format",
    type=click.Choice([str(one) for one in ImageFormat]),
    help="Convert the images. Converted files have no metadata.",
)
@_files(
    "--resize", metavar="N|WxH", help="Resize the images: the shorter side, or both, in pixels."
)
@_files(
    "--kohya-folder", metavar="N_CLASS", help="For kohya: repeats and class.  [default: 1_images]"
)
@_texts(
    "--caption",
    metavar="TEMPLATE",
    help="The text of each image, such as '{prompt}, {meta.style}'.  [default: {prompt}]",
)
@_texts(
    "--split",
    metavar="NAME=FRACTION,...",
    help="Divide the prompts: train=0.9,val=0.05,test=0.05. A prompt's images stay together.",
)
@_texts(
    "--split-salt",
    metavar="TEXT",
    help="Divide them differently: each text gives another division.",
)
@_texts(
    "--shuffle",
    type=click.IntRange(0),
    metavar="SEED",
    help="Random order; the same seed gives the same order.",
)
@_shards(
    "--shard-size",
    metavar="SIZE",
    help="Maximum size of a shard, such as 500MB.  [default: 1GB for webdataset, 500MB for parquet]",
)
@_shards(
    "--shard-samples",
    type=click.IntRange(1),
    metavar="N",
    help="Maximum number of images in a shard.  [default: 10000]",
)
@_hub(
    "--license",
    "license_id",
    metavar="ID",
    help="The data set's licence, by the Hub's name for it, such as cc0-1.0.",
)
@_hub(
    "--push",
    metavar="OWNER/NAME",
    help="Upload the folder to this data set on the Hugging Face Hub.",
)
@_hub(
    "--private",
    is_flag=True,
    default=None,
    help="If the Hub has no such data set yet, create a private one.",
)
@outcome_options
@settings_options
def command(
    settings: Settings,
    batches: tuple[str, ...],
    out: str,
    format_name: str | None,
    where: Where | None,
    dedup: str | None,
    outcome: Outcome,
    **options: Any,
) -> int:
    """Export finished images as a data set, into the folder OUT, or as a list, into the file OUT.

    \b
    Examples:
      sdq export night data --format imagefolder --split train=0.9,test=0.1
      sdq export night data --format kohya --caption '{prompt}, {meta.style}' --image-format jpg
      sdq export night data --format webdataset --shard-size 500MB --push me/night
      sdq export night again.jsonl
      sdq export night - --format csv --where 'seed < 100'

    Run the same command again to add what is new, or to go on after an interruption. Lists can be submitted
    again; - is standard output. More in docs/datasets.md.
    """
    from sdq.cli.exporting import Exporting
    from sdq.exports.look_alikes import parse_dedup

    format_name = parse_format(format_name, out)
    with existing_ledger(settings) as ledger:
        exporting = Exporting(
            settings,
            ledger,
            batches,
            outcome,
            where=where,
            distance=None if dedup is None else parse_dedup(dedup),
        )
        if format_name in LISTS:
            return exporting.to_list(out, list_options(format_name, out, options, outcome))
        return exporting.to_folder(
            Path(out), export_options(format_name, options), publishing(options)
        )
