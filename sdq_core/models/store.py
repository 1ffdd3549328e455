"""The models on this disk, by name and attention implementation.

A model is found in any of these layouts:

    <root>/{original,split_einsum,split_einsum_v2}/packages/*.mlpackage     Apple's Hub repositories
    <models>/<name>_<attention>_packages/*.mlpackage                        the blog post's downloads, `sdq models pull`
    <models>/<name>_<attention>_packages/<attention>/packages/*.mlpackage   the same by newer instructions
    <root>/*.mlpackage                                                      converted by hand

and, if there are no packages, in the same with `compiled` and `.mlmodelc`, which only Core ML runs.
"""

from __future__ import annotations

from pathlib import Path

from sdq_core.errors import InputMissingError, StorageError
from sdq_core.models.folder import VariantFolder, find_files, read_folder
from sdq_core.models.parts import KINDS, holds_model, split_download
from sdq_core.values.names import one_spelling, spellings
from sdq_core.values.variants import AttentionImplementation, Variant

#: The model that comes with sdq.
DEMO = "demo"
_DEMO_ROOT = Path(__file__).resolve().parents[1] / "demo_model"

#: Size, modification time and inode: a file replaced by another of the same size and time shows, too.
_State = tuple[int, int, int]


class ModelStore:
    """The available models: the demo model, `SDQ_HOME/models`, and paths."""

    def __init__(self, models: Path) -> None:
        self.models = models
        self._known: dict[
            tuple[str, AttentionImplementation], tuple[dict[Path, _State], VariantFolder]
        ] = {}

    def names(self) -> list[str]:
        """Return the models' names, the demo model first."""
        found = {DEMO: None} if _DEMO_ROOT.is_dir() else {}
        if self.models.is_dir():
            for folder in sorted(self.models.iterdir()):
                if folder.is_dir() and not folder.name.startswith("."):
                    found.setdefault(one_spelling(split_download(folder.name)[0]), None)
        return list(found)

    def attention_implementations(self, model: str) -> list[AttentionImplementation]:
        """Return the attention implementations that a model has here."""
        return [word for word in AttentionImplementation if self.folder_of(model, word)]

    def find(self, model: str, attention_implementation: AttentionImplementation) -> VariantFolder:
        """Return a variant by its model's name or path.

        Files are read again only after one of them changed; otherwise a call costs about 1 ms, to look at each. Raise
        InputMissingError for a model or variant that is not here, PackageError for one that is incomplete or damaged,
        and StorageError if the disk fails.
        """
        packages = self.folder_of(model, attention_implementation)
        if packages is None:
            raise self._not_here(model, attention_implementation)
        key = (model, attention_implementation)
        try:
            found = find_files(packages)
            files = found.files()
            state = {file: _state(file) for file in files}
            if (known := self._known.get(key)) is None or known[0] != state:
                known = state, read_folder(*key, found, files)
                self._known[key] = known
        except OSError as error:
            raise StorageError(
                f"Cannot read {packages} ({error.strerror}). Check its disk and permissions."
            ) from error
        return known[1]

    def find_variant(self, variant: Variant) -> VariantFolder:
        """Resolve a variant; raise InputMissingError when its files are not those of its revision, else as `find`."""
        folder = self.find(variant.model, variant.attention_implementation)
        if folder.revision != variant.revision:
            raise InputMissingError(
                f"Model {variant.model!r} ({variant.attention_implementation}) has changed since these images were "
                f"submitted (from revision {variant.revision} to {folder.revision}). Submit them again, or restore the "
                "previous files."
            )
        return folder

    def folder_of(
        self, model: str, attention_implementation: AttentionImplementation
    ) -> Path | None:
        """Return the folder with a variant's parts, complete or not; None without one."""
        roots = [_DEMO_ROOT] if model == DEMO else [*self._places(model), _expanded(model)]
        # Packages run anywhere, compiled models on Macs only.
        for kind in KINDS:
            for root in roots:
                download = root.parent / f"{root.name}_{attention_implementation}_{kind}"
                inner = Path(attention_implementation) / kind
                for folder in (root / inner, download, download / inner):
                    if holds_model(folder, kind):
                        return folder
                said = split_download(root.name)[1]
                if holds_model(root, kind) and said in {None, attention_implementation}:
                    return root
        return None

    def _places(self, model: str) -> list[Path]:
        return [self.models / spelling for spelling in spellings(model)]

    def _not_here(self, model: str, attention: AttentionImplementation) -> InputMissingError:
        others = self.attention_implementations(model)
        if others:
            return InputMissingError(
                f"Model {model!r} is not here as {attention}, only as {', '.join(others)}. "
                f"Use --variant {others[0]}."
            )
        return InputMissingError(
            f"There is no model {model!r} here, only {', '.join(self.names()) or 'none'}. Put its folder into "
            f"{self.models}, or name a folder with .mlpackage files with --model."
        )


def _state(file: Path) -> _State:
    status = file.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def _expanded(model: str) -> Path:
    try:
        return Path(model).expanduser()
    except RuntimeError:  # ~NAME of a user who does not exist here
        return Path(model)
