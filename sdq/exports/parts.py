"""The parts of a data set that are being written: one for each split that has samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from sdq.exports.card.tally import Tally
from sdq.exports.format import Format, Part
from sdq.exports.index import Index
from sdq.exports.sample import Sample


@dataclass(frozen=True, kw_only=True)
class _Open:
    """A part, its number, its samples' keys in order, and what the card says of them."""

    part: Part
    number: int
    keys: dict[str, None] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)


class Parts:
    """Puts each sample into its split's part; at the end of its block the last ones are closed, or removed."""

    def __init__(self, format_: Format, folder: Path, index: Index) -> None:
        self._format = format_
        self._folder = folder
        self._index = index
        self._open: dict[str, _Open] = {}
        self._next = {split: state.parts for split, state in index.splits().items()}

    def __enter__(self) -> Parts:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                for split in sorted(self._open):
                    self._close(split)
        finally:
            for one in self._open.values():
                one.part.abort()

    def add(self, sample: Sample) -> bool:
        """Add a sample; return False for one that the open part has, as two batches may ask for an image."""
        split = sample.split
        if split not in self._open:
            number = self._next.get(split, 0)
            part = self._format.begin(self._folder, split, number)
            self._open[split] = _Open(part=part, number=number)
        one = self._open[split]
        if sample.key in one.keys:
            return False
        one.part.add(sample)
        one.keys[sample.key] = None
        one.tally.add(sample.image)
        limit = self._format.bytes_per_part
        if len(one.keys) >= self._format.samples_per_part or (
            limit is not None and one.part.size_bytes >= limit
        ):
            self._close(split)
        return True

    def _close(self, split: str) -> None:
        one = self._open[split]
        size_bytes = one.part.size_bytes
        files = one.part.close()
        del self._open[split]
        self._next[split] = one.number + 1
        self._index.add_part(
            split,
            one.number,
            list(one.keys),
            size_bytes=size_bytes,
            files=files,
            tally=one.tally.to_dict(),
        )
