"""An `.mlmodelc` folder: what Core ML's compiler makes of a package. Finds its network, which is text.

    X.mlmodelc/model.mil
    X.mlmodelc/weights/weight.bin
    X.mlmodelc/metadata.json
    X.mlmodelc/coremldata.bin, analytics/    (not read)

Compiled models of other kinds have no `model.mil`; only Core ML runs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import InputMissingError, PackageError
from sdq_core.models.colour_layout import refuse_image
from sdq_core.models.metadata import METADATA_FILE, Metadata
from sdq_core.models.mil.parser import FunctionText
from sdq_core.models.network_files import NetworkFiles, inside_folder, is_file, must_be_whole

TEXT_FILE = "model.mil"

_AGAIN = "Copy or download the model again."
_WEIGHTS = "@model_path/weights/"
#: Stable Diffusion XL's U-Net, the largest, has 2.3 MB.
_MAX_TEXT_BYTES = 2**25
_ONLY_ON_A_MAC = "which only Core ML on a Mac runs. Use the model's .mlpackage files instead."


@dataclass(frozen=True, kw_only=True)
class CompiledModel(NetworkFiles):
    """A compiled model with a network to read; its contents are not read yet.

    default_function: the one that is run if none is named.
    """

    default_function: str

    @classmethod
    def open(cls, path: Path) -> CompiledModel:
        """Find the network of the model at `path`.

        Raises InputMissingError if there is no such folder, PackageError if it is incomplete, takes images, or is of a
        kind that has no text.
        """
        if not path.exists():
            raise InputMissingError(f"{path} does not exist. Check the model's folder.")
        text = path / TEXT_FILE
        if not is_file(text):
            raise _without_text(path)
        must_be_whole(text, path, _AGAIN)
        if (size := text.stat().st_size) > _MAX_TEXT_BYTES:
            raise PackageError(
                f"{text} has {size:,} bytes, more than the description of a network can have "
                f"({_MAX_TEXT_BYTES:,}). {_AGAIN}"
            )
        return cls(path=path, model=text, default_function=_default_function(path))

    def function(self) -> FunctionText:
        """Read the text up to its default function; raise PackageError as `FunctionText` does, or if it is not text."""
        try:
            text = self.model.read_text(encoding="utf-8")
        except OSError as error:
            raise PackageError(
                f"{self.model} cannot be read ({error.strerror}). {self.again}"
            ) from error
        except UnicodeDecodeError as error:
            raise PackageError(
                f"{self.model} is damaged (byte {error.start:,} is not UTF-8). {self.again}"
            ) from None
        return FunctionText(self.model, text, self.default_function)

    def blob_file(self, name: str) -> Path:
        """Return the file that the text calls `name`, such as ``@model_path/weights/weight.bin``; as in packages."""
        if not name.startswith(_WEIGHTS):
            inside_folder(name, self.model, self.word)
            raise PackageError(
                f"{self.model} names {name[:200]!r}, which is not in its weights folder. Do not use this model."
            )
        return super().blob_file(name)

    def content_key(self, version: str) -> str:
        """Return a key for the contents, as of packages; another default function is another network."""
        return super().content_key(f"{version} {self.default_function}")


def _default_function(path: Path) -> str:
    """Read it from the metadata, which a model of one function may lack; refuse images."""
    if not is_file(path / METADATA_FILE):
        return "main"
    metadata = Metadata.read(path)
    if image := metadata.image_input:
        raise refuse_image(path / TEXT_FILE, image)
    return metadata.default_function or "main"


def _without_text(path: Path) -> PackageError:
    if any(path.glob("model.espresso.*")):
        return PackageError(
            f"{path} is a compiled neural network, the format before ML programs, {_ONLY_ON_A_MAC}"
        )
    if (path / "model0").is_dir():
        return PackageError(f"{path} is a compiled pipeline of several models, {_ONLY_ON_A_MAC}")
    return PackageError(
        f"{path} is not a complete .mlmodelc of an ML program (no {TEXT_FILE}). {_AGAIN}"
    )
