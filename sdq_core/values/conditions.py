"""What an image may be drawn by besides its prompt: pictures, ControlNets, and how the prompt is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from sdq_core.values.annotators import Annotator
from sdq_core.values.steps import steps_taken
from sdq_core.values.variants import Scheduler

#: Each is a third of a U-Net, in every step.
MAX_CONTROLNETS = 8
MAX_SCALE = 10.0

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class ControlNetUse:
    """One ControlNet and the picture that it follows.

    name: its folder's name below the models folder's `controlnet/`.
    revision: what identifies its files, as a variant's revision does.
    image: the sha256 of the picture's file, which is kept as an input.
    annotator, source: what made the picture, and the sha256 of the file that it made it of, which is kept, too; None
        for a picture that was given.
    scale: what its residuals are multiplied by.
    start, end: the part of the steps in which it works, from 0 to 1.
    """

    name: str
    revision: str
    image: str
    annotator: Annotator | None = None
    source: str | None = None
    scale: float = 1.0
    start: float = 0.0
    end: float = 1.0

    def works_in(self, step: int, steps: int) -> bool:
        """Say whether it works in a step, from 0, as diffusers decides."""
        return not (step / steps < self.start or (step + 1) / steps > self.end)

    def describe(self, picture: str) -> str:
        """Return it for people. picture: what its picture is called."""
        part = (
            ""
            if (self.start, self.end) == (0, 1)
            else f", steps {self.start:.0%} to {self.end:.0%}"
        )
        if self.annotator:
            picture = f"{self.annotator}({picture})"
        return f"{self.name} of {picture}, scale {self.scale:g}{part}"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form with all fields."""
        return {
            "name": self.name,
            "revision": self.revision,
            "image": self.image,
            **({"annotator": str(self.annotator), "source": self.source} if self.annotator else {}),
            "scale": float(self.scale),
            "start": float(self.start),
            "end": float(self.end),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ControlNetUse:
        """Return what `to_dict` described; raise KeyError, TypeError or ValueError for anything else."""
        annotator = fields.get("annotator")
        return cls(
            name=_word(fields["name"]),
            revision=_word(fields["revision"]),
            image=_digest(fields["image"]),
            annotator=None if annotator is None else Annotator(annotator),
            source=None if annotator is None else _digest(fields["source"]),
            scale=_number(fields["scale"], MAX_SCALE),
            start=_number(fields["start"], 1),
            end=_number(fields["end"], 1),
        )


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """A part of a recipe. What is not set is left out of its stored form, so that keys of recipes without it stay.

    init_image: the sha256 of the picture's file that the drawing starts from, which is kept as an input.
    strength: how much of it is drawn anew, over 0 to 1; set with init_image and never without.
    mask: the sha256 of a picture's file; where it is white the image is drawn, elsewhere init_image stays.
    controlnets: in the order in which their residuals are added.
    original_size: width and height in pixels that a Stable Diffusion XL model is told, None for the image's own.
    crop: left and top in pixels that it is told.
    weighted: whether `(word:1.2)` in prompts weighs words.
    eta: how much noise TCD adds, from 0 to 1.
    """

    init_image: str | None = None
    strength: float | None = None
    mask: str | None = None
    controlnets: tuple[ControlNetUse, ...] = ()
    original_size: tuple[int, int] | None = None
    crop: tuple[int, int] | None = None
    weighted: bool = False
    eta: float = 0.0

    def __bool__(self) -> bool:
        return self != NO_CONDITIONS

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The sha256 of every picture that is kept for it, each once: what drawing needs, and what that was made of."""
        followed = (digest for each in self.controlnets for digest in (each.image, each.source))
        named = (self.init_image, self.mask, *followed)
        return tuple(dict.fromkeys(digest for digest in named if digest is not None))

    def steps_taken(self, scheduler: Scheduler, num_inference_steps: int) -> int:
        """Return how many steps are taken; see `sdq_core.values.steps`."""
        return steps_taken(
            scheduler, num_inference_steps, 1.0 if self.strength is None else self.strength
        )

    def describe_controlnets(self, names: Sequence[str] | None = None) -> str | None:
        """Return the ControlNets for people, None without one. names: of their pictures, None for their sha256."""
        if not self.controlnets:
            return None
        called = names or [
            f"sha256 {(each.source or each.image)[:12]}" for each in self.controlnets
        ]
        return "; ".join(
            each.describe(str(name)) for each, name in zip(self.controlnets, called, strict=False)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form of what is set."""
        found: dict[str, Any] = {}
        if self.init_image is not None:
            found["init_image"] = self.init_image
        if self.strength is not None:
            found["strength"] = float(self.strength)
        if self.mask is not None:
            found["mask"] = self.mask
        if self.controlnets:
            found["controlnets"] = [each.to_dict() for each in self.controlnets]
        if self.original_size is not None:
            found["original_size"] = list(self.original_size)
        if self.crop is not None:
            found["crop"] = list(self.crop)
        if self.weighted:
            found["weighted"] = True
        if self.eta:
            found["eta"] = float(self.eta)
        return found

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Conditions:
        """Return what `to_dict` described, whatever else the fields hold; raise KeyError, TypeError or ValueError."""
        if not fields.keys() & _KEYS:
            return NO_CONDITIONS
        controlnets = fields.get("controlnets", ())
        if len(controlnets) > MAX_CONTROLNETS:
            raise ValueError(f"{len(controlnets):,} ControlNets are more than {MAX_CONTROLNETS}")

        def read(name: str, how: Callable[[Any], _T]) -> _T | None:
            value = fields.get(name)
            return None if value is None else how(value)

        return cls(
            init_image=read("init_image", _digest),
            strength=read("strength", lambda value: _number(value, 1)),
            mask=read("mask", _digest),
            controlnets=tuple(map(ControlNetUse.from_dict, controlnets)),
            original_size=read("original_size", _pair),
            crop=read("crop", _pair),
            weighted=fields.get("weighted") is True,
            eta=read("eta", lambda value: _number(value, 1)) or 0.0,
        )


def is_controlnet_name(name: str) -> bool:
    """Say whether recipes can have a ControlNet by a name, and prompt lines tell it from what is beside it."""
    return bool(_WORD.fullmatch(name)) and name.isprintable() and not {":", ";"} & set(name)


#: Of a recipe that needs nothing but its prompt.
NO_CONDITIONS = Conditions()

_DIGEST = re.compile(r"[0-9a-f]{64}")
#: A folder's name, and no path; no halves of surrogate pairs, which nothing can store.
_WORD = re.compile(r"[^/\\\0\s.\ud800-\udfff][^/\\\0\n\ud800-\udfff]{0,199}")
_MAX_PIXELS = 2**15
_KEYS = frozenset(Conditions.__dataclass_fields__)


def _word(value: Any) -> str:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise ValueError(f"{str(value)[:40]!r} is not a name")
    return value


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError(f"{str(value)[:40]!r} is not a sha256")
    return value


def _number(value: Any, most: float) -> float:
    number = float(value)
    if not 0 <= number <= most:
        raise ValueError(f"{number:g} is not in the range from 0 to {most:g}")
    return number


def _pair(value: Any) -> tuple[int, int]:
    first, second = value
    if not (type(first) is type(second) is int and min(value) >= 0 and max(value) <= _MAX_PIXELS):
        raise ValueError(f"{str(value)[:40]} is not a pair of pixels")
    return first, second
