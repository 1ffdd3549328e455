"""A data set on its way to the Hub, by huggingface_hub, whose tokens, endpoints and proxies are its own business.

The card goes last, so that a repository with a card has the images it tells of. What the Hub has is not sent again:
after an interruption, or when the data set has grown, push again. A README that somebody changed on the Hub stays.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdq.exports.card.readme import PICTURES, README
from sdq.exports.push_errors import no_token, not_a_name, translate
from sdq_core.errors import ConfigurationError, InputMissingError, SdqError, UsageError
from sdq_core.images.store import store_file

if TYPE_CHECKING:
    from huggingface_hub import HfApi

#: What the Hub advises at most.
_MOST_FILES = 100_000
_MOST_IN_FOLDER = 10_000
_CARD = [README, f"{PICTURES}/*"]
#: The index of the export, and what an export that was killed left.
_HIDDEN = [".*", "*/.*"]
#: Repository -> git's name of the README that was last pushed there.
_RECORD = ".sdq-push.json"
#: The first version whose `upload_folder` goes on where it was interrupted.
_LEAST_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """What came of a push.

    address: of the data set on the Hub.
    card_stayed: the README there is not the one that was pushed from here, and was left as it is.
    """

    address: str
    card_stayed: bool = False


def push(folder: Path, repository: str, *, private: bool | None = None) -> Pushed:
    """Upload a data set's folder to the Hub. The repository is created if there is none.

    private: for a new repository; None leaves that to the account. One that is there stays as it is.

    Raise UsageError for a name or a folder that the Hub would not take, ConfigurationError without huggingface_hub, a
    token or the right to write, ServiceUnavailableError if the Hub does not answer, and InputError for a card that it
    refuses.
    """
    require_ready(repository)
    _require_size(folder)
    from huggingface_hub import HfApi

    # It would warn when there is nothing to be done.
    importlib.import_module("huggingface_hub.utils.logging").set_verbosity_error()
    api = HfApi(library_name="sdq")
    with _translated(repository):
        address = str(
            api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        )
        api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=folder,
            ignore_patterns=_HIDDEN + _CARD,
            commit_message="Add images with sdq",
        )
        return Pushed(address=address, card_stayed=not _push_card(api, folder, repository))


def require_ready(repository: str) -> None:
    """Raise the errors of `push` that need neither the data set nor the network."""
    if repository.count("/") != 1:
        raise not_a_name(repository)
    _require_library()
    from huggingface_hub import get_token

    with _translated(repository):
        importlib.import_module("huggingface_hub.utils").validate_repo_id(repository)
    if get_token() is None:
        raise no_token(repository)


def hide_progress() -> None:
    """Show no progress bars."""
    _require_library()
    importlib.import_module("huggingface_hub.utils").disable_progress_bars()


def _push_card(api: HfApi, folder: Path, repository: str) -> bool:
    """Upload the card; return False if the one that is there was changed since, so that it stays."""
    if not (folder / README).exists():
        return True
    ours = _git_name((folder / README).read_bytes())
    record = _read_record(folder)
    if _readme_there(api, repository) not in {None, ours, record.get(repository)}:
        return False
    api.upload_folder(
        repo_id=repository,
        repo_type="dataset",
        folder_path=folder,
        allow_patterns=_CARD,
        commit_message="Add the card",
    )
    store_file(json.dumps({**record, repository: ours}).encode(), folder / _RECORD)
    return True


def _git_name(data: bytes) -> str:
    """Return git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _readme_there(api: HfApi, repository: str) -> str | None:
    """Return git's name of the README on the Hub, None without one."""
    found = api.get_paths_info(repository, [README], repo_type="dataset")
    return next((file.blob_id for file in found if hasattr(file, "blob_id")), None)


def _read_record(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / _RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _require_library() -> None:
    install = "`pip install 'huggingface_hub>=2'`"
    try:
        version = importlib.metadata.version("huggingface_hub")
    except importlib.metadata.PackageNotFoundError:
        raise ConfigurationError(f"Pushing needs huggingface_hub. Run {install}.") from None
    if int(version.split(".", 1)[0]) < _LEAST_VERSION:
        raise ConfigurationError(
            f"Pushing needs huggingface_hub 2 or newer, and here is {version}. Run {install}; Apple's package wants "
            "the older one, so beside it use an environment of its own."
        )


def _require_size(folder: Path) -> None:
    """Raise UsageError for more files than the Hub takes well."""
    if not folder.is_dir():
        raise InputMissingError(f"{folder} is not a folder. Export a data set there first.")
    files = 0
    for inner, _, names in os.walk(folder):
        here = sum(not name.startswith(".") for name in names)
        files += here
        if here > _MOST_IN_FOLDER:
            what = f"{inner} has {here:,} files"
        elif files > _MOST_FILES:
            what = f"{folder} has more than {_MOST_FILES:,} files"
        else:
            continue
        raise UsageError(
            f"{what}, and the Hub takes at most {_MOST_FILES:,} in a repository and {_MOST_IN_FOLDER:,} in a folder. "
            "Export with --format webdataset or parquet, which keep many images in one file."
        )


@contextmanager
def _translated(repository: str) -> Iterator[None]:
    try:
        yield
    except SdqError:
        raise
    except Exception as error:
        translated = translate(error, repository)
        if translated is None:
            raise
        raise translated from error
