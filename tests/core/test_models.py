"""Models on disk, and what their packages declare."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdq_core.errors import InputMissingError, PackageError, StorageError
from sdq_core.models import BUNDLED, DEMO, ModelStore, read_network
from sdq_core.models.usual import By, Usual
from sdq_core.values.variants import AttentionImplementation, Scheduler
from tests.fuzz.package_reader import MODEL_FILE, write_package

ORIGINAL = AttentionImplementation.ORIGINAL
UNET = ModelStore(Path("nowhere")).find(DEMO, ORIGINAL).unet


def test_the_demo_model_is_found_in_its_variants() -> None:
    store = ModelStore(Path("nowhere"))
    assert store.names() == list(BUNDLED)
    assert {"original", "split_einsum"} <= set(store.attention_implementations(DEMO))
    folder = store.find(DEMO, ORIGINAL)
    assert (folder.width, folder.height, folder.unet_batch) == (128, 128, 2)
    assert {"text_encoder", "unet", "vae_decoder"} <= folder.parts.keys()
    assert folder.unet == folder.parts["unet"]
    assert (folder.network.splits_heads, folder.network.precision) == (False, "6-bit")
    other = store.find(DEMO, AttentionImplementation.SPLIT_EINSUM)
    assert other.network.splits_heads
    assert other.revision != folder.revision


def test_the_demo_model_of_few_steps_has_its_own_unet_and_shares_the_other_parts() -> None:
    store = ModelStore(Path("nowhere"))
    demo, turbo = store.find(DEMO, ORIGINAL), store.find("demo-turbo", ORIGINAL)
    assert store.attention_implementations("demo-turbo") == [ORIGINAL]
    assert turbo.unet_batch == 1
    assert dict(turbo.parts.items() - demo.parts.items()).keys() == {"control-unet"}
    assert demo.parts.keys() - turbo.parts.keys() == {"unet"}
    assert store.whole_name("demo-turbo") == "demo-turbo"
    assert turbo.usual == Usual(
        num_inference_steps=4,
        guidance_scale=0.0,
        scheduler=Scheduler.EULER_DISCRETE,
        by=By.NAME,
    )


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
    assert store.names() == [*BUNDLED, "coreml-mine"]
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
    with pytest.raises(InputMissingError, match="only demo, demo-turbo, coreml-mine"):
        store.find("other", ORIGINAL)
    with pytest.raises(InputMissingError, match="only as original"):
        store.find("coreml-mine", AttentionImplementation.SPLIT_EINSUM)


def test_a_model_is_read_again_only_after_a_file_has_changed(models: Path) -> None:
    store = ModelStore(models)
    folder = models / "coreml-mine_original_packages"
    before = store.find("coreml-mine", ORIGINAL)
    assert store.find("coreml-mine", ORIGINAL) is before
    config = folder / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text() + " ")
    changed = store.find("coreml-mine", ORIGINAL)
    assert changed.revision != before.revision
    (folder / "tokenizer" / "tokenizer_config.json").write_text("{}")
    added = store.find("coreml-mine", ORIGINAL)
    assert added.revision != changed.revision
    assert store.find("coreml-mine", ORIGINAL) is added


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_read_again(models: Path) -> None:
    store = ModelStore(models)
    before = store.find("coreml-mine", ORIGINAL)
    config = before.scheduler_config
    times, text = config.stat(), config.read_text()
    other = config.with_name("other")
    other.write_text(text.replace("0", "1", 1))
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(config)
    assert config.stat().st_size == times.st_size
    assert store.find("coreml-mine", ORIGINAL).revision != before.revision


def test_a_model_that_goes_and_comes_back_is_noticed(models: Path) -> None:
    store = ModelStore(models)
    before = store.find("coreml-mine", ORIGINAL)
    away = before.unet.rename(before.unet.with_name("away"))
    with pytest.raises(PackageError, match="lacks the unet"):
        store.find("coreml-mine", ORIGINAL)
    away.rename(before.unet)
    assert store.find("coreml-mine", ORIGINAL) == before


def test_an_unreadable_disk_is_a_storage_error(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: list[Path]) -> str:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("sdq_core.models.folder.fingerprint", fails)
    with pytest.raises(StorageError, match="Input/output error"):
        ModelStore(models).find("coreml-mine", ORIGINAL)


def test_a_network_says_its_shapes_attention_and_weights() -> None:
    network = read_network(UNET)
    assert network.inputs["sample"] == (2, 4, 16, 16)
    assert network.outputs.keys() == {"noise_pred"}
    assert (network.splits_heads, network.precision) == (False, "6-bit")


@pytest.mark.parametrize("kind", ["float16", "float32"])
def test_weights_that_are_not_compressed_are_called_by_their_type(
    tmp_path: Path, kind: str
) -> None:
    ct = pytest.importorskip("coremltools")
    from tests.translator.building import mb, save_package

    package = save_package(
        tmp_path / "x_unet.mlpackage",
        lambda x: mb.linear(x=x, weight=np.ones((8, 64), np.float32)),
        {"x": (1, 64)},
        passes=True,
        precision=ct.precision(kind),
    )
    assert read_network(package).precision == kind


def test_the_unet_of_a_model_in_chunks_is_its_first_chunk(models: Path) -> None:
    whole = ModelStore(models).find("coreml-mine", ORIGINAL).unet
    first = whole.rename(whole.with_name(whole.name.replace("_unet", "_unet_chunk1")))
    shutil.copytree(first, whole.with_name(whole.name.replace("_unet", "_unet_chunk2")))
    folder = ModelStore(models).find("coreml-mine", ORIGINAL)
    assert folder.unet == first
    assert folder.network.precision == "6-bit"


def test_a_description_that_ends_early_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    package = Path(shutil.copytree(UNET, tmp_path / "x_unet.mlpackage"))
    file = package / MODEL_FILE
    whole = file.read_bytes()
    for length in range(1, len(whole), 997):
        file.write_bytes(whole[:length])
        with pytest.raises(PackageError, match="Copy or download"):
            read_network(package)
    file.write_bytes(whole)
    assert read_network(package).inputs == read_network(UNET).inputs


@settings(deadline=None)
@given(length=st.integers(0, 400), noise=st.binary(max_size=400))
def test_damaged_descriptions_are_refused_within_their_bounds(
    tmp_path_factory: pytest.TempPathFactory, length: int, noise: bytes
) -> None:
    whole = (UNET / MODEL_FILE).read_bytes()
    package = write_package(whole[:length] + noise, tmp_path_factory.getbasetemp() / "damaged")
    started = time.process_time()
    with pytest.raises(PackageError) as caught:
        read_network(package)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(package / MODEL_FILE))
    assert time.process_time() - started < 1
