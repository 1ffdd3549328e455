"""Which of a model's parts are its U-Net: plain or made for ControlNets, whole or in two chunks."""

from __future__ import annotations

from collections.abc import Container

_PLAIN = (("unet",), ("unet_chunk1", "unet_chunk2"))
_CONTROLLED = (("control-unet",), ("control-unet_chunk1", "control-unet_chunk2"))
#: The parts of any U-Net.
UNET_PARTS = tuple(part for parts in (*_PLAIN, *_CONTROLLED) for part in parts)


def unet_parts(there: Container[str | None]) -> tuple[str, ...]:
    """Return the parts of the U-Net that draws without ControlNets; none if there is no complete one.

    One made for ControlNets does that, too, and is taken where there is no plain one.
    """
    return _first((*_PLAIN, *_CONTROLLED), there)


def control_unet_parts(there: Container[str | None]) -> tuple[str, ...]:
    """Return the parts of the U-Net that draws with ControlNets; none if there is no complete one."""
    return _first(_CONTROLLED, there)


def _first(ways: tuple[tuple[str, ...], ...], there: Container[str | None]) -> tuple[str, ...]:
    return next((parts for parts in ways if all(part in there for part in parts)), ())
