"""`Program` -> `Graph`: translates every operation to ONNX, or raises one error that names all that it cannot."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from sdq_core.errors import PackageError
from worker.mlpackage import compression, datatypes
from worker.mlpackage.program import Constant, Operation, Program, Tensor
from worker.runtimes.onnx.call import Call, UnsupportedError
from worker.runtimes.onnx.graph import FLOAT, Graph, Value, computed_dtype
from worker.runtimes.onnx.ops import OPS
from worker.runtimes.onnx.ops.elementwise import as_dtype
from worker.runtimes.onnx.ops.fused import FUSED
from worker.runtimes.onnx.rewrites import REWRITES

#: Part of the key of every cached translation: raise it with any change to what is written.
VERSION = 4

_MOST_NAMED = 50

_TRANSLATIONS = {**OPS, **FUSED}


def translate(program: Program) -> Graph:
    """Translate `program` to ONNX: same inputs and outputs by name, outputs as float32.

    Raises a PackageError that names every operation without a translation, before anything is computed.
    """
    _refuse_unknown(program)
    for rewrite in REWRITES:
        with refusing_damage(program, rewrite.__name__):
            program = rewrite(program)
    return _Translation(program).run()


class _Translation:
    """The state of one translation: the values of the package's names so far."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._graph = Graph()
        self._values: dict[str, Value] = {}
        self._constants: dict[str, Constant] = dict(program.constants)
        self._problems: list[str] = []

    def run(self) -> Graph:
        graph = self._graph
        for tensor in self._program.inputs:
            value = _as_value(tensor)
            graph.inputs.append(value)
            self._values[tensor.name] = value
        for operation in self._program.operations:
            graph.scope = operation.name
            with refusing_damage(self._program, f"{operation.type} {operation.name[:60]!r}"):
                if operation.type in compression.DECODERS:
                    self._decode(operation)
                else:
                    self._translate(operation)
        if self._problems:
            raise _unsupported(self._program, self._problems)
        graph.scope = "outputs"
        for name in self._program.outputs:
            graph.output(name, as_dtype(graph, self._value(name), FLOAT))
        graph.prune()
        return graph

    def _translate(self, operation: Operation) -> None:
        arguments = {
            name: tuple(self._value(argument) for argument in group)
            for name, group in operation.inputs.items()
        }
        try:
            results = _TRANSLATIONS[operation.type](Call(operation, arguments), self._graph)
        except UnsupportedError as error:
            self._problems.append(f"{operation.type} ({error}, at {operation.name[:60]!r})")
            results = tuple(_as_value(tensor) for tensor in operation.outputs)
        if isinstance(results, Value):
            results = (results,)
        for tensor, value in zip(operation.outputs, results, strict=True):
            self._values[tensor.name] = replace(value, shape=tensor.shape)

    def _decode(self, operation: Operation) -> None:
        """Turn the outputs of a `constexpr_*` into constants that are decoded when they are written."""
        inputs: dict[str, Constant] = {}
        for name, group in operation.inputs.items():
            argument = group[0] if len(group) == 1 else ""
            constant = self._constants.get(argument) if isinstance(argument, str) else argument
            if constant is None:
                raise self._damaged(operation, f"{name} is not a constant")
            inputs[name] = constant
        for index, tensor in enumerate(operation.outputs):
            shape = tuple(size for size in tensor.shape if size is not None)
            self._constants[tensor.name] = Constant(
                dtype=tensor.dtype,
                shape=shape,
                load=self._decoder(operation, inputs, index, shape),
            )

    def _decoder(
        self,
        operation: Operation,
        inputs: Mapping[str, Constant],
        index: int,
        shape: tuple[int, ...],
    ) -> Callable[[], NDArray[Any]]:
        decode = compression.DECODERS[operation.type]

        def load() -> NDArray[Any]:
            arrays = {
                name: constant.load()
                for name, constant in inputs.items()
                if constant.dtype is not datatypes.STRING
            }
            try:
                array = decode(arrays)[index]
            except (ValueError, KeyError, IndexError, TypeError) as error:
                raise self._damaged(
                    operation, f"its values do not fit together: {error}"
                ) from error
            if array.shape != shape:
                raise self._damaged(
                    operation, f"its shape is {array.shape}, but is declared as {shape}"
                )
            return array

        return load

    def _value(self, argument: str | Constant) -> Value:
        if isinstance(argument, Constant):
            return self._graph.constant(argument.load())
        if argument not in self._values:
            self._values[argument] = self._graph.package_constant(
                argument, self._constants[argument]
            )
        return self._values[argument]

    def _damaged(self, operation: Operation, what: str) -> PackageError:
        return PackageError(
            f"{self._program.source} is damaged ({operation.type} {operation.name[:60]!r}: {what}). "
            f"Copy or download the package again."
        )


@contextlib.contextmanager
def refusing_damage(program: Program, what: str) -> Iterator[None]:
    """Reject a package with inconsistent operations, such as a string for an axis or a missing input.

    Translations rely on the format's guarantees; a file that breaks them raises PackageError here instead of a
    traceback.
    """
    try:
        yield
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        StopIteration,
        TypeError,
        ValueError,
    ) as error:
        reason = str(error).replace("\n", " ")[:200] or type(error).__name__
        raise PackageError(
            f"{program.source} is damaged ({what}: {reason}). Copy or download the package again."
        ) from error
    except MemoryError as error:
        raise PackageError(
            f"{program.source} needs more memory than this machine has ({what}). Close other programs and try again."
        ) from error


def _refuse_unknown(program: Program) -> None:
    types = {operation.type for operation in program.operations}
    unknown = sorted(
        name if name.isprintable() and len(name) <= 60 else repr(name[:60])
        for name in types - OPS.keys() - compression.DECODERS.keys()
    )
    if unknown:
        raise _unsupported(program, unknown)


def _unsupported(program: Program, problems: list[str]) -> PackageError:
    return PackageError(
        f"{program.source} uses operations that sdq's onnx runtime does not support: "
        f"{'; '.join(problems[:_MOST_NAMED])}. Run it on a Mac with the coreml runtime, or report the names."
    )


def _as_value(tensor: Tensor) -> Value:
    return Value(name=tensor.name, dtype=computed_dtype(tensor.dtype), shape=tensor.shape)
