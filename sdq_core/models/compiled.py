"""Compiled models (`.mlmodelc`), as the Hub's `compiled` folders hold them: what their `metadata.json` declares.

Only Core ML runs them. Their inputs are read here, as data: shapes are written as text (`"[2, 4, 64, 64]"`), which is
parsed as JSON and never evaluated, because the file comes from strangers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sdq_core.errors import PackageError

METADATA_FILE = "metadata.json"

#: Apple's names of compiled parts -> the parts of `sdq_core.models.folder`.
COMPILED_PARTS: Mapping[str, str] = {
    "TextEncoder.mlmodelc": "text_encoder",
    "TextEncoder2.mlmodelc": "text_encoder_2",
    "Unet.mlmodelc": "unet",
    "UnetChunk1.mlmodelc": "unet_chunk1",
    "UnetChunk2.mlmodelc": "unet_chunk2",
    "ControlledUnet.mlmodelc": "control-unet",
    "VAEDecoder.mlmodelc": "vae_decoder",
    "VAEEncoder.mlmodelc": "vae_encoder",
    "SafetyChecker.mlmodelc": "safety_checker",
}

_MAX_METADATA_BYTES = 1 << 24


def is_compiled(model: Path) -> bool:
    """Whether a path is named as a compiled model."""
    return model.suffix == ".mlmodelc"


def read_metadata(model: Path) -> Mapping[str, Any]:
    """Read a compiled model's declaration; raise PackageError when it is missing or not understood."""
    path = model / METADATA_FILE
    try:
        if path.stat().st_size > _MAX_METADATA_BYTES:
            raise PackageError(
                f"{path} is too large to be a model's metadata; fetch the model again."
            )
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PackageError(
            f"{model} has no {METADATA_FILE}: it is incomplete; fetch or compile it again."
        ) from None
    except OSError as error:
        raise PackageError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise PackageError(f"{path} is damaged ({error}); fetch the model again.") from None
    entry = content[0] if isinstance(content, list) and content else content
    if not isinstance(entry, dict):
        raise PackageError(f"{path} does not describe a model; fetch the model again.")
    return entry


def tensors(model: Path, schema: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield name and shape of a compiled model's arrays; schema: `inputSchema` or `outputSchema`."""
    entries = read_metadata(model).get(schema)
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(name := entry.get("name"), str):
            yield name, _shape(entry.get("shape"))


def _shape(written: object) -> tuple[int, ...]:
    try:
        sizes = json.loads(written) if isinstance(written, str) else written
    except ValueError:
        return ()
    if isinstance(sizes, list) and all(type(size) is int for size in sizes):
        return tuple(sizes)
    return ()
