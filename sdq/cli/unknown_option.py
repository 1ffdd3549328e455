"""What somebody meant who wrote an option that a command does not have."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import click

from producer.reading.names import field_named, foreign
from sdq.cli.options import long_options
from sdq_core.values.guesses import NEAR

#: Fields of prompt lines whose options are called otherwise here.
_OPTIONS = {
    "seed": "--seed-range",
    "image_count": "--seed-range",
    "num_inference_steps": "--steps",
    "variants": "--variant",
    "controlnets": "--controlnet",
}


def explained(error: click.NoSuchOption, arguments: Sequence[str]) -> click.UsageError:
    """Return an error that says what to write, with guesses only if they are near. arguments: of the command line."""
    name, known = error.option_name, long_options(error.ctx) if error.ctx else []
    guesses = _with_one_hyphen(name, arguments, known)
    if not guesses and "--prompt" in known and (found := foreign(name)):
        tool, instead = found
        meant = _option_for(instead.partition(" ")[0])
        advice = f"Write {meant}." if meant in known else "Remove it."
        return click.UsageError(
            f"{name!r} is an option of {tool}, not of sdq. {advice}", ctx=error.ctx
        )
    if not guesses:
        meant = _option_for(name)
        near = difflib.get_close_matches(name, known, cutoff=NEAR)
        begun = [option for option in known if option.startswith(name)]
        guesses = [meant] if meant in known else near or begun
    guess = f" Did you mean {' or '.join(map(repr, guesses))}?" if guesses else ""
    return click.UsageError(f"No such option {name!r}.{guess}", ctx=error.ctx)


def _with_one_hyphen(name: str, arguments: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the long options whose first letters were taken for short options, of which `name` is one."""
    return [
        f"-{written}"
        for argument in arguments
        if len(name) == 2 and name[1] in argument[1:] and not argument.startswith("--")
        for written in (argument.partition("=")[0],)
        if f"-{written}" in known
    ]


def _option_for(name: str) -> str:
    field = field_named(name.lstrip("-"), short=True) or ""
    return _OPTIONS.get(field, f"--{field.replace('_', '-')}")
