"""The models on this disk, by name and attention implementation.

A name stands for everything in the models folder that bears it: `NAME` in any layout (`sdq_core.models.finder`), and
the downloads `NAME_<attention>_packages` and `NAME_<attention>_compiled`. A path stands for its folder, and for
downloads beside it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sdq_core.errors import InputMissingError, PackageError, StorageError
from sdq_core.models.bundled import BUNDLED, DEMO, DEMO_ROOT
from sdq_core.models.controlnet import is_controlnets_folder
from sdq_core.models.finder import (
    Findings,
    PartsPlace,
    choose_variants,
    find_places,
    read_attention,
)
from sdq_core.models.folder import VariantFolder, find_files, read_folder
from sdq_core.models.litter import is_litter
from sdq_core.models.parts import KINDS, split_download
from sdq_core.models.scoring import encoders_of, scoring_folder
from sdq_core.models.unets import UNET_PARTS
from sdq_core.models.usual import Usual, with_set
from sdq_core.models.usual_file import scheduler_settings_set, usual_set
from sdq_core.values.names import one_spelling, spellings
from sdq_core.values.variants import AttentionImplementation, Variant

#: Size, modification time and inode: a file replaced by another of the same size and time shows, too.
_State = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class ModelPlaces:
    """Where a model is.

    variants: the place of each variant.
    every: all places, also those that others are preferred to.
    skipped: sentences about what was not used, and why.
    problem: why none can be used, else None.
    """

    variants: dict[AttentionImplementation, PartsPlace] = field(default_factory=dict)
    every: list[PartsPlace] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    problem: str | None = None


class ModelStore:
    """The available models: the demo model, `SDQ_HOME/models`, and paths."""

    def __init__(self, models: Path) -> None:
        self.models = models
        self._known: dict[
            tuple[str, AttentionImplementation, Path, str], tuple[dict[Path, _State], VariantFolder]
        ] = {}
        self._attentions: dict[tuple[Path, str], tuple[object, AttentionImplementation]] = {}

    def names(self) -> list[str]:
        """Return the models' names, those that come with sdq first."""
        found: dict[str, None] = dict.fromkeys(BUNDLED) if DEMO_ROOT.is_dir() else {}
        for folder in self._entries():
            name = one_spelling(split_download(folder.name)[0])
            if name not in found and self._places(name).places:
                found[name] = None
        return list(found)

    def scoring_names(self) -> list[str]:
        """Return the names of the models that score pictures; nothing is drawn with them."""
        return [one_spelling(folder.name) for folder in self._entries() if encoders_of(folder)]

    def without_models(self) -> list[str]:
        """Return a sentence for each zip, and each folder in which no model was found, of the models folder."""
        zips = sorted(self.models.glob("*.[zZ][iI][pP]"))
        return [
            *(
                f"{path} was skipped: it is a zip. Run `sdq models add {path}`."
                for path in zips
                if not is_litter(path.name) and path.is_file()
            ),
            *(
                f"{folder} was skipped: it has no .mlpackage or .mlmodelc of Stable Diffusion."
                for folder in self._entries()
                if not self._places(split_download(folder.name)[0]).places
                and not encoders_of(folder)
            ),
        ]

    def whole_name(self, model: str) -> str:
        """Return a model's name, or the whole path of what only the current folder has: workers run elsewhere."""
        if model in BUNDLED:
            return model
        places = self._places(model).places
        if not places or any(self.models in place.folder.parents for place in places):
            return model
        return str(_expanded(model).absolute())

    def attention_implementations(self, model: str) -> list[AttentionImplementation]:
        """Return the attention implementations that a model has here."""
        return list(self.look_for(model).variants)

    def look_for(self, model: str) -> ModelPlaces:
        """Return where a model is, complete or not; nothing if it is not here."""
        found = self._places(model)
        read = [(place, self._attention_of(place)) for place in found.places]
        variants, notes = choose_variants(read)
        return ModelPlaces(
            variants=variants,
            every=found.places,
            skipped=found.skipped + ([] if found.problem else notes),
            problem=found.problem,
        )

    def find(self, model: str, attention_implementation: AttentionImplementation) -> VariantFolder:
        """Return a variant by its model's name or path.

        Files are read again only after one of them changed; otherwise a call takes a few ms, to look at each. Raise
        InputMissingError for a model or variant that is not here, PackageError for one that is incomplete or damaged,
        and StorageError if the disk fails.
        """
        here = self.look_for(model)
        if here.problem:
            raise PackageError(here.problem)
        place = here.variants.get(attention_implementation)
        if place is None:
            raise self._not_here(model, attention_implementation, here)
        return self._read(model, attention_implementation, place)

    def find_variant(self, variant: Variant) -> VariantFolder:
        """Resolve a variant; raise InputMissingError when its files are not those of its revision, else as `find`.

        The revision counts, not where the files are: what was submitted under a name that its U-Net belies is found.
        """
        attention = variant.attention_implementation
        try:
            folder = self.find(variant.model, attention)
            if folder.goes_by(variant.revision):
                return folder.known_as(variant.revision)
        except (InputMissingError, PackageError):
            if (other := self._of_revision(variant)) is None:
                raise
            return other
        if (other := self._of_revision(variant)) is not None:
            return other
        raise InputMissingError(
            f"Model {variant.model!r} ({attention}) has changed since these images were submitted (from revision "
            f"{variant.revision} to {folder.revision}). Restore the previous files, or submit the same prompts to the "
            "same batch again: what is not drawn yet is then drawn with the new ones."
        )

    def usual_of(self, folder: VariantFolder) -> Usual:
        """Return how a variant's model is usually drawn; raise PackageError if what was set for it is damaged."""
        return with_set(folder.usual, usual_set(self.models, folder.model), folder.own_scheduler)

    def folder_of(
        self, model: str, attention_implementation: AttentionImplementation
    ) -> Path | None:
        """Return the folder with a variant's parts, complete or not; None without one."""
        place = self.look_for(model).variants.get(attention_implementation)
        return place.folder if place else None

    def _read(
        self, model: str, attention: AttentionImplementation, place: PartsPlace
    ) -> VariantFolder:
        key = (model, attention, place.folder, place.kind)
        try:
            found = find_files(place)
            files = found.files()
            state = {file: _state(file) for file in files}
            if (known := self._known.get(key)) is None or known[0] != state:
                known = state, read_folder(model, attention, found, files)
                self._known[key] = known
        except OSError as error:
            raise StorageError(
                f"Cannot read {place.folder} ({error.strerror}). Check its disk and permissions."
            ) from error
        settings: dict[str, Any] = {}
        # Who plans is told of a damaged file; drawing goes on by the scheduler file, whose revision is another.
        with suppress(PackageError):
            settings = scheduler_settings_set(self.models, model)
        return known[1].with_scheduler_settings(settings) if settings else known[1]

    def _of_revision(self, variant: Variant) -> VariantFolder | None:
        """Return any of the model's folders whose files are a variant's."""
        for place in self.look_for(variant.model).every:
            try:
                folder = self._read(variant.model, self._attention_of(place), place)
            except (InputMissingError, PackageError):
                continue
            if folder.goes_by(variant.revision):
                return replace(
                    folder.known_as(variant.revision),
                    attention_implementation=variant.attention_implementation,
                )
        return None

    def _entries(self) -> list[Path]:
        try:
            entries = sorted(self.models.iterdir())
        except OSError:  # no folder of models: doctor and whoever writes there report it
            return []
        # Path.is_dir raises for a link to where this user may not look.
        return [
            entry
            for entry in entries
            if not (is_litter(entry.name) or is_controlnets_folder(entry.name))
            and os.path.isdir(entry)  # noqa: PTH112
        ]

    def _places(self, model: str) -> Findings:
        if model in BUNDLED:
            return _bundled(model)
        entries = self._entries()
        own = [
            entry
            for spelling in spellings(model)
            for entry in entries
            if spelling in {entry.name, split_download(entry.name)[0]}
        ]
        found = find_places([(entry, (entry.name,)) for entry in own])
        if found.places:
            return found
        root = _expanded(model)
        beside = [
            root.with_name(f"{root.name}_{word}_{kind}")
            for word in AttentionImplementation
            for kind in KINDS
            if root.name
        ]
        at_path = find_places(
            [(folder, (folder.parent.name, folder.name)) for folder in (root, *beside)]
        )
        at_path.skipped += found.skipped
        return at_path

    def _attention_of(self, place: PartsPlace) -> AttentionImplementation:
        """Read a U-Net's attention, again only after one of its package's files has changed."""
        unet = place.unet
        try:
            # Both kinds keep what is read there: `Manifest.json`, `Data/com.apple.CoreML/`, `metadata.json`.
            looked_at = (
                [] if unet is None else [unet, *unet.glob("*"), *unet.glob("Data/*/*.mlmodel")]
            )
            state: object = (place.said, [_state(file) for file in looked_at])
        except OSError:
            return read_attention(place)
        key = (place.folder, place.kind)
        known = self._attentions.get(key)
        if known is None or known[0] != state:
            known = self._attentions[key] = state, read_attention(place)
        return known[1]

    def _not_here(
        self, model: str, attention: AttentionImplementation, here: ModelPlaces
    ) -> InputMissingError:
        if scoring_folder(self.models, model) is not None:
            return InputMissingError(
                f"Model {model!r} scores pictures and draws none. Use it with `sdq inspect --clip`, and draw with "
                f"another model, such as {DEMO}."
            )
        others = list(here.variants)
        skipped = "".join(f" {sentence}" for sentence in here.skipped[:3])
        if others:
            return InputMissingError(
                f"Model {model!r} is not here as {attention}, only as {', '.join(others)}.{skipped} "
                f"Use --variant {others[0]}."
            )
        return InputMissingError(
            f"There is no model {model!r} here, only {', '.join(self.names()) or 'none'}.{skipped} Put its folder into "
            f"{self.models}, or name a folder with .mlpackage files with --model."
        )


def _bundled(model: str) -> Findings:
    """Find a model that comes with sdq; the one of few steps has a U-Net of its own and shares the other parts."""
    demo = find_places([(DEMO_ROOT / word, (word,)) for word in AttentionImplementation])
    if model == DEMO:
        return demo
    lent = {
        part: [str(place.folder / name) for name in names]
        for place in demo.places
        if place.said is AttentionImplementation.ORIGINAL
        for part, names in place.parts.items()
        if part not in UNET_PARTS
    }
    found = find_places([(DEMO_ROOT / "turbo", ())])
    found.places = [replace(place, parts={**lent, **place.parts}) for place in found.places]
    return found


def _state(file: Path) -> _State:
    status = file.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def _expanded(model: str) -> Path:
    try:
        return Path(model).expanduser()
    except RuntimeError:  # ~NAME of a user who does not exist here
        return Path(model)
