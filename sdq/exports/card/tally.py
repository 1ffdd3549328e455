"""What a card says of all images, counted while they are exported: in little memory, and part by part.

Each part's tally is kept with it, so that the card of an export that grew knows the images of its older parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from db.columns import COLUMNS
from db.values import FinishedImage

#: Numbers that are shown as a histogram if they differ, by column; those of the prompt are counted here.
WORDS = "words of the prompt"
HISTOGRAMS = ("brightness", "contrast", "sharpness", "clip_score", "nsfw_score")
SIZE = "size"
#: What is set for an image, each of which a card lists with its values.
SETTINGS = (
    "scheduler",
    "num_inference_steps",
    "guidance_scale",
    SIZE,
    "attention_implementation",
    "compute_unit",
    "precision",
    "pipeline",
)
MODEL = "model"
BATCH = "batch"
#: Images that the safety checker flagged are counted as FLAGGED -> YES, others not at all.
FLAGGED, YES = "flagged", "yes"
#: More would be kept for nothing: batches, and settings that somebody draws by chance.
_MOST_VALUES = 1000
_OTHERS = "others"
_DIGITS = 3


class Tally:
    """Counts of images by what they are: topic -> value -> images.

    Numbers are rounded to three digits, which is more than a histogram shows.
    """

    def __init__(self) -> None:
        self._added: dict[str, Counter[Any]] = {topic: Counter() for topic in _TOPICS}
        self._counts: dict[str, Counter[str]] = {}

    def add(self, image: FinishedImage) -> None:
        """Count an image."""
        for topic, of in _TOPICS.items():
            self._added[topic][of(image)] += 1

    def merge(self, other: Tally) -> None:
        """Count what another one counted."""
        for topic, values in other.to_dict().items():
            for value, images in values.items():
                self._count(topic, value, images)

    def of(self, topic: str) -> Mapping[str, int]:
        """Return the images by value, the most frequent first."""
        values = self.to_dict().get(topic, {})
        return dict(sorted(values.items(), key=lambda item: (-item[1], item[0])))

    def numbers(self, topic: str) -> Mapping[float, int]:
        """Return the images by a number, the smallest first."""
        values = self.to_dict().get(topic, {})
        return dict(
            sorted((float(value), images) for value, images in values.items() if value != _OTHERS)
        )

    def to_dict(self) -> Mapping[str, Mapping[str, int]]:
        """Return it for JSON."""
        for topic, added in self._added.items():
            for value, images in added.items():
                if value is not None:
                    self._count(topic, _text(value), images)
            added.clear()
        return {
            topic: dict(sorted(values.items())) for topic, values in sorted(self._counts.items())
        }

    @classmethod
    def from_dict(cls, counts: Mapping[str, Mapping[str, int]]) -> Tally:
        """Return what `to_dict` described."""
        tally = cls()
        tally._counts = {topic: Counter(values) for topic, values in counts.items()}
        return tally

    def _count(self, topic: str, value: str, images: int) -> None:
        values = self._counts.setdefault(topic, Counter())
        if value not in values and len(values) >= _MOST_VALUES:
            value = _OTHERS
        values[value] += images


def _text(value: float | str) -> str:
    if isinstance(value, str):
        return str(value)  # of a StrEnum, too
    return f"{float(f'{value:.{_DIGITS}g}'):g}"


def _topics() -> Iterator[tuple[str, Callable[[FinishedImage], Any]]]:
    """Yield what is counted. A column that this version does not have is left out."""
    yield MODEL, lambda image: f"{image.recipe.variant.model}@{image.recipe.variant.revision}"
    yield BATCH, attrgetter("batch_name")
    yield FLAGGED, lambda image: YES if image.image.nsfw_flagged else None
    yield SIZE, lambda image: f"{image.recipe.width}x{image.recipe.height}"
    yield WORDS, lambda image: len(image.recipe.prompt.split())
    for name in (*SETTINGS, *HISTOGRAMS):
        if column := COLUMNS.get(name):
            yield name, column.of


_TOPICS = dict(_topics())
