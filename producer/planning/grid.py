"""A grid on the command line: `--steps 20,30 --scheduler PNDM,DDIM` asks for each prompt with every combination.

A line that sets such an option itself keeps its own value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

from db.values import JSON
from producer.planning.cap import Cap
from producer.planning.defaults import Defaults
from producer.planning.line_seeds import how_many
from producer.reading.checks import check_eta, check_guidance_scale, check_steps, check_strength
from producer.reading.files import MAX_PROMPTS
from producer.reading.grid import MAX_COMBINATIONS, too_many, values_of
from producer.reading.json_values import is_decimal_comma, number, text, whole
from producer.reading.prompt_line import PromptLine
from producer.reading.words import parse_rng, parse_scheduler
from sdq_core.errors import InputError, PromptFileError
from sdq_core.printable import quote

_CHECKS: Mapping[str, Callable[[JSON], Any]] = {
    "num_inference_steps": lambda value: check_steps(whole("num_inference_steps", value)),
    "guidance_scale": lambda value: check_guidance_scale(number("guidance_scale", value)),
    "scheduler": lambda value: parse_scheduler(text("scheduler", value)),
    "rng": lambda value: parse_rng(text("rng", value)),
    "strength": lambda value: check_strength(number("strength", value)),
    "eta": lambda value: check_eta(number("eta", value)),
}


def parse_values(field: str, written: str) -> tuple[Any, ...]:
    """Return the checked values of an option, each once; raise InputError for what is wrong with one."""
    if field in {"guidance_scale", "strength", "eta"} and is_decimal_comma(written):
        whole_part, _, rest = written.partition(",")
        raise InputError(
            f"{quote(written)} may be one number or two; write {whole_part}.{rest} or {whole_part}.0,{rest}.0"
        )
    several = values_of(field, written, in_file=False)
    return tuple(dict.fromkeys(map(_CHECKS[field], [written] if several is None else several)))


class Grid:
    """The options of a command that have several values.

    axes: `PromptLine`'s names -> two or more values.

    Raise InputError for more than `MAX_COMBINATIONS`.
    """

    def __init__(self, axes: Mapping[str, Sequence[Any]]) -> None:
        self.axes = {field: tuple(values) for field, values in axes.items() if len(values) > 1}
        self.combinations = prod(map(len, self.axes.values()))
        if self.combinations > MAX_COMBINATIONS:
            raise InputError(too_many(self.combinations))

    def __bool__(self) -> bool:
        return bool(self.axes)

    def lines(
        self, lines: Sequence[PromptLine], defaults: Defaults, max_images: int
    ) -> list[PromptLine]:
        """Return each line once for every combination; raise PromptFileError for more than that many images."""
        if not self.axes:
            return list(lines)
        cap, prompts = Cap(max_images), 0
        for line in lines:
            combinations = prod(map(len, self._open(line).values()))
            cap.add(line.source, how_many(line, defaults) * combinations)
            prompts += combinations
            if prompts > MAX_PROMPTS:
                raise PromptFileError(
                    [
                        f"{line.source}: more than {MAX_PROMPTS:,} prompts up to here; submit them in parts"
                    ]
                )
        return [one for line in lines for one in self._each(line)]

    def to_dict(self) -> dict[str, JSON]:
        """Return it for JSON."""
        return {
            field: [str(value) if isinstance(value, str) else value for value in values]
            for field, values in self.axes.items()
            # Where pictures were is not part of a batch; its entries name them.
            if field not in {"init_image", "controlnets"}
        }

    def _open(self, line: PromptLine) -> dict[str, tuple[Any, ...]]:
        return {
            field: values for field, values in self.axes.items() if getattr(line, field) is None
        }

    def _each(self, line: PromptLine) -> Iterator[PromptLine]:
        axes = self._open(line)
        for combination in product(*axes.values()):
            yield replace(line, **dict(zip(axes, combination, strict=True)))
