"""A data set on its way to the Hub, by huggingface_hub, whose tokens, endpoints and proxies are its own business.

The card goes last, so that a repository with a card has the images it tells of. What the Hub has is not sent again: after an
interruption, or when the data set has grown, push again.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sdq.exports.card.readme import PICTURES, README
from sdq.exports.push_errors import not_a_name, translate
from sdq_core.errors import ConfigurationError, InputMissingError, SdqError, UsageError

#: What the Hub advises at most.
_MOST_FILES = 100_000
_MOST_IN_FOLDER = 10_000
_CARD = [README, f"{PICTURES}/*"]
#: The index of the export, and what an export that was killed left.
_HIDDEN = [".*", "*/.*"]
#: The first version whose `upload_folder` goes on where it was interrupted.
_LEAST_VERSION = 2


def push(folder: Path, repository: str, *, private: bool | None = None) -> str:
    """Upload a data set's folder to the Hub; return its address there. The repository is created if there is none.

    private: for a new repository; None leaves that to the account. One that is there stays as it is.

    Raise UsageError for a name or a folder that the Hub would not take, ConfigurationError without huggingface_hub, a token or
    the right to write, ServiceUnavailableError if the Hub does not answer, and InputError for a card that it refuses.
    """
    if repository.count("/") != 1:
        raise not_a_name(repository)
    _require_library()
    _require_size(folder)
    from huggingface_hub import HfApi, get_token

    if get_token() is None:
        raise ConfigurationError(
            f"The Hub does not know who pushes to {repository}. Run `hf auth login` (or set HF_TOKEN) with a token that "
            "may write."
        )
    api = HfApi(library_name="sdq")
    with _translated(repository):
        address = api.create_repo(
            repository, repo_type="dataset", private=private, exist_ok=True
        )
        api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=folder,
            ignore_patterns=_HIDDEN + _CARD,
            commit_message="Add images with sdq",
        )
        if (folder / README).exists():
            api.upload_folder(
                repo_id=repository,
                repo_type="dataset",
                folder_path=folder,
                allow_patterns=_CARD,
                commit_message="Add the card",
            )
    return str(address)


def hide_progress() -> None:
    """Show no progress bars."""
    _require_library()
    importlib.import_module("huggingface_hub.utils").disable_progress_bars()


def _require_library() -> None:
    install = "`pip install 'huggingface_hub>=2'`"
    try:
        version = importlib.metadata.version("huggingface_hub")
    except importlib.metadata.PackageNotFoundError:
        raise ConfigurationError(f"Pushing needs huggingface_hub. Run {install}.") from None
    if int(version.split(".", 1)[0]) < _LEAST_VERSION:
        raise ConfigurationError(
            f"Pushing needs huggingface_hub 2 or newer, and here is {version}. Run {install}; beside Apple's package, which "
            f"wants the older one, in an environment of its own."
        )


def _require_size(folder: Path) -> None:
    """Raise UsageError for more files than the Hub takes well."""
    if not folder.is_dir():
        raise InputMissingError(f"{folder} is not a folder. Export a data set there first.")
    files = 0
    for inner, _, names in os.walk(folder):
        files += len(names)
        most = len(names) > _MOST_IN_FOLDER
        if most or files > _MOST_FILES:
            what = f"{inner} has {len(names):,} files" if most else f"{folder} has more than {_MOST_FILES:,} files"
            raise UsageError(
                f"{what}, and the Hub takes at most {_MOST_FILES:,} in a repository and {_MOST_IN_FOLDER:,} in a folder. "
                "Export with --format webdataset or parquet, which keep many images in one file."
            )


@contextmanager
def _translated(repository: str) -> Iterator[Any]:
    try:
        yield
    except SdqError:
        raise
    except Exception as error:
        translated = translate(error, repository)
        if translated is None:
            raise
        raise translated from error
