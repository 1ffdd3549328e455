"""Where the models came from that drew a data set, as far as this disk records it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sdq_core.errors import SdqError
from sdq_core.models.bundled import BUNDLED
from sdq_core.models.record import read_pull_record
from sdq_core.models.store import ModelStore


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a model came from.

    source: repository@commit on the Hub, None if that is not known.
    license: its licence by the Hub's name, None if that is not known.
    """

    source: str | None = None
    license: str | None = None


#: As its README says.
_OF_DEMO = Origin(license="mit")


def origins(
    store: ModelStore, models: Iterable[tuple[str, str]]
) -> Mapping[tuple[str, str], Origin]:
    """Return the origins of models by name and revision; unknown ones have an empty origin."""
    return {(name, revision): _origin(store, name, revision) for name, revision in models}


def _origin(store: ModelStore, name: str, revision: str) -> Origin:
    if name in BUNDLED:
        return _OF_DEMO
    try:
        for attention, place in store.look_for(name).variants.items():
            if not store.find(name, attention).goes_by(revision):
                continue
            if record := read_pull_record(place.folder):
                source = f"{record.repository}@{record.commit[:12]}"
                return Origin(source=source, license=record.license)
    except SdqError:  # gone, changed or damaged: what `sdq models` says; a card can do without
        pass
    return Origin()
