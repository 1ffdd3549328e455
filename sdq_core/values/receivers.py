"""Who is told when a batch ends, or when one of its variants is paused because it keeps failing.

What they hold are secrets: whoever knows a webhook's URL may use it, and a command may hold a password. So they are
never shown but as `shown` has them, and what is wrong with one is said without it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlsplit

from sdq_core.errors import InputError
from sdq_core.privacy import MASK, masked_address

#: Before the base64 of a signing secret, as Standard Webhooks has it.
SECRET_PREFIX = "whsec_"


@dataclass(frozen=True, kw_only=True)
class Receivers:
    """Who is told; each may be missing.

    on_done: a shell command that gets the summary on its standard input.
    webhook: a URL that gets the summary in the form of Standard Webhooks.
    ping: a URL in the convention of healthchecks.io.
    apprise: URLs of Apprise.
    mac: show a notification where the worker is a Mac.
    """

    on_done: str | None = field(default=None, repr=False)
    webhook: str | None = field(default=None, repr=False)
    ping: str | None = field(default=None, repr=False)
    apprise: tuple[str, ...] = field(default=(), repr=False)
    mac: bool = False

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self))

    @property
    def addresses(self) -> tuple[str, ...]:
        """All URLs."""
        return tuple(filter(None, (self.webhook, self.ping, *self.apprise)))

    def over(self, defaults: Receivers) -> Receivers:
        """Return these, with the defaults where there is none of a kind."""
        return Receivers(
            **{
                one.name: getattr(self, one.name) or getattr(defaults, one.name)
                for one in fields(self)
            }
        )

    def without_command(self) -> Receivers:
        """Return these without a command to run."""
        return replace(self, on_done=None)

    def to_dict(self) -> dict[str, Any]:
        """Return those that there are, as a batch's options keep them."""
        named = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in named.items()
            if value
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Receivers:
        """Return what `to_dict` returned; kinds that a later version knows are left out."""
        known = {one.name: stored[one.name] for one in fields(cls) if one.name in stored}
        return cls(**known | {"apprise": tuple(known.get("apprise", ()))})

    def shown(self) -> dict[str, Any]:
        """Return those that there are, without what is secret."""
        return {name: _shown(name, value) for name, value in self.to_dict().items()}


def check_address(url: str) -> str:
    """Return a webhook's or ping's URL; raise InputError, which does not quote it, if nothing can be sent there."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise InputError("it is not a URL with http:// or https:// and a host (it is not shown)")
    if not (url.isascii() and url.isprintable() and " " not in url):
        raise InputError(
            "the URL has letters that a URL cannot have: write them as %20 and the like"
        )
    return url


def check_apprise(url: str) -> str:
    """Return one of Apprise's URLs; raise InputError, which does not quote it, if it is none."""
    scheme, mark, rest = url.partition("://")
    if not (mark and rest and scheme.isascii() and scheme.replace("+", "").isalnum()):
        raise InputError(
            "it is not a URL of Apprise, such as mailto://, ntfy:// or discord:// (it is not shown)"
        )
    return url


def check_command(command: str) -> str:
    """Return a shell command; raise InputError for one that no shell could run."""
    if not command.strip() or "\0" in command:
        raise InputError("it is not a command: write it as in a terminal")
    return command


def check_signing_secret(secret: str) -> bytes:
    """Return the key in a signing secret; raise InputError, which does not quote it, if it is none."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not key:
        raise InputError(f"it is not {SECRET_PREFIX} and base64 (it is not shown)")
    return key


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [masked_address(one) for one in value]
    if name in {"webhook", "ping"}:
        return masked_address(value)
    return MASK if isinstance(value, str) else value
