"""A variant's folder: its parts and the settings beside them.

`tokenizer/`, `scheduler/` and `feature_extractor/` are beside the parts or up to two folders above.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.check import VAE_SCALE_FACTOR, check_parts, refuse_unsupported
from sdq_core.models.network import Network, read_network
from sdq_core.models.parts import KINDS, holds_model, part_of
from sdq_core.models.preprocessing import Preprocessing
from sdq_core.models.scheduler_config import SchedulerConfig
from sdq_core.models.vocabulary import Vocabulary
from sdq_core.values.variants import AttentionImplementation

#: A package has three files, a compiled model about ten; far more means a link to somewhere else.
_MAX_FILES = 1000

_PREPROCESSOR = "preprocessor_config.json"

_SAMPLE_BYTES = 1 << 16
_SAMPLES = 16


@dataclass(frozen=True, kw_only=True)
class VariantFolder:
    """One attention implementation of one model, as found on disk.

    revision: fingerprint of all files below.
    parts: part name (`text_encoder`, `unet`, `unet_chunk1`, `unet_chunk2`, `control-unet`, `vae_decoder`,
        `vae_encoder`, `safety_checker`) -> its ``.mlpackage`` or ``.mlmodelc``.
    tokenizer: the folder of `vocab.json` and `merges.txt`.
    scheduler_config: the file `scheduler_config.json`.
    feature_extractor: the folder of `preprocessor_config.json`.
    width, height: pixels.
    unet_batch: 2 for classifier-free guidance, else 1.
    embedded_tokens: how many tokens the text encoder knows, None if it does not tell.
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

    @property
    def unet(self) -> Path:
        """The U-Net, or the first of its chunks if it is not here as a whole."""
        return unet_of(self.parts)

    def missing(self) -> Path | None:
        """Return what is gone of the parts and settings that were found here, or a folder above; None if nothing is."""
        needed = (*self.parts.values(), self.tokenizer, self.scheduler_config)
        gone = next((path for path in needed if not path.exists()), None)
        while gone and not gone.parent.exists():
            gone = gone.parent
        return gone

    @cached_property
    def network(self) -> Network:
        """The U-Net's description; raises PackageError if it is damaged."""
        return read_network(self.unet)


@dataclass(frozen=True, kw_only=True)
class VariantFiles:
    """Where the files of a variant are; the fields are those of `VariantFolder`."""

    parts: Mapping[str, Path]
    tokenizer: Path
    scheduler_config: Path
    feature_extractor: Path | None

    def files(self) -> list[Path]:
        """Return all files that affect an image."""
        settings = [
            self.tokenizer / "vocab.json",
            self.tokenizer / "merges.txt",
            self.tokenizer / "tokenizer_config.json",
            self.tokenizer / "special_tokens_map.json",
            self.tokenizer / "added_tokens.json",
            self.scheduler_config,
        ]
        if self.feature_extractor:
            settings.append(self.feature_extractor / _PREPROCESSOR)
        in_parts = sorted(file for part in self.parts.values() for file in _files_in(part))
        return [file for file in settings if file.is_file()] + in_parts


def find_files(packages: Path) -> VariantFiles:
    """Return a variant's parts and settings; raise PackageError if something is missing."""
    parts = _parts(packages)
    refuse_unsupported(packages, parts)
    _require_parts(packages, parts)
    extractor = _beside(packages, "feature_extractor", _PREPROCESSOR)
    return VariantFiles(
        parts=parts,
        tokenizer=_required(packages, "tokenizer", "vocab.json").parent,
        scheduler_config=_required(packages, "scheduler", "scheduler_config.json"),
        feature_extractor=extractor.parent if extractor else None,
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
    SchedulerConfig.from_file(found.scheduler_config)
    extractor = found.feature_extractor if "safety_checker" in found.parts else None
    checked = check_parts(
        found.parts,
        max_length=Vocabulary.read(found.tokenizer).max_length,
        prepared=Preprocessing.read(extractor).shape() if extractor else None,
    )
    latents = checked.latents
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
    )


def size_of(folder: Path) -> int:
    """Return the size of a folder's files in bytes, including those behind links to packages."""
    total = 0
    for entry in folder.iterdir():
        if entry.is_dir():
            total += size_of(entry)
        elif entry.is_file():
            total += entry.stat().st_size
    return total


def unet_of(parts: Mapping[str, Path]) -> Path:
    """Return the whole U-Net, else the first of its chunks."""
    return parts.get("unet") or parts["unet_chunk1"]


def fingerprint(files: list[Path]) -> str:
    """Hash names, sizes and sampled contents to 16 hexadecimal digits.

    Weights of gigabytes are sampled at 16 places: training or compressing a model changes them everywhere, and
    submitting must not take as long as reading the model.
    """
    digest = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.parent.name}/{file.name}\0{size}\0".encode())
        with file.open("rb") as stream:
            if size <= _SAMPLE_BYTES * _SAMPLES:
                digest.update(stream.read(size))
                continue
            for sample in range(_SAMPLES):
                stream.seek((size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1))
                digest.update(stream.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:16]


def _parts(packages: Path) -> dict[str, Path]:
    parts: dict[str, Path] = {}
    ending = next(ending for kind, ending in KINDS.items() if holds_model(packages, kind))
    for entry in sorted(packages.iterdir()):
        if (part := part_of(entry.name)) and entry.suffix == ending:
            other = parts.setdefault(part, entry)
            if other != entry:
                raise PackageError(
                    f"{packages} has two packages for the {part}: {other.name} and {entry.name}. "
                    "Keep one model per folder."
                )
    return parts


def _require_parts(packages: Path, parts: Mapping[str, Path]) -> None:
    missing = [part for part in ("text_encoder", "vae_decoder") if part not in parts]
    if "unet" not in parts and not {"unet_chunk1", "unet_chunk2"} <= parts.keys():
        missing.append("unet (or unet_chunk1 and unet_chunk2)")
    if missing:
        raise PackageError(
            f"{packages} lacks the {' and the '.join(missing)}. Download or convert the missing .mlpackage."
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
    for place in (packages, packages.parent, packages.parent.parent):
        for path in (place / folder / name, place / name):
            if path.is_file():
                return path
    return None


def _files_in(package: Path) -> list[Path]:
    """Return the files of one package; its folder may be a link to anywhere, even to a whole disk."""
    found = list(islice(package.rglob("*"), _MAX_FILES + 1))
    if len(found) > _MAX_FILES:
        raise PackageError(
            f"{package} has more than {_MAX_FILES:,} files, so it is not a package. Download or convert it again."
        )
    return [file for file in found if file.is_file()]
