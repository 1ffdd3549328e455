"""Translations are made once, shared, and made anew when they or their package change."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from sdq_core.errors import OutputError
from sdq_core.values.variants import ComputeUnit
from worker.runtimes.onnx import OnnxRuntime, session
from worker.runtimes.onnx import runtime as runtime_module

from .building import mb, save_package

WEIGHT = np.random.RandomState(0).randn(300, 16).astype(np.float32)
X = np.random.RandomState(1).randn(2, 16).astype(np.float32)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "net.mlpackage"
    return save_package(path, lambda x: mb.linear(x=x, weight=WEIGHT), {"x": X.shape})


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def run(package: Path, cache: Path) -> np.ndarray:
    model = OnnxRuntime(cache_dir=cache, threads=1).load(package, ComputeUnit.CPU_ONLY)
    (result,) = model(x=X).values()
    return result


def entries(cache: Path) -> list[Path]:
    return sorted(cache.iterdir())


def test_a_second_load_neither_translates_nor_reads_the_package(
    whole: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(whole, cache)

    def refuse(_: object) -> None:
        raise AssertionError("translated again")

    monkeypatch.setattr(runtime_module.translate, "translate", refuse)
    monkeypatch.setattr("worker.mlpackage.proto.read_program", refuse)
    np.testing.assert_array_equal(run(whole, cache), first)
    np.testing.assert_allclose(first, X @ WEIGHT.T, rtol=1e-5, atol=1e-5)
    assert len(entries(cache)) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: (entry / "entry.json").unlink(),
        lambda entry: (entry / "entry.json").write_text("{"),
        lambda entry: (entry / "entry.json").write_text("[]"),
        lambda entry: (entry / "model.onnx").unlink(),
        lambda entry: (entry / "model.onnx").write_bytes(
            bytes(len((entry / "model.onnx").read_bytes()))
        ),
        lambda entry: os.truncate(entry / "weights.data", 100),
        lambda entry: (entry / "weights.data").unlink(),
        lambda entry: (shutil.rmtree(entry), entry.write_text("a file")),
    ],
    ids=[
        "no entry",
        "entry is not JSON",
        "entry is not an object",
        "no model",
        "model overwritten",
        "weights truncated",
        "no weights",
        "a file in its place",
    ],
)
def test_a_damaged_translation_is_made_anew(damage: object, whole: Path, cache: Path) -> None:
    first = run(whole, cache)
    (entry,) = entries(cache)
    damage(entry)  # type: ignore[operator]
    np.testing.assert_array_equal(run(whole, cache), first)
    assert entries(cache) == [entry]


def test_another_network_in_the_same_place_is_another_translation(
    tmp_path: Path, cache: Path
) -> None:
    package = tmp_path / "net.mlpackage"
    save_package(package, lambda x: mb.linear(x=x, weight=WEIGHT), {"x": X.shape})
    first = run(package, cache)
    save_package(package, lambda x: mb.linear(x=x, weight=-WEIGHT), {"x": X.shape})
    np.testing.assert_array_equal(run(package, cache), -first)
    assert len(entries(cache)) == 2


def test_a_translation_of_another_version_is_not_used(
    whole: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(whole, cache)
    monkeypatch.setattr(runtime_module.translate, "VERSION", 10**6)
    run(whole, cache)
    assert len(entries(cache)) == 2


def test_another_machine_prepares_its_own(
    whole: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(whole, cache)
    monkeypatch.setattr(session, "instruction_set", lambda: "another")
    np.testing.assert_array_equal(run(whole, cache), first)
    assert len(entries(cache)) == 2


def test_what_cannot_be_prepared_is_computed_from_the_translation(
    whole: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(whole, tmp_path / "other")
    monkeypatch.setattr(session, "MODEL", "no such folder/model.onnx")
    np.testing.assert_allclose(run(whole, cache), first, rtol=1e-6)
    (entry,) = entries(cache)
    assert sorted(path.name for path in entry.iterdir()) == [
        "entry.json", "model.onnx", "weights.data",
    ]  # fmt: skip


def _in_a_process(package: Path, cache: Path, start: object, results: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    results.put(run(package, cache))  # type: ignore[attr-defined]


def test_processes_that_translate_at_once_end_with_one_translation(
    whole: Path, cache: Path
) -> None:
    context = multiprocessing.get_context("spawn")
    start, results = context.Event(), context.Queue()
    processes = [
        context.Process(target=_in_a_process, args=(whole, cache, start, results)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    start.set()
    arrays = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(timeout=60)
        assert process.exitcode == 0
    np.testing.assert_array_equal(arrays[0], arrays[1])
    assert len(entries(cache)) == 1


def test_what_crashed_long_ago_is_removed(whole: Path, cache: Path) -> None:
    old, new = cache / ".partial-old", cache / ".partial-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    run(whole, cache)
    assert not old.exists()
    assert new.exists()


def test_a_folder_that_cannot_be_made_is_named(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Choose another cache folder"):
        run(whole, tmp_path / "file" / "cache")
