"""Which files of this machine a draft may name: none but the pictures that were sent with it.

A prompt file on the command line may name any picture that its user can read. Who sends one to a server may be somebody
else, so a name means the uploaded picture of that name, wherever its folder was, and everything else is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from producer import PromptLine
from producer.reading.places import KEPT
from sdq_core.errors import InputError, PromptFileError
from sdq_core.printable import quote
from sdq_core.values.names import one_spelling


def with_own_files(
    lines: Sequence[PromptLine], pictures: Mapping[str, Path], models: Sequence[str]
) -> list[PromptLine]:
    """Return the lines with the uploaded pictures that they name.

    pictures: those that were sent, by name. models: the names that a line may have.

    Raise PromptFileError with every line that names another file.
    """
    own = _Own(pictures)
    problems: list[str] = []
    found: list[PromptLine] = []
    for line in lines:
        if line.model is not None and line.model not in models:
            problems.append(
                f"{line.source}: there is no model {quote(line.model)} here; use one of {', '.join(models)}"
            )
        try:
            found.append(own.of(line))
        except InputError as error:
            problems.append(f"{line.source}: {error}")
    if problems:
        raise PromptFileError(list(dict.fromkeys(problems)))
    return found


@dataclass
class _Own:
    """The pictures that were sent. meant: the path by which each was named first."""

    pictures: Mapping[str, Path]
    meant: dict[str, str] = field(default_factory=dict)

    def of(self, line: PromptLine) -> PromptLine:
        if line.init_image is None and line.mask is None and not line.controlnets:
            return line
        return replace(
            line,
            init_image=self._find("init_image", line.init_image),
            mask=self._find("mask", line.mask),
            controlnets=line.controlnets
            and tuple(
                replace(each, picture=self._find("controlnet", each.picture) or "")
                for each in line.controlnets
            ),
        )

    def _find(self, what: str, named: str | None) -> str | None:
        if named is None or named.startswith(KEPT):
            return named
        name = one_spelling(PurePath(named).name)
        picture = self.pictures.get(name)
        if picture is None:
            raise InputError(
                f"{what} {quote(name)} was not sent along; add the picture to the files"
            )
        if self.meant.setdefault(name, named) != named:
            raise InputError(
                f"{what} {quote(name)} is not the only picture of that name; name each differently"
            )
        return str(picture)
