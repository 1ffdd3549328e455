"""The options that say what to draw, for `sdq submit` and `sdq run`."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import click

from sdq.cli import candidates
from sdq_core.errors import InputError
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler

Command = TypeVar("Command", bound=Callable[..., Any])


def _whole(written: str) -> int:
    """Return a whole number that is written as prompt files may have it, such as 30.0; raise BadParameter."""
    from producer.reading.json_values import whole

    with _refusing():
        return whole("the value", written)


def _number(written: str) -> float:
    """Return a number likewise, such as 7,5."""
    from producer.reading.json_values import number

    with _refusing():
        return number("the value", written)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise click.BadParameter(f"{error}.") from None


@dataclass(frozen=True, kw_only=True)
class SubmitOptions:
    """The options as typed; None, or empty, for those left out. `sdq.cli.submission` checks them."""

    files: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    negative_prompt: str | None = None
    seeds: str | None = None
    random_seeds: int | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    scheduler: str | None = None
    model: str | None = None
    variant: str | None = None
    compute_unit: str | None = None
    batch: str | None = None
    prompt_format: str | None = None
    literal: bool = False


def submission_options(command: Command) -> Command:
    """Add the options that say what to draw; the command gets an `options` argument, `SubmitOptions`."""

    @functools.wraps(command)
    def with_options(*args: Any, **kwargs: Any) -> Any:
        given = {field.name: kwargs.pop(field.name) for field in fields(SubmitOptions)}
        return command(*args, options=SubmitOptions(**given), **kwargs)

    for option in reversed(
        (
            click.argument("files", nargs=-1, metavar="[FILE|-]...", shell_complete=candidates.files),
            click.option("--prompt", "prompts", multiple=True, metavar="TEXT", help="A prompt; may be repeated."),
            click.option("--negative-prompt", metavar="TEXT", help="What the images should not show."),
            click.option("-s", "--seed", "--seed-range", "seeds", metavar="SEEDS",
                         help="Seeds: 7, 0-99, 0-99(+10), 0-100[5] or 1,5,9-12 [0]."),
            click.option("--random-seeds", type=click.IntRange(1, 100_000), metavar="N",
                         help="Choose N random seeds per prompt now, and record them."),
            click.option("--num-inference-steps", "--steps", type=_whole, metavar="N",
                         help="Denoising steps per image [20]."),
            click.option("--guidance-scale", "--cfg-scale", type=_number, metavar="X",
                         help="How closely to follow the prompt [7.5]."),
            click.option("--scheduler", metavar="NAME", shell_complete=candidates.words(*Scheduler),
                         help="DDIM, DPMSolverMultistep, EulerAncestralDiscrete, EulerDiscrete, LMSDiscrete or PNDM "
                              "[DPMSolverMultistep]."),
            click.option("--model", metavar="NAME|DIR", shell_complete=candidates.model_names,
                         help="A model's name or folder [demo]."),
            click.option("--variant", metavar="NAMES",
                         shell_complete=candidates.words(*AttentionImplementation, "auto", "any"),
                         help="original, split_einsum or split_einsum_v2; with commas, each of several. auto: the "
                              "fastest that `sdq bench` measured, else original [auto]. any: whichever a worker has."),
            click.option("--compute-unit", metavar="UNIT",
                         shell_complete=candidates.words(*ComputeUnit, "auto"),
                         help="ALL, CPU_AND_GPU, CPU_AND_NE or CPU_ONLY. auto: the fastest measured, else ALL [auto]."),
            click.option("--batch", metavar="NAME", shell_complete=candidates.batch_names,
                         help="Name of the batch; an existing one grows [the file's name]."),
            click.option("--format", "prompt_format", type=click.Choice(["txt", "csv", "tsv", "jsonl", "json"]),
                         help="Format of the files [from their extension]."),
            click.option("--literal", is_flag=True, help="Draw every line as it is: no --options, no # comments, "
                         "no look for other tools' syntax."),
        )
    ):  # fmt: skip
        with_options = option(with_options)
    return with_options  # type: ignore[return-value]
