"""The pictures on a comparison's page."""

from __future__ import annotations

from pathlib import Path

from sdq.comparing.comparison import Pair
from sdq.comparing.sides import Candidate
from sdq_core.images.fitted import Thumbnail, thumbnail, thumbnail_of, whole_picture
from sdq_core.images.pixels import difference

#: The longer side, pixels.
_SIDE = 512
#: Of differences, which most are too dark to see as they are.
BRIGHTNESS = 8


class Pictures:
    """Makes thumbnails; what the safety checker flagged is hidden."""

    def __init__(self, outputs: Path) -> None:
        self._outputs = outputs

    def of(self, image: Candidate) -> Thumbnail | None:
        """Return an image's thumbnail, None if it cannot be read."""
        return thumbnail(self._outputs / image.path, _SIDE, hidden=image.flagged, fine=True)

    def of_difference(self, pair: Pair) -> Thumbnail | None:
        """Return what differs in a pair, of the images in their own size; None if that cannot be seen or shown."""
        if pair.psnr_db is None or pair.one.flagged or pair.other.flagged:
            return None
        one, other = (whole_picture(self._outputs / image.path) for image in (pair.one, pair.other))
        if one is None or other is None:
            return None
        return thumbnail_of(difference(one, other, BRIGHTNESS), _SIDE)
