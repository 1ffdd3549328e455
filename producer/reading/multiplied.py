"""What multiplies a submission's images: lists of values, and choices in prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from db.values import JSON
from producer.reading.prompt_line import PromptLine
from sdq_core.printable import quote


@dataclass(kw_only=True)
class Multiplied:
    """Counted while lines are read and prompts are made of them.

    grid_lines, grid_prompts: how many lines list several values, and how many combinations they make.
    combinations: how many combinations the command's own options have.
    templates, made_prompts: how many lines have choices, and how many prompts were made of them.
    example: one of these prompts.
    """

    grid_lines: int = 0
    grid_prompts: int = 0
    combinations: int = 1
    templates: int = 0
    made_prompts: int = 0
    example: str | None = None

    def note_grids(self, lines: Sequence[PromptLine]) -> None:
        """Count the lines that were read several times, once for each combination of their values."""
        # Not by what the source says: entries of a list on one line have one that is equal.
        for _, same in groupby(lines, lambda line: id(line.source)):
            count = sum(1 for _ in same)
            if count > 1:
                self.grid_lines += 1
                self.grid_prompts += count

    @property
    def has_grid(self) -> bool:
        """Whether lists of values multiply the images."""
        return self.grid_lines > 0 or self.combinations > 1

    def describe(self) -> list[str]:
        """Return a sentence each."""
        said = []
        if self.templates:
            prompts = "1 prompt" if self.made_prompts == 1 else f"{self.made_prompts:,} prompts"
            example = f", such as {quote(self.example)}" if self.example else ""
            said.append(f"{_lines(self.templates, 'choices')} {prompts}{example}.")
        if self.grid_lines:
            said.append(f"{_lines(self.grid_lines, 'lists')} {self.grid_prompts:,} combinations.")
        if self.combinations > 1:
            said.append(f"The command's options make {self.combinations:,} combinations.")
        return said

    def to_dict(self) -> dict[str, JSON]:
        """Return it for JSON."""
        return {
            "grid_lines": self.grid_lines,
            "grid_prompts": self.grid_prompts,
            "combinations": self.combinations,
            "templates": self.templates,
            "made_prompts": self.made_prompts,
        }


def _lines(count: int, what: str) -> str:
    return f"1 line with {what} makes" if count == 1 else f"{count:,} lines with {what} make"
