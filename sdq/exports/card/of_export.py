"""The card of an export: of all that its data set has by now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sdq.exports.card.facts import CardFacts
from sdq.exports.card.origins import origins
from sdq.exports.card.readme import write_card
from sdq.exports.card.tally import MODEL, Tally
from sdq.exports.index import Index
from sdq.exports.options import ExportOptions
from sdq_core.models.store import ModelStore


def write_card_of(
    folder: Path,
    options: ExportOptions,
    *,
    title: str,
    store: ModelStore,
    left_out: Mapping[str, int],
    license_id: str | None = None,
) -> bool:
    """Write the card of a data set that an export made; return False if the README there is the user's own.

    title: its name for people.
    left_out: images that were asked for and did not get in, by why.
    license_id: that the user gives it, by the Hub's name; None keeps the card's.
    """
    tally = Tally()
    with Index.opened(folder) as index:
        states = index.splits()
        conditions = index.conditions
        for counts in index.tallies():
            tally.merge(Tally.from_dict(counts))
    in_order = [name for name in options.splits.fractions if name in states]
    models = [tuple(model.rsplit("@", 1)) for model in tally.of(MODEL)]
    facts = CardFacts(
        title=title,
        format=options.format,
        splits={name: states[name].samples for name in in_order},
        tally=tally,
        origins=origins(store, ((name, revision) for name, revision in models)),
        left_out=left_out,
        conditions=() if "" in conditions else conditions,
        license=license_id,
    )
    return write_card(folder, facts)
