"""What reading prompt files noticed that is no reason to refuse them, for the user to judge."""

from __future__ import annotations

from dataclasses import dataclass, field

from db.values import JSON
from sdq_core.errors import group_by_cause

#: More would push what was submitted off the screen.
_SHOWN = 20


@dataclass(kw_only=True)
class Remarks:
    """Collected while files are read.

    comment_lines: how many lines were skipped because they begin with ``#``.
    hints: ``file:line: what`` for what looks like another tool's syntax but is drawn as it stands.
    """

    comment_lines: int = 0
    hints: list[str] = field(default_factory=list)

    def describe(self) -> list[str]:
        """Return a sentence or clause each."""
        grouped = group_by_cause(self.hints)
        said = grouped[:_SHOWN]
        if len(grouped) > _SHOWN:
            said.append(f"... and {len(grouped) - _SHOWN} more hints")
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
        return {"comment_lines": self.comment_lines, "hints": list(self.hints[:1000])}
