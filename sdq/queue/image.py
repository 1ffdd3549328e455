"""A drawn image: its file, its picture, and all that the ledger knows of it."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdq_core.errors import InputError, InputMissingError

if TYPE_CHECKING:
    import PIL.Image

    from db.values import FinishedImage

_THUMBNAIL_PIXELS = 192
_REPAIR = "To draw it again, run `sdq verify --repair`."


@dataclass(frozen=True, repr=False, eq=False)
class Image:
    """A drawn image of a batch. It needs no connection, so it may be kept, pickled and used after the queue is closed.

    path: its file; not looked at before `picture` is called.
    """

    _finished: FinishedImage
    path: Path

    @property
    def prompt(self) -> str:
        """Its prompt."""
        return self._finished.recipe.prompt

    @property
    def seed(self) -> int:
        """Its seed."""
        return self._finished.seed

    @property
    def batch(self) -> str:
        """The name of the batch that it was read from."""
        return self._finished.batch_name

    @property
    def entry(self) -> int:
        """The number of its prompt in that batch, from 1."""
        return self._finished.entry

    @property
    def record(self) -> dict[str, Any]:
        """All columns of the image by name, as exports write them (docs/columns.md)."""
        from db.columns import COLUMNS

        return {name: column.of(self._finished) for name, column in COLUMNS.items()}

    @property
    def is_flagged(self) -> bool:
        """Whether the safety checker flagged it; False without one."""
        return bool(self._finished.image.nsfw_flagged)

    def picture(self) -> PIL.Image.Image:
        """Read the file and return its picture.

        Raise InputMissingError if the file is not there or cannot be opened, InputError if it is damaged.
        """
        import PIL.Image

        try:
            with PIL.Image.open(self.path) as file:
                file.load()
                return file.copy()
        except (SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
            raise InputError(f"{self.path} is damaged. {_REPAIR}") from error
        except FileNotFoundError as error:
            raise InputMissingError(
                f"{self.path} is not there. Reconnect its drive, or, if it is lost: {_REPAIR}"
            ) from error
        except OSError as error:
            if error.errno is None:  # Pillow's own: the file is not an image, or ends too early
                raise InputError(f"{self.path} is damaged. {_REPAIR}") from error
            raise InputMissingError(f"{self.path} cannot be read ({error.strerror}).") from error

    def __repr__(self) -> str:
        return f"<sdq.Image {self.batch}/{self.entry}/{self.seed}: {self.prompt[:60]!r}>"

    def _repr_html_(self) -> str:
        """Return the image for a notebook, small; one that the safety checker flagged only as its colours."""
        caption = html.escape(f"{self.batch}/{self.entry}/{self.seed}: {self.prompt}")
        return f'<figure style="margin: 0">{thumbnail_tag(self)}<figcaption>{caption}</figcaption></figure>'


def thumbnail_tag(image: Image, side: int = _THUMBNAIL_PIXELS) -> str:
    """Return an image's thumbnail as an element of HTML, its name if the file cannot be read. side: at most, pixels."""
    from sdq_core.images.fitted import thumbnail

    title = html.escape(f"{image.prompt} (seed {image.seed})", quote=True)
    small = thumbnail(image.path, side, hidden=image.is_flagged)
    if small is None:
        return f"<code>{html.escape(str(image.path))}</code>"
    data = base64.b64encode(small.data).decode()
    return (
        f'<img src="data:{small.media_type};base64,{data}" width="{small.width}" height="{small.height}" '
        f'alt="{title}" title="{title}">'
    )
