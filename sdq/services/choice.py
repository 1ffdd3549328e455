"""Which system starts jobs here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sdq.services.install import Manager
from sdq.services.launchctl import Launchd
from sdq.services.systemctl import Systemd
from sdq_core.errors import ConfigurationError
from sdq_core.settings import whole_path

NAMES = ("launchd", "systemd")
USUAL = "launchd" if sys.platform == "darwin" else "systemd"


def manager_named(name: str) -> Manager:
    """Return launchd or systemd, whether it runs here or not; raise ConfigurationError if this user has no home."""
    home = whole_path("~", "Set HOME to a folder.")
    if name == "launchd":
        return Launchd(home)
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    configuration = Path(configured) if configured.startswith("/") else home / ".config"
    return Systemd(configuration / "systemd" / "user")


def manager_here(instead: str) -> Manager:
    """Return what starts jobs on this system; raise ConfigurationError if nothing does.

    instead: what to do then, as a sentence.
    """
    manager = manager_named(USUAL)
    if obstacle := manager.obstacle():
        raise ConfigurationError(
            f"Nothing here starts programs by itself: no systemd answers this user ({obstacle}). {instead}"
        )
    return manager
