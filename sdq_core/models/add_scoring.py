"""Adding a scoring model that is on this disk, as `keep` adds one that draws: by links, whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

from sdq_core.errors import InputError, PackageError, SdqError, StorageError
from sdq_core.models.building import copy_part, link_part
from sdq_core.models.network import read_network
from sdq_core.models.placing import model_name, refuse_taken
from sdq_core.models.scoring import Encoders, encoders_of, read_scoring_model, tokenizer_beside
from sdq_core.models.store import ModelStore
from sdq_core.models.vocabulary import Vocabulary

_TOKENIZER_FILES = (
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
)


def add_scoring_model(source: Path, models: Path, *, name: str | None, copy: bool) -> Path:
    """Add the encoders in a folder as a model; return the new folder, which has their names' common beginning.

    The tokenizer comes from beside the packages or above, or else from a model here whose text encoder knows as many
    tokens: Stable Diffusion 1 and most CLIP models have one vocabulary.

    name: the model's; of several in one folder, such as all of apple/coreml-mobileclip, it chooses the one.

    Raise as `read_scoring_model` does, OutputError if the name is taken, StorageError if the folder cannot be written.
    """
    encoders = _choose(source, name)
    target = models / model_name(name or encoders.stem or source.name)
    refuse_taken(target)
    building = target.with_name(f".new-{target.name}")
    put = copy_part if copy else link_part
    try:
        shutil.rmtree(building, ignore_errors=True)
        (building / "tokenizer").mkdir(parents=True)
        for package in (encoders.image, encoders.text):
            put(source / package, building / package)
        _copy_tokenizer(source, building / encoders.text, ModelStore(models))
        try:
            read_scoring_model(building)
        except SdqError as error:
            raise type(error)(str(error).replace(str(building), str(source))) from None
        building.rename(target)
    except OSError as error:
        raise StorageError(
            f"Cannot write into {models} ({error.strerror}). Check the disk and try again."
        ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target


def _choose(source: Path, name: str | None) -> Encoders:
    found = encoders_of(source)
    if len(found) == 1:
        return next(iter(found.values()))
    if name in found:
        return found[name]
    raise InputError(
        f"{source} has several models that score pictures: {', '.join(sorted(found))}. Choose one of them with --name."
    )


def _copy_tokenizer(source: Path, text: Path, store: ModelStore) -> None:
    folder = tokenizer_beside(source) or _fitting(text, store)
    for name in _TOKENIZER_FILES:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, text.parent / "tokenizer" / name)


def _fitting(text: Path, store: ModelStore) -> Path:
    """Return the tokenizer of a model here with as many tokens as a text encoder knows."""
    known = read_network(text).embedded_tokens
    for model in store.names():
        for attention in store.attention_implementations(model):
            try:
                folder = store.find(model, attention).tokenizer
                if len(Vocabulary.read(folder).vocab) == known:
                    return folder
            except SdqError:
                continue
    raise PackageError(
        "There is no tokenizer/ with vocab.json and merges.txt beside the packages, and no model here has one that "
        "fits. Copy CLIP's there, or pull a Stable Diffusion 1 model first: `sdq models pull "
        "apple/coreml-stable-diffusion-v1-5`."
    )
