"""What systems leave in folders and nobody put there: it is overlooked wherever models are looked for."""

from __future__ import annotations

#: By lower-case name. macOS writes `Icon\r`, Synology's drives `@eaDir`, Windows `desktop.ini` and `Thumbs.db`.
_LITTER = {"__macosx", "icon\r", "desktop.ini", "thumbs.db", "@eadir", "#recycle", "$recycle.bin"}


def is_litter(name: str) -> bool:
    """Say whether a name is hidden (`.DS_Store`, `._Unet.mlpackage`) or one of a system's own."""
    return name.startswith(".") or name.lower() in _LITTER
