"""Models on this disk: which there are, in which variants, and where their parts lie."""

from sdq_core.models.any_variant import AnyFolder, resolver
from sdq_core.models.description import TensorDescription, describe, weight_compression
from sdq_core.models.folder import DEMO, ModelStore, VariantFolder

__all__ = [
    "DEMO",
    "AnyFolder",
    "ModelStore",
    "TensorDescription",
    "VariantFolder",
    "describe",
    "resolver",
    "weight_compression",
]
