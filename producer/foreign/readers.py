"""Whichever tool drew it: its reader is found by trying all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from producer.foreign import comfyui, draw_things, infotext, invokeai, mochi
from producer.foreign.foreign_image import ForeignImage
from sdq_core.errors import InputError

#: Returns what a file's texts say; None if they are not its tool's, InputError, with a clause, if they are but no use.
Reader = Callable[[Mapping[str, str]], ForeignImage | None]

#: What is wrong with texts that look like a tool's, but not like one of these.
OTHER_TOOL = "its generation data are of a tool that sdq does not read"

#: Some tools write the infotext beside their own: it is the shorter way to the same.
_READERS: Sequence[Reader] = (
    infotext.read,
    invokeai.read,
    draw_things.read,
    mochi.read,
    comfyui.read,
)


def read_foreign(texts: Mapping[str, str]) -> ForeignImage:
    """Return what a file's texts say; raise InputError, with a clause, if no tool's reader can use them."""
    problem: InputError | None = None
    for read in _READERS:
        try:
            found = read(texts)
        except InputError as error:
            problem = problem or error
            continue
        if found is not None:
            return found
    comment = texts.get("exif:UserComment", "").startswith("{")
    raise problem or InputError(OTHER_TOOL if comment else "it does not say how it was drawn")
