"""Packages changed at random end in `PackageError` or are whole; the long form is `make fuzz`."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import mutated
from tests.fuzz.package_reader import read_everything

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzzed")


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_corpus_is_whole(path: Path, folder: Path) -> None:
    assert read_everything(path.read_bytes(), folder)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # infinities are in the weights on purpose
@settings(deadline=None, max_examples=150)
@given(st.sampled_from(CORPUS), st.integers(0, 2**64))
def test_a_changed_package_is_read_or_refused(folder: Path, path: Path, seed: int) -> None:
    read_everything(mutated(path.read_bytes(), random.Random(seed)), folder)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=400), st.binary(max_size=200))
def test_any_bytes_are_refused(folder: Path, model: bytes, weights: bytes) -> None:
    assert not read_everything(model + b"|WEIGHTS" + weights, folder)


def test_the_fuzz_target_runs() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--seconds", "1", "--seed", "7", "--at-random"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
