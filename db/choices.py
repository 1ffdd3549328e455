"""The placements chosen for a batch where its submissions left them open, stored in its options as `chosen`:

    [{"model": "demo", "asked": {"variant": null, "compute_unit": "ALL"},
      "placement": {"variant": "original", "compute_unit": "ALL"}}]

sdq 0.1 wrote words, `{"demo": {"auto ALL": "original ALL"}}`. These are still read, and become objects with the batch's
next choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from db.values import JSON, BatchOptions, Chosen
from sdq_core.values.receivers import Receivers
from sdq_core.values.variants import OpenPlacement, Placement

_AUTO = "auto"

#: What a batch's options hold beside those that were given.
_OWN = frozenset({"chosen", "notify", "order"})


def read_choices(options: Mapping[str, JSON]) -> list[Chosen]:
    """Return the choices in a batch's options, in either form."""
    stored = options.get("chosen") or []
    if isinstance(stored, dict):
        return [
            _of_words(model, asked, placement)
            for model, answers in stored.items()
            for asked, placement in answers.items()
        ]
    return [
        Chosen(
            model=fields["model"],
            asked=OpenPlacement.from_dict(fields["asked"]),
            placement=Placement.from_dict(fields["placement"]),
        )
        for fields in stored
    ]


def options_of(stored: Mapping[str, JSON]) -> BatchOptions:
    """Return a batch's options from their stored form."""
    given = {option: value for option, value in stored.items() if option not in _OWN}
    return BatchOptions(given=given, chosen=read_choices(stored), receivers=read_receivers(stored))


def read_receivers(options: Mapping[str, JSON]) -> Receivers:
    """Return who is told of a batch, by its options."""
    return Receivers.from_dict(options.get("notify") or {})


def with_receivers(options: Mapping[str, JSON], receivers: Receivers) -> dict[str, JSON]:
    """Return the options with these receivers in place of those of the same kind."""
    return {**options, "notify": receivers.over(read_receivers(options)).to_dict()}


def with_choices(options: Mapping[str, JSON], chosen: Iterable[Chosen]) -> dict[str, JSON]:
    """Return the options with their choices replaced by these."""
    stored = [
        {
            "model": choice.model,
            "asked": choice.asked.to_dict(),
            "placement": choice.placement.to_dict(),
        }
        for choice in chosen
    ]
    return {**options, "chosen": stored} if stored else dict(options)


def merged(kept: Sequence[Chosen], new: Sequence[Chosen]) -> list[Chosen] | None:
    """Return the kept choices and the new ones; None if a new one contradicts a kept one."""
    answers = {(choice.model, choice.asked): choice for choice in kept}
    for choice in new:
        if answers.setdefault((choice.model, choice.asked), choice) != choice:
            return None
    return list(answers.values())


def _of_words(model: str, asked: str, placement: str) -> Chosen:
    attention, unit = (None if word == _AUTO else word for word in asked.split())
    variant, compute_unit = placement.split()
    return Chosen(
        model=model,
        asked=OpenPlacement.from_dict({"variant": attention, "compute_unit": unit}),
        placement=Placement.from_dict({"variant": variant, "compute_unit": compute_unit}),
    )
