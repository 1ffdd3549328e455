"""Every operation of the translator against NumPy, one small network each, for both package formats.

The cases are in `ops`, a file for each of `worker.runtimes.onnx.ops`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from worker.runtimes.onnx import ops
from worker.runtimes.onnx.ops import OPS

from .ops.case import BOTH, Case

NOUNS = sorted(
    path.stem for path in Path(ops.__file__).parent.glob("[a-z]*.py") if path.stem != "fused"
)
"""`fused` holds what rewrites put in; `test_rewrites` has it."""
CASES: dict[str, list[Case]] = {
    noun: importlib.import_module(f"tests.translator.ops.{noun}").CASES for noun in NOUNS
}


@pytest.mark.parametrize("target", BOTH)
@pytest.mark.parametrize("case", [case for cases in CASES.values() for case in cases], ids=str)
def test_gives_what_numpy_gives(case: Case, target: str, evaluate: Callable[..., Any]) -> None:
    if target not in case.targets:
        pytest.skip(f"{case.op} is not in this package format")
    random = np.random.RandomState(3)
    names = ("x", "y", "v", "m") if len(case.shapes) < 3 else ("q", "k", "v", "m")
    inputs = {
        name: random.randn(*shape).astype(np.float32)
        for name, shape in zip(names, case.shapes, strict=False)
    }
    if case.positive:
        inputs = {name: np.abs(array) + np.float32(0.01) for name, array in inputs.items()}
    results = list(evaluate(case.build, inputs, target=target).values())
    expected = case.reference(*inputs.values())
    expected = expected if isinstance(expected, list) else [expected]
    assert len(results) == len(expected)
    for result, reference in zip(results, expected, strict=True):
        assert result.dtype == np.float32
        assert result.shape == np.shape(reference)
        np.testing.assert_allclose(result, reference, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("noun", NOUNS)
def test_no_operation_is_without_a_case(noun: str) -> None:
    module = importlib.import_module(f"worker.runtimes.onnx.ops.{noun}")
    assert {case.op for case in CASES[noun]} == set(module.OPS)


def test_the_translator_has_no_other_operations() -> None:
    assert {case.op for cases in CASES.values() for case in cases} == set(OPS)
