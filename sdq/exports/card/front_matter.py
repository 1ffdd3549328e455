"""What a card tells programs, in YAML at its head: splits and their files, size, licence, tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from sdq.exports.card.facts import CardFacts

#: The files of a split, from the card. Without them, readers would take folders' names for splits.
_FILES = {
    "imagefolder": "{split}/**",
    "parquet": "data/{split}-*.parquet",
    "webdataset": "{split}-*.tar",
}
_SIZES = ("1K", "10K", "100K", "1M", "10M", "100M")
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)


def front_matter(facts: CardFacts) -> dict[str, Any]:
    """Return the metadata of a new card."""
    return {
        "pretty_name": facts.title,
        "task_categories": ["text-to-image"],
        "tags": ["synthetic", "stable-diffusion"],
        **about_contents(facts),
    }


def about_contents(facts: CardFacts) -> dict[str, Any]:
    """Return the part of the metadata that the images determine, or a new option."""
    found: dict[str, Any] = {"size_categories": [size_category(facts.images)]}
    if files := _FILES.get(facts.format):
        paths = [{"split": split, "path": files.format(split=split)} for split in facts.splits]
        found["configs"] = [{"config_name": "default", "data_files": paths}]
    if facts.license:
        found["license"] = facts.license
    return found


def size_category(images: int) -> str:
    """Return the Hub's name for a number of images."""
    bounds = [("n", 0), *((name, 10**power) for power, name in enumerate(_SIZES, 3))]
    place = max(number for number, (_, bound) in enumerate(bounds) if images >= bound)
    if place == 0:
        return f"n<{_SIZES[0]}"
    if place == len(bounds) - 1:
        return "100M<n<1B"
    return f"{bounds[place][0]}<n<{bounds[place + 1][0]}"


def split_card(card: str) -> tuple[dict[str, Any] | None, str]:
    """Return a card's metadata and what follows; None and all of it if there is no metadata that can be read."""
    found = _FRONT_MATTER.match(card)
    if found is None:
        return None, card
    try:
        metadata = yaml.safe_load(found[1])
    except yaml.YAMLError:
        return None, card
    if not isinstance(metadata, dict):
        return None, card
    return metadata, card[found.end() :]


def join_card(metadata: Mapping[str, Any], text: str) -> str:
    """Return a card of its metadata and its text."""
    written = yaml.safe_dump(dict(metadata), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{written}---\n{text}"
