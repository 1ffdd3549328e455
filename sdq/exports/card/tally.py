"""What a card says of all images, counted while they are exported: in little memory, and part by part.

Each part's tally is kept with it, so that the card of an export that grew knows the images of its older parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from db.columns import COLUMNS, Kind
from db.values import JSON, FinishedImage

#: Numbers that are shown as a histogram if they differ, by column; those of the prompt are counted here.
WORDS = "words of the prompt"
HISTOGRAMS = ("brightness", "contrast", "sharpness", "clip_score", "nsfw_score")
#: Columns of which the values are counted.
SETTINGS = (
    "scheduler",
    "num_inference_steps",
    "guidance_scale",
    "size",
    "attention_implementation",
    "compute_unit",
    "precision",
    "pipeline",
)
MODEL = "model"
BATCH = "batch"
#: More would be kept for nothing: batches, and settings that somebody draws by chance.
_MOST_VALUES = 1000
_OTHERS = "others"
_DIGITS = 3


class Tally:
    """Counts of images by what they are: topic -> value -> images.

    Numbers are rounded to three digits, which is more than a histogram shows.
    """

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}

    def add(self, image: FinishedImage) -> None:
        """Count an image."""
        recipe = image.recipe
        self._count(MODEL, f"{recipe.variant.model}@{recipe.variant.revision}")
        self._count(BATCH, image.batch_name)
        self._count("size", f"{recipe.width}x{recipe.height}")
        self._count(WORDS, _number(len(recipe.prompt.split())))
        for name in (*SETTINGS, *HISTOGRAMS):
            if (column := COLUMNS.get(name)) and (value := column.of(image)) is not None:
                number = column.kind in {Kind.INTEGER, Kind.NUMBER}
                self._count(name, _number(value) if number else str(value))

    def merge(self, other: Tally) -> None:
        """Count what another one counted."""
        for topic, values in other.counts.items():
            for value, images in values.items():
                self._count(topic, value, images)

    def of(self, topic: str) -> Mapping[str, int]:
        """Return the images by value, the most frequent first."""
        values = self.counts.get(topic, Counter())
        return dict(sorted(values.items(), key=lambda item: (-item[1], item[0])))

    def numbers(self, topic: str) -> Mapping[float, int]:
        """Return the images by a number, the smallest first."""
        values = self.counts.get(topic, Counter())
        return dict(
            sorted((float(value), images) for value, images in values.items() if value != _OTHERS)
        )

    def to_dict(self) -> dict[str, JSON]:
        """Return it for JSON."""
        return {topic: dict(sorted(values.items())) for topic, values in self.counts.items()}

    @classmethod
    def from_dict(cls, counts: Mapping[str, Mapping[str, int]]) -> Tally:
        """Return what `to_dict` described."""
        tally = cls()
        tally.counts = {topic: Counter(values) for topic, values in counts.items()}
        return tally

    def _count(self, topic: str, value: str, images: int = 1) -> None:
        values = self.counts.setdefault(topic, Counter())
        if value not in values and len(values) >= _MOST_VALUES:
            value = _OTHERS
        values[value] += images


def _number(value: float) -> str:
    return f"{float(f'{value:.{_DIGITS}g}'):g}"
