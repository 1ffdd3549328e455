"""Which models there are and what each is, read from its packages: the table of `sdq models list`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdq_core.errors import SdqError
from sdq_core.models.controlnet import ControlNets
from sdq_core.models.finder import PartsPlace
from sdq_core.models.folder import size_of
from sdq_core.models.parts import kind_of
from sdq_core.models.record import read_pull_record
from sdq_core.models.scoring import read_scoring_model, scoring_folder
from sdq_core.models.store import ModelStore
from sdq_core.models.unets import control_unet_parts
from sdq_core.models.usual import Usual
from sdq_core.values.variants import AttentionImplementation


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """One variant, one model that scores pictures, or one ControlNet on this disk.

    attention_implementation: the name to draw it by; None for a model that scores pictures, and for a ControlNet.
    kind: `packages` or `compiled`.
    source: repository@commit of a pulled variant, else None.
    problem: why it is unusable, else None.
    precision: how its weights are kept.
    attention_found: `original` or `split_einsum`, from the U-Net's operations (both versions of split_einsum look
        alike).
    unet_batch: 2 for classifier-free guidance, else 1.
    unet: `whole`, `chunks` or `whole+chunks`, and `control` for one made for ControlNets.
    usual: how it is drawn where nothing else says, None if as any other.
    scheduler_settings: those of `sdq models set`, in place of its scheduler file's.
    """

    name: str
    attention_implementation: AttentionImplementation | None
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
    usual: Usual | None = None
    scheduler_settings: Mapping[str, Any] = field(default_factory=dict)
    is_controlnet: bool = False

    @property
    def variant(self) -> str:
        """The variant's name, `scores` or `controlnet`."""
        return self.attention_implementation or ("controlnet" if self.is_controlnet else "scores")


def inventory(store: ModelStore) -> Iterator[ModelFacts]:
    """Yield every variant of every model, and the models that score pictures; unusable ones with the reason."""
    for name in store.names():
        for attention, place in store.look_for(name).variants.items():
            yield _facts(store, name, attention, place)
    for name in store.scoring_names():
        yield _scoring_facts(store, name)
    nets = ControlNets(store.models)
    for name in nets.names():
        yield _net_facts(nets, name)


def skipped(store: ModelStore) -> list[str]:
    """Return a sentence for everything in the models folder that is not used, or is not what its name says."""
    by_model = [sentence for name in store.names() for sentence in store.look_for(name).skipped]
    return by_model + store.without_models()


def _scoring_facts(store: ModelStore, name: str) -> ModelFacts:
    folder = scoring_folder(store.models, name) or store.models / name
    known: dict[str, Any] = {
        "name": name,
        "attention_implementation": None,
        "kind": "packages",
        "folder": folder,
        "source": None,
    }
    size = 0
    try:
        size = size_of(folder)
        found = read_scoring_model(folder)
    except (SdqError, OSError) as error:
        return ModelFacts(**known, size_bytes=size, problem=str(error))
    return ModelFacts(
        **known,
        size_bytes=size,
        revision=found.revision,
        width=found.width,
        height=found.height,
        precision=found.precision,
    )


def _net_facts(nets: ControlNets, name: str) -> ModelFacts:
    folder = nets.entry(name) or nets.folder / name
    known: dict[str, Any] = {
        "name": name,
        "attention_implementation": None,
        "is_controlnet": True,
        "folder": folder,
    }
    size, source = 0, None
    try:
        size = size_of(folder)
        if record := read_pull_record(folder):
            source = f"{record.repository}@{record.commit[:12]}"
        found = nets.find(name)
    except (SdqError, OSError) as error:
        return ModelFacts(**known, kind="", size_bytes=size, source=source, problem=str(error))
    return ModelFacts(
        **known,
        kind=kind_of(found.path.name) or "",
        size_bytes=size,
        source=source,
        revision=found.revision,
        width=found.width,
        height=found.height,
        precision=found.precision,
    )


def _facts(
    store: ModelStore, name: str, attention: AttentionImplementation, place: PartsPlace
) -> ModelFacts:
    source = problem = None
    size = 0
    folder, kind = place.folder, place.kind
    try:
        size = size_of(folder)
        if record := read_pull_record(folder):
            source = f"{record.repository}@{record.commit[:12]}"
        found = store.find(name, attention)
        usual = store.usual_of(found)
        precision, splits = found.network.precision, found.network.splits_heads
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
    kinds = [word for part, word in pieces if part in found.parts]
    kinds += ["control"] if control_unet_parts(found.parts) else []
    return ModelFacts(
        name=name,
        attention_implementation=attention,
        kind=kind,
        folder=folder,
        size_bytes=size,
        source=source,
        revision=found.revision,
        width=found.width,
        height=found.height,
        precision=precision,
        attention_found="split_einsum" if splits else "original",
        unet_batch=found.unet_batch,
        unet="+".join(kinds),
        usual=usual or None,
        scheduler_settings=found.scheduler_settings,
    )
