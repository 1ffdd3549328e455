"""`model.mil` -> `Program`: the same as of the package that was compiled.

Constants are operations of their own. The parameters of `constexpr_*` are attributes up to iOS 17 and arguments later;
both become plain inputs here, as in `worker.mlpackage.proto`.
"""

from __future__ import annotations

from sdq_core.errors import PackageError
from sdq_core.models.compiled import CompiledModel
from sdq_core.models.mil.parser import FunctionText
from sdq_core.models.mil.syntax import Argument as Written
from sdq_core.models.mil.syntax import Declared, Statement, Value
from worker.mlmodelc.numbers import array_of
from worker.mlpackage import datatypes
from worker.mlpackage.assembly import Assembly
from worker.mlpackage.program import Argument, Constant, Operation, Program, Tensor
from worker.mlpackage.weights import Weights

#: What texts call an opset -> what packages call it.
_OPSETS = {
    "ios15": "CoreML5",
    "ios16": "CoreML6",
    "ios17": "CoreML7",
    "ios18": "CoreML8",
    "ios26": "CoreML9",
}


def read_program(model: CompiledModel) -> Program:
    """Read the network of a compiled model, mapping its weights without loading them.

    Raises PackageError if it is damaged, or has inputs that sdq does not support (images, states, flexible shapes).
    """
    return _ProgramReader(model, model.function()).read()


class _ProgramReader:
    """Reads one function. place: of what is being read, for messages."""

    def __init__(self, model: CompiledModel, function: FunctionText) -> None:
        self._function = function
        self._weights = Weights(model)
        self._place = 0

    def read(self) -> Program:
        function = self._function
        inputs = tuple(map(_tensor, function.inputs))
        assembly = Assembly(function.file, inputs, self._damaged)
        for statement in function.statements():
            self._place = statement.place
            assembly.add(self._operation(statement))
        self._place = function.outputs_place
        opset = _OPSETS.get(function.opset, function.opset)
        return assembly.finish(opset, function.outputs)

    def _operation(self, statement: Statement) -> Operation:
        inputs: dict[str, tuple[Argument, ...]] = {
            key: (self._constant(value),) for key, value in statement.attributes.items()
        }
        for key, arguments in statement.takes.items():
            inputs[key] = tuple(map(self._argument, arguments))
        outputs = tuple(map(_tensor, statement.gives))
        return Operation(type=statement.kind, name=outputs[0].name, inputs=inputs, outputs=outputs)

    def _argument(self, written: Written) -> Argument:
        return written if isinstance(written, str) else self._constant(written)

    def _constant(self, value: Value) -> Constant:
        dtype = datatypes.BY_NAME[value.element.name]
        if value.blob is not None:
            return self._weights.constant(value.blob.file, value.blob.offset, dtype, value.sizes)
        try:
            array = array_of(value, dtype)
        except ValueError as error:
            raise self._function.wrong(str(error), value.place) from None
        return Constant(dtype=dtype, shape=value.sizes, load=lambda: array)

    def _damaged(self, what: str) -> PackageError:
        return self._function.wrong(what, self._place)


def _tensor(declared: Declared) -> Tensor:
    dtype = datatypes.BY_NAME[declared.element.name]
    return Tensor(name=declared.name, dtype=dtype, shape=declared.sizes)
