"""Declared shapes and model folders that are damaged or made to do harm."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import sdq_core
from sdq_core.errors import PackageError
from sdq_core.models import ModelStore, Network, VariantFolder, read_network
from sdq_core.values.variants import AttentionImplementation
from tests.core.small_packages import field, varint
from tests.fuzz.package_reader import MODEL_FILE, write_package

DEMO = Path(sdq_core.__file__).parent / "demo_model"


def model(*inputs: bytes, outputs: bytes = b"") -> bytes:
    """An ML program of one function without operations."""
    block = outputs or field(2, b"sample")
    blocks = field(3, field(1, b"CoreML6") + field(2, block))
    function = b"".join(inputs) + field(2, b"CoreML6") + blocks
    return b"\x08\x07" + field(502, field(2, field(1, b"main") + field(2, function)))


def tensor(*sizes: int, kind: int = 10) -> bytes:
    dimensions = b"".join(field(3, field(1, b"\x08" + varint(size))) for size in sizes)
    return field(1, b"\x08" + varint(kind) + dimensions)


def feature(name: bytes, *sizes: int) -> bytes:
    return field(1, field(1, name) + field(2, tensor(*sizes)))


def described(data: bytes, folder: Path) -> Network:
    return read_network(write_package(data, folder))


WHOLE = model(feature(b"sample", 2, 4, 8, 8), feature(b"timestep", 2))


def test_what_is_written_here_is_read(tmp_path: Path) -> None:
    assert described(WHOLE, tmp_path).inputs == {"sample": (2, 4, 8, 8), "timestep": (2,)}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x12",
        model(feature(b"sample", *[1] * 33)),
        model(feature(b"sample", *[1] * 100_000)),
        model(feature(b"sample", 2, 4, 2**63, 8)),
        model(feature(b"n" * 1_000_000, 2)),
        model(feature(b"\xff", 2)),
        model(feature(b"a", 1) * 1000),
        model(field(1, field(2, field(7, b"") * 1000))),
        model(feature(b"sample", 2), outputs=field(2, b"sample") * 1000),
        model(feature(b"sample", 2), outputs=field(2, b"nowhere")),
        varint(2 << 3 | 2) + varint(2**40) + b"x",
        b"\xff" * 1000,
        WHOLE[:-1],
    ],
)
def test_is_refused_at_once(data: bytes, tmp_path: Path) -> None:
    started = time.process_time()
    with pytest.raises(PackageError) as caught:
        described(data, tmp_path)
    assert time.process_time() - started < 1
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


@settings(deadline=None, max_examples=150)
@given(st.data())
@example(None)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject | None
) -> None:
    folder = tmp_path_factory.getbasetemp() / "described"
    damaged = WHOLE
    if data is not None:
        noise = st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=6)
        changed = bytearray(WHOLE)
        for place, value in data.draw(noise):
            changed[place] = value
        damaged = data.draw(st.binary(max_size=200) | st.just(bytes(changed)))
    try:
        found = described(damaged, folder)
    except PackageError:
        return
    for name, shape in {**found.inputs, **found.outputs}.items():
        assert len(name) <= 1000
        assert len(shape) <= 32
        assert all(0 <= size <= 2**34 for size in shape)


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A copy of the demo model's smaller files; its weights are links, as download caches make them."""
    return Path(shutil.copytree(DEMO, tmp_path / "models" / "copy", copy_function=os.symlink))


def packages(demo: Path) -> dict[str, Path]:
    folder = demo / "original" / "packages"
    return {path.stem.split("_demo_")[-1]: path for path in folder.iterdir()}


def find(demo: Path) -> VariantFolder:
    return ModelStore(demo.parent).find(demo.name, AttentionImplementation.ORIGINAL)


def test_linked_files_make_a_whole_model(demo: Path) -> None:
    shipped = ModelStore(demo.parent).find("demo", AttentionImplementation.ORIGINAL)
    linked = find(demo)
    assert linked.parts == packages(demo)
    assert (linked.width, linked.height, linked.unet_batch) == (128, 128, 2)
    assert linked.revision == shipped.revision


def test_a_part_that_links_to_a_whole_disk_is_refused(demo: Path, tmp_path: Path) -> None:
    part = packages(demo)["text_encoder"]
    shutil.rmtree(part)
    everything = tmp_path / "everything"
    everything.mkdir()
    for number in range(1500):
        (everything / str(number)).touch()
    part.symlink_to(everything)
    with pytest.raises(PackageError, match="more than 1,000 files"):
        find(demo)


@pytest.mark.timeout(30)
def test_a_pipe_is_not_waited_for(demo: Path) -> None:
    path = packages(demo)["unet"] / MODEL_FILE
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(PackageError, match="is missing"):
        find(demo)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((2, 4, 2**20, 8), "impossible size"),
        ((2, 4, 0, 8), "impossible size"),
        ((0, 4, 8, 8), "needs"),
        ((2, 4, 8, 8, 1), "needs"),
    ],
)
def test_a_picture_of_impossible_size_is_refused(
    demo: Path, sizes: tuple[int, ...], words: str
) -> None:
    path = packages(demo)["unet"] / MODEL_FILE
    path.unlink()
    path.write_bytes(
        model(
            feature(b"sample", *sizes),
            feature(b"timestep", 2),
            feature(b"encoder_hidden_states", 2, 64, 1, 77),
        )
    )
    with pytest.raises(PackageError, match=words):
        find(demo)
