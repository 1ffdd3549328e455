"""One function of a text, statement by statement.

    program    = "program" "(" version ")" attributes "{" function+ "}"
    function   = "func" name "<" opset ">" "(" [type name {"," type name}] ")" [attributes]
                 "{" {statement} "}" "->" "(" name {"," name} ")" ";"
    statement  = type name {"," type name} "=" kind "(" [key "=" argument {"," key "=" argument}] ")" [attributes] ";"
    argument   = name | value | "(" [argument {"," argument}] ")"
    attributes = "[" [key "=" value {"," key "=" value}] "]"

Texts of version 1.0 write a scalar's type as `tensor<int32, []>`, those of 1.3 as `int32`; both are read in either.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.mil.syntax import Argument, Declared, Statement, Value
from sdq_core.models.mil.tokens import END, MARK, NAME, NUMBER, ROW, TENSOR, Tokens
from sdq_core.models.mil.types import TypeReader
from sdq_core.models.mil.values import ValueReader
from sdq_core.models.mlmodel import refuse_flexible
from sdq_core.printable import quote

_FLEXIBLE = "FlexibleShapeInformation"


class FunctionText:
    """A function whose first line has been read; `statements` reads on, once.

    file: for messages.
    opset: such as `ios16`.
    inputs: in the text's order.
    outputs, outputs_place: their names, and where these stand in the text; known when the statements have been read.
    """

    def __init__(self, file: Path, text: str, name: str) -> None:
        """Find the function; raise PackageError if it is not there, or takes anything but tensors of one size."""
        self.file = file
        self._tokens = Tokens(file, text)
        self._types = TypeReader(self._tokens)
        self._values = ValueReader(self._tokens, self._types)
        self.outputs: tuple[str, ...] = ()
        self.outputs_place = 0
        self._find(name)
        tokens = self._tokens
        tokens.take("<")
        self.opset = tokens.take_name("an opset")
        tokens.take(">")
        self.inputs = self._read_inputs()
        self._read_attributes_of_function()

    def statements(self) -> Iterator[Statement]:
        """Yield the operations in order, then read the outputs and the rest of the text."""
        tokens = self._tokens
        tokens.take("{")
        while not (tokens.kind == MARK and tokens.word == "}"):
            yield self._statement()
        tokens.advance()
        self.outputs_place = tokens.place
        self.outputs = self._read_outputs()
        while tokens.kind == NAME and tokens.word == "func":
            tokens.advance()
            tokens.take_name("a function")
            self._skip_function()
        tokens.take("}")
        if tokens.kind != END:
            raise tokens.unexpected("the end")

    def wrong(self, what: str, place: int) -> PackageError:
        """Return an error that says where in the text. place: in characters."""
        return self._tokens.wrong(what, place)

    def _find(self, name: str) -> None:
        """Go past the name of the function."""
        tokens = self._tokens
        tokens.take("program")
        tokens.take("(")
        if tokens.kind != NUMBER or not tokens.word.startswith("1."):
            raise tokens.unexpected("version 1.0 to 1.3")
        tokens.advance()
        tokens.take(")")
        self._skip_attributes()
        tokens.take("{")
        while tokens.word == "func":
            tokens.advance()
            if tokens.take_name("a function") == name:
                return
            self._skip_function()
        raise tokens.wrong(f"it has no function {quote(name)}")

    def _skip_function(self) -> None:
        """Go past a function after its name: nothing in it is run."""
        tokens = self._tokens
        tokens.take("<")
        tokens.take_name("an opset")
        tokens.take(">")
        self._skip("(")
        self._skip_attributes()
        self._skip("{")
        self._read_outputs()

    def _skip(self, bracket: str) -> None:
        if self._tokens.word != bracket:
            raise self._tokens.unexpected(quote(bracket))
        self._tokens.skip_brackets()

    def _skip_attributes(self) -> None:
        if self._tokens.word.startswith("["):
            self._tokens.skip_brackets()

    def _read_inputs(self) -> tuple[Declared, ...]:
        tokens = self._tokens
        tokens.take("(")
        found: list[Declared] = []
        while tokens.word != ")":
            if found:
                tokens.take(",")
            found.append(self._declared())
        tokens.advance()
        for declared in found:
            if None in declared.sizes:
                raise refuse_flexible(self.file, declared.name)
        return tuple(found)

    def _read_attributes_of_function(self) -> None:
        """Go past them; a set of sizes to choose from is one of them."""
        tokens = self._tokens
        if tokens.kind == MARK and tokens.word == "[":
            tokens.advance()
            while tokens.word != "]":
                if tokens.kind == END:
                    raise tokens.unexpected("']'")
                if tokens.word == _FLEXIBLE:
                    raise refuse_flexible(self.file, self.inputs[0].name if self.inputs else "")
                tokens.skip_brackets()
            tokens.advance()

    def _read_outputs(self) -> tuple[str, ...]:
        tokens = self._tokens
        tokens.take("->")
        tokens.take("(")
        names = [tokens.take_name("an output")]
        while tokens.word != ")":
            tokens.take(",")
            names.append(tokens.take_name("an output"))
        tokens.advance()
        tokens.take(";")
        return tuple(names)

    def _declared(self) -> Declared:
        place = self._tokens.place
        kind = self._types.read()
        name = self._tokens.take_name("a value")
        if kind.word != "tensor" or kind.element is None:
            raise PackageError(
                f"{self.file}: {quote(name)} is a {kind.word}, but sdq runs networks of tensors only. Use a model "
                "without states or lists."
            )
        return Declared(name, kind.element, kind.sizes, place)

    def _statement(self) -> Statement:
        tokens = self._tokens
        place = tokens.place
        gives = [self._declared()]
        while tokens.word == ",":
            tokens.advance()
            gives.append(self._declared())
        tokens.take("=")
        kind = tokens.take_name("an operation")
        takes = self._read_arguments()
        attributes = self._read_attributes()
        if tokens.kind == MARK and tokens.word in {"{", "("}:
            raise PackageError(
                f"{self.file}: operation {quote(kind)} contains blocks, which sdq does not run. "
                "Convert the model again without loops or branches."
            )
        tokens.take(";")
        return Statement(kind, tuple(gives), takes, attributes, place)

    def _read_arguments(self) -> dict[str, tuple[Argument, ...]]:
        tokens = self._tokens
        tokens.take("(")
        found: dict[str, tuple[Argument, ...]] = {}
        while tokens.word != ")":
            if found:
                tokens.take(",")
            key = self._key(found)
            if tokens.kind == MARK and tokens.word == "(":
                found[key] = self._read_tuple()
            else:
                found[key] = (self._argument(),)
        tokens.advance()
        return found

    def _read_tuple(self) -> tuple[Argument, ...]:
        tokens = self._tokens
        tokens.advance()
        found: list[Argument] = []
        while tokens.word != ")":
            if found:
                tokens.take(",")
            found.append(self._argument())
        tokens.advance()
        return tuple(found)

    def _argument(self) -> Argument:
        """Go past a name, or a value: what begins with a type."""
        tokens = self._tokens
        if tokens.kind == TENSOR:
            return self._values.read()
        place = tokens.place
        name = tokens.take_name("a value")
        if tokens.kind == MARK and tokens.word in {"(", "<"}:
            return self._values.after(self._types.after(name, place), place)
        return name

    def _read_attributes(self) -> dict[str, Value]:
        """Go past them; the name is another one than that of the value, and only for people."""
        tokens = self._tokens
        found: dict[str, Value] = {}
        if tokens.kind == ROW and not tokens.word[1:-1].strip():
            tokens.advance()
        elif tokens.kind == MARK and tokens.word == "[":
            tokens.advance()
            while True:
                key = self._key(found)
                if key == "name":
                    self._types.read()
                    self._skip("(")
                else:
                    found[key] = self._values.read()
                if tokens.word == "]":
                    break
                tokens.take(",")
            tokens.advance()
        return found

    def _key(self, known: dict[str, tuple[Argument, ...]] | dict[str, Value]) -> str:
        place = self._tokens.place
        key = self._tokens.take_name("a parameter")
        if key in known:
            raise self._tokens.wrong(f"{quote(key)} is given twice", place)
        self._tokens.take("=")
        return key
