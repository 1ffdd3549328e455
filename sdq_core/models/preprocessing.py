"""`preprocessor_config.json`: how an image is prepared for the safety checker, as CLIPImageProcessor reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdq_core.errors import PackageError
from sdq_core.models.json_file import read_object

#: OpenAI's normalisation, the default for files without one.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

_BICUBIC = 3
_REMEDY = "Put the feature_extractor folder of the model's own repository there."


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The steps in their order, None for one that is left out.

    size: `shortest_edge`, or `height` and `width`, pixels.
    resample: Pillow's number of a filter.
    crop: height and width, pixels.
    factor: of the pixels' values.
    normalization: mean and standard deviation per channel.
    """

    size: Mapping[str, int] | None
    resample: int
    crop: tuple[int, int] | None
    factor: float
    normalization: tuple[tuple[float, ...], tuple[float, ...]] | None

    @classmethod
    def read(cls, folder: Path) -> Preprocessing:
        """Read a feature extractor's folder; raise PackageError if its file is missing or damaged."""
        path = folder / "preprocessor_config.json"
        config = read_object(path, _REMEDY)
        try:
            crop = _size(config.get("crop_size", 224), shortest_edge=False)
            return cls(
                size=_size(config.get("size", 224), shortest_edge=True)
                if config.get("do_resize", True)
                else None,
                resample=_filter(config.get("resample", _BICUBIC)),
                crop=(crop["height"], crop["width"])
                if config.get("do_center_crop", True)
                else None,
                factor=float(config.get("rescale_factor", 1 / 255))
                if config.get("do_rescale", True)
                else 1.0,
                normalization=(
                    _channels(config.get("image_mean", CLIP_MEAN)),
                    _channels(config.get("image_std", CLIP_STD)),
                )
                if config.get("do_normalize", True)
                else None,
            )
        except (ValueError, TypeError, KeyError) as error:
            raise PackageError(
                f"{path} cannot be read as a feature extractor's configuration ({error}). {_REMEDY}"
            ) from error

    def shape(self) -> tuple[int, ...] | None:
        """Return the shape of a prepared image, [1, 3, height, width]; None if it depends on the image."""
        if self.crop:
            return (1, 3, *self.crop)
        if self.size and "shortest_edge" not in self.size:
            return (1, 3, self.size["height"], self.size["width"])
        return None


def _size(value: Any, *, shortest_edge: bool) -> dict[str, int]:
    """Read a size from an old file (a number) or a new one (a mapping)."""
    if isinstance(value, int):
        sizes = {"shortest_edge": value} if shortest_edge else {"height": value, "width": value}
    elif "shortest_edge" in value and shortest_edge:
        sizes = {"shortest_edge": int(value["shortest_edge"])}
    else:
        sizes = {"height": int(value["height"]), "width": int(value["width"])}
    if not all(1 <= size <= 1 << 14 for size in sizes.values()):
        raise ValueError(f"a size of {value}")
    return sizes


def _filter(value: Any) -> int:
    if value not in range(6):
        raise ValueError(f"{value!r} is not a filter")
    return int(value)


def _channels(values: Any) -> tuple[float, ...]:
    channels = tuple(float(value) for value in values)
    if len(channels) != 3:
        raise ValueError(f"{len(channels)} channels")
    return channels
