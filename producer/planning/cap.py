"""The most images of one submission, counted before they are planned."""

from __future__ import annotations

from sdq_core.errors import PromptFileError

#: 400,000 slices, and months of drawing.
MAX_IMAGES = 10_000_000
#: Where choices, wildcards or lists multiply the images, unless --max-images says otherwise.
MAX_EXPANDED_IMAGES = 100_000


class Cap:
    """Counts a submission's images up to a limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._images = 0

    def add(self, source: str, images: int) -> None:
        """Count a line's images; raise PromptFileError beyond the limit."""
        self._images += images
        if self._images > self.limit:
            raise PromptFileError([f"{source}: {self.exceeded()}"])

    def exceeded(self) -> str:
        """Return what is wrong with a submission beyond the limit, a clause."""
        said = f"more than {self.limit:,} images up to here; "
        if self.limit == MAX_IMAGES:
            return f"{said}ask for fewer seeds, or submit in parts"
        return f"{said}ask for fewer, or raise --max-images"
