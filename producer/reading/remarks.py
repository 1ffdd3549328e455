"""What reading prompt files noticed that is no reason to refuse them, for the user to judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from db.values import JSON
from producer.reading.multiplied import Multiplied
from sdq_core.errors import group_by_cause
from sdq_core.models.usual import Usual

#: More would push what was submitted off the screen.
_SHOWN = 20
_PLACES_SHOWN = 3
_CUT_HERE = "{} after '...{}'"


@dataclass(kw_only=True)
class Remarks:
    """Collected while files are read.

    comment_lines: how many lines were skipped because they begin with ``#``.
    hints: ``file:line: what`` for what looks like another tool's syntax but is drawn as it stands.
    undecided: place of a prompt with choices or wildcards that nobody makes, for want of `--dynamic` -> one of them.
    repeated_images: how many images are asked for again, and drawn once.
    cut: place of a prompt that is longer than a text encoder reads -> the end of what it reads.
    usual: model -> settings of its own that some prompts are drawn with, because neither they nor the command say.
    multiplied: what makes several images of a line.
    """

    comment_lines: int = 0
    hints: list[str] = field(default_factory=list)
    undecided: dict[str, str] = field(default_factory=dict)
    repeated_images: int = 0
    cut: dict[str, str] = field(default_factory=dict)
    usual: dict[str, Usual] = field(default_factory=dict)
    multiplied: Multiplied = field(default_factory=Multiplied)

    def describe(self, *, most_hints: int = _SHOWN) -> list[str]:
        """Return a sentence or clause each."""
        grouped = group_by_cause(self.hints)
        said = [
            *(
                f"{model} is drawn with {usual.describe()}, {usual.why()}.{usual.remedy(model)}"
                for model, usual in self.usual.items()
            ),
            *self.multiplied.describe(),
            *grouped[:most_hints],
        ]
        if len(grouped) > most_hints:
            more = len(grouped) - most_hints
            said.append(f"... and {more} more hint{'' if more == 1 else 's'}")
        if self.undecided:
            count = len(self.undecided)
            said.append(
                f"{'1 prompt has' if count == 1 else f'{count:,} prompts have'} choices or wildcards that are drawn as "
                f"words: {_first(self.undecided, '{} {}')}. --dynamic random (or combinatorial) makes prompts of them."
            )
        if self.cut:
            said.append(f"{describe_cut(len(self.cut))}: {_first(self.cut, _CUT_HERE)}.")
        if self.repeated_images:
            what = (
                "1 image is"
                if self.repeated_images == 1
                else f"{self.repeated_images:,} images are"
            )
            said.append(f"{what} asked for more than once, and drawn once.")
        if self.comment_lines:
            lines = (
                "1 comment line"
                if self.comment_lines == 1
                else f"{self.comment_lines:,} comment lines"
            )
            said.append(f"{lines} skipped; with --literal a # is text.")
        return said

    def to_dict(self) -> dict[str, JSON]:
        """Return it for JSON."""
        return {
            "comment_lines": self.comment_lines,
            "hints": list(self.hints[:1000]),
            "undecided_prompts": len(self.undecided),
            "undecided": dict(islice(self.undecided.items(), 1000)),
            "repeated_images": self.repeated_images,
            "cut_prompts": len(self.cut),
            "cut": dict(islice(self.cut.items(), 1000)),
            "usual": {model: usual.to_dict() for model, usual in self.usual.items()},
            **self.multiplied.to_dict(),
        }


def _first(places: Mapping[str, str], form: str) -> str:
    """List the first few places, each as `form` has it with what is there."""
    shown = [form.format(place, what) for place, what in islice(places.items(), _PLACES_SHOWN)]
    more = len(places) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def describe_cut(prompts: int) -> str:
    """Return the beginning of a sentence about prompts that a text encoder did not read to their ends."""
    which = "1 prompt is" if prompts == 1 else f"{prompts:,} prompts are"
    return f"{which} longer than 77 tokens, so the model does not see the end"
