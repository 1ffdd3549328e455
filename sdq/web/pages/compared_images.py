"""Images side by side: two to four, what their records differ in, and how alike their pixels are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from db.browsing import Placed
from db.known_image import KnownImage
from sdq.views.comparison.words import decibels
from sdq.views.words import milliseconds
from sdq.web.pages.image import record_of
from sdq.web.pages.lines import lines_of, recipe_facts
from sdq.web.pages.shown import ShownImage, shown_tile
from sdq.web.pictures import file_of, image_address, thumbnail_address
from sdq.web.reading import Sources
from sdq_core.errors import InputMissingError
from sdq_core.images.fitted import whole_picture
from sdq_core.images.pixels import psnr_db

#: Images or batches beside each other.
MOST = 4
LETTERS = "ABCD"
#: Images with the same prompt and seed to choose from.
_SIMILAR = 24
#: Seeds to choose from on each side.
_AROUND = 6


@dataclass(frozen=True, kw_only=True)
class PlacedImage:
    """An image that is compared, and where it was asked for."""

    batch_id: int
    entry: int
    known: KnownImage

    @property
    def name(self) -> str:
        """As `sdq show` takes it."""
        return f"{self.known.batch_name}/{self.entry}/{self.known.seed}"

    @property
    def address(self) -> str:
        """Its own page, below the root."""
        return f"/batches/{self.batch_id}/{self.entry}/{self.known.seed}"


@dataclass(frozen=True, kw_only=True)
class _Shot:
    """An image beside others. source: below the root, None for no picture. likeness: to the first one, in words."""

    letter: str
    name: str
    address: str
    prompt: str
    width: int
    height: int
    word: str
    source: str | None
    hidden: bool
    likeness: str


def images_beside(
    sources: Sources, images: Sequence[PlacedImage], *, reveal: bool
) -> dict[str, Any]:
    """Return what a page shows of two images or more. reveal: also of those that the safety checker flagged."""
    pictures = [_picture(sources, image.known) for image in images]
    shots = [
        _shot(image, letter, _likeness(images, pictures, place), reveal=reveal)
        for place, (letter, image) in enumerate(zip(LETTERS, images, strict=False))
    ]
    prompts = {image.known.recipe.prompt for image in images}
    seeds = {image.known.seed for image in images}
    return {
        "shots": shots,
        "heads": [(shot.letter, shot.name) for shot in shots],
        "lines": lines_of([_facts(image.known) for image in images]),
        "prompt": prompts.pop() if len(prompts) == 1 else None,
        "seed": seeds.pop() if len(seeds) == 1 else None,
        "any_hidden": any(shot.hidden for shot in shots),
        "former": _moved(sources, images, -1),
        "following": _moved(sources, images, 1),
    }


def _moved(sources: Sources, images: Sequence[PlacedImage], step: int) -> tuple[str, str] | None:
    """Return the seed so many places on and the ids of its images, if each of these has one there that is drawn."""
    found = []
    for image in images:
        seed = image.known.seed
        beside = sources.ledger.browsing.neighbours(image.batch_id, image.entry, seed, abs(step))
        tile = beside.beside(seed, step)
        if tile is None or tile.id is None or tile.pixels_sha256 is None:
            return None
        found.append(tile)
    seeds = {tile.seed for tile in found}
    # Images with different seeds have no next one in common.
    return None if len(seeds) > 1 else (str(seeds.pop()), ",".join(str(tile.id) for tile in found))


@dataclass(frozen=True, kw_only=True)
class Other:
    """An image to choose. about: what it was drawn with that the one which it would be compared with was not."""

    id: int
    name: str
    shown: ShownImage
    about: str = ""


def same_seed(sources: Sources, image: PlacedImage) -> Sequence[Other]:
    """Return other images with the same prompts and seed."""
    mine = recipe_facts(image.known.recipe)
    found = sources.ledger.browsing.same_seed(
        image.known.recipe, image.known.seed, limit=_SIMILAR + 1
    )
    return [
        Other(
            id=one.tile.id or 0,
            name=f"{one.batch_name}/{one.tile.entry}",
            shown=shown_tile(one.tile, one.batch_id, one.recipe),
            about=_differences(mine, one),
        )
        for one in found
        if one.tile.id != image.known.id
    ]


def other_seeds(sources: Sources, image: PlacedImage) -> Sequence[Other]:
    """Return the finished images of the same prompt with the seeds around it."""
    recipe, seed = image.known.recipe, image.known.seed
    beside = sources.ledger.browsing.neighbours(image.batch_id, image.entry, seed, _AROUND)
    return [
        Other(id=tile.id, name=f"seed {tile.seed}", shown=shown_tile(tile, image.batch_id, recipe))
        for tile in beside.row
        if tile.id and tile.pixels_sha256 and tile.seed != seed
    ]


def placed_tile(image: PlacedImage) -> ShownImage:
    """Show an image as a tile."""
    known, drawn = image.known, image.known.image
    return ShownImage(
        batch_id=image.batch_id,
        entry=image.entry,
        seed=known.seed,
        prompt=known.recipe.prompt,
        width=known.recipe.width,
        height=known.recipe.height,
        word=_word(known),
        thumbnail=thumbnail_address(known.id or 0, drawn.pixels_sha256) if drawn else None,
        flagged=bool(drawn and drawn.nsfw_flagged),
    )


def _differences(mine: Mapping[str, str], other: Placed) -> str:
    theirs = recipe_facts(other.recipe)
    names = [name for name in theirs if theirs[name] != mine.get(name)]
    if {"Model", "Variant"} & set(names):  # of which it is a consequence
        names = [name for name in names if name != "Revision"]
    return ", ".join(f"{name.lower()} {theirs[name]}" for name in names)


def _shot(image: PlacedImage, letter: str, likeness: str, *, reveal: bool) -> _Shot:
    known, drawn = image.known, image.known.image
    hidden = bool(drawn and drawn.nsfw_flagged and not reveal)
    source = None
    if drawn and hidden:
        source = thumbnail_address(known.id or 0, drawn.pixels_sha256)
    elif drawn:
        source = image_address(known.id or 0, drawn.sha256, drawn.path)
    return _Shot(
        letter=letter,
        name=image.name,
        address=image.address,
        prompt=known.recipe.prompt,
        width=known.recipe.width,
        height=known.recipe.height,
        word=_word(known),
        source=source,
        hidden=hidden,
        likeness=likeness,
    )


def _word(known: KnownImage) -> str:
    return "not drawn yet" if known.status is None else str(known.status)


def _facts(known: KnownImage) -> Mapping[str, str]:
    found = {"Prompt": known.recipe.prompt}
    if known.recipe.negative_prompt:
        found["Without"] = known.recipe.negative_prompt
    found |= {"Seed": str(known.seed), **recipe_facts(known.recipe)}
    if drawn := known.image:
        step_ms = drawn.denoise_ms / max(drawn.num_unet_calls, 1)
        found["Step"] = milliseconds(step_ms)
    found |= dict(record_of(known))
    return found | {name: str(value) for name, value in known.fields.items()}


def _picture(sources: Sources, known: KnownImage) -> Image.Image | None:
    row = sources.ledger.browsing.picture(known.id) if known.id else None
    if row is None:
        return None
    try:
        return whole_picture(file_of(sources.settings.outputs, row))
    except InputMissingError:
        return None


def _likeness(
    images: Sequence[PlacedImage], pictures: Sequence[Image.Image | None], place: int
) -> str:
    """Return how alike an image is to the first, empty if it cannot be said."""
    one, other = pictures[0], pictures[place]
    if not place or one is None or other is None:
        return ""
    if one.size != other.size:
        return "another size"
    drawn = [images[number].known.image for number in (0, place)]
    same = drawn[0] and drawn[1] and drawn[0].pixels_sha256 == drawn[1].pixels_sha256
    ratio = math.inf if same else psnr_db(one, other)
    first = LETTERS[0]
    return f"same pixels as {first}" if ratio == math.inf else f"{decibels(ratio)} to {first}"
