"""An `.mlpackage` folder: finds its model and weights by its `Manifest.json`.

Layout: https://apple.github.io/coremltools/docs-guides/source/convert-to-ml-program.html

    X.mlpackage/Manifest.json
    X.mlpackage/Data/com.apple.CoreML/model.mlmodel
    X.mlpackage/Data/com.apple.CoreML/weights/weight.bin
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from sdq_core.errors import InputMissingError, PackageError
from sdq_core.models.network_files import NetworkFiles, inside_folder, is_file, must_be_whole

_AGAIN = "Copy or download the package again."
#: A manifest has about a kilobyte, Stable Diffusion's largest description about ten megabytes. Reading one takes memory
#: of several times its size.
_MAX_MANIFEST_BYTES = 2**20
_MAX_MODEL_BYTES = 2**28


@dataclass(frozen=True, kw_only=True)
class Package(NetworkFiles):
    """A package whose manifest names an existing model; its contents are not read yet."""

    word: ClassVar[str] = "package"

    @classmethod
    def open(cls, path: Path) -> Package:
        """Find the model of the package at `path`.

        Raises InputMissingError if there is no such folder, PackageError if it is not a complete package.
        """
        if not path.exists():
            raise InputMissingError(f"{path} does not exist. Check the model's folder.")
        manifest = path / "Manifest.json"
        if not is_file(manifest):
            raise PackageError(f"{path} is not a complete .mlpackage (no Manifest.json). {_AGAIN}")
        model = path / "Data" / inside_folder(_model_path(manifest), manifest, cls.word)
        must_be_whole(model, manifest, _AGAIN)
        if (size := model.stat().st_size) > _MAX_MODEL_BYTES:
            raise PackageError(
                f"{model} has {size:,} bytes, more than the description of a network can have "
                f"({_MAX_MODEL_BYTES:,}). {_AGAIN}"
            )
        return cls(path=path, model=model)


def _model_path(manifest: Path) -> str:
    try:
        with manifest.open("rb") as stream:
            document = json.loads(stream.read(_MAX_MANIFEST_BYTES))
        entry = document["itemInfoEntries"][document["rootModelIdentifier"]]
        path = entry["path"]
    except OSError as error:
        raise PackageError(f"{manifest} cannot be read ({error.strerror}). {_AGAIN}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PackageError(f"{manifest} does not name the model. {_AGAIN}") from error
    if not isinstance(path, str):
        raise PackageError(f"{manifest} does not name the model. {_AGAIN}")
    return path
