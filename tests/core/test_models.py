"""Models on disk, and what their packages declare."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdq_core.errors import InputMissingError, PackageError
from sdq_core.models import DEMO, ModelStore, describe, weight_compression
from sdq_core.models.description import MODEL_FILE
from sdq_core.values.variants import AttentionImplementation

ORIGINAL = AttentionImplementation.ORIGINAL
UNET = ModelStore(Path("nowhere")).find(DEMO, ORIGINAL).parts["unet"]


def test_the_demo_model_is_found_in_its_variants() -> None:
    store = ModelStore(Path("nowhere"))
    assert store.names() == [DEMO]
    assert {"original", "split_einsum"} <= set(store.attention_implementations(DEMO))
    folder = store.find(DEMO, ORIGINAL)
    assert (folder.width, folder.height, folder.unet_batch) == (128, 128, 2)
    assert {"text_encoder", "unet", "vae_decoder"} <= folder.parts.keys()
    assert weight_compression(folder.parts["unet"]) == "palettized"
    other = store.find(DEMO, AttentionImplementation.SPLIT_EINSUM)
    assert other.revision != folder.revision


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A models folder with a copy of the demo model in the blog post's layout."""
    demo = ModelStore(tmp_path).find(DEMO, ORIGINAL)
    folder = tmp_path / "coreml-mine_original_packages"
    shutil.copytree(demo.parts["unet"].parent, folder)
    shutil.copytree(demo.tokenizer, folder / "tokenizer")
    shutil.copytree(demo.scheduler_config.parent, folder / "scheduler")
    return tmp_path


def test_all_layouts_are_found(models: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    store = ModelStore(models)
    assert store.names() == [DEMO, "coreml-mine"]
    by_download = store.find("coreml-mine", ORIGINAL)
    hub = tmp_path_factory.mktemp("hub")
    (hub / "mine" / "original").mkdir(parents=True)
    source = models / "coreml-mine_original_packages"
    shutil.copytree(source, hub / "mine" / "original" / "packages")
    for found in (
        ModelStore(hub).find("mine", ORIGINAL),
        store.find(str(hub / "mine"), ORIGINAL),
        store.find(str(source), ORIGINAL),
    ):
        assert found.revision == by_download.revision


def test_changed_weights_are_another_revision(models: Path) -> None:
    store = ModelStore(models)
    before = store.find("coreml-mine", ORIGINAL)
    weights = before.parts["unet"] / "Data/com.apple.CoreML/weights/weight.bin"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert store.find("coreml-mine", ORIGINAL).revision != before.revision


@pytest.mark.parametrize(
    ("lost", "says"),
    [
        ("*_vae_decoder.mlpackage", "lacks the vae_decoder"),
        ("*_unet.mlpackage", "lacks the unet"),
        ("tokenizer", "has no tokenizer"),
        ("scheduler", "has no scheduler"),
    ],
)
def test_what_is_missing_is_named(models: Path, lost: str, says: str) -> None:
    shutil.rmtree(next((models / "coreml-mine_original_packages").glob(lost)))
    with pytest.raises(PackageError, match=says):
        ModelStore(models).find("coreml-mine", ORIGINAL)


def test_unknown_models_and_variants_name_what_there_is(models: Path) -> None:
    store = ModelStore(models)
    with pytest.raises(InputMissingError, match="Known: demo, coreml-mine"):
        store.find("other", ORIGINAL)
    with pytest.raises(InputMissingError, match="only as original"):
        store.find("coreml-mine", AttentionImplementation.SPLIT_EINSUM)


@given(length=st.integers(0, 400), noise=st.binary(max_size=400))
def test_damaged_descriptions_are_refused_or_read_in_bounded_time(
    tmp_path_factory: pytest.TempPathFactory, length: int, noise: bytes
) -> None:
    package = tmp_path_factory.mktemp("damaged") / "x_unet.mlpackage"
    file = package / MODEL_FILE
    file.parent.mkdir(parents=True)
    whole = (UNET / MODEL_FILE).read_bytes()
    file.write_bytes(whole[:length] + noise)
    try:
        describe(package)
    except PackageError:
        return
