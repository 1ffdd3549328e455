"""The settings with their origins, and what else the environment sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from producer.planning.preferences import problems
from sdq.doctor.machine import version_of
from sdq.doctor.report import Fact, Section
from sdq.notices import problems as notices
from sdq.views.words import size
from sdq_core.models import ModelStore
from sdq_core.privacy import MASK, TOKEN_VARIABLES, Secrets, masked_url
from sdq_core.settings import EMBEDDED, VARIABLES, Settings


def configuration(settings: Settings, environment: Mapping[str, str]) -> Section:
    """Return each setting with its origin, and the names (never the values) of the variables that are set."""
    told = Secrets.around(environment).removed  # somebody may have named a model by a URL
    values = {
        "home": str(settings.home),
        "redis_url": EMBEDDED if settings.redis_url is None else masked_url(settings.redis_url),
        "database_url": masked_url(settings.database_url),
        "outputs": str(settings.outputs),
        "runtime": str(settings.runtime),
        **{name: told(str(value)) for name, value in asdict(settings.preferences).items()},
        "max_memory": "no limit" if settings.max_memory is None else size(settings.max_memory),
    }
    facts = [
        Fact(
            name=name,
            text=f"{value or '(empty)'}  [{settings.origins[name]}]",
            value={"value": value, "origin": settings.origins[name]},
        )
        for name, value in values.items()
    ]
    for name, shown in _of_tables(settings).items():
        origin = settings.origins[name]
        facts.append(
            Fact(name=name, text=f"{shown}  [{origin}]", value={"value": shown, "origin": origin})
        )
    known = {name for names in VARIABLES.values() for name in names}
    present = sorted(
        name
        for name in environment
        if name in known or name.startswith(("SDQ_", "HF_")) or name in TOKEN_VARIABLES
    )
    facts.append(
        Fact(
            name="environment",
            text=", ".join(present) or "no variables that concern sdq",
            value=present,
        )
    )
    wrong = [*problems(settings.preferences, settings.origins), *notices.problems(settings)]
    model, origin = settings.preferences.model, settings.origins["model"]
    if not ModelStore(settings.models).attention_implementations(model):
        wrong.append(
            f"The model {model!r} of {origin} is not here. Run `sdq models` for those that are."
        )
    return Section(title="Settings", facts=facts, problems=wrong)


def _of_tables(settings: Settings) -> dict[str, str]:
    """Return the settings of tables that are set, without what is secret."""
    shown = {f"notify.{name}": value for name, value in settings.notify.shown().items()}
    if settings.signing_secret:
        shown["notify.webhook_secret"] = MASK
    if settings.report:
        shown["report.html"] = settings.report
    if "inspect.while_drawing" in settings.origins:
        shown["inspect.while_drawing"] = settings.inspects_while_drawing
    shown |= {f"units.{part}": str(unit) for part, unit in settings.part_units.items()}
    if "units.fallback" in settings.origins:
        shown["units.fallback"] = "cpu" if settings.unet_on_cpu else "none"
    return {name: _spelled(value) for name, value in shown.items()}


def _spelled(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def hub(environment: Mapping[str, str]) -> Section:
    """Return whether models can be pulled and whether a token is set; the token itself is never shown."""
    from sdq_core.models.hub import token_is_set

    present = token_is_set()
    facts = [Fact(name="huggingface_hub", text=version_of("huggingface_hub") or "not installed")]
    if present is None:
        named = any(environment.get(name) for name in TOKEN_VARIABLES)
        text = "set in the environment" if named else "not set in the environment"
        facts.append(Fact(name="token", text=text, value=named))
        return Section(
            title="Hub",
            facts=facts,
            not_tried=[
                "Pulling models, which needs huggingface_hub: run `pip install 'sdq[hub]'`."
            ],
        )
    text = "set (not shown)" if present else "not set; only gated repositories need one"
    return Section(title="Hub", facts=[*facts, Fact(name="token", text=text, value=present)])
