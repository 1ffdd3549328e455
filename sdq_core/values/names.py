"""Names that look alike: é is one character (NFC) or e with an accent behind it (NFD, as file names on some Macs).

What users name (batches, models, custom ids) is kept in NFC, and looked up in both, and without what is not seen.
"""

from __future__ import annotations

import unicodedata

from sdq_core.values.tidying import tidy


def one_spelling(name: str) -> str:
    """Return a name as it is kept."""
    return unicodedata.normalize("NFC", name)


def spellings(name: str) -> tuple[str, ...]:
    """Return the spellings under which a name may be found, those most likely meant first: former versions kept any."""
    forms = (name, one_spelling(name), unicodedata.normalize("NFD", name))
    return tuple(dict.fromkeys((*forms, tidy(name).strip() or name)))


def model_spelling(model: str) -> str:
    """Return a model's name as it is kept; a path stays as it is, because file systems may tell its spellings apart."""
    return model if "/" in model else one_spelling(model)
