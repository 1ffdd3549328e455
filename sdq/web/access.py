"""Who may ask for what: the token, the names that this server goes by, and requests that other sites' pages send.

A random token is needed even on the loopback address, which all users of a machine reach. Browsers get it in the
printed URL and keep a cookie made from it; programs send it with each request.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.requests import cookie_parser

from sdq_core.errors import UsageError

#: For as long as a browser is not asked for the token again, s.
COOKIE_AGE_S = 90 * 24 * 3600

#: What browsers say of a request that one of our own pages or the user made.
_OWN_SITES = frozenset({"same-origin", "none"})


@dataclass(frozen=True, kw_only=True)
class Access:
    """The rules of one server.

    token: what a client has to know.
    hosts: names and addresses that this server is asked for, beside those of the loopback interface.
    read_only: refuse whatever changes something.
    prefix: the path below which a reverse proxy has the server, such as `/sdq`; empty for none.
    """

    token: str = field(repr=False)
    hosts: frozenset[str] = frozenset()
    read_only: bool = False
    prefix: str = ""

    @property
    def cookie_name(self) -> str:
        """The cookie's name, another one for each token: cookies do not tell ports apart."""
        return f"sdq-{hashlib.sha256(self.token.encode()).hexdigest()[:8]}"

    @property
    def cookie_value(self) -> str:
        """What a browser keeps, of which nobody can make the token."""
        return hmac.new(self.token.encode(), b"cookie", hashlib.sha256).hexdigest()

    def is_token(self, given: str) -> bool:
        """Whether that is the token."""
        return hmac.compare_digest(given.encode(errors="replace"), self.token.encode())

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Whether a request has the token: as Bearer, as the password of Basic, or as the cookie."""
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        match scheme.lower():
            case "bearer":
                return self.is_token(credentials.strip())
            case "basic":
                return self.is_token(_password(credentials.strip()))
        # Unlike Python's own parser, this one is not put off by cookies of other programs on this machine.
        cookie = cookie_parser(headers.get("cookie", "")).get(self.cookie_name, "")
        return hmac.compare_digest(cookie.encode(errors="replace"), self.cookie_value.encode())

    def goes_by(self, host: str, address: str) -> bool:
        """Whether this server is meant: a page of somebody else's may have its own name lead here (DNS rebinding).

        host: the header Host. address: where the request arrived.
        """
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        return is_loopback(name) or name in self.hosts or _plain(name) == _plain(address)

    def is_own(self, headers: Mapping[str, str]) -> bool:
        """Whether no other site's page sent a request that changes something, by the rule of Go's net/http.

        A request with neither header is no browser's.
        """
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in _OWN_SITES
        origin = headers.get("origin")
        if origin is None:
            return True
        try:
            return urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""
        except ValueError:
            return False


def is_loopback(name: str) -> bool:
    """Whether a host's name is one of this machine's for itself."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def hosts_of(address: str, others: Iterable[str] = ()) -> frozenset[str]:
    """Return what a server that listens on an address may be asked for, beside the loopback names.

    One that listens on all addresses goes by the machine's name too. others: further names, as of a proxy, also
    written as an address with port or scheme. Raise UsageError for what is none.
    """
    names = {address, *map(_name_in, others)}
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(address).is_unspecified:
            own = socket.gethostname()
            names |= {own, f"{own.partition('.')[0]}.local"}
    return frozenset(name.strip("[]").rstrip(".").lower() for name in names)


def _name_in(given: str) -> str:
    if (bare := given.strip("[]")).count(":") > 1 and "/" not in bare and "]" not in bare:
        return bare  # of IPv6, which has no port behind it
    try:
        name = urlsplit(given if "//" in given else f"//{given}").hostname
    except ValueError:
        name = None
    if not name:
        raise UsageError(
            f"--allow-host: {given!r} is not a host name. Write one, as pictures.example."
        )
    return name


def _plain(address: str) -> str:
    """Return an address as it is usually written: a socket for IPv6 has those of IPv4 as ::ffff:192.0.2.7."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def _password(credentials: str) -> str:
    try:
        decoded = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[2]
