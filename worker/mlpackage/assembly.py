"""A `Program` in the making: its operations are added in order, and what breaks its invariant is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.printable import quote
from worker.mlpackage.program import Constant, Operation, Program, Tensor


class Assembly:
    """The program read so far.

    source: the file that it is read from.
    inputs: of fixed sizes.
    damaged: makes the error for damage that is described to it.
    """

    def __init__(
        self, source: Path, inputs: tuple[Tensor, ...], damaged: Callable[[str], PackageError]
    ) -> None:
        self._source = source
        self._inputs = inputs
        self._damaged = damaged
        self._known = {tensor.name for tensor in inputs}
        self._constants: dict[str, Constant] = {}
        self._operations: list[Operation] = []

    def add(self, operation: Operation) -> None:
        """Add the next operation, or the constant that it gives; raise PackageError if it does not fit those before."""
        self._check_names(operation)
        if operation.type != "const":
            self._operations.append(operation)
            return
        value = operation.inputs.get("val", ())
        if len(value) != 1 or isinstance(value[0], str) or len(operation.outputs) != 1:
            raise self._damaged(f"constant {quote(operation.name)} has no value")
        self._constants[operation.outputs[0].name] = value[0]

    def finish(self, opset: str, outputs: Sequence[str]) -> Program:
        """Return the program; raise PackageError if nothing computes an output, or if there is none."""
        missing = [output for output in outputs if output not in self._known]
        if missing or not outputs:
            raise self._damaged(f"nothing computes its output {', '.join(map(quote, missing[:5]))}")
        return Program(
            source=self._source,
            opset=opset,
            inputs=self._inputs,
            outputs=tuple(outputs),
            constants=self._constants,
            operations=tuple(self._operations),
        )

    def _check_names(self, operation: Operation) -> None:
        for arguments in operation.inputs.values():
            for argument in arguments:
                if isinstance(argument, str) and argument not in self._known:
                    raise self._damaged(
                        f"operation {quote(operation.name)} takes {quote(argument)}, which nothing before it computes"
                    )
        for output in operation.outputs:
            if output.name in self._known:
                raise self._damaged(f"two operations compute {quote(output.name)}")
            self._known.add(output.name)
