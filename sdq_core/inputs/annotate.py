"""Maps for ControlNets, made of pictures."""

from __future__ import annotations

import io

from PIL import Image

from sdq_core.errors import ConfigurationError
from sdq_core.inputs.picture import read_picture
from sdq_core.values.annotators import Annotator


def annotated(data: bytes, annotator: Annotator, size: tuple[int, int]) -> bytes:
    """Return a picture's map as a file: black and white, for canny.

    size: that of the images, width and height in pixels. The picture is stretched to it before, as a map is when an
    image is drawn, because edges do not survive that.

    Raise InputError, a clause, for a picture that cannot be read, ConfigurationError without NumPy.
    """
    assert annotator is Annotator.CANNY
    try:
        import numpy as np

        from sdq_core.inputs.canny import canny
    except ImportError:
        raise ConfigurationError(
            f"Annotating with {annotator} needs NumPy. Run `pip install 'sdq[onnx]'`, or name a finished map."
        ) from None
    picture = read_picture(data, background="black")
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    # Uncompressed, so the same map is the same file whatever version of Pillow or zlib writes it.
    Image.fromarray(canny(np.asarray(picture))).save(file, "BMP")
    return file.getvalue()
