"""What `model.mlmodel` says of a package's network, short of what its operations compute.

Read from protobuf's wire format without coremltools, protobuf and NumPy, which a machine that only submits does not
have. What a runtime would refuse is refused here in the same words: other kinds of models, flexible shapes, a function
that is not there. What operations take from each other is left to the runtime, which reads every one.

Sizes are bounded, and a damaged file ends in PackageError, ValueError or IndexError.

https://apple.github.io/coremltools/mlmodel/Format/Model.html
https://github.com/apple/coremltools/blob/9.0/mlmodel/format/MIL.proto
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.colour_layout import ColourLayout, image_layout, require_image_shape
from sdq_core.models.element_types import BY_MIL_NUMBER, ElementType
from sdq_core.models.wire import Span, entry, fields, first, messages, text
from sdq_core.printable import quote

Shape = tuple[int, ...]

#: Far above any real network's tensors (64 GiB as fp32). A larger one is damage or malice, and would be allocated.
_MOST_ELEMENTS = 2**34
#: The limit of NumPy 1; MIL's own operations take at most five.
_MOST_DIMENSIONS = 32

#: Stable Diffusion's networks have about twenty features of a few fields each; these limits bound the time and memory
#: that a damaged file can cost.
_MAX_FEATURES = 512
_MAX_PARTS = 64
_MAX_NAME_BYTES = 1000
_MAX_MODEL_FIELDS = 4096

# Model: description, program. ModelDescription: inputs, functions, the default one's name. FunctionDescription: name,
# inputs. FeatureDescription: name, type. FeatureType: image. ImageFeatureType: colours.
_DESCRIPTION, _PROGRAM = 2, 502
_INPUTS, _DESCRIBED_FUNCTIONS, _DEFAULT_FUNCTION = 1, 20, 21
_FUNCTION_INPUTS, _FEATURE_TYPE, _IMAGE, _COLOURS = 2, 3, 4, 3
#: What converters produced before ML programs.
_OTHER_KINDS = {
    200: "pipelineClassifier",
    201: "pipelineRegressor",
    202: "pipeline",
    303: "neuralNetworkRegressor",
    403: "neuralNetworkClassifier",
    500: "neuralNetwork",
}
# Program: functions. Function: inputs, opset, blocks by opset. Block: outputs, operations.
_FUNCTIONS, _VALUES_IN, _OPSET, _BLOCKS, _OUTPUTS, _OPERATIONS = 2, 1, 2, 3, 2, 3
# Operation: type, inputs, outputs, blocks, attributes. Argument and binding: arguments; name, value.
_TYPE, _TAKES, _GIVES, _INNER_BLOCKS, _ATTRIBUTES = 1, 2, 3, 4, 5
_ARGUMENTS, _BOUND_NAME, _BOUND_VALUE = 1, 1, 2
# Entries of a map; named values; values; their types.
_KEY, _VALUE = 1, 2
_NAME, _NAMED_TYPE = 1, 2
_VALUE_TYPE, _BLOB = 2, 5
_TENSOR = 1
_OTHER_TYPES = {2: "listType", 3: "tupleType", 4: "dictionaryType", 5: "stateType"}
#: Element types of uncompressed weights -> what they are called in a list of models.
_FLOATS = {"fp16": "float16", "fp32": "float32"}
_AGAIN = "Copy or download the package again."


@dataclass(frozen=True, kw_only=True)
class Blob:
    """A constant in a weight file. file: as the network calls it. offset: bytes."""

    file: str
    offset: int
    kind: ElementType
    shape: Shape


@dataclass(kw_only=True)
class Program:
    """The function that is run if none is named.

    inputs, outputs: name -> shape; a size that is known only at run time makes an output's shape empty.
    kinds: input -> its element type.
    images: input that is an image -> the order of its channels.
    operations: how often each occurs.
    palette_bits: the sizes of palettes.
    elements: `float16` and `float32` -> how many of the weights are kept as such.
    table_rows: of the first matrix that rows are gathered from; in a text encoder, how many tokens it knows.
    """

    inputs: dict[str, Shape] = field(default_factory=dict)
    kinds: dict[str, ElementType] = field(default_factory=dict)
    images: dict[str, ColourLayout] = field(default_factory=dict)
    outputs: dict[str, Shape] = field(default_factory=dict)
    operations: Counter[str] = field(default_factory=Counter)
    palette_bits: set[int] = field(default_factory=set)
    elements: Counter[str] = field(default_factory=Counter)
    blobs: list[Blob] = field(default_factory=list)
    table_rows: int | None = None

    def note_palette(self, shape: Shape) -> None:
        """Note a palette's bits: one table of values, or since iOS 18 tables [..., 2^bits, vector size]."""
        if shape:
            entries = shape[-2] if len(shape) > 1 else shape[0]
            self.palette_bits.add(max(entries.bit_length() - 1, 0))

    def note_blob(self, key: str, blob: Blob) -> None:
        """Note a constant that is in a weight file. key: the parameter that it is given as."""
        if (word := _FLOATS.get(blob.kind.name)) and key in {"val", "source_val"}:
            self.elements[word] += math.prod(blob.shape)
        self.blobs.append(blob)


def what_is_impossible(sizes: Sequence[int | None]) -> str | None:
    """Return what no tensor could have of these sizes, as a clause behind its name; None if nothing."""
    if len(sizes) > _MOST_DIMENSIONS:
        return f"has {len(sizes):,} dimensions"
    # Check each size too: a zero among them hides the others in the product, but not from NumPy.
    known = [size for size in sizes if size is not None]
    if max(known, default=0) > _MOST_ELEMENTS or math.prod(known) > _MOST_ELEMENTS:
        return f"has the impossible shape {tuple(sizes)}"
    return None


def refuse_kind(model: Path, kind: str | None) -> None:
    """Raise PackageError for any kind of model but an ML program. kind: the field's name, None for an unknown one."""
    if kind != "mlProgram":
        raise PackageError(
            f"{model} is a {kind or 'model of another kind'}, not an ML program. Convert it again "
            f"with coremltools 6 or later and convert_to='mlprogram'."
        )


def refuse_flexible(model: Path, name: str) -> PackageError:
    """Return the error for an input without a fixed size."""
    return PackageError(
        f"{model}: input {quote(name)} has a flexible shape. Convert the model again for one fixed size."
    )


@dataclass(frozen=True)
class _Source:
    """What is read. model: its path, for messages; the same bytes say the same wherever they are."""

    data: bytes
    model: Path = field(compare=False)


def read_model(model: Path, data: bytes) -> Program:
    """Return what the bytes of a package's `model.mlmodel` say, not to be changed; model: its path, for messages."""
    return _read(_Source(data, model))


# Whoever looks for a model reads its U-Net to tell its attention, and again to draw with it.
@lru_cache(maxsize=16)
def _read(source: _Source) -> Program:
    return _Reader(source.model, source.data).read()


class _Reader:
    """Reads one file; its methods take the spans of messages."""

    def __init__(self, model: Path, data: bytes) -> None:
        self._model = model
        self._data = data
        self._program = Program()
        self._constants: list[Span] = []  # what they give, until a shape of theirs is asked for
        self._shapes: dict[str, Shape] = {}  # of constants, by name

    def read(self) -> Program:
        descriptions: list[Span] = []
        kind, program = None, None
        for number, value in fields(self._data, (0, len(self._data)), limit=_MAX_MODEL_FIELDS):
            if not isinstance(value, tuple):
                continue
            if number == _DESCRIPTION:
                descriptions.append(value)
            elif number == _PROGRAM:
                kind, program = "mlProgram", value
            elif number in _OTHER_KINDS:
                kind = _OTHER_KINDS[number]
        name = self._read_description(descriptions)
        refuse_kind(self._model, kind)
        assert program is not None
        function = entry(self._data, program, _FUNCTIONS, name)
        if function is None:
            raise self._damaged(f"it has no function {quote(name)}")
        named = first(self._data, function, _OPSET)
        opset = text(self._data, named) if named else ""
        block = entry(self._data, function, _BLOCKS, opset)
        if block is None:
            raise self._damaged(f"it has no block for its opset {quote(opset)}")
        self._read_inputs(function)
        self._read_block(block)
        return self._program

    def _read_description(self, descriptions: list[Span]) -> str:
        """Return the name of the function to run, and note which of its inputs are images."""
        default = ""
        functions: list[Span] = []
        for description in descriptions:
            for number, value in fields(self._data, description, limit=_MAX_FEATURES):
                if not isinstance(value, tuple):
                    continue
                if number == _INPUTS:
                    self._note_image(value)
                elif number == _DESCRIBED_FUNCTIONS:
                    functions.append(value)
                elif number == _DEFAULT_FUNCTION:
                    default = text(self._data, value)
        for function in functions:
            if self._name(function) == default:
                for feature in messages(self._data, function, _FUNCTION_INPUTS):
                    self._note_image(feature)
        return default or "main"

    def _note_image(self, feature: Span) -> None:
        image = first(self._data, feature, _FEATURE_TYPE, _IMAGE)
        if image is None:
            return
        name, number = self._name(feature), 0
        for part, value in fields(self._data, image, limit=_MAX_PARTS):
            if part == _COLOURS and isinstance(value, int):
                number = value
        self._program.images[name] = image_layout(self._model, name, number)

    def _read_inputs(self, function: Span) -> None:
        flexible = None
        for number, value in fields(self._data, function, limit=_MAX_FEATURES):
            if number == _VALUES_IN and isinstance(value, tuple):
                name = self._name(value)
                kind, shape = self._type(first(self._data, value, _NAMED_TYPE), name)
                if None in shape:
                    flexible = flexible or name
                self._program.inputs[name] = tuple(size or 0 for size in shape)
                self._program.kinds[name] = kind
        if flexible is not None:
            raise refuse_flexible(self._model, flexible)
        for name in self._program.images.keys() & self._program.inputs.keys():
            require_image_shape(self._model, name, self._program.inputs[name])

    def _read_block(self, block: Span) -> None:
        outputs: list[str] = []
        given: list[Span] = []
        for number, value in fields(self._data, block):
            if number == _OUTPUTS and isinstance(value, tuple):
                if len(outputs) >= _MAX_FEATURES:
                    raise ValueError("it has too many outputs")
                outputs.append(text(self._data, value))
            elif number == _OPERATIONS and isinstance(value, tuple):
                self._read_operation(value, given)
        shapes = self._shapes_of(set(outputs), given)
        missing = [name for name in outputs if name not in shapes]
        if missing or not outputs:
            raise self._damaged(f"nothing computes its output {', '.join(map(quote, missing[:5]))}")
        self._program.outputs = {name: shapes[name] for name in outputs}

    def _shapes_of(self, wanted: set[str], given: list[Span]) -> dict[str, Shape]:
        """Return the shapes of a block's outputs, which its last operations give."""
        found = {name: shape for name, shape in self._program.inputs.items() if name in wanted}
        for value in reversed(given):
            if found.keys() >= wanted:
                break
            named = first(self._data, value, _NAME)
            name = text(self._data, named) if named else ""
            if name in wanted and name not in found:
                _, shape = self._type(first(self._data, value, _NAMED_TYPE), name)
                found[name] = () if None in shape else tuple(size or 0 for size in shape)
        return found

    def _read_operation(self, operation: Span, given: list[Span]) -> None:
        kind = ""
        gives: list[Span] = []
        attributes: list[Span] = []
        takes: list[Span] = []
        lists = {_GIVES: gives, _ATTRIBUTES: attributes, _TAKES: takes}
        for number, value in fields(self._data, operation):
            if not isinstance(value, tuple):
                continue
            if (group := lists.get(number)) is not None:
                group.append(value)
            elif number == _TYPE:
                kind = text(self._data, value)
            elif number == _INNER_BLOCKS:
                raise PackageError(
                    f"{self._model}: operation {quote(kind)} contains blocks, which sdq does not run. "
                    f"Convert the model again without loops or branches."
                )
        given += gives
        self._program.operations[kind] += 1
        if kind == "const" or kind.startswith("constexpr_"):
            self._constants += gives
            self._read_parameters(attributes, takes)
        elif kind == "gather" and self._program.table_rows is None:
            self._program.table_rows = self._rows(takes)

    def _read_parameters(self, attributes: list[Span], takes: list[Span]) -> None:
        """Read what an operation that holds weights, or unpacks them, is given in place or by name."""
        for pair in attributes:
            key, value = self._pair(pair)
            if key != "name":
                self._read_parameter(key, value)
        for pair in takes:
            key, argument = self._pair(pair)
            for number, bound in self._bound(argument):
                if number == _BOUND_VALUE:
                    self._read_parameter(key, bound)
                elif key == "lut":
                    self._program.note_palette(self._shape_of(text(self._data, bound)))

    def _read_parameter(self, key: str, value: Span) -> None:
        """Read a value that an operation holds: weights, a table of their values, or something small."""
        kind_span, blob = None, None
        for number, part in fields(self._data, value):
            if isinstance(part, tuple):
                if number == _VALUE_TYPE:
                    kind_span = part
                elif number == _BLOB:
                    blob = part
        # Most values are a few numbers in place: a runtime reads them, and here only the tables among them matter.
        if blob is None and key != "lut":
            return
        kind, sizes = self._type(kind_span, "a constant")
        shape = tuple(size for size in sizes if size is not None)
        if len(shape) != len(sizes):
            raise self._damaged("a constant has no fixed shape")
        if key == "lut":
            self._program.note_palette(shape)
        if blob is None:
            return
        file, offset = "", 0
        for number, found in fields(self._data, blob, limit=_MAX_PARTS):
            if number == 1 and isinstance(found, tuple):
                file = text(self._data, found)
            elif number == 2 and isinstance(found, int):
                offset = found
        self._program.note_blob(key, Blob(file=file, offset=offset, kind=kind, shape=shape))

    def _rows(self, takes: list[Span]) -> int | None:
        """Return the rows of the constant matrix that an operation takes as `x`; None if it is something else."""
        for pair in takes:
            key, argument = self._pair(pair)
            for number, bound in self._bound(argument):
                if key == "x" and number == _BOUND_NAME:
                    shape = self._shape_of(text(self._data, bound))
                    return shape[0] if len(shape) == 2 else None
        return None

    def _shape_of(self, name: str) -> Shape:
        """Return the shape of a constant that was read before; () if there is none of that name."""
        for value in self._constants:
            known = self._name(value)
            _, sizes = self._type(first(self._data, value, _NAMED_TYPE), known)
            self._shapes[known] = tuple(size or 0 for size in sizes)
        self._constants.clear()
        return self._shapes.get(name, ())

    def _pair(self, pair: Span) -> tuple[str, Span]:
        """Return key and value of a map's entry."""
        key, value = "", (pair[1], pair[1])
        for number, part in fields(self._data, pair, limit=_MAX_PARTS):
            if isinstance(part, tuple):
                if number == _KEY:
                    key = text(self._data, part)
                elif number == _VALUE:
                    value = part
        return key, value

    def _bound(self, argument: Span) -> Iterator[tuple[int, Span]]:
        """Yield an argument's bindings: `_BOUND_NAME` or `_BOUND_VALUE`, and its span."""
        for binding in messages(self._data, argument, _ARGUMENTS):
            for number, value in fields(self._data, binding, limit=_MAX_PARTS):
                if isinstance(value, tuple) and number in {_BOUND_NAME, _BOUND_VALUE}:
                    yield number, value

    def _type(
        self, value_type: Span | None, name: str
    ) -> tuple[ElementType, tuple[int | None, ...]]:
        """Return a tensor's element type and sizes, None for one that is known only at run time."""
        tensor, other = None, None
        for number, value in fields(self._data, value_type or (0, 0), limit=_MAX_PARTS):
            if isinstance(value, tuple):
                tensor, other = (
                    (value, None) if number == _TENSOR else (None, _OTHER_TYPES.get(number))
                )
        if tensor is None:
            raise PackageError(
                f"{self._model}: {quote(name)} is a {other or 'value without a type'}, but sdq runs networks "
                f"of tensors only. Use a package without states or lists."
            )
        data_type, sizes = 0, []
        for number, value in fields(self._data, tensor):
            if number == 1 and isinstance(value, int):
                data_type = value
            elif number == 3 and isinstance(value, tuple):
                sizes.append(self._size(value))
        kind = BY_MIL_NUMBER.get(data_type)
        if kind is None:
            raise PackageError(
                f"{self._model}: {quote(name)} has data type {data_type}, which this version "
                "does not read. Upgrade sdq, or convert the model again with float16 weights."
            )
        if impossible := what_is_impossible(sizes):
            raise self._damaged(f"{quote(name)} {impossible}")
        return kind, tuple(sizes)

    def _size(self, dimension: Span) -> int | None:
        constant = first(self._data, dimension, 1)
        if constant is None:
            return None
        return next(
            (size for number, size in fields(self._data, constant) if isinstance(size, int)), 0
        )

    def _name(self, value: Span) -> str:
        named = first(self._data, value, _NAME)
        if named is None:
            return ""
        if named[1] - named[0] > _MAX_NAME_BYTES:
            raise ValueError("a name is too long")
        return text(self._data, named)

    def _damaged(self, what: str) -> PackageError:
        return PackageError(f"{self._model} is damaged ({what}). {_AGAIN}")
