"""Whether Pillow can write a format here."""

from __future__ import annotations

from sdq_core.errors import ConfigurationError
from sdq_core.values.image_files import ImageFormat


def require(image_format: ImageFormat) -> None:
    """Raise ConfigurationError if this Pillow cannot write a format, as some builds lack WebP or AVIF."""
    if image_format in {ImageFormat.PNG, ImageFormat.JPG}:
        return
    from PIL import features  # not at the start of every command

    if not features.check(str(image_format)):
        raise ConfigurationError(
            f"Pillow cannot write {image_format} files on this machine. Install Pillow's wheel of version 11.3 or "
            "newer, or choose --image-format jpg."
        )
