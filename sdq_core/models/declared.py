"""A part of a model as its network declares it: inputs and outputs by name, with their shapes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.colour_layout import refuse_image
from sdq_core.models.families import unsupported
from sdq_core.models.mlmodel import Shape
from sdq_core.models.network import read_network
from sdq_core.printable import quote

Shapes = Mapping[str, Shape]

RECONVERT = "Convert it with Apple's torch2coreml, or download it again."
TOGETHER = "Use packages that were converted together."
INSTEAD = "Use a model of Stable Diffusion 1, 2 or XL."


@dataclass(frozen=True, kw_only=True)
class Part:
    """A network as it is declared.

    name: what messages call it.
    outputs: None if they are known only when it runs.
    embedded_tokens: how many tokens a text encoder knows, None if it does not tell.
    """

    name: str
    inputs: Shapes
    outputs: Shapes | None = None
    embedded_tokens: int | None = None

    @classmethod
    def read(cls, path: Path, *, weights: bool = True) -> Part:
        """Read a part; raise as `read_network` does, and PackageError for an input that is an image.

        weights: whether they must be there.
        """
        network = read_network(path, weights=weights)
        for name in network.images:
            raise refuse_image(path, name)
        # The metadata of a compiled model may leave its outputs out.
        outputs = network.outputs or (None if network.is_compiled else {})
        return cls(
            name=str(path),
            inputs=network.inputs,
            outputs=outputs,
            embedded_tokens=network.embedded_tokens,
        )

    def require_inputs(self, known: Collection[str]) -> None:
        """Raise PackageError unless it takes exactly these inputs."""
        missing, unknown = (
            sorted(set(known) - self.inputs.keys()),
            sorted(self.inputs.keys() - known),
        )
        # What is too much says which kind of model it is; what is missing only that it is another.
        for name in unknown:
            if kind := unsupported(name, self.inputs):
                raise PackageError(f"{self.name} also takes {quote(name)}. {kind}. {INSTEAD}")
        if missing:
            raise PackageError(f"{self.name} has no input {missing[0]!r}. {RECONVERT}")
        if unknown:
            raise PackageError(
                f"{self.name} also takes {quote(unknown[0])}. This kind of model is not supported. {INSTEAD}"
            )

    def require_shape(self, name: str, wanted: Shape, why: str) -> None:
        """Raise PackageError unless it takes an input in this shape. why: a sentence."""
        if self.inputs[name] != wanted:
            raise PackageError(
                f"{self.name} takes {name} of shape {self.inputs[name]}, not {wanted}. {why}"
            )

    def require_output(self, name: str, wanted: Shape | None = None) -> None:
        """Raise PackageError if it is known to lack an output, or to give it in another shape."""
        if self.outputs is None:
            return
        if name not in self.outputs:
            raise PackageError(
                f"{self.name} has the outputs {', '.join(map(quote, sorted(self.outputs)[:5])) or 'none'}, but not "
                f"{name!r}. {RECONVERT}"
            )
        found = self.outputs[name]
        if wanted and found and found != wanted:
            raise PackageError(
                f"{self.name} gives {name} of shape {found}, not {wanted}. {TOGETHER}"
            )
