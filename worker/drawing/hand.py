"""What a worker has in hand, for whoever looks: a view in its terminal, or one that watches it through Redis."""

from __future__ import annotations

import time

from sdq_core.errors import SdqError
from sdq_core.images.fitted import thumbnail_of
from sdq_core.images.pixels import image_from_rgb
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.in_hand import ImagesInHand, InHand
from sdq_core.queue.previews import Preview, Previews
from worker.drawing.feed import Feed

#: How often to ask whether somebody watches.
_ASK_EVERY_S = 5.0


class Hand:
    """The image that a worker is drawing. feed: the requests of the engine that draws, None for none."""

    def __init__(self) -> None:
        self.feed: Feed | None = None

    @property
    def image(self) -> InHand | None:
        """The image that the engine has begun, None for none."""
        begun = self.feed.begun if self.feed else None
        if begun is None:
            return None
        slice_ = begun.open_slice.slice_
        steps = slice_.recipe.num_inference_steps
        done, total = begun.evaluated
        return InHand(
            batch=slice_.batch_name,
            entry=slice_.entry,
            seed=begun.seed,
            prompt=slice_.recipe.prompt,
            # Some schedulers and networks need more evaluations than steps.
            step=done * steps // total,
            steps=steps,
        )

    @property
    def preview(self) -> Preview | None:
        """What that image would be by now, None without previews. It is encoded here, while the engine goes on."""
        begun = self.feed.begun if self.feed else None
        if begun is None or begun.preview is None:
            return None
        height, width, _ = begun.preview.shape
        picture = image_from_rgb(begun.preview.tobytes(), width, height)
        encoded = thumbnail_of(picture, max(width, height))
        return Preview(
            batch=begun.open_slice.slice_.batch_name,
            entry=begun.open_slice.slice_.entry,
            seed=begun.seed,
            media_type=encoded.media_type,
            data=encoded.data,
        )


class Showing:
    """Says in Redis what a worker has in hand, while somebody watches."""

    def __init__(
        self, images: ImagesInHand, hand: Hand, *, worker: str, previews: Previews | None = None
    ) -> None:
        self._images = images
        self._previews = previews
        self._hand = hand
        self._worker = worker
        self._watched = False
        self._ask_at = 0.0

    def show(self) -> None:
        """Say it, if somebody watches; call this at most twice a second. Raises nothing."""
        try:
            with redis_errors():
                if time.monotonic() >= self._ask_at:
                    self._ask_at = time.monotonic() + _ASK_EVERY_S
                    self._watched = self._images.is_watched()
                if self._watched and (image := self._hand.image):
                    self._images.show(self._worker, image)
                    if self._previews and (preview := self._hand.preview):
                        self._previews.tell(self._worker, preview)
        except SdqError:
            self._watched = False
