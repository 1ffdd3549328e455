"""The Hugging Face Hub: listing a repository and downloading its files.

Nothing else imports huggingface_hub, but for `sdq.exports.push`, which uploads.

Tokens, endpoints, proxies, offline mode, timeouts and progress bars are that library's business (`HF_*`, `hf auth
login`). A repository is pinned to the commit its name stood for when it was listed, so files of two revisions never
mix. The library checks sizes but no hashes; so every file is hashed here against the listing, and a damaged one is
deleted. Works with 0.24.6 to 2.x: only names that all of them have are used.
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
#: How the Hub writes a repository's licence among its tags.
_LICENSE = "license:"


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file of a repository.

    path: within the repository.
    size: bytes, None if the Hub does not tell.
    sha256: of its content, for files in LFS.
    blob_id: git's, for small files.
    """

    path: str
    size: int | None
    sha256: str | None
    blob_id: str | None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A repository at a commit.

    files: path -> file.
    license: its licence by the Hub's name, None if it names none.
    """

    repository: str
    commit: str
    files: Mapping[str, RemoteFile]
    license: str | None = None


def token_is_set() -> bool | None:
    """Say whether huggingface_hub finds a token, by environment or login; None if it is not installed."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import get_token

    return get_token() is not None


def list_files(repository: str, revision: str | None) -> Listing:
    """Return what a repository holds.

    Raise hub_errors.NoRepositoryError, InputMissingError for an unknown revision, ConfigurationError for a gated
    repository and ServiceUnavailableError if the Hub does not answer.
    """
    _require_library()
    from huggingface_hub import HfApi

    with _translated(repository, revision):
        info = HfApi(library_name="sdq").model_info(
            repository, revision=revision, files_metadata=True
        )
    if not info.sha:
        raise ServiceUnavailableError(
            f"The Hub reports no commit for {repository}. Try again later."
        )
    files = {}
    for sibling in info.siblings or ():
        lfs = sibling.lfs
        files[sibling.rfilename] = RemoteFile(
            path=_safe(repository, sibling.rfilename),
            size=sibling.size,
            sha256=(lfs["sha256"] if isinstance(lfs, dict) else lfs.sha256) if lfs else None,
            blob_id=sibling.blob_id,
        )
    tags = (tag.removeprefix(_LICENSE) for tag in info.tags or () if tag.startswith(_LICENSE))
    return Listing(repository=repository, commit=info.sha, files=files, license=next(tags, None))


def fetch(listing: Listing, path: str, folder: Path) -> str:
    """Download one file to `folder`/`path`, resuming an earlier attempt; return its sha256.

    A download that breaks is resumed a few times. Raise StorageError, and delete the file, if its content is not what
    the Hub lists.
    """
    from huggingface_hub import hf_hub_download

    wanted = listing.files[path]
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with _translated(listing.repository, listing.commit):
                # A commit, not a branch: a file that is already here from this commit costs no request.
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
            f"{path} of {listing.repository} arrived damaged: its content is not what the Hub lists "
            f"({'sha256 ' + wanted.sha256 if wanted.sha256 else 'git blob ' + str(wanted.blob_id)}). "
            "The file was deleted; pull again."
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
    """Return a file's sha256, in hexadecimal."""
    return _hashes(path)[0]


def _hashes(path: Path) -> tuple[str, str, int]:
    """Return sha256, git blob id and size, and make the file's content durable while it is open."""
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
        raise InputError(f"{repository} lists a file outside of itself ({path!r}). Do not use it.")
    return path


def _require_library() -> None:
    try:
        import huggingface_hub  # noqa: F401
    except ImportError:
        raise ConfigurationError(
            "Pulling models needs huggingface_hub. Run `pip install 'sdq[hub]'` (it is part of sdq[onnx] and "
            "sdq[coreml])."
        ) from None


@contextmanager
def _translated(repository: str, revision: str | None) -> Iterator[None]:
    try:
        yield
    except SdqError:
        raise
    # The classes differ by version; unknown exceptions pass unchanged.
    except Exception as error:
        translated = translate(error, repository, revision)
        if translated is None:
            raise
        raise translated from error
