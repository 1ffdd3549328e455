"""From prompt lines that are templates to prompt lines.

At random, each of a line's seeds has its own prompt, as each image of Dynamic Prompts does: the prompt of seed 7 is the
same whichever other seeds and lines are submitted with it, and with every number of steps. Seeds with the same prompt
stay together, so that a slice holds several. Combinatorial, each prompt has all of the line's seeds.

Everything is counted before the first prompt is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product

from db.values import JSON
from producer.dynamic.measure import MANY
from producer.dynamic.template import is_template
from producer.dynamic.templates import Made, Templates
from producer.dynamic.wildcards import Wildcards
from producer.planning.cap import Cap
from producer.planning.defaults import Defaults
from producer.planning.line_seeds import how_many, seeds_of
from producer.reading.checks import check_text
from producer.reading.files import MAX_PROMPTS, look_for_other_syntax
from producer.reading.lines import MAX_PROBLEMS
from producer.reading.prompt_line import PromptLine
from producer.reading.remarks import Remarks
from sdq_core.errors import InputError, PromptFileError
from sdq_core.values.seeds import compact_seeds


class Mode(StrEnum):
    """How choices are made."""

    RANDOM = "random"
    COMBINATORIAL = "combinatorial"


@dataclass(frozen=True, kw_only=True)
class Dynamic:
    """How templates become prompts; seed: of what is chosen at random, beside each image's own."""

    mode: Mode
    wildcards: Wildcards
    seed: int = 0

    def to_dict(self) -> dict[str, JSON]:
        """Return it for JSON, as a batch records it."""
        said: dict[str, JSON] = {
            "mode": str(self.mode),
            "wildcards": str(self.wildcards.folder.absolute()),
        }
        return {**said, "seed": self.seed} if self.mode is Mode.RANDOM else said


def expand(
    lines: Sequence[PromptLine],
    defaults: Defaults,
    dynamic: Dynamic,
    *,
    max_images: int,
    remarks: Remarks,
) -> list[PromptLine]:
    """Return lines whose prompts are made; `defaults.negative_prompt` may be a template, too.

    Raise PromptFileError with all that is wrong, and for more than `max_images` images or `MAX_PROMPTS` prompts.
    """
    expander = _Expander(defaults, dynamic)
    expander.count(lines, max_images)
    made: list[PromptLine] = []
    problems: list[str] = []
    templates: set[str] = set()
    prompts: set[int] = set()
    for line in lines:
        before = len(made)
        try:
            made.extend(expander.lines(line))
        except InputError as error:
            problems.append(f"{line.source}: {error}")
        for one in made[before:]:
            look_for_other_syntax(
                one, None, problems, remarks, weighted=defaults.weighted, made=True
            )
            if one.dynamic:
                templates.add(one.source)
                # Those of a grid have the same prompts.
                prompts.add(hash((one.source, one.prompt, one.negative_prompt)))
        if len(problems) >= MAX_PROBLEMS:
            break
        if len(made) > MAX_PROMPTS:
            problems.append(f"{line.source}: {_TOO_MANY_PROMPTS}")
            break
    if problems:
        raise PromptFileError(problems)
    said = remarks.multiplied
    said.templates, said.made_prompts = len(templates), len(prompts)
    said.example = next((one.prompt for one in made if one.dynamic), None)
    return made


_TOO_MANY_PROMPTS = f"more than {MAX_PROMPTS:,} prompts up to here; submit them in parts"


class _Expander:
    """Expands the lines of one submission."""

    def __init__(self, defaults: Defaults, dynamic: Dynamic) -> None:
        self._defaults = defaults
        self._dynamic = dynamic
        self._templates = Templates(dynamic.wildcards)

    def count(self, lines: Sequence[PromptLine], max_images: int) -> None:
        """Measure all lines; raise PromptFileError for templates that cannot be made, and beyond the limit."""
        cap = Cap(max_images)
        problems: list[str] = []
        total = 0
        for line in lines:
            try:
                prompts = self._prompts(line)
            except InputError as error:
                problems.append(f"{line.source}: {error}")
                if len(problems) >= MAX_PROBLEMS:
                    break
                continue
            seeds = how_many(line, self._defaults)
            if self._dynamic.mode is Mode.RANDOM:
                prompts = 1
            total += prompts
            if prompts * seeds > max_images and prompts > 1:
                problems.append(f"{line.source}: {_too_many(prompts, seeds, max_images)}")
            elif total > MAX_PROMPTS:
                problems.append(f"{line.source}: {_TOO_MANY_PROMPTS}")
                break
            elif not problems:
                cap.add(line.source, prompts * seeds)
        if problems:
            raise PromptFileError(problems)

    def lines(self, line: PromptLine) -> Iterator[PromptLine]:
        """Yield a line for each prompt; raise InputError for a prompt that cannot be drawn."""
        if not any(map(is_template, self._texts(line))):
            yield line
        elif self._dynamic.mode is Mode.RANDOM:
            yield from self._random(line)
        else:
            for prompt, negative in product(*map(self._all, self._texts(line))):
                yield self._line(line, prompt, negative)

    def _random(self, line: PromptLine) -> Iterator[PromptLine]:
        texts = self._texts(line)
        seeds_by_prompt: dict[tuple[Made, Made], list[int]] = {}
        line_seeds = seeds_of(line, self._defaults)
        for seed in line_seeds:
            prompt, negative = (
                self._templates.one(text, seed=self._dynamic.seed, image_seed=seed)
                if is_template(text)
                else Made(text)
                for text in texts
            )
            seeds_by_prompt.setdefault((prompt, negative), []).append(seed)
        for (prompt, negative), seeds in seeds_by_prompt.items():
            one = self._line(line, prompt, negative)
            if len(seeds) == len(line_seeds) and line_seeds is self._defaults.seeds:
                yield one  # its seeds stay those of the submission
            else:
                yield replace(one, seeds=compact_seeds(seeds), random_seeds=None, image_count=None)

    def _texts(self, line: PromptLine) -> tuple[str, str]:
        negative = line.negative_prompt
        return line.prompt, self._defaults.negative_prompt if negative is None else negative

    def _prompts(self, line: PromptLine) -> int:
        prompts = 1
        for text in self._texts(line):
            if is_template(text):
                prompts *= self._templates.measure(text).prompts
        return prompts

    def _all(self, text: str) -> list[Made]:
        return list(self._templates.all(text)) if is_template(text) else [Made(text)]

    def _line(self, line: PromptLine, prompt: Made, negative: Made) -> PromptLine:
        text = check_text("prompt", prompt.text)
        if not text:
            raise InputError("an empty prompt comes of it; leave no option empty, or add words")
        record: dict[str, JSON] = {}
        if prompt.chosen:
            record |= {"template": line.prompt, "choices": _listed(prompt)}
        if negative.chosen:
            record |= {
                "negative_template": self._texts(line)[1],
                "negative_choices": _listed(negative),
            }
        if record:
            record["mode"] = str(self._dynamic.mode)
            if self._dynamic.mode is Mode.RANDOM:
                record["seed"] = self._dynamic.seed
        return replace(
            line,
            prompt=text,
            negative_prompt=check_text("negative_prompt", negative.text),
            dynamic=record or None,
        )


def _listed(made: Made) -> list[JSON]:
    return [list(pair) for pair in made.chosen]


def _too_many(prompts: int, seeds: int, max_images: int) -> str:
    count = f"{prompts:,} prompts" if prompts < MANY else f"{MANY:,} prompts or more"
    each = f", each with {seeds:,} seeds" if seeds > 1 else ""
    return (
        f"its choices make {count}{each}, but --max-images is {max_images:,}; "
        "use --dynamic random, leave out choices, or raise it"
    )
