"""The Hugging Face Hub: listing a repository and fetching files of it, by huggingface_hub; nothing else imports it.

Tokens, endpoints, proxies, offline mode, timeouts and progress bars are that library's business (`HF_*`, `hf auth
login`). A repository is pinned to the commit that its name meant when it was listed, so files of two revisions never
mix. The library checks sizes but no hashes; so every file is hashed here against what the listing promised,
and a damaged one is thrown away. Works with 0.24.6 to 2.x: only names that all of them have are used.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import (
    ConfigurationError,
    InputError,
    SdqError,
    ServiceUnavailableError,
    StorageError,
)
from sdq_core.models.hub_errors import translate

_ATTEMPTS = 3
_PAUSE_S = 1.0
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file: its size and either the sha256 of its content (LFS) or its git blob id (small files)."""

    path: str
    size: int | None
    sha256: str | None
    blob_id: str | None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A repository at a commit: file path -> file."""

    repository: str
    commit: str
    files: Mapping[str, RemoteFile]


def token_is_set() -> bool | None:
    """Say whether huggingface_hub finds a token, by environment or login; None where it is not installed."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import get_token

    return get_token() is not None


def list_files(repository: str, revision: str | None) -> Listing:
    """Ask the Hub what a repository holds.

    Raises hub_errors.NoRepositoryError, InputMissingError for an unknown revision, ConfigurationError for
    a gated repository and ServiceUnavailableError when the Hub does not answer.
    """
    _require_library()
    from huggingface_hub import HfApi

    with _translated(repository, revision):
        info = HfApi(library_name="sdq").model_info(
            repository, revision=revision, files_metadata=True
        )
    if not info.sha:
        raise ServiceUnavailableError(f"The Hub names no commit for {repository}; try again later.")
    files = {}
    for sibling in info.siblings or ():
        lfs = sibling.lfs
        files[sibling.rfilename] = RemoteFile(
            path=_safe(repository, sibling.rfilename),
            size=sibling.size,
            sha256=(lfs["sha256"] if isinstance(lfs, dict) else lfs.sha256) if lfs else None,
            blob_id=sibling.blob_id,
        )
    return Listing(repository=repository, commit=info.sha, files=files)


def fetch(listing: Listing, path: str, folder: Path) -> str:
    """Bring one file to `folder`/`path`, going on where an earlier attempt ended; return its sha256.

    A download that breaks is taken up again a few times. Raises StorageError when the content is not what the Hub
    promised, and then the file is gone.
    """
    from huggingface_hub import hf_hub_download

    wanted = listing.files[path]
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with _translated(listing.repository, listing.commit):
                # A commit, not a branch: a file that is there from this commit costs no request at all.
                hf_hub_download(
                    listing.repository,
                    path,
                    revision=listing.commit,
                    local_dir=folder,
                    library_name="sdq",
                )
            break
        except ServiceUnavailableError:
            if attempt == _ATTEMPTS or offline():
                raise
            time.sleep(_PAUSE_S * attempt)
    target = folder / path
    with _translated(listing.repository, listing.commit):
        sha256, blob_id, size = _hashes(target)
    right = sha256 == wanted.sha256 if wanted.sha256 else wanted.blob_id in {None, blob_id}
    if not right or wanted.size not in {None, size}:
        target.unlink()
        raise StorageError(
            f"{path} of {listing.repository} arrived damaged: its content is not what the Hub promises "
            f"({'sha256 ' + wanted.sha256 if wanted.sha256 else 'git blob ' + str(wanted.blob_id)}). "
            "It was thrown away; pull again."
        )
    return sha256


def hide_progress() -> None:
    """Show no progress bars."""
    _require_library()
    importlib.import_module("huggingface_hub.utils").disable_progress_bars()


def offline() -> bool:
    """Whether huggingface_hub was told to stay off the network."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def sha256_of(path: Path) -> str:
    """Hash a file."""
    return _hashes(path)[0]


def _hashes(path: Path) -> tuple[str, str, int]:
    """Give sha256, git blob id and size, and make the file's content durable while it is open."""
    size = path.stat().st_size
    sha256, blob = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            sha256.update(chunk)
            blob.update(chunk)
        os.fsync(file.fileno())
    return sha256.hexdigest(), blob.hexdigest(), size


def _safe(repository: str, path: str) -> str:
    if path.startswith(("/", "\\")) or ".." in path.replace("\\", "/").split("/"):
        raise InputError(f"{repository} names a file outside of itself ({path!r}): do not use it.")
    return path


def _require_library() -> None:
    try:
        import huggingface_hub  # noqa: F401
    except ImportError:
        raise ConfigurationError(
            "Pulling models needs huggingface_hub: `pip install 'sdq[hub]'` (it is part of sdq[onnx] and sdq[coreml])."
        ) from None


@contextmanager
def _translated(repository: str, revision: str | None) -> Iterator[None]:
    try:
        yield
    except SdqError:
        raise
    # The classes differ by version; what is not understood goes on unchanged.
    except Exception as error:
        translated = translate(error, repository, revision)
        if translated is None:
            raise
        raise translated from error
