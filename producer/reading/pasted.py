"""Generation data that was pasted into a txt file: a prompt over several lines, read as one.

    a red lighthouse by the sea
    Negative prompt: fog, rain
    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 11, Size: 512x512

The labels `positive:` and `negative:`, on lines of their own or before their text, are read as well. Where it is not
clear which lines belong together, they are refused: two prompts must not become one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sdq_core.errors import InputError
from sdq_core.images.infotext import parse_infotext

_POSITIVE = re.compile(r"(?:positive(?:[ _-]prompt)?|prompt)\s*:\s*(.*)", re.IGNORECASE)
_NEGATIVE = re.compile(r"negative(?:[ _-]prompt)?\s*:\s*(.*)", re.IGNORECASE)
_PARAMETERS = re.compile(r"Steps:\s*[0-9]+\s*(?:,|$)", re.IGNORECASE)
_SIZE = re.compile(r"([0-9]+)\s*[x\u00d7]\s*([0-9]+)")

#: The infotext's names -> fields.
_FIELDS = {
    "Steps": "num_inference_steps",
    "Sampler": "scheduler",
    "CFG scale": "guidance_scale",
    "Seed": "seed",
}
#: Those of an image that sdq drew; another tool's model and version mean something else.
_OWN_FIELDS = {"Model": "model", "sdq variant": "variants", "sdq compute unit": "compute_unit"}
#: What changes no picture by itself.
_UNIMPORTANT = frozenset({"Version", "Size", "Model hash", "VAE hash", "Lora hashes", "TI hashes"})


@dataclass
class Block:
    """One prompt of a txt file with the lines that belong to it.

    number: its first line.
    text: the prompt, None if the lines have none.
    negative: lines of its negative prompt, None without a label for it.
    parameters: the line of settings.
    wrong: why its lines cannot be told apart.
    """

    number: int
    text: str | None
    is_labelled: bool = False
    negative: list[str] | None = None
    parameters: str | None = None
    wrong: list[str] = field(default_factory=list)

    def settings(self) -> tuple[dict[str, str], list[str]]:
        """Return the fields that its settings set, and the names of settings that sdq does not have.

        Raise InputError for settings that cannot be read.
        """
        if self.parameters is None:
            return {}, []
        pairs = parse_infotext(f"x\n{self.parameters}").pairs
        if not pairs:
            raise InputError("these settings cannot be read; write them as --steps 20 --seed 7")
        is_own = pairs.get("Version", "").startswith("sdq ")
        known = {**_FIELDS, **_OWN_FIELDS} if is_own else _FIELDS
        values = {known[name]: value for name, value in pairs.items() if name in known}
        if size := _SIZE.fullmatch(pairs.get("Size", "")):
            values["width"], values["height"] = size.groups()
        return values, [name for name in pairs if name not in known and name not in _UNIMPORTANT]


def blocks(lines: Iterable[tuple[int, str]]) -> Iterator[Block]:
    """Group a file's lines, stripped and without comments, by the prompt they belong to."""
    block: Block | None = None
    above = 0  # prompts on the lines directly above
    for number, text in lines:
        if not text:
            if block:
                yield block
            block, above = None, 0
        elif positive := _POSITIVE.fullmatch(text):
            if block:
                yield block
            block, above = Block(number, positive[1] or None, is_labelled=True), 0
        elif negative := _NEGATIVE.fullmatch(text):
            if block and block.negative is not None:
                yield block
                block = None
            block = block or Block(number, None)
            block.negative = [negative[1]] if negative[1] else []
            _check_above(block, above)
        elif _PARAMETERS.match(text):
            block = block or Block(number, None)
            block.parameters = text
            _check_above(block, above)
            yield block
            block, above = None, 0
        elif not (block and _takes(block, text)):
            if block:
                yield block
                above += 1
            block = Block(number, text)
    if block:
        yield block


def _takes(block: Block, text: str) -> bool:
    """Add a line without a label to the block whose label it follows, if it follows one."""
    if block.negative is not None:
        block.negative.append(text)
    elif block.is_labelled and block.text is None:
        block.text = text
    else:
        return False
    return True


def _check_above(block: Block, above: int) -> None:
    if block.text is None:
        block.wrong = ["there is no prompt directly above this line"]
    elif above and not block.is_labelled:
        block.wrong = [
            "it is not clear which of the lines above belong to this prompt; "
            "write it on one line, with a blank line above"
        ]
