"""The options that say what to draw, for `sdq submit` and `sdq run`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import click

from sdq.cli import candidates
from sdq.cli.options import long_options
from sdq.submitting.options import SubmitOptions
from sdq_core.errors import UsageError
from sdq_core.values.annotators import Annotator
from sdq_core.values.image_files import DEFAULT_PATH_TEMPLATE, DEFAULT_QUALITY, ImageFormat
from sdq_core.values.order import Priority
from sdq_core.values.rng import Rng
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler

Command = TypeVar("Command", bound=Callable[..., Any])


def _seeds_as_typed(
    ctx: click.Context, _parameter: click.Parameter, seeds: str | None
) -> str | None:
    """Raise UsageError for nothing, and for the rest of a long option that has one hyphen, as `-steps 30`."""
    if seeds == "":
        raise UsageError("--seed names no seeds. Write seeds like 7 or 0-99, or leave it out.")
    option = f"--s{seeds or ''}".partition("=")[0]
    if option in long_options(ctx):
        raise UsageError(f"{option[1:]!r} begins with one hyphen. Write {option}.")
    return seeds


#: What to draw.
_PROMPTS = (
    click.argument("files", nargs=-1, metavar="[FILE|-]...", shell_complete=candidates.files),
    click.option("--prompt", "prompts", multiple=True, metavar="TEXT", help="A prompt; may be repeated."),
    click.option("--negative-prompt", metavar="TEXT", help="What the images should not show."),
    click.option("-s", "--seed", "--seed-range", "seeds", metavar="SEEDS", callback=_seeds_as_typed,
                 help="Seeds: 7, 0-99, 0-99(+10), 0-100[5] or 1,5,9-12 [0]."),
    click.option("--random-seeds", type=click.IntRange(1, 100_000), metavar="N",
                 help="Choose N random seeds per prompt now, and record them."),
    click.option("--num-inference-steps", "--steps", metavar="N",
                 help="Denoising steps per image; separate several with commas [the model's own, else 20]."),
    click.option("--guidance-scale", "--cfg-scale", metavar="X",
                 help="How closely to follow the prompt, 0 for no guidance; separate several with commas "
                      "[the model's own, else 7.5]."),
    click.option("--scheduler", metavar="NAME", shell_complete=candidates.words(*Scheduler),
                 help="DDIM, DPMSolverMultistep, EulerAncestralDiscrete, EulerDiscrete, LCM, LMSDiscrete, PNDM or TCD; "
                      "separate several with commas [the model's own, else DPMSolverMultistep]."),
    click.option("--rng", metavar="NAME", shell_complete=candidates.words(*Rng),
                 help="Which tools' noise a seed gives: numpy (Apple's), torch (diffusers, ComfyUI) or nvidia "
                      "(AUTOMATIC1111); separate several with commas [numpy]."),
    click.option("--eta", metavar="X",
                 help="How much noise TCD adds, from 0 to 1; separate several with commas [0]."),
    click.option("--weighted", is_flag=True,
                 help="Let (word:1.2), (word) and [word] in prompts weigh words, as in AUTOMATIC1111."),
    click.option("--init-image", "init_images", multiple=True, metavar="FILE|DIR|GLOB",
                 help="Draw from a picture: each prompt with each picture of a file, a folder or a pattern in quotes; "
                      "may be repeated."),
    click.option("--strength", metavar="X",
                 help="How much of the picture to redraw, above 0 and up to 1; separate several with commas [0.5]."),
    click.option("--mask", metavar="FILE",
                 help="Redraw only where this picture is white, and keep the rest of --init-image."),
    click.option("--original-size", metavar="WxH",
                 help="Stable Diffusion XL: the original size that the model is told [the image's own]."),
    click.option("--crop", metavar="LEFT,TOP",
                 help="Stable Diffusion XL: the crop that the model is told, in pixels from the left and the top "
                      "[0,0]."),
    click.option("--controlnet", "controlnets", multiple=True, metavar="NAME:FILE|DIR[:SCALE[:START-END]]",
                 help="Follow a picture with a ControlNet, such as edges:photo.png:0.8:0-0.5, or each picture of a "
                      "folder; may be repeated."),
    click.option("--annotate", type=click.Choice([str(word) for word in Annotator]),
                 help="Turn the pictures of --controlnet into maps first: canny finds edges."),
    click.option("--model", metavar="NAME|DIR", shell_complete=candidates.model_names,
                 help="A model's name or folder [demo]."),
    click.option("--variant", metavar="NAMES",
                 shell_complete=candidates.words(*AttentionImplementation, "auto", "any"),
                 help="original, split_einsum or split_einsum_v2; separate several with commas. auto: the "
                      "fastest that `sdq bench` measured, else original [auto]. any: whichever a worker has."),
    click.option("--compute-unit", metavar="UNIT",
                 shell_complete=candidates.words(*ComputeUnit, "auto"),
                 help="ALL, CPU_AND_GPU, CPU_AND_NE or CPU_ONLY. auto: the fastest measured, else ALL [auto]."),
)  # fmt: skip
#: The batch, and its place among others.
BATCH_OPTIONS = (
    click.option("--batch", metavar="NAME", shell_complete=candidates.batch_names,
                 help="Name of the batch; {date} and {time} stand for the current ones, and an existing batch grows "
                      "[the file's name]."),
    click.option("--priority", type=click.Choice([str(priority) for priority in Priority]),
                 help="Priority of the batch: high is drawn before normal, and normal before low [normal]."),
    click.option("--at-front", is_flag=True,
                 help="Draw the batch before all others of its priority instead of taking turns with them."),
    click.option("--interleave/--by-prompt", default=False,
                 help="Draw the first seed of every prompt, then the second, then more at a time; or all seeds "
                      "of a prompt, then those of the next [by prompt]."),
)  # fmt: skip
#: How prompts are read.
_READING = (
    click.option("--format", "prompt_format",
                 type=click.Choice(["txt", "csv", "tsv", "jsonl", "json", "yaml", "toml"]),
                 help="Format of the files [from their extension]."),
    click.option("--literal", is_flag=True, help="Draw every line as it is: no --options, no # comments, "
                 "no check for other tools' syntax."),
    click.option("--dynamic", type=click.Choice(["random", "combinatorial"]),
                 help="Make the choices in prompts, {a|b} and __wildcard__: at random for each seed, or all "
                      "combinations."),
    click.option("--wildcards", metavar="DIR",
                 help="The folder of wildcards [wildcards beside the first prompt file]."),
    click.option("--dynamic-seed", type=click.IntRange(0, 2**32 - 1), metavar="N",
                 help="Seed of the choices that --dynamic random makes [0]."),
)  # fmt: skip
#: Limits, and the files.
FILE_OPTIONS = (
    click.option("--max-images", type=click.IntRange(1, 10_000_000), metavar="N",
                 help="Refuse to submit more images than this [100,000 with choices or several values, else "
                      "10,000,000]."),
    click.option("--strict", is_flag=True, help="Refuse to submit more images than the disk has room for."),
    click.option("--path-template", metavar="TEMPLATE",
                 help="Where to save a new batch's images in the output folder, without the extension "
                      f"[{DEFAULT_PATH_TEMPLATE}]. See docs/files.md for the tokens."),
    click.option("--image-format", type=click.Choice([str(kind) for kind in ImageFormat]),
                 help="Format of a new batch's images [png]."),
    click.option("--quality", type=click.IntRange(1, 100), metavar="N",
                 help=f"Quality of jpg, webp and avif, 1 to 100 [{DEFAULT_QUALITY}]."),
)  # fmt: skip


def submission_options(command: Command) -> Command:
    """Add the options that say what to draw; the command gets an `options` argument, `SubmitOptions`."""
    return with_submit_options(command, (*_PROMPTS, *BATCH_OPTIONS, *_READING, *FILE_OPTIONS))


def with_submit_options(command: Command, options: Sequence[Callable[[Any], Any]]) -> Command:
    """Add some of these options, and gather them; those that are not among them are left out."""

    @functools.wraps(command)
    def with_options(*args: Any, **kwargs: Any) -> Any:
        names = (field.name for field in fields(SubmitOptions))
        given = {name: kwargs.pop(name) for name in names if name in kwargs}
        return command(*args, options=SubmitOptions(**given), **kwargs)

    for option in reversed(options):
        with_options = option(with_options)
    return with_options  # type: ignore[return-value]
