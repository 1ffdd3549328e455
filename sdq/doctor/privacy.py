"""Which parts of a user's settings may appear in a report that others read.

Passwords, tokens and the name of the home folder may not. URLs are shown only as far as they can be parsed, and other
libraries' messages are searched for what was masked; no value of an environment variable is ever shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from sdq.doctor.report import JSON, Fact, Section

_MASK = "***"

#: Everything up to the last @ may be a name and password; only a port may follow a host.
_HOST = r"(?:[\w.\-]+|\[[0-9A-Fa-f:.]+\])?(?::[0-9]+)?"
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*://)(?:(?P<login>.*)@)?"
    rf"(?P<place>{_HOST}(?:,{_HOST})*(?:/[^?]*)?)(?:\?(?P<query>.*))?",
    re.DOTALL,
)
#: A URL within a sentence.
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^\s'\"()]+")
#: A file, not a server: there is no login, and an @ belongs to a folder's name.
_SQLITE = re.compile(r"(?P<scheme>sqlite[a-z+]*://)(?P<place>[^?]*)(?:\?(?P<query>.*))?", re.DOTALL)
#: URL parameters that are never secret; all others might be.
_OPEN_PARAMETERS = frozenset(
    {"db", "sslmode", "connect_timeout", "socket_timeout", "protocol", "mode"}
)
#: Shorter secrets are masked in URLs only: in a sentence they would match everywhere.
_SHORTEST_SECRET = 4

#: Environment variables that hold a Hub token.
TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def masked_url(url: str) -> str:
    """Return a URL without anything that may be secret; one that cannot be parsed is not shown at all."""
    parts = _SQLITE.fullmatch(url) or _URL.fullmatch(url)
    if parts is None:
        return "(not a URL; not shown)"
    login = f"{_MASK}@" if "login" in parts.groupdict() and parts["login"] is not None else ""
    query = ""
    if parts["query"] is not None:
        shown = []
        for pair in parts["query"].split("&"):
            name, _, value = pair.partition("=")
            shown.append(f"{name}={value if name in _OPEN_PARAMETERS else _MASK}")
        query = f"?{'&'.join(shown)}"
    return f"{parts['scheme']}{login}{parts['place']}{query}"


class Privacy:
    """Takes secrets and the home folder out of a report."""

    def __init__(self, urls: Iterable[str], environment: Mapping[str, str]) -> None:
        """urls: all in settings and environment; environment: where tokens may be."""
        self._replacements: dict[str, str] = {}
        for url in urls:
            if len(url) >= _SHORTEST_SECRET:
                for spelling in _spellings(url):
                    self._replacements[spelling] = masked_url(url)
            for secret in _secrets(url):
                self._hide(secret)
        for name in TOKEN_VARIABLES:
            self._hide(environment.get(name, ""))
        home = os.path.expanduser("~")  # noqa: PTH111  Path.home() raises if there is none
        # Not the `/root` in `/rooted`, nor a home that is `/`.
        self._home = re.compile(rf"{re.escape(home)}(?![\w.\-])") if home.count("/") else None
        if home == "/":
            self._home = None

    def of(self, section: Section) -> Section:
        """Return a section without secrets."""
        return Section(
            title=section.title,
            facts=[
                Fact(name=fact.name, text=self._short(fact.text), value=self._value(fact.value))
                for fact in section.facts
            ],
            problems=[self.sentence(problem) for problem in section.problems],
            not_tried=[self.sentence(sentence) for sentence in section.not_tried],
        )

    def sentence(self, text: str) -> str:
        """Return a sentence, perhaps from a library, without secrets and on one line."""
        for secret in sorted(self._replacements, key=len, reverse=True):
            text = text.replace(secret, self._replacements[secret])
        text = _IN_TEXT.sub(lambda found: masked_url(found[0]), text)
        return self._short(" ".join(text.split()))

    def _hide(self, secret: str) -> None:
        if len(secret) >= _SHORTEST_SECRET:
            for spelling in _spellings(secret):
                self._replacements.setdefault(spelling, _MASK)

    def _short(self, text: str) -> str:
        return self._home.sub("~", text) if self._home else text

    def _value(self, value: JSON) -> JSON:
        if isinstance(value, str):
            return self._short(value)
        if isinstance(value, Mapping):
            return {name: self._value(entry) for name, entry in value.items()}
        return value


def _spellings(text: str) -> tuple[str, str]:
    """Return a text as it is, and as Python quotes it in messages."""
    return text, repr(text)[1:-1]


def _secrets(url: str) -> Iterable[str]:
    """Yield the secret parts of a URL, as written and decoded."""
    if _SQLITE.fullmatch(url):
        return
    parts = _URL.fullmatch(url)
    if parts is None:
        yield url
        return
    found = []
    if parts["login"] is not None:
        found.append(parts["login"].partition(":")[2])
    for pair in (parts["query"] or "").split("&"):
        name, _, value = pair.partition("=")
        if name not in _OPEN_PARAMETERS:
            found.append(value)
    for secret in found:
        yield secret
        yield unquote(secret)
