"""What a model must have for what its lines ask for besides prompts."""

from __future__ import annotations

from producer.planning.conditions import FindNet
from sdq_core.errors import InputError, PackageError
from sdq_core.models import AnyFolder, VariantFolder
from sdq_core.values.conditions import Conditions


class Requirements:
    """Looks at a model's parts once for all lines that ask for the same of it."""

    def __init__(self, find_net: FindNet) -> None:
        self._find_net = find_net
        # The folders are kept as well, so that an id means one of them.
        self._met: dict[tuple[int, bool, tuple[str, ...]], VariantFolder | AnyFolder] = {}

    def require(self, folder: VariantFolder | AnyFolder, conditions: Conditions) -> None:
        """Raise InputError if a model cannot be drawn so."""
        if not conditions.inputs:
            return
        names = tuple(use.name for use in conditions.controlnets)
        asked = id(folder), conditions.init_image is not None, names
        if asked in self._met:
            return
        try:
            if conditions.init_image:
                folder.check_encoder()
            if names:
                folder.check_controlnets([self._find_net(name) for name in names])
        except PackageError as error:
            raise InputError(str(error)) from error
        self._met[asked] = folder
