"""What the commands about models read from their options."""

from __future__ import annotations

from sdq.submitting.options import value_of
from sdq_core.errors import InputError
from sdq_core.values.variants import AttentionImplementation


def variants_of(text: str | None) -> tuple[AttentionImplementation, ...]:
    """Return the variants that `--variant` names, none without it; raise InputError for a name that is none."""
    if text is None:
        return ()
    from producer.reading.words import parse_variants

    with value_of("--variant"):
        found = parse_variants(text)
    named = tuple(word for word in found if isinstance(word, AttentionImplementation))
    if named != found:
        raise InputError(
            f"--variant any does not name any files. Use one or more of {', '.join(AttentionImplementation)}."
        )
    return named
