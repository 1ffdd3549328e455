"""The card's files in the data set's folder.

What stands between two marks in `README.md` is sdq's, and is written anew when images came; all around them is the
user's. A README without the marks is left alone.
"""

from __future__ import annotations

import re
from pathlib import Path

from sdq.exports.card.facts import CardFacts
from sdq.exports.card.front_matter import about_contents, front_matter, join_card, split_card
from sdq.exports.card.histogram import histogram
from sdq.exports.card.text import card_text, title_of, topics
from sdq_core.errors import InputError
from sdq_core.images.store import store_file

README = "README.md"
PICTURES = "card"
_BEGIN = "<!-- sdq begins. It writes this part anew when images come: put what is yours above or below. -->"
_END = "<!-- sdq ends. -->"
_OURS = re.compile(re.escape(_BEGIN) + ".*" + re.escape(_END), re.DOTALL)


def write_card(folder: Path, facts: CardFacts) -> bool:
    """Write the card and its pictures, each completely or not at all; return False if the README is not ours.

    Files that are right already are left alone. Raise OutputError or StorageError if one cannot be written, and
    InputError for a README that is no text.
    """
    readme = folder / README
    former = _read(readme)
    if former is not None and not _OURS.search(former):
        return False
    pictures = {}
    for topic in topics(facts):
        path = f"{PICTURES}/{topic.replace(' ', '-')}.svg"
        _store(folder / path, histogram(title_of(topic), facts.tally.numbers(topic)))
        pictures[path] = topic
    ours = f"{_BEGIN}\n{card_text(facts, pictures)}{_END}"
    _store(readme, _joined(former, ours, facts))
    return True


def _joined(former: str | None, ours: str, facts: CardFacts) -> str:
    if former is None:
        return join_card(front_matter(facts), f"{ours}\n")
    metadata, text = split_card(former)
    renewed = _OURS.sub(lambda _: ours, text, count=1)
    contents = about_contents(facts)
    if metadata is None or metadata == {**metadata, **contents}:
        return former.removesuffix(text) + renewed  # with the user's own comments in the YAML
    return join_card({**metadata, **contents}, renewed)


def _read(readme: Path) -> str | None:
    try:
        return readme.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"Cannot read {readme} ({error}). Move it away and export again."
        ) from error


def _store(path: Path, text: str) -> None:
    data = text.encode()
    if not (path.is_file() and path.read_bytes() == data):
        store_file(data, path)
