"""From huggingface_hub's exceptions to our errors, which name the repository and the next step.

Its classes are looked up by name in the module where all versions from 0.24.6 on have them; the transport below it has
been requests, httpx and httpx2.
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
    """A repository that does not exist, or that this user may not see: the Hub does not tell which."""


def translate(error: Exception, repository: str, revision: str | None) -> SdqError | None:
    """Return our error for one of huggingface_hub's, its transport's or the disk's; None for a bug."""
    utils: Any = importlib.import_module("huggingface_hub.utils")
    chain = list(causes(error))
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
            return InputMissingError(f"A file of {repository} is no longer on the Hub. Pull again.")
        if isinstance(link, utils.HfHubHTTPError):
            return _unreachable(repository, f"it answers with status {status}")
    return None


def _by_errno(chain: list[BaseException], repository: str) -> SdqError | None:
    for link in chain:
        if isinstance(link, OSError) and link.errno in _NO_PLACE:
            return StorageError(
                f"Cannot store {repository} ({link.strerror}). Free some space and pull again."
            )
        if isinstance(link, OSError) and link.errno in _NO_ACCESS:
            return OutputError(
                f"Cannot write {link.filename} ({link.strerror}). Fix its permissions and pull again."
            )
    return None


def _by_kind(error: Exception, utils: Any, repository: str) -> SdqError | None:
    if isinstance(error, utils.HFValidationError):
        return InputError(f"{repository!r} is not a repository name. Write it as OWNER/NAME.")
    if isinstance(error, utils.LocalEntryNotFoundError):
        return _unreachable(repository, "it does not answer")
    # In some versions, a connection that ends early shows as a wrong size.
    if isinstance(error, transport_errors()) or "onsistency check failed" in str(error):
        return _unreachable(repository, "the connection broke")
    return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those it was raised from."""
    link: BaseException | None = error
    for _ in range(8):
        if link is None:
            return
        yield link
        link = link.__cause__


def transport_errors() -> tuple[type[BaseException], ...]:
    """Return the exceptions of a connection that fails, of whichever transport is there."""
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
        f"{repository} is only available to users who accepted its terms. Accept them at "
        f"https://huggingface.co/{repository}, run `hf auth login` (or set HF_TOKEN) and pull again."
    )


def _no_repository(repository: str, _: str | None) -> SdqError:
    return NoRepositoryError(
        f"There is no model repository {repository} on the Hub, or you may not see it. Check the name; for a private "
        "repository, run `hf auth login` (or set HF_TOKEN)."
    )


def _no_revision(repository: str, revision: str | None) -> SdqError:
    return InputMissingError(
        f"{repository} has no revision {revision!r}. See its branches and commits on the Hub."
    )


def _offline(repository: str, _: str | None) -> SdqError:
    return ServiceUnavailableError(
        f"Cannot download {repository} because HF_HUB_OFFLINE is set. Unset it and pull again; "
        "models that are already here work offline."
    )


def _unreachable(repository: str, why: str) -> SdqError:
    return ServiceUnavailableError(
        f"Cannot reach the Hub for {repository} ({why}). Check the network (HF_ENDPOINT, proxy) and pull again; "
        "downloads so far are kept."
    )


# In this order: to the library, a gated repository is a kind of missing one.
_ANSWERS: tuple[tuple[str, Callable[[str, str | None], SdqError]], ...] = (
    ("OfflineModeIsEnabled", _offline),
    ("GatedRepoError", _gated),
    ("RepositoryNotFoundError", _no_repository),
    ("RevisionNotFoundError", _no_revision),
)
