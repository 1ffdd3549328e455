"""kohya: one flat folder of images, each with its caption beside it, for kohya's training scripts.

    1_images/KEY.png      the folder's name is REPEATS_CLASS
    1_images/KEY.txt      the caption: one line, never empty
    dataset.toml          names the folder and `.txt`, since the scripts look for `.caption` otherwise

Of several splits, each has all of this in a folder of its own. The scripts do not look into folders of folders.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from sdq.exports.captions import one_line
from sdq.exports.folder import WORK, sync_file, sync_names
from sdq.exports.format import SplitState
from sdq.exports.formats.part_folder import PartFolder
from sdq.exports.options import ExportOptions
from sdq.exports.sample import Sample
from sdq_core.values.image_files import ImageFormat

CONFIGURATION = "dataset.toml"
_SUFFIXES = tuple(one.suffix for one in ImageFormat)

_TEXT = """\
# Made once by sdq export; yours from then on. Start the training script in this folder, or make the path absolute:
# {command}
[general]
caption_extension = ".txt"

[[datasets]]
resolution = [{width}, {height}]

  [[datasets.subsets]]
  image_dir = {folder}
  num_repeats = {repeats}
"""


class Kohya:
    """Writes folders for kohya's scripts."""

    samples_per_part = 1000
    bytes_per_part: int | None = None

    def __init__(self, options: ExportOptions) -> None:
        self._link = options.link
        self._images = options.kohya_folder
        self._many = len(options.splits.fractions) > 1

    def begin(self, folder: Path, split: str, number: int) -> _Part:
        """Begin some of the images of a folder."""
        building = PartFolder(folder, folder / f"{split}-{number:05d}", self._link)
        return _Part(building, self._top(folder, split) / self._images)

    def finish(self, folder: Path, splits: Mapping[str, SplitState]) -> None:
        """Write the configuration unless there is one."""
        for split in splits:
            top = self._top(folder, split)
            if (top / CONFIGURATION).exists():
                continue
            width, height = _size_of_one(top / self._images)
            text = _TEXT.format(
                command=f"accelerate launch sdxl_train_network.py --dataset_config {CONFIGURATION}",
                width=width,
                height=height,
                folder=json.dumps(self._images, ensure_ascii=False),
                repeats=self._images.partition("_")[0],
            )
            made = folder / WORK / CONFIGURATION
            made.write_text(text, encoding="utf-8")
            sync_file(made)
            made.replace(top / CONFIGURATION)
            sync_names(top)

    def _top(self, folder: Path, split: str) -> Path:
        return folder / split if self._many else folder


def _size_of_one(folder: Path) -> tuple[int, int]:
    """Return the size of the first image by name, pixels. The scripts keep `KEY.npz` beside images."""
    with os.scandir(folder) as entries:
        first = min(entry.name for entry in entries if entry.name.endswith(_SUFFIXES))
    with Image.open(folder / first) as image:
        return image.size


class _Part:
    def __init__(self, building: PartFolder, target: Path) -> None:
        self._building = building
        self._target = target

    @property
    def size_bytes(self) -> int:
        return self._building.size_bytes

    def add(self, sample: Sample) -> None:
        self._building.add(sample)
        caption = one_line(sample.caption) or one_line(sample.image.recipe.prompt)
        self._building.write(f"{sample.key}.txt", f"{caption}\n")

    def close(self) -> Sequence[Path]:
        self._building.move_into(self._target)
        return [self._target]

    def abort(self) -> None:
        self._building.abort()
