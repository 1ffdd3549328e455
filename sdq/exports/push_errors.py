"""From huggingface_hub's exceptions while it uploads to our errors, which name the repository and the next step."""

from __future__ import annotations

import errno
import importlib
from collections.abc import Sequence
from typing import Any

from sdq_core.errors import (
    ConfigurationError,
    InputError,
    SdqError,
    ServiceUnavailableError,
    StorageError,
    TryAgainError,
    UsageError,
)
from sdq_core.models.hub_errors import causes, transport_errors
from sdq_core.printable import printable, quote

_AGAIN = "push again; what the Hub has is not sent again"
_LOG_IN = "run `hf auth login` (or set HF_TOKEN) with a token that may write"
_MOST_CHARS = 300
#: How the Hub begins its refusal of a card; huggingface_hub raises it as a ValueError.
_CARD_REFUSED = "Invalid metadata in README.md."


def translate(error: Exception, repository: str) -> SdqError | None:
    """Return our error for one of huggingface_hub's, its transport's or the disk's; None for a bug."""
    chain = list(causes(error))
    answers = (
        _by_kind(error, chain, repository),
        _by_status(chain, repository),
        _by_transport(error, chain, repository),
    )
    return next((answer for answer in answers if answer), None)


def not_a_name(repository: str) -> UsageError:
    """Return the error for what is no name of a repository."""
    return UsageError(f"{quote(repository)} is not a repository name. Write it as OWNER/NAME.")


def no_token(repository: str) -> ConfigurationError:
    """Return the error where nobody has logged in."""
    return ConfigurationError(
        f"You are not logged in to the Hub, so nothing can be pushed to {repository}. First {_LOG_IN}."
    )


def _by_kind(error: Exception, chain: Sequence[BaseException], repository: str) -> SdqError | None:
    utils: Any = importlib.import_module("huggingface_hub.utils")
    if isinstance(error, utils.HFValidationError):
        return not_a_name(repository)
    if any(isinstance(link, utils.OfflineModeIsEnabled) for link in chain):
        return ServiceUnavailableError(
            f"Cannot push to {repository} because HF_HUB_OFFLINE is set. Unset it and push again."
        )
    if isinstance(error, ValueError) and str(error).startswith(_CARD_REFUSED):
        said = _short(str(error).removeprefix(_CARD_REFUSED))
        return InputError(
            f"The Hub refuses README.md: {said} Fix it, or give another --license, and push again."
        )
    return None


def _by_status(chain: Sequence[BaseException], repository: str) -> SdqError | None:
    for link in chain:
        status = getattr(getattr(link, "response", None), "status_code", None)
        if status is not None:
            return _refused(status, _short(getattr(link, "server_message", None) or ""), repository)
    return None


def _refused(status: int, said: str, repository: str) -> SdqError:
    says = f" It says: {said}" if said else ""
    if status == 401:
        return ConfigurationError(
            f"The Hub does not accept your token for {repository}.{says} First {_LOG_IN}."
        )
    if status in {402, 413} or "storage" in said.lower() or "quota" in said.lower():
        return StorageError(
            f"The Hub has no room for {repository}.{says} Free some space there, and {_AGAIN}."
        )
    if status in {403, 404}:
        return ConfigurationError(
            f"You may not write to {repository} on the Hub.{says} Push to a repository of your own, or {_LOG_IN} there."
        )
    if status == 429:
        return TryAgainError(
            f"The Hub has had too many requests.{says} Wait for some minutes and {_AGAIN}."
        )
    if status >= 500:
        return ServiceUnavailableError(
            f"The Hub answers with status {status}.{says} Wait for some minutes and {_AGAIN}."
        )
    return InputError(
        f"The Hub refuses the push to {repository} with status {status}.{says} Fix that and {_AGAIN}."
    )


def _by_transport(
    error: Exception, chain: Sequence[BaseException], repository: str
) -> SdqError | None:
    for link in chain:
        if isinstance(link, transport_errors()):
            return ServiceUnavailableError(
                "The connection to the Hub broke, or there is none. Check the network (HF_ENDPOINT, proxy) and "
                f"{_AGAIN}."
            )
        if isinstance(link, OSError) and link.errno in {errno.EIO, errno.ENOENT, errno.EACCES}:
            return StorageError(
                f"Cannot read {link.filename} ({link.strerror}). Check the disk and {_AGAIN}."
            )
    # What the Rust library below huggingface_hub raises has hardly more than a text.
    if isinstance(error, (RuntimeError, OSError)):
        return ServiceUnavailableError(
            f"The upload to {repository} broke: {_short(str(error))} Check the network and {_AGAIN}."
        )
    return None


def _short(text: str) -> str:
    """Return a text of the Hub on one line, with a full stop."""
    line = " ".join(printable(text).split()).removeprefix("- ")
    if len(line) > _MOST_CHARS:
        line = f"{line[: _MOST_CHARS - 3]}..."
    return line if not line or line.endswith((".", "!", "?")) else f"{line}."
