"""How a batch's files are named and encoded: decided by its first submission, and kept with the batch.

    {"path_template": "{batch}/{slug}-{seed}", "image_format": "jpg", "quality": 90, "date": "2026-11-26"}

This is `files` among the options of a batch; a batch without it, as all were before, has the default. It is not part of
a recipe: an image has one file, that of the batch for which it was drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any

from sdq_core.errors import InputError
from sdq_core.images.path import beside, image_path
from sdq_core.images.template import PathTemplate
from sdq_core.images.tokens import PathFacts
from sdq_core.printable import quote
from sdq_core.values.image_files import DEFAULT_PATH_TEMPLATE, DEFAULT_QUALITY, ImageFormat

#: The option of a batch that it is kept in.
OPTION = "files"

_DEFAULT_TEMPLATE = PathTemplate.parse(DEFAULT_PATH_TEMPLATE)
_ENDINGS = {**{kind.suffix: kind for kind in ImageFormat}, ".jpeg": ImageFormat.JPG}


@dataclass(frozen=True, kw_only=True)
class Filing:
    """How a batch's files are named and encoded.

    template: their paths, without the ending.
    quality: 1 to 100, None for a format that loses nothing.
    date: the day of the first submission, ``2026-11-26``; empty if the template does not ask for it.
    """

    template: PathTemplate = _DEFAULT_TEMPLATE
    image_format: ImageFormat = ImageFormat.PNG
    quality: int | None = None
    date: str = ""

    @classmethod
    def make(
        cls,
        template: str = DEFAULT_PATH_TEMPLATE,
        image_format: ImageFormat = ImageFormat.PNG,
        quality: int | None = None,
        date: str = "",
    ) -> Filing:
        """Return a new batch's; raise InputError, with a clause, for a template that cannot be used.

        quality: of a format that loses something; None for the default.
        """
        parsed = PathTemplate.parse(without_ending(template, image_format))
        lossy = None if image_format.is_lossless else quality or DEFAULT_QUALITY
        return cls(
            template=parsed,
            image_format=image_format,
            quality=lossy,
            date=date if "date" in parsed.tokens else "",
        )

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Filing:
        """Return that of a batch with these options."""
        kept = options.get(OPTION)
        if not kept:
            return _DEFAULT
        return _kept(
            kept["path_template"], kept["image_format"], kept.get("quality"), kept.get("date", "")
        )

    def to_options(self) -> dict[str, Any]:
        """Return the options that keep it with a batch; none for the default."""
        return {} if self == _DEFAULT else {OPTION: self.to_dict()}

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "path_template": self.template.text,
            "image_format": str(self.image_format),
            "quality": self.quality,
            "date": self.date,
        }

    @property
    def is_default(self) -> bool:
        """Whether files are named and encoded as they are if nobody says otherwise."""
        return self == _DEFAULT

    @property
    def has_default_paths(self) -> bool:
        """Whether files are named as they are if nobody says otherwise, but for the ending."""
        return self.template == _DEFAULT.template

    def path(self, facts: PathFacts) -> str:
        """Return an image's path relative to the output folder, with forward slashes."""
        suffix = self.image_format.suffix
        if self.has_default_paths:
            return image_path(facts.batch_name, facts.entry, facts.seed, suffix)
        return self.template.stem(facts) + suffix

    def paths(self, facts: PathFacts) -> Iterator[str]:
        """Yield an image's path, and those that it has if there are files of others."""
        path = self.path(facts)
        yield path
        yield from (beside(path, number) for number in count(2))

    def folder(self, batch_name: str) -> str:
        """Return the folder that all images of a batch have in common, relative to the output folder; perhaps empty."""
        return self.template.folder(batch_name, self.date)

    def describe(self) -> str:
        """Return it in words, without a sentence around."""
        quality = "" if self.quality is None else f" of quality {self.quality}"
        return f"{self.image_format}{quality}, named {self.template.text}"


def without_ending(template: str, image_format: ImageFormat) -> str:
    """Return a template without the ending of the files' names; raise InputError if it is that of another format."""
    for ending, kind in _ENDINGS.items():
        if template.lower().endswith(ending):
            if kind is not image_format:
                raise InputError(
                    f"{quote(template)} ends in {ending}, but the images are {image_format}; leave the ending out, or "
                    f"add --image-format {kind}"
                )
            return template[: -len(ending)]
    return template


@lru_cache(maxsize=1000)
def _kept(template: str, image_format: str, quality: int | None, date: str) -> Filing:
    return Filing(
        template=PathTemplate.parse(template),
        image_format=ImageFormat(image_format),
        quality=quality,
        date=date,
    )


_DEFAULT = Filing()
