"""What `sdq export` does beside the files: the card, and the upload."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sdq.cli.outcome import Outcome
from sdq.exports.options import ExportOptions
from sdq_core.printable import printable
from sdq_core.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Publishing:
    """What is asked for.

    license_id: the data set's licence, by the Hub's name; None keeps the card's.
    repository: where it is pushed to, None for nowhere.
    private: whether a new repository is private; None leaves that to the account.
    """

    license_id: str | None = None
    repository: str | None = None
    private: bool | None = None

    def write_card(
        self, settings: Settings, folder: Path, options: ExportOptions, left_out: Mapping[str, int]
    ) -> None:
        """Write the data set's card, or say that the README is the user's own."""
        from sdq.exports.card.of_export import write_card_of
        from sdq_core.models.store import ModelStore

        written = write_card_of(
            folder,
            options,
            title=printable(folder.resolve().name),
            store=ModelStore(settings.models),
            left_out=left_out,
            license_id=self.license_id,
        )
        if not written:
            click.echo(
                f"sdq: {folder / 'README.md'} is not sdq's, so it was left as it is. Move it away for a card.",
                err=True,
            )

    def push(self, folder: Path, outcome: Outcome) -> Mapping[str, Any]:
        """Upload the data set if that is asked for; return what programs are told of it."""
        if self.repository is None:
            return {}
        from sdq.exports.push import hide_progress, push

        if outcome.quiet or outcome.as_json or not sys.stderr.isatty():
            hide_progress()
        pushed = push(folder, self.repository, private=self.private)
        if pushed.card_stayed:
            click.echo(
                f"sdq: The README of {self.repository} is not the one that was pushed from {folder}, so it was left as "
                f"it is. Copy what you want of it into {folder / 'README.md'}, delete it there, and push again.",
                err=True,
            )
        outcome.say(f"It is at {pushed.address}")
        return {"pushed": pushed.address}
