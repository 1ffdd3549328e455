"""What makes of a photo a picture that a ControlNet follows."""

from __future__ import annotations

from enum import StrEnum


class Annotator(StrEnum):
    """By the names of the ControlNets that were trained with them."""

    CANNY = "canny"
