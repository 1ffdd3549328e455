"""What `sdq export` does and says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from db.columns.where import Where
from db.ledger import Ledger
from sdq.cli.batch import named_batch
from sdq.cli.export_options import STANDARD_OUTPUT
from sdq.cli.outcome import Outcome
from sdq.cli.publishing import Publishing
from sdq.cli.streams import output_is_lost
from sdq.exports.export import Exported, export
from sdq.exports.lists.write import Listed, ListOptions, Output, list_file, write_list
from sdq.exports.look_alikes import require_measured
from sdq.exports.options import ExportOptions
from sdq.exports.splits import Splits
from sdq.views.words import counted, size
from sdq_core.errors import EXIT_OK, EXIT_SOME_IMAGES_FAILED, InputMissingError
from sdq_core.images.root import OutputRoot
from sdq_core.settings import Settings


class Exporting:
    """One run of the command."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger | None,
        batches: Sequence[str],
        outcome: Outcome,
        *,
        where: Where | None,
        distance: int | None,
    ) -> None:
        """Raise InputMissingError for a batch that does not exist, or if there is no image to export.

        where, distance: as in `export`.
        """
        self._settings = settings
        found = {status.id: status for status in (named_batch(ledger, one) for one in batches)}
        assert ledger is not None  # or there would be no batch
        self._ledger = ledger
        self._ids = list(found)
        self._names = [status.name for status in found.values()]
        self._total = sum(status.completed for status in found.values())
        self._failed = sum(status.failed for status in found.values())
        self._where = where
        self._distance = distance
        self._outcome = outcome
        self._require_images()

    def to_list(self, out: str, options: ListOptions) -> int:
        """Write a list; return the exit code."""
        if out == STANDARD_OUTPUT:
            listed = self._write_list(
                _standard_output(), options, is_lost=lambda: output_is_lost() is not None
            )
            if not self._outcome.quiet and output_is_lost() is None:
                click.echo(f"{counted(listed.images.total(), 'image')} listed.", err=True)
            return EXIT_OK
        with list_file(Path(out)) as file:
            listed = self._write_list(file, options)
        images = listed.images.total()
        splits = _divided(options.splits, listed.images)
        self._outcome.say(
            f"{out}: {counted(images, 'image')}{splits}, {size(listed.size_bytes)}.{_left_out(listed.alike)}"
        )
        self._outcome.tell(
            out=out,
            format=options.format,
            images=images,
            alike=listed.alike,
            splits=dict(listed.images) if options.splits else {},
            size_bytes=listed.size_bytes,
        )
        return EXIT_OK

    def to_folder(self, out: Path, options: ExportOptions, publishing: Publishing) -> int:
        """Export into a folder, write its card and push it if that is asked for; return the exit code."""
        root = OutputRoot(
            self._settings.outputs, home=self._settings.home, ledger_id=self._ledger.id
        )
        with self._progress() as bar:
            task = bar.add_task("Exporting images", total=self._total)
            done = export(
                self._ledger,
                self._ids,
                root,
                out,
                options,
                where=self._where,
                distance=self._distance,
                on_image=lambda: bar.advance(task),
            )
        if done.splits:
            publishing.write_card(self._settings, out, options, self._why_left_out(done))
        self._say(out, done, options)
        if done.uncaptioned and options.caption.template.strip():
            click.echo(f"sdq: {_about_captions(done.uncaptioned, options)}", err=True)
        lost = done.missing + done.changed
        if lost:
            click.echo(f"sdq: {self._about_lost(done)}", err=True)
        pushed = publishing.push(out, self._outcome) if done.splits else {}
        self._tell(out, done, options, pushed)
        return EXIT_SOME_IMAGES_FAILED if lost else EXIT_OK

    def _write_list(
        self, stream: Output, options: ListOptions, *, is_lost: Callable[[], bool] = lambda: False
    ) -> Listed:
        with self._progress() as bar:
            task = bar.add_task("Listing images", total=self._total)
            return write_list(
                self._ledger,
                self._ids,
                stream,
                options,
                where=self._where,
                distance=self._distance,
                on_images=lambda count: bar.advance(task, count),
                is_lost=is_lost,
            )

    def _progress(self) -> Progress:
        console = Console(stderr=True)
        is_shown = console.is_terminal and not self._outcome.quiet
        return Progress(console=console, transient=True, disable=not is_shown)

    def _require_images(self) -> None:
        slices = (
            drawn
            for batch_id in self._ids
            for drawn in self._ledger.batches.drawn_slices(batch_id, where=self._where)
        )
        first = next(slices, None)
        if first is not None:
            if self._distance is not None:
                require_measured(chain([first], slices))
            return
        if self._where is not None and self._total:
            raise InputMissingError(
                f"No finished image of {', '.join(self._names)} matches the condition. Nothing was exported."
            )
        if len(self._names) == 1:
            raise InputMissingError(
                f"Batch {self._names[0]!r} has no finished images yet. Start `sdq worker`."
            )
        raise InputMissingError("These batches have no finished images yet. Start `sdq worker`.")

    def _say(self, out: Path, done: Exported, options: ExportOptions) -> None:
        added, there = done.new.total(), done.samples
        splits = _divided(options.splits, _samples(done))
        if added == there:
            said = f"{counted(added, 'image')} added{splits}."
        elif added:
            said = f"{counted(added, 'image')} added; now there are {there:,}{splits}."
        else:
            said = f"no new images; there are {there:,}{splits}."
        self._outcome.say(f"{out}: {said}{_left_out(done.alike)}")

    def _tell(
        self, out: Path, done: Exported, options: ExportOptions, pushed: Mapping[str, Any]
    ) -> None:
        now = _samples(done)
        self._outcome.tell(
            out=str(out),
            format=options.format,
            added=done.new.total(),
            alike=done.alike,
            missing=done.missing,
            changed=done.changed,
            samples=done.samples,
            splits={split: now.get(split, 0) for split in options.splits.fractions},
            parts=sum(state.parts for state in done.splits.values()),
            size_bytes=sum(state.size_bytes for state in done.splits.values()),
            **pushed,
        )

    def _why_left_out(self, done: Exported) -> Mapping[str, int]:
        return {
            "could not be drawn": self._failed,
            "look like another one": done.alike,
            "their file is missing": done.missing,
            "their file has changed since it was drawn": done.changed,
        }

    def _about_lost(self, done: Exported) -> str:
        parts = []
        if done.missing:
            has = "has" if done.missing == 1 else "have"
            parts.append(f"{counted(done.missing, 'image')} {has} no file")
        if done.changed:
            which = "one has" if done.changed == 1 else f"{done.changed:,} have"
            parts.append(f"{which} another file than was drawn")
        batch = f" {quote(self._names[0])}" if len(self._names) == 1 else ""
        return (
            f"{' and '.join(parts)}; the others were exported. `sdq verify{batch}` lists them, and with --repair has "
            "them drawn again."
        )


def _left_out(alike: int) -> str:
    if alike == 1:
        return " 1 looks like another and was left out."
    return f" {alike:,} look like others and were left out." if alike else ""


def _about_captions(images: int, options: ExportOptions) -> str:
    have = "has" if images == 1 else "have"
    instead = "the prompt is the caption" if options.format == "kohya" else "the caption is empty"
    return (
        f"{counted(images, 'image')} {have} nothing that --caption {quote(options.caption.template)} names, so "
        f"{instead}. For another caption, export into a new folder."
    )


def _samples(done: Exported) -> Mapping[str, int]:
    return {split: state.samples for split, state in done.splits.items()}


def _divided(splits: Splits | None, images: Mapping[str, int]) -> str:
    if splits is None or len(splits.fractions) == 1:
        return ""
    return f" ({', '.join(f'{name} {images.get(name, 0):,}' for name in splits.fractions)})"


def _standard_output() -> Output:
    """Return standard output for UTF-8, whatever the locale's encoding: `sdq submit` reads nothing else."""
    stream = getattr(sys.stdout, "buffer", None)
    return stream if stream is not None else _Texts()


class _Texts:
    """Standard output of a program that runs the command within its own process, and takes text."""

    def write(self, data: bytes, /) -> int:
        sys.stdout.write(data.decode())
        return len(data)
