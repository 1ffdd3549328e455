"""Models that score pictures: CLIP's two encoders, one for images and one for texts. Nothing is drawn with them.

    FOLDER/NAME_image.mlpackage                 also NAME_image_encoder, ImageEncoder
    FOLDER/NAME_text.mlpackage                  also NAME_text_encoder, TextEncoder
    FOLDER/tokenizer/vocab.json, merges.txt     also beside the packages, or up to two folders above

such as those of apple/coreml-mobileclip. Sizes, scale and bias of pictures are what the image encoder declares, so only
one whose input is an image is taken: of an array nobody could tell how pictures are prepared for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import InputMissingError, PackageError, StorageError
from sdq_core.models.identity import computing_files, fingerprint
from sdq_core.models.mlmodel import Shape
from sdq_core.models.network import Network, read_network
from sdq_core.models.parts import part_of, plain_name
from sdq_core.models.vocabulary import Vocabulary
from sdq_core.values.names import one_spelling, spellings

_ENCODER = re.compile(r"(?:(?P<stem>.*)_)?(?P<side>image|text)(?:_?encoder)?\.mlpackage")
#: Parts that say that a folder's model draws.
_DRAWING = ("unet", "unet_chunk1", "vae_decoder", "mmdit")
_CONVERT = "Use another model, such as those of apple/coreml-mobileclip."


@dataclass(frozen=True, kw_only=True)
class Encoders:
    """The packages of a scoring model, by name. stem: what both names begin with, empty for nothing."""

    stem: str
    image: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ScoringModel:
    """A scoring model on this disk, whose encoders fit each other.

    revision: fingerprint of the files that are computed with.
    image, text: the packages.
    tokenizer: the folder of `vocab.json` and `merges.txt`.
    image_input, text_input: the encoders' inputs: RGB [1, 3, height, width], and tokens [1, length].
    image_output, text_output: the embeddings, both of one shape [1, n].
    width, height: pixels that the image encoder looks at.
    precision: how the image encoder's weights are kept.
    """

    name: str
    folder: Path
    revision: str
    image: Path
    text: Path
    tokenizer: Path
    image_input: str
    text_input: str
    image_output: str
    text_output: str
    width: int
    height: int
    precision: str

    @property
    def key(self) -> str:
        """What scores are recorded with: name and revision."""
        return f"{self.name}@{self.revision}"


def encoders_in(names: Iterable[str]) -> dict[str, Encoders]:
    """Return stem -> the two encoders among the names in a folder; nothing if the folder's model draws."""
    sides: dict[str, dict[str, str]] = {}
    for name in sorted(names):
        if part_of(name) in _DRAWING:
            return {}
        if match := _ENCODER.fullmatch(plain_name(name)):
            stem = name[: match.end("stem")] if match["stem"] else ""
            sides.setdefault(stem, {}).setdefault(match["side"], name)
    return {
        stem: Encoders(stem=stem, image=found["image"], text=found["text"])
        for stem, found in sides.items()
        if len(found) == 2
    }


def encoders_of(folder: Path) -> dict[str, Encoders]:
    """Return the encoders in a folder, as `encoders_in` does; nothing for a folder that cannot be read."""
    try:
        return encoders_in(os.listdir(folder))  # noqa: PTH208  (names are all that is needed)
    except (OSError, ValueError):
        return {}


def scoring_folder(models: Path, name: str) -> Path | None:
    """Return the folder of a scoring model by its name in the models folder, or by its path; None if it is none."""
    here = [models / spelling for spelling in spellings(name)] if "/" not in name else []
    at_path = Path(os.path.abspath(os.path.expanduser(name)))  # noqa: PTH100, PTH111  (Path raises for ~NOBODY)
    return next((folder for folder in (*here, at_path) if encoders_of(folder)), None)


def find_scoring_model(models: Path, name: str) -> ScoringModel:
    """Return a scoring model by its name or path.

    Raise InputMissingError if it is not here, PackageError if it is incomplete, damaged or not supported, StorageError
    if the disk fails.
    """
    folder = scoring_folder(models, name)
    if folder is None:
        raise InputMissingError(
            f"There is no model {name!r} here that scores pictures: none with an image encoder and a text encoder as "
            f"packages. `sdq models` lists what is here, and `sdq models add DIR` adds one."
        )
    try:
        return read_scoring_model(folder)
    except OSError as error:
        raise StorageError(
            f"Cannot read {folder} ({error.strerror}). Check its disk and permissions."
        ) from error


def read_scoring_model(folder: Path) -> ScoringModel:
    """Read the scoring model in a folder; raise as `find_scoring_model` does, and OSError if the disk fails."""
    found = encoders_of(folder)
    if len(found) != 1:
        raise PackageError(
            f"{folder} has several models that score pictures: {', '.join(sorted(found))}. Keep one model per folder."
        )
    (encoders,) = found.values()
    image, text = (read_network(folder / name) for name in (encoders.image, encoders.text))
    tokenizer = tokenizer_beside(folder)
    if tokenizer is None:
        raise PackageError(
            f"{folder} has no tokenizer/vocab.json and merges.txt. Copy CLIP's tokenizer/ folder beside the packages."
        )
    image_input, (_, _, height, width) = _image_input(image)
    image_output, text_output = _embeddings(image, text)
    files = [
        *sorted(file for network in (image, text) for file in computing_files(network.path)),
        *(tokenizer / name for name in ("vocab.json", "merges.txt")),
    ]
    return ScoringModel(
        name=one_spelling(folder.name),
        folder=folder,
        revision=fingerprint(files),
        image=image.path,
        text=text.path,
        tokenizer=tokenizer,
        image_input=image_input,
        text_input=_text_input(text, Vocabulary.read(tokenizer)),
        image_output=image_output,
        text_output=text_output,
        width=width,
        height=height,
        precision=image.precision,
    )


def tokenizer_beside(folder: Path) -> Path | None:
    """Return the folder of a tokenizer's files beside packages or up to two folders above, None without one."""
    for place in (folder, folder.parent, folder.parent.parent):
        for inside in (place / "tokenizer", place):
            if all((inside / name).is_file() for name in ("vocab.json", "merges.txt")):
                return inside
    return None


def _image_input(image: Network) -> tuple[str, Shape]:
    if len(image.inputs) != 1 or image.inputs.keys() != image.images.keys():
        raise PackageError(
            f"{image.path} takes {', '.join(sorted(image.inputs)) or 'nothing'}, and not one image. {_CONVERT}"
        )
    (found,) = image.inputs.items()
    return found


def _text_input(text: Network, words: Vocabulary) -> str:
    wanted = (1, words.max_length)
    if list(text.inputs.values()) != [wanted] or text.images:
        raise PackageError(
            f"{text.path} takes {_said(text.inputs)}, but the tokenizer gives {wanted} tokens. {_CONVERT}"
        )
    highest = max(words.vocab.values())
    if text.embedded_tokens is not None and highest >= text.embedded_tokens:
        raise PackageError(
            f"{text.path} knows {text.embedded_tokens:,} tokens, but the tokenizer numbers them up to {highest:,}. "
            "Put the tokenizer of this model beside its packages."
        )
    (name,) = text.inputs
    return name


def _embeddings(image: Network, text: Network) -> tuple[str, str]:
    """Return the outputs of both that have one shape [1, n]."""
    pairs = [
        (one, other)
        for one, shape in image.outputs.items()
        for other, same in text.outputs.items()
        if shape == same and len(shape) == 2 and shape[0] == 1
    ]
    if len(pairs) != 1:
        raise PackageError(
            f"{image.path} gives {_said(image.outputs)} and {text.path.name} {_said(text.outputs)}: these are not one "
            f"embedding each, of the same size. {_CONVERT}"
        )
    return pairs[0]


def _said(shapes: Mapping[str, Shape]) -> str:
    return ", ".join(f"{name} of shape {shape}" for name, shape in shapes.items()) or "nothing"
