"""What submitting needs of a compiled model's network: the same as of a package's (`sdq_core.models.mlmodel`)."""

from __future__ import annotations

from sdq_core.models.mil.parser import FunctionText
from sdq_core.models.mil.syntax import Sizes, Statement, Value
from sdq_core.models.mlmodel import Blob, Program, Shape
from sdq_core.printable import quote


def read_facts(function: FunctionText) -> Program:
    """Read a function to its end; raise PackageError if it is damaged. What names stand for is left to runtimes."""
    program = Program(
        inputs={value.name: _shape(value.sizes) for value in function.inputs},
        kinds={value.name: value.element for value in function.inputs},
    )
    shapes = dict(program.inputs)
    constants: dict[str, Shape] = {}
    for statement in function.statements():
        program.operations[statement.kind] += 1
        given = {value.name: _shape(value.sizes) for value in statement.gives}
        shapes.update(given)
        if statement.kind == "const" or statement.kind.startswith("constexpr_"):
            constants.update(given)
            _note_parameters(program, statement, constants)
        elif statement.kind == "gather" and program.table_rows is None:
            program.table_rows = _rows(statement, constants)
    missing = [name for name in function.outputs if name not in shapes]
    if missing:
        what = f"nothing computes its output {', '.join(map(quote, missing[:5]))}"
        raise function.wrong(what, function.outputs_place)
    program.outputs = {name: shapes[name] for name in function.outputs}
    return program


def _note_parameters(program: Program, statement: Statement, constants: dict[str, Shape]) -> None:
    """Note what an operation that holds weights, or unpacks them, is given in place or by name."""
    for key, value in statement.attributes.items():
        _note_parameter(program, key, value)
    for key, arguments in statement.takes.items():
        for argument in arguments:
            if isinstance(argument, Value):
                _note_parameter(program, key, argument)
            elif key == "lut":
                program.note_palette(constants.get(argument, ()))


def _note_parameter(program: Program, key: str, value: Value) -> None:
    if key == "lut":
        program.note_palette(value.sizes)
    if blob := value.blob:
        place = Blob(file=blob.file, offset=blob.offset, kind=value.element, shape=value.sizes)
        program.note_blob(key, place)


def _rows(statement: Statement, constants: dict[str, Shape]) -> int | None:
    """Return the rows of the constant matrix that an operation takes as `x`; None if it is something else."""
    for argument in statement.takes.get("x", ()):
        shape = constants.get(argument, ()) if isinstance(argument, str) else ()
        return shape[0] if len(shape) == 2 else None
    return None


def _shape(sizes: Sizes) -> Shape:
    """Return sizes as a shape, an empty one if one of them is known only at run time."""
    known = tuple(size for size in sizes if size is not None)
    return known if len(known) == len(sizes) else ()
