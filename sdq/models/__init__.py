"""Models on this disk: which there are, in which variants, and where their parts lie."""

from sdq.models.description import TensorDescription, describe, weight_compression
from sdq.models.folder import DEMO, ModelStore, VariantFolder

__all__ = [
    "DEMO",
    "ModelStore",
    "TensorDescription",
    "VariantFolder",
    "describe",
    "weight_compression",
]
