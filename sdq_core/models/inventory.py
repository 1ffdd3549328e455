"""What there is and what each model is, read from its packages: the table of `sdq models list`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import SdqError
from sdq_core.models.description import describe
from sdq_core.models.folder import VAE_SCALE_FACTOR, ModelStore
from sdq_core.models.network import read_network
from sdq_core.models.record import read_record
from sdq_core.values.variants import AttentionImplementation


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """One variant on this disk.

    attention_implementation: the name it is drawn by. attention_found: `original` or `split_einsum` as the U-Net's
    operations say (both versions of split_einsum look alike). unet: `whole`, `chunks` or `whole+chunks`. source:
    repository@commit of a pulled one, else None. problem: why it cannot be drawn with, else None.
    """

    name: str
    attention_implementation: AttentionImplementation
    kind: str
    folder: Path
    size_bytes: int
    source: str | None
    problem: str | None = None
    revision: str | None = None
    width: int | None = None
    height: int | None = None
    precision: str | None = None
    attention_found: str | None = None
    unet_batch: int | None = None
    unet: str | None = None


def inventory(store: ModelStore) -> Iterator[ModelFacts]:
    """List every variant of every model, unusable ones with their reason."""
    for name in store.names():
        for attention in store.attention_implementations(name):
            if folder := store.folder_of(name, attention):
                yield _facts(store, name, attention, folder)


def size_of(folder: Path) -> int:
    """Sum the sizes of a folder's files, those behind links to packages included."""
    total = 0
    for entry in folder.iterdir():
        if entry.is_dir():
            total += size_of(entry)
        elif entry.is_file():
            total += entry.stat().st_size
    return total


def _facts(
    store: ModelStore, name: str, attention: AttentionImplementation, folder: Path
) -> ModelFacts:
    source = problem = None
    size = 0
    kind = "compiled" if any(folder.glob("*.mlmodelc")) else "packages"
    try:
        size = size_of(folder)
        if record := read_record(folder):
            source = f"{record.repository}@{record.commit[:12]}"
        found = store.find(name, attention)
        unet = found.parts.get("unet") or found.parts["unet_chunk1"]
        network = read_network(unet)
        sample = describe(unet).inputs["sample"]
    except (SdqError, OSError) as error:
        problem = str(error)
        return ModelFacts(
            name=name,
            attention_implementation=attention,
            kind=kind,
            folder=folder,
            size_bytes=size,
            source=source,
            problem=problem,
        )
    pieces = (("unet", "whole"), ("unet_chunk1", "chunks"))
    return ModelFacts(
        name=name,
        attention_implementation=attention,
        kind=kind,
        folder=folder,
        size_bytes=size,
        source=source,
        revision=found.revision,
        width=sample[3] * VAE_SCALE_FACTOR,
        height=sample[2] * VAE_SCALE_FACTOR,
        precision=network.precision,
        attention_found="split_einsum" if network.splits_heads else "original",
        unet_batch=sample[0],
        unet="+".join(word for part, word in pieces if part in found.parts),
    )
