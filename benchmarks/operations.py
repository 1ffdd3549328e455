"""How many floating-point operations a network takes, counted from its package.

A multiplication and an addition are two. Counted are convolutions, linear layers and matrix products (attention), from
the shapes that the converter stored; norms and activations are not. torch's `FlopCounterMode` counts exactly as many:
1,606,546,882,560 of the U-Net that `benchmarks.full_size` makes, 565,559,296 of the demo model's without its attention.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

from sdq_core.models.package import Package
from worker.mlpackage.program import Argument, Operation, Program, Shape
from worker.mlpackage.proto import read_program

CONVOLUTIONS = "convolutions"
LINEAR = "linear layers and 1x1 convolutions"
ATTENTION = "attention"


def count(package: Path) -> dict[str, int]:
    """Return the operations of one evaluation by kind."""
    program = read_program(Package.open(package))
    shapes = _shapes(program)
    found: Counter[str] = Counter()
    for operation in program.operations:
        kind, operations = _operations(operation, shapes, program)
        if operations:
            found[kind] += operations
    return dict(found)


def _shapes(program: Program) -> dict[str, Shape]:
    tensors = [*program.inputs, *(out for one in program.operations for out in one.outputs)]
    return {tensor.name: tensor.shape for tensor in tensors} | {
        name: constant.shape for name, constant in program.constants.items()
    }


def _operations(
    operation: Operation, shapes: dict[str, Shape], program: Program
) -> tuple[str, int]:
    def sizes(name: str, number: int = 0) -> list[int]:
        argument = operation.inputs[name][number]
        shape = shapes[argument] if isinstance(argument, str) else argument.shape
        return [size or 0 for size in shape]

    def constant(name: str, default: object) -> object:
        argument: Argument = operation.inputs.get(name, ("",))[0]
        held = program.constants.get(argument) if isinstance(argument, str) else argument
        return default if held is None else held.load().tolist()

    results = math.prod(size or 0 for size in operation.outputs[0].shape)
    match operation.type:
        case "conv":
            _, channels, *kernel = sizes("weight")
            kind = LINEAR if math.prod(kernel) == 1 else CONVOLUTIONS
            return kind, 2 * results * channels * math.prod(kernel)
        case "linear":
            return LINEAR, 2 * results * sizes("weight")[1]
        case "matmul":
            return ATTENTION, 2 * results * sizes("x")[-2 if constant("transpose_x", False) else -1]
        case "einsum":
            terms = str(constant("equation", "")).replace(" ", "").partition("->")[0].split(",")
            known = {
                label: size
                for number, term in enumerate(terms)
                for label, size in zip(term, sizes("values", number), strict=True)
            }
            return ATTENTION, 2 * math.prod(known.values())
    return "", 0
