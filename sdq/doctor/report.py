"""What an examination found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: What JSON can hold.
JSON = Any


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One line of a report.

    name, text: for people.
    value: the same for programs, if that is more than the text.
    """

    name: str
    text: str
    value: JSON = None


@dataclass(frozen=True, kw_only=True)
class Section:
    """One subject of a report.

    problems: whole sentences, each with the next step.
    not_tried: what was not examined, and why.
    """

    title: str
    facts: Sequence[Fact] = ()
    problems: Sequence[str] = ()
    not_tried: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that was examined."""

    sections: Sequence[Section]

    @property
    def problems(self) -> list[str]:
        """All that is wrong, in the order of the sections."""
        return [problem for section in self.sections for problem in section.problems]

    def lines(self) -> Iterator[str]:
        """Yield the report's lines of text."""
        for section in self.sections:
            yield section.title
            width = max((len(fact.name) for fact in section.facts), default=0)
            for fact in section.facts:
                yield f"  {fact.name.ljust(width)}  {fact.text}".rstrip()
            for sentence in section.not_tried:
                yield f"  (not tried) {sentence}"
            for sentence in section.problems:
                yield f"  (problem) {sentence}"
            yield ""
        count = len(self.problems)
        if not count:
            yield "All is well."
            return
        yield f"{count} {'problem' if count == 1 else 'problems'}:"
        yield from (f"- {problem}" for problem in self.problems)

    def to_dict(self) -> Mapping[str, JSON]:
        """Return the report for programs: all problems, and the sections by name."""
        return {
            "well": not self.problems,
            "problems": self.problems,
            "sections": {
                section.title.lower().replace(" ", "_"): {
                    "facts": {
                        fact.name: fact.text if fact.value is None else fact.value
                        for fact in section.facts
                    },
                    "problems": list(section.problems),
                    "not_tried": list(section.not_tried),
                }
                for section in self.sections
            },
        }
