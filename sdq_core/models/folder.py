"""Model folders: resolving a model's name and attention implementation to the parts that draw.

A model is found in any of the layouts in which people have it:

    <root>/{original,split_einsum,split_einsum_v2}/packages/*.mlpackage     Apple's Hub repositories
    <models>/<name>_<attention>_packages/*.mlpackage                        the blog post's downloads, `sdq models pull`
    <models>/<name>_<attention>_packages/<attention>/packages/*.mlpackage   the same by newer instructions
    <root>/*.mlpackage                                                      converted by hand

and the same with `compiled` and `.mlmodelc`, which only Core ML runs, where no packages are;
with `tokenizer/`, `scheduler/` and `feature_extractor/` beside the packages or up to two folders above. Parts are
matched by exact suffix, because a full U-Net and its chunks can lie side by side.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sdq_core.errors import InputMissingError, PackageError
from sdq_core.models.compiled import COMPILED_PARTS
from sdq_core.models.description import describe
from sdq_core.values.variants import AttentionImplementation

#: The model that sdq brings along.
DEMO = "demo"
_DEMO_ROOT = Path(__file__).resolve().parents[1] / "demo_model"

_PART = re.compile(
    r"(?:^|_)(text_encoder_2|text_encoder|unet_chunk1|unet_chunk2|control-unet|unet|vae_decoder|"
    r"vae_encoder|safety_checker)\.mlpackage$"
)

#: How a folder's parts are stored -> their ending.
KINDS: Mapping[str, str] = {"packages": ".mlpackage", "compiled": ".mlmodelc"}

#: Latents are an eighth of the picture on each side in every Stable Diffusion VAE.
VAE_SCALE_FACTOR = 8

#: Latents of 16,384 pixels; what a file claims beyond it, no machine could hold.
_MAX_SAMPLE = 2048
#: A package has three files and a compiled model some ten; more is a link to somewhere else.
_MAX_FILES = 1000

_SAMPLE_BYTES = 1 << 16
_SAMPLES = 16


@dataclass(frozen=True, kw_only=True)
class VariantFolder:
    """One attention implementation of one model, as found on disk.

    parts: part name (`text_encoder`, `unet`, `unet_chunk1`, `unet_chunk2`, `control-unet`, `vae_decoder`,
    `vae_encoder`, `safety_checker`) -> its ``.mlpackage`` or ``.mlmodelc``. tokenizer: the folder of `vocab.json` and
    `merges.txt`. scheduler_config: the file `scheduler_config.json`. feature_extractor: the folder of
    `preprocessor_config.json`. revision: fingerprint of all these files.
    width, height: pixels. unet_batch: 2 for classifier-free guidance, else 1.
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


class ModelStore:
    """The models that this machine can draw with: the demo model, `SDQ_HOME/models`, and paths."""

    def __init__(self, models: Path) -> None:
        self._models = models

    def names(self) -> list[str]:
        """List the models by name, the demo model first."""
        found = {DEMO: None} if _DEMO_ROOT.is_dir() else {}
        if self._models.is_dir():
            for folder in sorted(self._models.iterdir()):
                if folder.is_dir() and not folder.name.startswith("."):
                    found.setdefault(split_download(folder.name)[0], None)
        return list(found)

    def attention_implementations(self, model: str) -> list[AttentionImplementation]:
        """List the attention implementations of a model that have packages here."""
        return [word for word in AttentionImplementation if self._packages(model, word)]

    def find(self, model: str, attention_implementation: AttentionImplementation) -> VariantFolder:
        """Resolve a model's name or path.

        Raises InputMissingError for a model or variant that is not here, PackageError for one that is incomplete.
        """
        packages = self._packages(model, attention_implementation)
        if packages is None:
            raise self._not_here(model, attention_implementation)
        parts = _parts(packages)
        _require_parts(packages, parts)
        unet = parts.get("unet") or parts["unet_chunk1"]
        sample = describe(unet).inputs.get("sample", ())
        if len(sample) != 4 or not all(1 <= size <= _MAX_SAMPLE for size in sample):
            raise PackageError(
                f"{unet} has no input `sample` of four dimensions of sensible size: it is not a Stable Diffusion U-Net."
            )
        tokenizer = _beside(packages, "tokenizer/vocab.json", "vocab.json").parent
        scheduler_config = _beside(
            packages, "scheduler/scheduler_config.json", "scheduler_config.json"
        )
        feature_extractor = _beside(
            packages,
            "feature_extractor/preprocessor_config.json",
            "preprocessor_config.json",
            required=False,
        )
        settings = [
            tokenizer / "vocab.json",
            tokenizer / "merges.txt",
            tokenizer / "tokenizer_config.json",
            tokenizer / "special_tokens_map.json",
            scheduler_config,
            feature_extractor,
        ]
        files = [file for file in settings if file.is_file()]
        files += sorted(file for part in parts.values() for file in _files_in(part))
        return VariantFolder(
            model=model,
            attention_implementation=attention_implementation,
            revision=fingerprint(files),
            parts=parts,
            tokenizer=tokenizer,
            scheduler_config=scheduler_config,
            feature_extractor=feature_extractor.parent if feature_extractor.name else None,
            width=sample[3] * VAE_SCALE_FACTOR,
            height=sample[2] * VAE_SCALE_FACTOR,
            unet_batch=sample[0],
        )

    def folder_of(
        self, model: str, attention_implementation: AttentionImplementation
    ) -> Path | None:
        """Give the folder in which a variant's parts lie, complete or not."""
        return self._packages(model, attention_implementation)

    def _packages(self, model: str, attention: AttentionImplementation) -> Path | None:
        roots = [_DEMO_ROOT] if model == DEMO else [self._models / model, _expanded(model)]
        # Packages run anywhere, compiled models on Macs only.
        for kind in KINDS:
            for root in roots:
                download = root.parent / f"{root.name}_{attention}_{kind}"
                inner = Path(attention) / kind
                for folder in (root / inner, download, download / inner):
                    if holds_model(folder, kind):
                        return folder
                if holds_model(root, kind) and split_download(root.name)[1] in {None, attention}:
                    return root
        return None

    def _not_here(self, model: str, attention: AttentionImplementation) -> InputMissingError:
        others = self.attention_implementations(model)
        if others:
            return InputMissingError(
                f"Model {model!r} is not here as {attention}, only as {', '.join(others)}: "
                f"use --variant {others[0]}."
            )
        return InputMissingError(
            f"There is no model {model!r} here. Known: {', '.join(self.names()) or 'none'}. Put its folder into "
            f"{self._models}, or name a folder with .mlpackage files as --model."
        )


def fingerprint(files: list[Path]) -> str:
    """Hash names, sizes and sampled contents to 16 hexadecimal digits.

    Weights of gigabytes are sampled at 16 places: training or compressing a model changes all of them, and submitting
    must not take as long as reading the model.
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


def _expanded(model: str) -> Path:
    try:
        return Path(model).expanduser()
    except RuntimeError:  # ~somebody who is not a user here
        return Path(model)


def part_of(name: str) -> str | None:
    """Say which part a package's or compiled model's name stands for."""
    if match := _PART.search(name):
        return match[1]
    return COMPILED_PARTS.get(name)


def holds_model(folder: Path, kind: str) -> bool:
    """Whether parts of that kind (of `KINDS`) lie directly in a folder."""
    try:
        return any(
            entry.name.endswith(KINDS[kind]) and part_of(entry.name) for entry in folder.iterdir()
        )
    except OSError:
        return False


def split_download(name: str) -> tuple[str, AttentionImplementation | None]:
    """Split `coreml-stable-diffusion-v1-4_original_packages` into model and attention."""
    for kind in KINDS:
        for attention in sorted(AttentionImplementation, key=len, reverse=True):
            suffix = f"_{attention}_{kind}"
            if name.endswith(suffix) and len(name) > len(suffix):
                return name[: -len(suffix)], attention
    return name, None


def _parts(packages: Path) -> dict[str, Path]:
    parts: dict[str, Path] = {}
    ending = next(ending for kind, ending in KINDS.items() if holds_model(packages, kind))
    for entry in sorted(packages.iterdir()):
        if (part := part_of(entry.name)) and entry.suffix == ending:
            other = parts.setdefault(part, entry)
            if other != entry:
                raise PackageError(
                    f"{packages} holds two packages for the {part}: {other.name} and {entry.name}; "
                    "keep one model per folder."
                )
    return parts


def _require_parts(packages: Path, parts: Mapping[str, Path]) -> None:
    missing = [part for part in ("text_encoder", "vae_decoder") if part not in parts]
    if "unet" not in parts and not {"unet_chunk1", "unet_chunk2"} <= parts.keys():
        missing.append("unet (or unet_chunk1 and unet_chunk2)")
    if missing:
        raise PackageError(
            f"{packages} lacks the {' and the '.join(missing)}: fetch or convert the missing .mlpackage."
        )


def _beside(packages: Path, *names: str, required: bool = True) -> Path:
    """Find a file beside the packages or up to two folders above; an empty path when there is none."""
    for folder in (packages, packages.parent, packages.parent.parent):
        for name in names:
            if (folder / name).is_file():
                return folder / name
    if not required:
        return Path()
    raise PackageError(
        f"{packages} has no {names[0]}: copy the folder {names[0].split('/', 1)[0]}/ of the model's original "
        "repository beside the packages."
    )


def _files_in(package: Path) -> list[Path]:
    """List the files of one package; its folder may be a link to anywhere, such as to all of a disk."""
    found = list(islice(package.rglob("*"), _MAX_FILES + 1))
    if len(found) > _MAX_FILES:
        raise PackageError(
            f"{package} holds more than {_MAX_FILES:,} files, so it is no package; fetch or convert it again."
        )
    return [file for file in found if file.is_file()]
