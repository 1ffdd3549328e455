"""What huggingface_hub raises -> our errors: one sentence each, naming the repository and what to do.

Its classes are looked up by name where all versions from 0.24.6 on have them; the transport below it has been requests,
httpx and httpx2.
"""

from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from sdq_core.errors import (
    ConfigurationError,
    InputError,
    InputMissingError,
    OutputError,
    SdqError,
    ServiceUnavailableError,
    StorageError,
)

_NO_PLACE = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
_NO_ACCESS = {errno.EACCES, errno.EPERM, errno.EROFS}


class NoRepositoryError(InputMissingError):
    """A repository that does not exist, or that this user may not see: the Hub tells neither from the other."""


def translate(error: Exception, repository: str, revision: str | None) -> SdqError | None:
    """Give our error for one of huggingface_hub's, its transport's or the disk's; None for a defect."""
    utils: Any = importlib.import_module("huggingface_hub.utils")
    chain = list(_chain(error))
    for link in chain:
        for kind, answer in _ANSWERS:
            if isinstance(link, getattr(utils, kind)):
                return answer(repository, revision)
    answers = (
        _by_status(chain, utils, repository),
        _by_errno(chain, repository),
        _by_kind(error, utils, repository),
    )
    return next((answer for answer in answers if answer), None)


def _by_status(chain: list[BaseException], utils: Any, repository: str) -> SdqError | None:
    for link in chain:
        status = getattr(getattr(link, "response", None), "status_code", None)
        if status in {401, 403}:
            return _gated(repository, None)
        if status == 404:
            return InputMissingError(f"A file of {repository} is not there any more; pull again.")
        if isinstance(link, utils.HfHubHTTPError):
            return _unreachable(repository, f"it answers with status {status}")
    return None


def _by_errno(chain: list[BaseException], repository: str) -> SdqError | None:
    for link in chain:
        if isinstance(link, OSError) and link.errno in _NO_PLACE:
            return StorageError(
                f"The disk cannot take {repository}: {link.strerror}. Make room and pull again."
            )
        if isinstance(link, OSError) and link.errno in _NO_ACCESS:
            return OutputError(f"{link.filename} cannot be written: {link.strerror}.")
    return None


def _by_kind(error: Exception, utils: Any, repository: str) -> SdqError | None:
    if isinstance(error, utils.HFValidationError):
        return InputError(f"{repository!r} is no repository's name; they are written OWNER/NAME.")
    if isinstance(error, utils.LocalEntryNotFoundError):
        return _unreachable(repository, "it does not answer")
    # A connection that ends early shows as a size that does not fit in some versions.
    if isinstance(error, _transport_errors()) or "onsistency check failed" in str(error):
        return _unreachable(repository, "the connection broke")
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(8):
        if link is None:
            return
        yield link
        link = link.__cause__


def _transport_errors() -> tuple[type[BaseException], ...]:
    found: list[type[BaseException]] = [ConnectionError, TimeoutError]
    for module, name in (
        ("requests", "RequestException"),
        ("httpx", "HTTPError"),
        ("httpx2", "HTTPError"),
    ):
        if kind := getattr(sys.modules.get(module), name, None):
            found.append(kind)
    return tuple(found)


def _gated(repository: str, _: str | None) -> SdqError:
    return ConfigurationError(
        f"{repository} is open only to users who accepted its terms: accept them at "
        f"https://huggingface.co/{repository}, then `hf auth login` (or set HF_TOKEN) and pull again."
    )


def _no_repository(repository: str, _: str | None) -> SdqError:
    return NoRepositoryError(
        f"There is no model repository {repository} on the Hub, or you may not see it: check the name, and for a "
        "private one `hf auth login` (or set HF_TOKEN)."
    )


def _no_revision(repository: str, revision: str | None) -> SdqError:
    return InputMissingError(
        f"{repository} has no revision {revision!r}: see its branches and commits on the Hub."
    )


def _offline(repository: str, _: str | None) -> SdqError:
    return ServiceUnavailableError(
        f"{repository} cannot be asked for, because HF_HUB_OFFLINE is set: unset it and pull again. "
        "Models that are here draw without it."
    )


def _unreachable(repository: str, why: str) -> SdqError:
    return ServiceUnavailableError(
        f"The Hub cannot be reached for {repository} ({why}): check the network (HF_ENDPOINT, proxy) and pull again; "
        "what has arrived is kept."
    )


# In this order: a gated repository is to the library a kind of missing one.
_ANSWERS: tuple[tuple[str, Callable[[str, str | None], SdqError]], ...] = (
    ("OfflineModeIsEnabled", _offline),
    ("GatedRepoError", _gated),
    ("RepositoryNotFoundError", _no_repository),
    ("RevisionNotFoundError", _no_revision),
)
