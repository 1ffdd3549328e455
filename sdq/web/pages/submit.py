"""Submit: prompts that are typed or uploaded, the plan that comes of them, and one button that stores it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.values import PlannedEntry
from sdq.submitting.outlook import Outlook
from sdq.views.words import counted, rough_duration, size
from sdq.web.api.uploads import MOST_BYTES
from sdq.web.drafts.asked import DYNAMIC, RANDOM
from sdq.web.drafts.draft import MOST_FILES, Draft, Drafts
from sdq.web.drafts.planning import DraftRefusedError, Planner, Refusal, shown
from sdq.web.multipart import read_form
from sdq.web.reading import Sources, sources_of
from sdq.web.templates import page
from sdq_core.values.order import Priority
from sdq_core.values.seeds import format_seeds
from sdq_core.values.variants import AttentionImplementation, Scheduler

#: Path -> how many bytes it may be sent. A form has some around its files.
LIMITS: Mapping[str, int] = {"/submit": MOST_BYTES + (1 << 20)}
_MOST_TYPED_BYTES = 1_000_000
_NAMES = (
    "prompts", "model", "variant", "count", "seeds", "steps", "guidance", "scheduler", "name", "negative_prompt",
    "priority", "dynamic", "weighted", "literal",
)  # fmt: skip
_ENTRIES = 6
_SEEDS_CHARS = 40


def submit(request: Request) -> Response:
    """Show the form, or keep what it was sent with and lead to its plan."""
    sources = sources_of(request)
    if request.method != "POST":
        return _page(request, sources, None)
    drafts = Drafts(sources.settings.home)
    with read_form(
        request, most_fields=MOST_FILES + 50, most_field_bytes=_MOST_TYPED_BYTES
    ) as form:
        fields = {name: form.fields[name] for name in _NAMES if form.fields.get(name)}
        former = drafts.find(form.fields.get("former", "")) if form.fields.get("keep") else None
        draft = drafts.add(fields, form.files, former)
    return RedirectResponse(f"{sources.access.prefix}/submit/{draft.id}", status_code=303)


def draft(request: Request) -> Response:
    """Show the plan of a draft, with the form to change it; or store it."""
    sources = sources_of(request)
    found = Drafts(sources.settings.home).find(request.path_params["draft"])
    planner = _planner(request)
    try:
        if request.method == "POST":
            added = planner.store(found, sources.connections.ledger())
            return RedirectResponse(
                f"{sources.access.prefix}/batches/{added.batch_id}?did=submit&of={added.batch_id}",
                status_code=303,
            )
        outlook = planner.try_out(found, sources.existing_ledger)
    except DraftRefusedError as error:
        return _page(request, sources, found, refusal=error.refusal)
    return _page(request, sources, found, plan=_plan(sources, found, outlook))


def _planner(request: Request) -> Planner:
    planner = request.app.state.planner
    assert isinstance(planner, Planner)
    return planner


def _page(
    request: Request,
    sources: Sources,
    found: Draft | None,
    *,
    refusal: Refusal | None = None,
    plan: Mapping[str, Any] | None = None,
) -> Response:
    refusal = refusal or Refusal()
    fields = found.fields if found else {}
    usual = sources.settings.preferences
    models = _planner(request).models()
    return page(
        request,
        "submit.html",
        {
            "read_only": sources.access.read_only,
            "draft": found,
            "fields": {name: fields.get(name, "") for name in _NAMES},
            "files": found.names if found else (),
            "models": models,
            "variants": ("auto", "any", *AttentionImplementation),
            "schedulers": list(Scheduler),
            "priorities": list(Priority),
            "dynamics": DYNAMIC,
            "usual": usual,
            "random": RANDOM,
            "errors": refusal.fields,
            "refusal": refusal if refusal != Refusal() else None,
            "plan": plan,
        },
        status=400 if refusal != Refusal() else 200,
    )


def _plan(sources: Sources, found: Draft, outlook: Outlook) -> Mapping[str, Any]:
    submission, entries = outlook.submission, outlook.planned.plan.entries
    first, *lines = [shown(found, line) for line in outlook.full_lines()[:-1]]
    adds = submission.images_new + submission.images_drawn + submission.images_failed
    batch = None
    if not adds and (ledger := sources.existing_ledger):
        batch = ledger.batches.find(submission.batch_name)
    return {
        "new": submission.images_new,
        "adds": adds,
        "batch": batch,
        "first": first,
        "lines": lines,
        "figures": _figures(outlook),
        "entries": [
            {
                "prompt": entry.recipe.prompt,
                "negative": entry.recipe.negative_prompt,
                "seeds": _short(format_seeds(entry.seeds)),
                "recipe": entry.recipe,
                "pictures": _pictures(entry),
            }
            for entry in entries[:_ENTRIES]
        ],
        "more": max(0, len(entries) - _ENTRIES),
    }


def _figures(outlook: Outlook) -> list[tuple[str, str, str]]:
    """Return the key figures: title, number, and what it is of."""
    submission, expected = outlook.submission, outlook.expected
    found = [
        (
            "Images",
            f"{submission.images_new:,}",
            f"of {counted(len(outlook.planned.plan.entries), 'prompt')}",
        )
    ]
    if not submission.images_new:
        return found
    if any(share.span for share in expected.shares):
        span = expected.known_span
        found.append(("Time", rough_duration(span.typical_s), "with one worker"))
    else:
        found.append(("Time", "?", "none was drawn so far"))
    if expected.space.needed_bytes:
        free = expected.space.free_bytes
        note = "on the disk" if free is None else f"of {size(free)} free"
        found.append(("Space", size(expected.space.needed_bytes), note))
    return found


def _pictures(entry: PlannedEntry) -> list[str]:
    """Return the names of the pictures that an entry is drawn from."""
    named = entry.fields.get("pictures") or {}
    return [
        *(named[what] for what in ("init_image", "mask") if what in named),
        *named.get("controlnets", ()),
    ]


def _short(text: str) -> str:
    return text if len(text) <= _SEEDS_CHARS else f"{text[: _SEEDS_CHARS - 1]}…"
