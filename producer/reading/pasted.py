"""Generation data that was pasted into a txt file: a prompt over several lines, read as one.

    a red lighthouse by the sea,
    at night
    Negative prompt: fog, rain
    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 11, Size: 512x512

As AUTOMATIC1111 reads it, the lines directly above the settings are one prompt, and one negative prompt from its label
on. The labels `positive:` and `negative:`, on lines of their own or before their text, are read as well. Where neither
labels nor settings show which lines belong together, they are refused: two prompts must not become one.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sdq_core.errors import InputError
from sdq_core.images.infotext import parse_infotext

_POSITIVE = re.compile(r"(?:positive(?:[ _-]prompt)?|prompt)\s*:\s*(.*)", re.IGNORECASE)
_NEGATIVE = re.compile(r"negative(?:[ _-]prompt)?\s*:\s*(.*)", re.IGNORECASE)
_PARAMETERS = re.compile(r"Steps:\s*[0-9]+\s*(?:,|$)", re.IGNORECASE)
#: What an extension made the prompt from, which it writes below the settings.
TEMPLATE = re.compile(r"(?:negative )?template\s*:", re.IGNORECASE)
#: The most lines that a prompt above its settings may have.
_MOST_LINES = 100
_NO_PROMPT = "there is no prompt directly above this line"
_UNCLEAR = (
    "it is not clear which of the lines above belong to this prompt; "
    "write it on one line, with a blank line above"
)
_SIZE = re.compile(r"([0-9]+)\s*[x\u00d7]\s*([0-9]+)")

#: The infotext's names -> fields.
_FIELDS = {
    "Steps": "num_inference_steps",
    "Sampler": "scheduler",
    "CFG scale": "guidance_scale",
    "Seed": "seed",
    "RNG": "rng",
}
#: Those of an image that sdq drew; another tool's model and version mean something else.
_OWN_FIELDS = {"Model": "model", "sdq variant": "variants", "sdq compute unit": "compute_unit",
               "sdq eta": "eta", "sdq weighted": "weighted"}  # fmt: skip
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
    hints: how they were, where they may be meant differently.
    """

    number: int
    text: str | None
    negative: list[str] | None = None
    parameters: str | None = None
    wrong: str | None = None
    hints: list[str] = field(default_factory=list)

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
    here = _Paragraph()
    behind_settings = False
    for number, text in lines:
        if behind_settings and TEMPLATE.match(text):
            continue
        behind_settings = _PARAMETERS.match(text) is not None
        if behind_settings:
            yield here.with_settings(number, text)
            here = _Paragraph()
            continue
        positive, negative = _POSITIVE.fullmatch(text), _NEGATIVE.fullmatch(text)
        if not text or positive or (negative and here.negative is not None):
            yield from here.blocks()
            follows = not text and (here.number > 0 or here.follows_prompts)
            here = _Paragraph(follows_prompts=follows)
        if negative:
            here.negative = []
        here.is_labelled = here.is_labelled or positive is not None
        if text:
            label = positive or negative
            here.add(number, label[1] if label else text)
            yield from here.far_above()
    yield from here.blocks()


@dataclass
class _Paragraph:
    """Lines without a blank line between them: prompts of their own, unless labels or settings make them one.

    number: of its first line, 0 without any.
    is_labelled: it begins with the label of a prompt.
    negative: lines from the label of the negative prompt on, None without one.
    is_long: its first lines were too far above to belong to settings.
    follows_prompts: only blank lines part it from prompts.
    """

    number: int = 0
    is_labelled: bool = False
    prompt: deque[tuple[int, str]] = field(default_factory=deque)
    negative: list[str] | None = None
    is_long: bool = False
    follows_prompts: bool = False

    def add(self, number: int, text: str) -> None:
        """Add a line, or what follows a label on it."""
        self.number = self.number or number
        if text and self.negative is not None:
            self.negative.append(text)
        elif text:
            self.prompt.append((number, text))

    def far_above(self) -> Iterator[Block]:
        """Yield a prompt that is too far above to belong to settings."""
        if len(self.prompt) > _MOST_LINES and not self.is_labelled and self.negative is None:
            self.is_long = True
            yield Block(*self.prompt.popleft())

    def blocks(self) -> Iterator[Block]:
        """Yield the prompts of lines that no settings follow."""
        if not self.number:
            return
        if not self.prompt or (self.is_labelled and self.negative is not None):
            yield self._joined()
            return
        *above, last = self.prompt
        yield from (Block(*line) for line in above)
        unclear = self.negative is not None and (above or self.is_long)
        yield Block(*last, negative=self.negative, wrong=_UNCLEAR if unclear else None)

    def with_settings(self, number: int, parameters: str) -> Block:
        """Return the prompt of lines that settings follow."""
        self.number = self.number or number
        # The heading above a copied one.
        if self.prompt and self.prompt[0][1].lower() == "parameters":
            self.prompt.popleft()
        block = self._joined()
        block.parameters = parameters
        if self.is_long:
            block.wrong = _UNCLEAR
        if not self.is_labelled and len(self.prompt) > 1:
            block.hints.append("the lines above the settings are read as one prompt")
        if self.follows_prompts:
            block.hints.append("the lines above the blank line are read as prompts of their own")
        return block

    def _joined(self) -> Block:
        text = "\n".join(text for _, text in self.prompt) or None
        wrong = None if text or (self.is_labelled and self.negative is None) else _NO_PROMPT
        return Block(self.number, text, negative=self.negative, wrong=wrong)
