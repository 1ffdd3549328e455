"""A pull from outside: what is asked for, and what is here then."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sdq_core.models.bases import places_of
from sdq_core.models.folder import size_of
from sdq_core.models.parts import split_download
from sdq_core.values.variants import AttentionImplementation


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to pull.

    repository, revision: where from; None for the default branch.
    variants: empty for `original`, or else the first found.
    kind: `packages` or `compiled`; None for packages if the repository has them, else compiled.
    base: the repository of the settings, None to look it up in the table.
    size: as paths name it, `512x768`; None for what has no size in its path, or the only one.
    name: of the model, None for the repository's.
    all_parts: also those that drawing does not need.
    controlnets: the names of ControlNets to pull instead of a model.
    unet: words of the folder of a U-Net that lies by itself, to pull in place of the model's own; None for that one.
    """

    repository: str
    variants: tuple[AttentionImplementation, ...] = ()
    kind: str | None = None
    revision: str | None = None
    base: str | None = None
    size: str | None = None
    name: str | None = None
    all_parts: bool = False
    controlnets: tuple[str, ...] = ()
    unet: str | None = None

    def takes_base(self, base: str | None) -> bool:
        """Say whether settings from `base` are those that are asked for; any are if none is."""
        return self.base is None or base in places_of(self.base)


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """A variant that is here now.

    name: the model's. size_bytes: of its folder. fresh: this pull downloaded it.
    """

    name: str
    attention_implementation: AttentionImplementation
    folder: Path
    size_bytes: int
    fresh: bool

    @classmethod
    def at(cls, folder: Path, attention: AttentionImplementation, *, fresh: bool) -> Pulled:
        """Return what is in a pulled folder."""
        return cls(
            name=split_download(folder.name)[0],
            attention_implementation=attention,
            folder=folder,
            size_bytes=size_of(folder),
            fresh=fresh,
        )


def model_name(request: Request, size: str | None, unet: str = "") -> str:
    """Return the model's name: as asked, else the repository's, with the size if its path names one.

    unet: the folder of its U-Net where that lies by itself; its name comes last.
    """
    words = (request.repository.rpartition("/")[2], size, unet.rpartition("/")[2])
    return request.name or "_".join(filter(None, words))


def folder_of(models: Path, name: str, attention: AttentionImplementation, kind: str) -> Path:
    """Return a variant's folder: `models/NAME_original_packages`."""
    return models / f"{name}_{attention}_{kind}"
