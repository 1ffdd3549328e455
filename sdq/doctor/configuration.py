"""The settings with their origins, and what the environment says besides."""

from __future__ import annotations

from collections.abc import Mapping

from sdq.doctor.machine import version_of
from sdq.doctor.privacy import TOKEN_VARIABLES, masked_url
from sdq.doctor.report import Fact, Section
from sdq_core.settings import EMBEDDED, VARIABLES, Settings


def configuration(settings: Settings, environment: Mapping[str, str]) -> Section:
    """Show each setting, where it came from, and the names (never the values) of variables that are set."""
    values = {
        "home": str(settings.home),
        "redis_url": EMBEDDED if settings.redis_url is None else masked_url(settings.redis_url),
        "database_url": masked_url(settings.database_url),
        "outputs": str(settings.outputs),
    }
    facts = [
        Fact(
            name=name,
            said=f"{value}  [{settings.origins[name]}]",
            value={"value": value, "origin": settings.origins[name]},
        )
        for name, value in values.items()
    ]
    known = {name for names in VARIABLES.values() for name in names}
    present = sorted(
        name
        for name in environment
        if name in known or name.startswith(("SDQ_", "HF_")) or name in TOKEN_VARIABLES
    )
    facts.append(
        Fact(name="environment", said=", ".join(present) or "nothing of sdq's", value=present)
    )
    return Section(title="Settings", facts=facts)


def hub(environment: Mapping[str, str]) -> Section:
    """Say whether models can be pulled, and whether there is a token; the token itself is never looked at."""
    from sdq_core.models.hub import token_is_set

    present = token_is_set()
    facts = [Fact(name="huggingface_hub", said=version_of("huggingface_hub") or "not installed")]
    if present is None:
        named = any(environment.get(name) for name in TOKEN_VARIABLES)
        said = "in the environment" if named else "none in the environment"
        facts.append(Fact(name="token", said=said, value=named))
        return Section(
            title="Hub",
            facts=facts,
            not_tried=["Models cannot be pulled here; for that: `pip install 'sdq[hub]'`."],
        )
    said = "there is one (not shown)" if present else "none; only gated repositories need one"
    return Section(title="Hub", facts=[*facts, Fact(name="token", said=said, value=present)])
