"""Several causes for which one line cannot be used; each is reported, and grouped with those of other lines."""

from __future__ import annotations

from collections.abc import Sequence

from sdq_core.errors import InputError


class LineError(InputError):
    """One or more things that are wrong with a line, a clause each."""

    def __init__(self, causes: Sequence[str]) -> None:
        self.causes = tuple(causes)
        super().__init__("; ".join(self.causes))


def causes_of(error: InputError) -> Sequence[str]:
    """Return each thing that is wrong."""
    return error.causes if isinstance(error, LineError) else (str(error),)
