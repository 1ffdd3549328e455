"""A variant's folder: its parts and the settings beside them.

`tokenizer/`, `scheduler/` and `feature_extractor/` are beside the parts or up to two folders above.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from sdq_core.errors import PackageError, StorageError
from sdq_core.models.base_files import scaling_factor, zeros_for_empty_prompt
from sdq_core.models.bundled import DEMO, DEMO_TURBO
from sdq_core.models.check import (
    VAE_SCALE_FACTOR,
    check_parts,
    check_unet,
    read_unet,
    refuse_unsupported,
)
from sdq_core.models.controlnet import ControlNet, check_controlnet
from sdq_core.models.declared import TOGETHER
from sdq_core.models.encoder import check_encoder
from sdq_core.models.families import STABLE_DIFFUSION, STABLE_DIFFUSION_XL, Family
from sdq_core.models.finder import PartsPlace
from sdq_core.models.identity import computing_files, files_in, fingerprint, without_litter
from sdq_core.models.network import Network, read_network
from sdq_core.models.parts import KINDS, is_apples, kind_of
from sdq_core.models.preprocessing import Preprocessing
from sdq_core.models.scheduler_config import SchedulerConfig
from sdq_core.models.unets import UNET_PARTS, control_unet_parts, unet_parts
from sdq_core.models.usual import ANY_OTHER, Usual, own_scheduler, usual_for
from sdq_core.models.vocabulary import Vocabulary
from sdq_core.values.variants import AttentionImplementation, Scheduler

_PREPROCESSOR = "preprocessor_config.json"


@dataclass(frozen=True, kw_only=True)
class VariantFolder:
    """One attention implementation of one model, as found on disk.

    revision: fingerprint of the files that are computed with.
    parts: part name (`text_encoder`, `text_encoder_2`, `unet`, `unet_chunk1`, `unet_chunk2`, the same with `control-`,
        `vae_decoder`, `vae_encoder`, `safety_checker`) -> its ``.mlpackage`` or ``.mlmodelc``.
    tokenizer: the folder of `vocab.json` and `merges.txt`.
    scheduler_config: the file `scheduler_config.json`.
    feature_extractor: the folder of `preprocessor_config.json`.
    width, height: pixels.
    unet_batch: 2 for classifier-free guidance, else 1.
    embedded_tokens: how many tokens the text encoder knows, None if it does not tell.
    family: what kind of model it is.
    scaling_factor: of its VAE's latents.
    zeros_for_empty_prompt: an empty negative prompt is told as zeros and not encoded.
    embeds_guidance: whether its U-Net takes the guidance scale as an input, and so needs one evaluation a step.
    usual: how it is drawn where nothing else says.
    own_scheduler: the one that its scheduler file is for, None if sdq does not have it.
    scheduler_settings: those of `sdq models set`, in place of the file's.
    timesteps: those that it was distilled for, none if any suit.
    """

    model: str
    attention_implementation: AttentionImplementation
    revision: str
    parts: Mapping[str, Path]
    tokenizer: Path
    scheduler_config: Path
    feature_extractor: Path | None
    width: int
    height: int
    unet_batch: int
    embedded_tokens: int | None = None
    family: Family = STABLE_DIFFUSION
    scaling_factor: float = STABLE_DIFFUSION.scaling_factor
    zeros_for_empty_prompt: bool = False
    embeds_guidance: bool = False
    usual: Usual = ANY_OTHER
    own_scheduler: Scheduler | None = None
    scheduler_settings: Mapping[str, Any] = field(default_factory=dict)
    timesteps: Sequence[int] = ()

    def with_scheduler_settings(self, settings: Mapping[str, Any]) -> VariantFolder:
        """Return the same model with settings in place of its scheduler file's: it is another revision.

        Raise PackageError as `SchedulerConfig` does.
        """
        config = SchedulerConfig.from_file(self.scheduler_config).with_set(settings)
        said = f"{self.revision}\n{json.dumps(settings, sort_keys=True)}"
        return replace(
            self,
            revision=hashlib.sha256(said.encode()).hexdigest()[: len(self.revision)],
            usual=usual_for(self.model, config.values, embeds_guidance=self.embeds_guidance),
            scheduler_settings=settings,
            timesteps=config.timesteps(),
        )

    @property
    def unet(self) -> Path:
        """The U-Net, or its first chunk if it is not here as a whole, or the one for ControlNets."""
        return unet_of(self.parts)

    @property
    def drawing_parts(self) -> list[Path]:
        """The parts that drawing reads."""
        return _drawing_parts(self.parts)

    def check_encoder(self) -> None:
        """Raise PackageError if it cannot begin with a picture."""
        check_encoder(self.model, self.parts, self.width, self.height)

    def check_controlnets(self, nets: Iterable[ControlNet]) -> None:
        """Raise PackageError if it cannot be drawn with these ControlNets."""
        names = control_unet_parts(self.parts)
        if not names and self.model == DEMO:
            raise PackageError(
                f"Model {self.model} has no U-Net for ControlNets. Use --model {DEMO_TURBO}."
            )
        if not names:
            raise PackageError(
                f"Model {self.model} ({self.attention_implementation}) has no U-Net for ControlNets. Get it with `sdq "
                "models pull --all-parts`, or convert it with --unet-support-controlnet and put the control-unet "
                "package beside its other parts."
            )
        unet = read_unet(self.parts, names)
        if check_unet(unet).shape[2:] != (
            self.height // VAE_SCALE_FACTOR,
            self.width // VAE_SCALE_FACTOR,
        ):
            raise PackageError(f"{unet.name} draws images of another size. {TOGETHER}")
        for net in nets:
            check_controlnet(net.declared, unet)

    def missing(self) -> Path | None:
        """Return what is gone of the parts and settings that were found here, or a folder above; None if nothing is."""
        needed = (*self.parts.values(), self.tokenizer, self.scheduler_config)
        gone = next((path for path in needed if not path.exists()), None)
        while gone and not gone.parent.exists():
            gone = gone.parent
        return gone

    def goes_by(self, revision: str) -> bool:
        """Say whether a revision is that of these files, by this version's count or a former one's."""
        if self.scheduler_settings:  # the files alone are something else
            return revision == self.revision
        return revision == self.revision or revision in self._former_revisions

    def known_as(self, revision: str) -> VariantFolder:
        """Return the same folder under another revision that it goes by."""
        return self if revision == self.revision else replace(self, revision=revision)

    @cached_property
    def _former_revisions(self) -> set[str]:
        files = VariantFiles(
            parts=self.parts,
            tokenizer=self.tokenizer,
            scheduler_config=self.scheduler_config,
            feature_extractor=self.feature_extractor,
        )
        try:
            return files.former_revisions()
        except OSError as error:
            raise StorageError(
                f"Cannot read {self.unet.parent} ({error.strerror}). Check its disk and permissions."
            ) from error

    @cached_property
    def network(self) -> Network:
        """The U-Net's description; raises PackageError if it is damaged."""
        return read_network(self.unet)


@dataclass(frozen=True, kw_only=True)
class VariantFiles:
    """Where the files of a variant are; the fields are those of `VariantFolder`, and two that only XL's models have.

    vae_config, model_index: diffusers' `vae/config.json` and `model_index.json`.
    """

    parts: Mapping[str, Path]
    tokenizer: Path
    scheduler_config: Path
    feature_extractor: Path | None
    vae_config: Path | None = None
    model_index: Path | None = None

    def files(self) -> list[Path]:
        """Return all files that affect an image."""
        parts = _drawing_parts(self.parts)
        return [
            *self._settings(),
            *sorted(file for part in parts for file in computing_files(part)),
        ]

    def former_revisions(self) -> set[str]:
        """Return the revisions that 0.1 gives these files.

        It counted every file of a package with a name of Apple's, litter and parts that drawing does not read as well,
        which may have come or gone since; and no added tokens, which development versions of 0.2 counted already.
        """
        # 0.1 knew no chunks for ControlNets.
        named = [
            path
            for part, path in self.parts.items()
            if is_apples(path.name) and not part.startswith("control-unet_")
        ]
        every = {part: files_in(part) for part in named}
        clean = {part: without_litter(part, files) for part, files in every.items()}
        bare = {part: computing_files(part) for part in named}
        ways = {
            (*self._settings(added=added), *sorted(chain(*(files[part] for part in parts))))
            for files in (every, clean, bare)
            for parts in (named, [part for part in _drawing_parts(self.parts) if part in every])
            for added in (True, False)
        }
        return set(map(fingerprint, ways))

    def _settings(self, *, added: bool = True) -> list[Path]:
        settings = [
            self.tokenizer / "vocab.json",
            self.tokenizer / "merges.txt",
            self.tokenizer / "tokenizer_config.json",
            self.tokenizer / "special_tokens_map.json",
            *([self.tokenizer / "added_tokens.json"] if added else ()),
            self.scheduler_config,
        ]
        if self.feature_extractor:
            settings.append(self.feature_extractor / _PREPROCESSOR)
        settings += [file for file in (self.vae_config, self.model_index) if file]
        return [file for file in settings if file.is_file()]


def find_files(place: PartsPlace) -> VariantFiles:
    """Return a variant's parts and settings; raise PackageError if something is missing."""
    parts = _parts(place)
    packages = place.folder
    refuse_unsupported(packages, parts)
    _require_parts(packages, parts, KINDS[place.kind])
    extractor = _beside(packages, "feature_extractor", _PREPROCESSOR)
    # Not read for others: a file that changes nothing must not change what identifies a model.
    more = "text_encoder_2" in parts
    return VariantFiles(
        parts=parts,
        tokenizer=_required(packages, "tokenizer", "vocab.json").parent,
        scheduler_config=_required(packages, "scheduler", "scheduler_config.json"),
        feature_extractor=extractor.parent if extractor else None,
        vae_config=_above(packages, "vae/config.json") if more else None,
        model_index=_above(packages, "model_index.json") if more else None,
    )


def read_folder(
    model: str,
    attention_implementation: AttentionImplementation,
    found: VariantFiles,
    files: list[Path],
) -> VariantFolder:
    """Return the variant that its files describe; files: as `VariantFiles.files` returns them.

    Raise PackageError for settings that are damaged or not supported, and as `check_parts` does.
    """
    config = SchedulerConfig.from_file(found.scheduler_config)
    extractor = found.feature_extractor if "safety_checker" in found.parts else None
    checked = check_parts(
        found.parts,
        max_length=Vocabulary.read(found.tokenizer).max_length,
        prepared=Preprocessing.read(extractor).shape() if extractor else None,
    )
    latents, family = checked.latents, checked.family
    factor = scaling_factor(found.vae_config) if found.vae_config else family.scaling_factor
    zeros = family is STABLE_DIFFUSION_XL and not (
        found.model_index and not zeros_for_empty_prompt(found.model_index)
    )
    return VariantFolder(
        model=model,
        attention_implementation=attention_implementation,
        revision=fingerprint(files),
        parts=found.parts,
        tokenizer=found.tokenizer,
        scheduler_config=found.scheduler_config,
        feature_extractor=found.feature_extractor,
        width=latents.width * VAE_SCALE_FACTOR,
        height=latents.height * VAE_SCALE_FACTOR,
        unet_batch=latents.batch,
        embedded_tokens=checked.embedded_tokens,
        family=family,
        scaling_factor=factor,
        zeros_for_empty_prompt=zeros,
        embeds_guidance=checked.embeds_guidance,
        usual=usual_for(model, config.values, embeds_guidance=checked.embeds_guidance),
        own_scheduler=own_scheduler(config.values),
        timesteps=config.timesteps(),
    )


def size_of(folder: Path) -> int:
    """Return the size of a folder's files in bytes, including linked packages; other links to folders may circle."""
    linked = [entry for entry in folder.iterdir() if entry.is_symlink() and kind_of(entry.name)]
    return sum(
        file.stat().st_size
        for start in (folder, *linked)
        for inside, _, names in os.walk(start)
        for file in (Path(inside) / name for name in names)
        if file.is_file()
    )


def _drawing_parts(parts: Mapping[str, Path]) -> list[Path]:
    """Return the parts that drawing reads: a VAE encoder beside them, or another U-Net than the first, are not."""
    unread = {"vae_encoder", *UNET_PARTS} - set(unet_parts(parts))
    return [path for part, path in parts.items() if part not in unread]


def unet_of(parts: Mapping[str, Path]) -> Path:
    """Return the whole U-Net, else the first of its chunks."""
    return parts[unet_parts(parts)[0]]


def _parts(place: PartsPlace) -> dict[str, Path]:
    for part, names in place.parts.items():
        if len(names) > 1:
            raise PackageError(
                f"{place.folder} has two packages for the {part}: {names[0]} and {names[1]}. "
                "Keep one model per folder."
            )
    return {part: place.folder / names[0] for part, names in place.parts.items()}


def _require_parts(packages: Path, parts: Mapping[str, Path], ending: str) -> None:
    missing = [part for part in ("text_encoder", "vae_decoder") if part not in parts]
    if not unet_parts(parts):
        missing.append("unet (or unet_chunk1 and unet_chunk2)")
    if missing:
        raise PackageError(
            f"{packages} lacks the {' and the '.join(missing)}. Download or convert the missing {ending}."
        )


def _required(packages: Path, folder: str, name: str) -> Path:
    if found := _beside(packages, folder, name):
        return found
    raise PackageError(
        f"{packages} has no {folder}/{name}. Copy the {folder}/ folder from the model's original repository beside the "
        "packages."
    )


def _beside(packages: Path, folder: str, name: str) -> Path | None:
    """Return a settings file beside the packages or up to two folders above, in its folder or loose, or None."""
    return _above(packages, f"{folder}/{name}", name)


def _above(packages: Path, *names: str) -> Path | None:
    places = (packages, packages.parent, packages.parent.parent)
    return next(
        (path for place in places for name in names if (path := place / name).is_file()), None
    )
