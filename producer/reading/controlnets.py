"""A ControlNet as prompt lines and the command line name it: `NAME:PICTURE[:scale[:start-end]]`.

A picture that is no map yet is named with what makes it one: `canny(PICTURE)`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from producer.reading.checks import check_picture
from sdq_core.errors import InputError
from sdq_core.printable import quote
from sdq_core.values.annotators import Annotator
from sdq_core.values.conditions import MAX_CONTROLNETS, MAX_SCALE
from sdq_core.values.names import one_spelling

_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
#: A digest may be all digits, so it is not a scale.
_WRITTEN = re.compile(
    rf"(?P<name>[^:/]+):(?:(?P<annotator>{'|'.join(Annotator)})\((?P<source>.+)\)|(?P<picture>sha256:[0-9a-f]{{64}}(?:/.+?)?|.+?))"
    rf"(?::(?P<scale>{_NUMBER})(?::(?P<start>{_NUMBER})-(?P<end>{_NUMBER}))?)?",
    re.DOTALL,
)
#: What stands where a scale does and is none: nobody calls a picture `a.png:-1`.
_NO_SCALE = re.compile(
    r"(?!sha256:[^:]*\Z).*:[-+.]?(?:\d[-+\d.,%e]*|nan|inf)", re.DOTALL | re.IGNORECASE
)
_FORM = (
    "write NAME:PICTURE, NAME:PICTURE:SCALE or NAME:PICTURE:SCALE:START-END, as in edges:photo.png:0.8:0-0.5, with a "
    f"scale from 0 to {MAX_SCALE:g} and a part of the steps from 0 to 1"
)


@dataclass(frozen=True, kw_only=True)
class Following:
    """A ControlNet and the picture that it follows.

    picture: as `PromptLine` names pictures.
    annotator: what makes a map of it, None if it is one.
    scale: how strongly, 1 as it was trained.
    start, end: the part of the steps in which it works, from 0 to 1.
    """

    name: str
    picture: str
    annotator: Annotator | None = None
    scale: float = 1.0
    start: float = 0.0
    end: float = 1.0

    def __str__(self) -> str:
        part = "" if (self.start, self.end) == (0, 1) else f":{self.start:g}-{self.end:g}"
        scale = f":{self.scale:g}" if part or self.scale != 1 else ""
        picture = f"{self.annotator}({self.picture})" if self.annotator else self.picture
        return f"{self.name}:{picture}{scale}{part}"


def parse_following(written: str) -> Following:
    """Read one ControlNet; raise InputError for what is none."""
    match = _WRITTEN.fullmatch(written.strip())
    if match is None or (match["picture"] and _NO_SCALE.fullmatch(match["picture"])):
        raise InputError(f"controlnet {quote(written)} cannot be read; {_FORM}")
    scale, start, end = (
        float(match[group] or default)
        for group, default in (("scale", 1), ("start", 0), ("end", 1))
    )
    if scale > MAX_SCALE:
        raise InputError(f"the scale {scale:g} of {quote(written)} is more than {MAX_SCALE:g}")
    if not start < end <= 1:
        raise InputError(
            f"{start:g}-{end:g} of {quote(written)} is not part of the steps; use numbers from 0 to 1, the lower first"
        )
    return Following(
        name=one_spelling(match["name"]),
        picture=check_picture(match["source"] or match["picture"]),
        annotator=Annotator(match["annotator"]) if match["annotator"] else None,
        scale=scale,
        start=start,
        end=end,
    )


def parse_all(words: list[str]) -> tuple[Following, ...]:
    """Read the ControlNets of one image; raise InputError for too many, or for what is none."""
    if len(words) > MAX_CONTROLNETS:
        raise InputError(f"there are {len(words):,} ControlNets; the limit is {MAX_CONTROLNETS}")
    return tuple(map(parse_following, words))
