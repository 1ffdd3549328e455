"""What buttons do with a batch: the same as the commands of these names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sdq.queue.batch import Batch
from sdq.web.asked import in_path
from sdq.web.body import form_of
from sdq.web.reading import sources_of
from sdq_core.errors import InputMissingError

_ACTIONS: Mapping[str, Callable[[Batch, Mapping[str, str]], object]] = {
    "pause": lambda batch, _form: batch.pause(),
    "resume": lambda batch, _form: batch.resume(),
    "cancel": lambda batch, _form: batch.cancel(),
    "retry": lambda batch, _form: batch.retry(),
    "front": lambda batch, _form: batch.move(to_front=True),
    "priority": lambda batch, form: batch.move(priority=form.get("priority", "")),
}


def act(request: Request) -> Response:
    """Do something with a batch, and show the page again that asked for it."""
    sources = sources_of(request)
    action = request.path_params["action"]
    if action not in _ACTIONS:
        raise InputMissingError("There is nothing at this address.")
    batch = sources.batch(in_path(request, "id"))
    form = form_of(request)
    _ACTIONS[action](batch, form)
    back = f"/batches/{batch.id}" if form.get("back") == "batch" else "/"
    return RedirectResponse(
        f"{sources.access.prefix}{back}?did={action}&of={batch.id}", status_code=303
    )
