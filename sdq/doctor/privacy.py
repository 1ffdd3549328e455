"""Which parts of a user's settings may appear in a report that others read.

Neither what `sdq_core.privacy` keeps nor the name of the home folder may; no value of an environment variable is ever
shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from sdq.doctor.report import JSON, Fact, Section
from sdq_core.privacy import Secrets


class Privacy:
    """Takes secrets and the home folder out of a report."""

    def __init__(self, urls: Iterable[str], environment: Mapping[str, str]) -> None:
        """urls: all in settings and environment; environment: where tokens may be."""
        self._secrets = Secrets.around(environment)
        for url in urls:
            self._secrets.add_url(url)
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
                Fact(
                    name=self._short(fact.name),
                    text=self._short(fact.text),
                    value=self._value(fact.value),
                )
                for fact in section.facts
            ],
            problems=[self.sentence(problem) for problem in section.problems],
            not_tried=[self.sentence(sentence) for sentence in section.not_tried],
        )

    def sentence(self, text: str) -> str:
        """Return a sentence, perhaps from a library, without secrets and on one line."""
        return self._short(" ".join(self._secrets.removed(text).split()))

    def _short(self, text: str) -> str:
        return self._home.sub("~", text) if self._home else text

    def _value(self, value: JSON) -> JSON:
        if isinstance(value, str):
            return self._short(value)
        if isinstance(value, Mapping):
            return {name: self._value(entry) for name, entry in value.items()}
        return value
