"""What of a user's settings may be shown: in messages, log lines, tracebacks, records and reports.

Passwords and tokens may not. A URL is shown only as far as it can be parsed, and not at all if it cannot be; other
libraries' messages are searched for what was masked. This is the only place that decides it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote

MASK = "***"

#: In place of a URL that cannot be parsed.
NOT_SHOWN = "(not a URL; not shown)"

#: Everything up to the last @ may be a name and password; only a port may follow a host.
_HOST = r"(?:[\w.\-]+|\[[0-9A-Fa-f:.]+\])?(?::[0-9]+)?"
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*://)(?:(?P<login>.*)@)?"
    rf"(?P<place>{_HOST}(?:,{_HOST})*(?:/[^?@]*)?)(?:\?(?P<query>[^@]*))?",
    re.DOTALL,
)
#: A file, not a server: there is no login, and an @ belongs to a folder's name.
_FILE = re.compile(
    r"(?P<scheme>(?:sqlite[a-z+]*|unix)://)(?P<place>(?:/[^?]*)?)(?:\?(?P<query>.*))?", re.DOTALL
)
#: A URL within a sentence, without the full stop behind it. No scheme is longer, and without a bound one endless word
#: would take the square of its length.
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{0,40}://[^\s'\"()<>`]*[^\s'\"()<>`.,;:!?]")
#: What may be shown of where a notice goes: without a login and with nothing that could be one.
_SITE = re.compile(rf"(?P<site>https?://{_HOST})(?:[/?#][^@]*)?", re.IGNORECASE | re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
#: The logins of examples in our own messages.
_EXAMPLES = frozenset({"user:password", "USER:PASSWORD"})
#: URL parameters that are never secret; all others might be.
_OPEN_PARAMETERS = frozenset(
    {
        "db", "host", "port", "sslmode", "connect_timeout", "socket_timeout", "socket_connect_timeout", "protocol",
        "mode",
    }
)  # fmt: skip
_PARAMETER = re.compile("[A-Za-z_-]+")
#: Shorter secrets are masked in URLs only: in a sentence they would match everywhere.
_SHORTEST_SECRET = 4

#: Shorter words where a notice's address belongs are slips, and not masked in messages.
_SHORTEST_ADDRESS = 8

#: The options that are followed by a notice's address.
ADDRESS_OPTIONS = ("--webhook", "--ping", "--apprise")

#: Environment variables that hold a Hub token.
TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_SECRET_NAME = re.compile("TOKEN|PASSWORD|PASSWD|SECRET|WEBHOOK|API_?KEY", re.IGNORECASE)


def masked_url(url: str) -> str:
    """Return a URL without anything that may be secret; one that cannot be parsed is not shown at all."""
    parts = _FILE.fullmatch(url) or _URL.fullmatch(url)
    if parts is None:
        return NOT_SHOWN
    login = f"{MASK}@" if parts.groupdict().get("login") is not None else ""
    query = ""
    if parts["query"] is not None:
        query = f"?{'&'.join(map(_masked_pair, parts['query'].split('&')))}"
    return f"{parts['scheme']}{login}{parts['place']}{query}"


def masked_address(url: str) -> str:
    """Return where a notice goes, as far as it may be shown: of the web its host, of Apprise's URLs only the kind.

    Whoever knows the path of a webhook may use it, and Apprise writes tokens where other URLs have their host.
    """
    if parts := _SITE.fullmatch(url):
        return f"{parts['site']}/{MASK}"
    scheme = _SCHEME.match(url)
    return f"{scheme[0]}{MASK}" if scheme else NOT_SHOWN


def is_clear(url: str, *, never_in_login: str) -> bool:
    """Whether a URL has one reading only, so that a library's message cannot take part of a password for a host.

    never_in_login: characters at which the library that gets it would end the login.
    """
    if _FILE.fullmatch(url):
        return True
    parts = _URL.fullmatch(url)
    return parts is not None and not set(never_in_login) & set(parts["login"] or "")


def has_secret(*words: str) -> bool:
    """Whether a command line or a text holds what this module would mask: others must not be able to read it."""
    secrets = Secrets.around({}, words)
    return any(secrets.removed(word) != word for word in words)


class Secrets:
    """Takes out of a text what this process must not tell."""

    def __init__(self, urls: Iterable[str] = (), others: Iterable[str] = ()) -> None:
        """urls: may hold passwords; others: secrets as they are."""
        self._replacements: dict[str, str] = {}
        for url in urls:
            self.add_url(url)
        for secret in others:
            self._hide(secret)

    @classmethod
    def around(cls, environment: Mapping[str, str], arguments: Sequence[str] = ()) -> Secrets:
        """Return the secrets of an environment and of a command line, by their names and by what looks like a URL."""
        words = [word for argument in arguments for word in (argument, argument.partition("=")[2])]
        urls = [text for text in (*environment.values(), *words) if _is_url(text)]
        named = [text for name, text in environment.items() if _SECRET_NAME.search(name)]
        secrets = cls(urls, named)
        for address in _addresses(arguments):
            secrets.add_address(address)
        return secrets

    def add_url(self, url: str) -> None:
        """Keep a URL's secrets from now on; all of it if it cannot be parsed."""
        if len(url) >= _SHORTEST_SECRET:
            for spelling in _spellings(url):
                self._replacements[spelling] = masked_url(url)
        for secret in _secrets(url):
            self._hide(secret)

    def add_address(self, url: str) -> None:
        """Keep from now on where a notice goes."""
        if len(url) < _SHORTEST_ADDRESS:
            return
        for spelling in _spellings(url):
            self._replacements[spelling] = masked_address(url)
        _, _, rest = url.partition("://")
        if not _SITE.fullmatch(url):
            self._hide(rest)
        # A library may quote the path alone.
        path = rest.partition("/")[2]
        for secret in (path, unquote(path)):
            if len(secret) >= _SHORTEST_ADDRESS:
                self._hide(secret)

    def add_settings(self, addresses: Iterable[str], signing_secret: str | None) -> None:
        """Keep from now on where notices go, and what they are signed with."""
        for address in addresses:
            self.add_address(address)
        if signing_secret:
            self._hide(signing_secret)

    def removed(self, text: str) -> str:
        """Return a text without secrets."""
        for secret in sorted(self._replacements, key=len, reverse=True):
            text = text.replace(secret, self._replacements[secret])
        return _IN_TEXT.sub(_shown, text)

    def _hide(self, secret: str) -> None:
        if len(secret) >= _SHORTEST_SECRET:
            for spelling in _spellings(secret):
                self._replacements.setdefault(spelling, MASK)


def _addresses(arguments: Sequence[str]) -> Iterable[str]:
    for number, argument in enumerate(arguments):
        option, is_joined, value = argument.partition("=")
        if option in ADDRESS_OPTIONS:
            yield from [value] if is_joined else arguments[number + 1 : number + 2]


def _is_url(text: str) -> bool:
    scheme, mark, _ = text.partition("://")
    return bool(mark) and scheme.replace("+", "").isalnum()


def _shown(found: re.Match[str]) -> str:
    url = found[0]
    if url.endswith(f"://{MASK}"):  # as `masked_address` writes it
        return url
    parts = _URL.fullmatch(url)
    if parts and (parts["login"] in _EXAMPLES or parts["login"] == MASK):
        return url
    return masked_url(url)


def _masked_pair(pair: str) -> str:
    name, is_pair, value = pair.partition("=")
    if not is_pair or not _PARAMETER.fullmatch(name):
        return MASK
    return f"{name}={value if name in _OPEN_PARAMETERS else MASK}"


def _spellings(text: str) -> tuple[str, str]:
    """Return a text as it is, and as Python quotes it in messages."""
    return text, repr(text)[1:-1]


def _secrets(url: str) -> Iterable[str]:
    """Yield the secret parts of a URL, as written and decoded."""
    parts = _FILE.fullmatch(url) or _URL.fullmatch(url)
    if parts is None:
        yield url
        return
    found = []
    if login := parts.groupdict().get("login"):
        name, colon, password = login.partition(":")
        # A lone word may be a token: `https://hf_...@host`.
        found += [password, login] if colon else [name]
    for pair in (parts["query"] or "").split("&"):
        name, _, value = pair.partition("=")
        if name not in _OPEN_PARAMETERS:
            found.append(value)
    for secret in found:
        yield secret
        yield unquote(secret)
