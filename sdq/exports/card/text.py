"""What a card tells people, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from db.columns import COLUMNS
from sdq.exports.card.facts import CardFacts
from sdq.exports.card.histogram import figure
from sdq.exports.card.origins import Origin
from sdq.exports.card.tally import BATCH, FLAGGED, HISTOGRAMS, MODEL, SETTINGS, WORDS, YES
from sdq.exports.rows import ROW_COLUMNS, model_name
from sdq.views.words import counted
from sdq_core.printable import printable

_MOST_SHOWN = 8
#: What Markdown and HTML read as more than text.
_SPECIAL = re.compile(r"[&<>|`*_\[\]#~\\\n]")
_NAMES = {"num_inference_steps": "steps", "size": "size, pixels"}
#: Formats from which `datasets` makes a data set with the card's own list of files.
_LOADED = ("imagefolder", "parquet", "webdataset")
#: What is known of each image, and where.
_FIELDS = {
    "imagefolder": "The caption is `text`. Lists and objects are JSON in text.",
    "parquet": "The caption is `text`. Objects are JSON in text.",
    "webdataset": "They are in each sample's `json`, its caption is `txt`. Lists and objects are JSON in text.",
    "kohya": "Each image has its caption beside it, in a `.txt` file of the same name.",
    "diffusiondb": (
        "Each folder has a JSON file with its images by name: caption `p`, seed `se`, guidance scale `c`, steps `st`, "
        "and sampler `sa`."
    ),
}


def card_text(facts: CardFacts, pictures: Mapping[str, str]) -> str:
    """Return the text of a card. pictures: path of each histogram -> its topic."""
    sections = (
        _beginning(facts),
        _splits(facts),
        _models(facts),
        _settings(facts),
        _left_out(facts),
        _distributions(facts, pictures),
        _columns(facts),
        _again(facts),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def topics(facts: CardFacts) -> Sequence[str]:
    """Return what the images differ in and a histogram shows."""
    return [topic for topic in (WORDS, *HISTOGRAMS) if len(facts.tally.numbers(topic)) > 1]


def title_of(topic: str) -> str:
    """Return a topic as a heading names it."""
    column = COLUMNS.get(topic)
    name = topic.replace("_", " ").capitalize().replace("Nsfw", "NSFW")
    return f"{name}: {column.about}" if column else name


def _beginning(facts: CardFacts) -> str:
    batches = list(facts.tally.of(BATCH))
    shown = ", ".join(_plain(name) for name in batches[:_MOST_SHOWN])
    more = f" and {len(batches) - _MOST_SHOWN:,} more" if len(batches) > _MOST_SHOWN else ""
    several = "batch" if len(batches) == 1 else "batches"
    lines = [
        f"# {_plain(facts.title)}",
        f"{counted(facts.images, 'image')} with their prompts, drawn by Stable Diffusion with sdq "
        f"({several} {shown}{more}). No image is a photograph.",
    ]
    if flagged := facts.tally.of(FLAGGED).get(YES):
        lines.append(f"The safety checker flagged {flagged:,} of them.")
    if facts.format in _LOADED:
        lines.append(
            "```python\nfrom datasets import load_dataset\n\n"
            'images = load_dataset("OWNER/NAME")  # or this folder\n```'
        )
    return "\n\n".join(lines)


def _splits(facts: CardFacts) -> str:
    rows = [(_plain(split), f"{images:,}") for split, images in facts.splits.items()]
    return f"## Splits\n\n{_table(('split', 'images'), rows)}"


def _models(facts: CardFacts) -> str:
    rows = []
    for model, images in facts.tally.of(MODEL).items():
        name, _, revision = model.rpartition("@")
        origin = facts.origins.get((name, revision), Origin())
        rows.append(
            (
                _plain(model_name(name)),
                _plain(revision),
                _plain(origin.source or ""),
                _plain(origin.license or "not recorded"),
                f"{images:,}",
            )
        )
    table = _table(("model", "revision", "from", "licence", "images"), rows)
    note = "\n\nA revision is a fingerprint of the model's files. Its licence may also say what images may be used for."
    return f"## Models\n\n{table}{note}"


def _settings(facts: CardFacts) -> str:
    rows = []
    for topic in SETTINGS:
        values = facts.tally.of(topic)
        shown = ", ".join(
            f"{_plain(value)} ({images:,})" for value, images in list(values.items())[:_MOST_SHOWN]
        )
        if len(values) > _MOST_SHOWN:
            shown += f" and {len(values) - _MOST_SHOWN:,} more"
        if shown:
            rows.append((_plain(_NAMES.get(topic, topic.replace("_", " "))), shown))
    return f"## Settings\n\n{_table(('setting', 'values, and how many images have them'), rows)}"


def _left_out(facts: CardFacts) -> str:
    rows = [(_plain(why), f"{images:,}") for why, images in facts.left_out.items() if images]
    found = []
    if facts.conditions:
        chosen = " or ".join(_plain(condition) for condition in facts.conditions)
        found.append(f"Only images were taken for which this holds: {chosen}.")
    if rows:
        found.append(_table(("why", "images"), rows))
    return "\n\n".join(("## Left out", *found)) if found else ""


def _distributions(facts: CardFacts, pictures: Mapping[str, str]) -> str:
    found = []
    for path, topic in pictures.items():
        numbers = facts.tally.numbers(topic)
        reach = f"{figure(min(numbers))} to {figure(max(numbers))}"
        median = figure(_median(numbers))
        found.append(f"![{title_of(topic)}; {reach}, half of the images up to {median}]({path})")
    return "## Distributions\n\n" + "\n\n".join(found) if found else ""


def _columns(facts: CardFacts) -> str:
    about = _FIELDS[facts.format]
    if facts.format not in _LOADED:
        return f"## Captions\n\n{about}"
    rows = [(f"`{name}`", str(column.kind), column.about) for name, column in ROW_COLUMNS.items()]
    return f"## Columns\n\n{about}\n\n{_table(('column', 'kind', 'what'), rows)}"


def _again(facts: CardFacts) -> str:
    again = (
        "## Drawing the images again\n\n"
        "An image is its recipe and its seed: with the model's revision above, sdq draws it again, on the same kind of "
        "machine with the same pixels. From a file that has its metadata:\n\n"
        "```sh\nsdq rerun FILE.png\n```"
    )
    if facts.format not in _LOADED:
        return again
    return (
        f"{again}\n\nAnd from the columns, as a prompt file:\n\n"
        "```python\n"
        'columns = ["prompt", "negative_prompt", "seed", "num_inference_steps", "guidance_scale", "scheduler"]\n'
        'table[columns].to_json("again.jsonl", orient="records", lines=True)  # a pandas.DataFrame\n'
        "```\n\n"
        "```sh\nsdq run again.jsonl --model MODEL\n```"
    )


def _median(numbers: Mapping[float, int]) -> float:
    """Return the least number that at least half of the images do not exceed."""
    half = sum(numbers.values()) / 2
    seen = 0
    for number, images in numbers.items():
        seen += images
        if seen >= half:
            return number
    raise ValueError("no images")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """Return a text that no reader of Markdown takes for more."""
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", printable(text))
