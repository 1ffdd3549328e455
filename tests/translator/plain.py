"""Programs in a form that can be compared."""

from __future__ import annotations

from typing import Any

import numpy as np

from worker.mlpackage.program import Constant, Program


def plain(program: Program) -> Any:
    """Give all that a program says, its arrays as bytes; inputs by name, since only names matter."""
    return (
        program.opset,
        sorted(program.inputs, key=lambda tensor: tensor.name),
        program.outputs,
        {name: _value(constant) for name, constant in program.constants.items()},
        [
            (
                operation.type,
                operation.name,
                operation.outputs,
                {
                    name: [_value(argument) for argument in group]
                    for name, group in operation.inputs.items()
                },
            )
            for operation in program.operations
        ],
    )


def _value(argument: str | Constant) -> Any:
    if isinstance(argument, str):
        return argument
    array = argument.load()
    held = array.tolist() if array.dtype == np.object_ else array.tobytes()
    return argument.dtype, argument.shape, held
