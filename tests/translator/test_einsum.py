"""Equations that MIL's builder refuses and packages may hold all the same, against NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdq_core.errors import PackageError
from worker.mlpackage import datatypes
from worker.mlpackage.program import Constant, Operation, Program, Tensor
from worker.runtimes.onnx.cache import Entry, Input
from worker.runtimes.onnx.graph import Graph
from worker.runtimes.onnx.model_file import write_model
from worker.runtimes.onnx.session import OnnxModel
from worker.runtimes.onnx.translate import translate


def translated(equation: str, shapes: dict[str, tuple[int, ...]], result: tuple[int, ...]) -> Graph:
    inputs = tuple(
        Tensor(name=name, dtype=datatypes.FLOAT32, shape=shape) for name, shape in shapes.items()
    )
    text = np.array(equation, object)
    operation = Operation(
        type="einsum",
        name="out",
        inputs={
            "values": tuple(shapes),
            "equation": (Constant(dtype=datatypes.STRING, shape=(), load=lambda: text),),
        },
        outputs=(Tensor(name="out", dtype=datatypes.FLOAT32, shape=result),),
    )
    return translate(
        Program(
            source=Path("net.mlpackage"),
            opset="CoreML6",
            inputs=inputs,
            outputs=("out",),
            constants={},
            operations=(operation,),
        )
    )


@pytest.mark.parametrize(
    ("equation", "x", "y", "as_matmul"),
    [
        ("bchq,bkhc->bkhq", (2, 8, 1, 6), (2, 7, 1, 8), True),
        ("bkhq,bchk->bchq", (2, 7, 1, 6), (2, 8, 1, 7), True),
        ("bchq,bkhc->bkhq", (2, 8, 3, 6), (2, 7, 3, 8), True),
        ("bchq,bkhc->bkhq", (1, 8, 1, 1), (1, 7, 1, 8), True),
        ("ij,jk->ik", (3, 4), (4, 5), True),
        ("ij,jk->ki", (3, 4), (4, 5), True),
        ("ij,kj->", (3, 4), (3, 4), False),
        ("ij,ij->ij", (3, 4), (3, 4), True),
        ("i,j->ji", (3,), (4,), True),
        ("bij,bkj->bik", (2, 3, 4), (2, 5, 4), True),
        ("abcd,dcef->feab", (2, 3, 4, 5), (5, 4, 6, 7), True),
        ("ii,ij->j", (3, 3), (3, 4), False),
        ("b i d, b j d -> b i j", (2, 3, 4), (2, 5, 4), True),
    ],
)
def test_gives_what_numpy_gives(
    equation: str, x: tuple[int, ...], y: tuple[int, ...], as_matmul: bool, tmp_path: Path
) -> None:
    random = np.random.RandomState(0)
    arrays = {"x": random.randn(*x).astype(np.float32), "y": random.randn(*y).astype(np.float32)}
    expected = np.einsum(equation, *arrays.values())
    graph = translated(equation, {"x": x, "y": y}, expected.shape)
    assert ("Einsum" in {node.type for node in graph.nodes}) is not as_matmul
    write_model(graph, tmp_path)
    inputs = tuple(Input(name=n, shape=a.shape, dtype=a.dtype) for n, a in arrays.items())
    entry = Entry(folder=tmp_path, inputs=inputs, outputs=("out",))
    result = OnnxModel(tmp_path, entry, threads=1)(**arrays)["out"]
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("equation", ["ij,jk", "...i,ij->...j", "ij->ji"])
def test_names_an_equation_that_it_cannot_translate(equation: str) -> None:
    with pytest.raises(PackageError, match="einsum \\(equation"):
        translated(equation, {"x": (3, 4), "y": (4, 5)}, (3, 5))
