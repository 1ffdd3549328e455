"""The options for the compute units of a model's parts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from sdq.submitting.options import value_of
from sdq_core.errors import InputError
from sdq_core.printable import quote
from sdq_core.settings import Settings
from sdq_core.values.part_units import Part, UnitRules
from sdq_core.values.variants import ComputeUnit

Command = TypeVar("Command", bound=Callable[..., Any])

#: The U-Net's unit is the recipe's.
CHOSEN_PARTS = tuple(part for part in Part if part is not Part.UNET)


def unit_options(command: Command) -> Command:
    """Add `--part-unit` and `--fallback` below those for settings; the command gets a `rules` argument."""

    @functools.wraps(command)
    def with_rules(
        *args: Any,
        settings: Settings,
        part_unit: tuple[str, ...],
        fallback: str | None,
        **kwargs: Any,
    ) -> Any:
        with value_of("--part-unit"):
            chosen = {**settings.part_units, **dict(map(_part_unit, part_unit))}
        rules = UnitRules(
            chosen=chosen,
            unet_on_cpu=settings.unet_on_cpu if fallback is None else fallback == "cpu",
        )
        return command(*args, settings=settings, rules=rules, **kwargs)

    for option in (
        click.option(
            "--fallback",
            type=click.Choice(["none", "cpu"]),
            help="Where to run the U-Net if it fails on every other compute unit; on the CPU an image takes many times "
            "as long [sdq.toml; none].",
        ),
        click.option(
            "--part-unit",
            multiple=True,
            metavar="PART=UNIT",
            help="Run a part of the model on this compute unit: text_encoder, vae_decoder, vae_encoder, "
            "safety_checker or controlnet; may be repeated [sdq.toml; the U-Net's for vae_decoder and controlnet, "
            "CPU_ONLY for the others].",
        ),
    ):
        with_rules = option(with_rules)
    return with_rules  # type: ignore[return-value]


def _part_unit(text: str) -> tuple[Part, ComputeUnit]:
    from producer.reading.words import parse_compute_unit

    name, sign, unit = text.partition("=")
    if not sign:
        raise InputError(f"write PART=UNIT, such as text_encoder=CPU_AND_NE, not {quote(text)}")
    part = name.strip().lower().replace("-", "_")
    if part == Part.UNET:
        raise InputError("the U-Net runs on the recipe's compute unit; use --compute-unit")
    if part not in CHOSEN_PARTS:
        raise InputError(f"unknown part {quote(name)}; there are {', '.join(CHOSEN_PARTS)}")
    return Part(part), parse_compute_unit(unit)
