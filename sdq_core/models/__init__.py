"""Models on this disk: which there are, in which variants, and where their parts are."""

from sdq_core.models.any_variant import AnyFolder, resolver
from sdq_core.models.bundled import BUNDLED, DEMO
from sdq_core.models.folder import VariantFolder
from sdq_core.models.network import Network, read_network
from sdq_core.models.store import ModelStore

__all__ = [
    "BUNDLED",
    "DEMO",
    "AnyFolder",
    "ModelStore",
    "Network",
    "VariantFolder",
    "read_network",
    "resolver",
]
