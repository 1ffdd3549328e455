"""A batch: prompts down and seeds across, the newest images, or those that a condition chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.browsing import Prompt
from db.columns.where import parse_where
from db.values import Mark
from sdq.web.asked import in_path, in_query, place_in_query
from sdq.web.pages.said import said
from sdq.web.pages.shown import (
    ShownImage,
    shown_batch,
    shown_image,
    shown_tile,
    to_the_minute,
)
from sdq.web.reading import Sources, sources_of
from sdq.web.templates import page
from sdq_core.errors import InputMissingError, UsageError

#: Prompts on a page, with so many seeds each; and as many prompts as cards if each has one.
_PROMPTS, _SEEDS, _CARDS = 12, 8, 60
#: Images on a page of one prompt, of the newest ones, or of those that were looked for.
_IMAGES = 60
#: Views of the images with a mark.
_MARKED: Mapping[str, Mark] = {"favourites": Mark.FAVOURITE, "rejected": Mark.REJECTED}
#: How long a page may look for images that a condition chooses, s.
_PATIENCE_S = 1.0

#: Conditions that people ask for often, by what they find.
QUICK: Mapping[str, str] = {
    "Flagged": "nsfw_flagged",
    "Look alike": "near_duplicate_of is not null",
    "One colour": "constant",
    "Prompt cut": "truncated_tokens > 0",
}


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A prompt with its images. more: it has further ones."""

    entry: int
    prompt: str
    images: Sequence[ShownImage]
    more: bool


def by_name(request: Request) -> Response:
    """Lead from a batch's name to its page."""
    sources = sources_of(request)
    status = sources.status(request.path_params["name"])
    return RedirectResponse(f"{sources.access.prefix}/batches/{status.id}", status_code=303)


def batch(request: Request) -> Response:
    """Show a batch."""
    sources = sources_of(request)
    batch_id = in_path(request, "id")
    status = sources.status(batch_id)
    where = request.query_params.get("where", "").strip()
    view = request.query_params.get("view", "")
    values: dict[str, Any] = {
        "batch": shown_batch(status),
        "times": _times(status.created_at, status.started_at, status.completed_at),
        "entries": sources.ledger.batches.request(batch_id).entries,
        "read_only": sources.access.read_only,
        "back": "batch",
        "quick": QUICK,
        "where": where,
        "problem": "",
        "said": said(request),
        "view": "where" if where else view if view in {"newest", *_MARKED} else "prompts",
    }
    code = 200
    if where:
        try:
            values |= _chosen(request, sources, batch_id, where)
        except UsageError as error:
            code = 400
            values |= {"images": [], "problem": _first_line(error), "following": None}
    elif view == "newest":
        values |= _newest(request, sources, batch_id)
    elif view in _MARKED:
        values |= _marked(request, sources, batch_id, view)
    else:
        values |= _prompts(request, sources, batch_id)
    return page(request, "batch.html", values, status=code)


def prompt(request: Request) -> Response:
    """Show all images of one prompt of a batch."""
    sources = sources_of(request)
    batch_id, entry = in_path(request, "id"), in_path(request, "entry")
    status = sources.status(batch_id)
    browsing = sources.ledger.browsing
    recipe = browsing.recipe(batch_id, entry)
    if recipe is None:
        raise InputMissingError(f"Batch {status.name} has no prompt {entry}.")
    found = browsing.tiles(batch_id, entry, place_in_query(request, "after"), _IMAGES)
    after = f"?after={found.after[0]}-{found.after[1]}" if found.after else None
    return page(
        request,
        "prompt.html",
        {
            "batch": shown_batch(status),
            "entry": entry,
            "recipe": recipe,
            "images": [shown_tile(tile, batch_id, recipe) for tile in found.tiles],
            "following": after,
            "is_first": "after" not in request.query_params,
            "read_only": sources.access.read_only,
            "view": "prompt",
        },
    )


def _prompts(request: Request, sources: Sources, batch_id: int) -> Mapping[str, Any]:
    browsing = sources.ledger.browsing
    first = in_query(request, "entry") or 1
    count = _PROMPTS
    found = browsing.prompts(batch_id, first, count + 1, _SEEDS)
    are_single = bool(found) and all(_is_single(each) for each in found)
    if are_single:
        count = _CARDS
        if len(found) > _PROMPTS:
            found = browsing.prompts(batch_id, first, count + 1, _SEEDS)
            are_single = all(_is_single(each) for each in found)
    shown = found[:count]
    before = browsing.entry_before(batch_id, shown[0].entry if shown else first, count)
    rows = [
        _Row(
            entry=one.entry,
            prompt=one.recipe.prompt,
            images=[shown_tile(tile, batch_id, one.recipe) for tile in one.images.tiles],
            more=one.images.after is not None,
        )
        for one in shown
    ]
    return {
        "rows": rows,
        "columns": max((len(row.images) + row.more for row in rows), default=1),
        "seeds": _common_seeds(rows),
        "images": [image for row in rows for image in row.images] if are_single else [],
        "former": None if before is None else f"?entry={before}",
        "following": f"?entry={found[count].entry}" if len(found) > count else None,
    }


def _is_single(one: Prompt) -> bool:
    return len(one.images.tiles) == 1 and one.images.after is None


def _common_seeds(rows: Sequence[_Row]) -> Sequence[int]:
    """Return the seeds of all rows if they have the same ones, else none."""
    seeds = {tuple(image.seed for image in row.images) for row in rows}
    return seeds.pop() if len(seeds) == 1 else ()


def _newest(request: Request, sources: Sources, batch_id: int) -> Mapping[str, Any]:
    found = sources.ledger.browsing.newest(batch_id, in_query(request, "before"), _IMAGES)
    return {
        "images": [shown_image(image, batch_id) for image in found.images],
        "is_live": "before" not in request.query_params,
        "most": _IMAGES,
        "following": f"?view=newest&before={found.before}" if found.before else None,
    }


def _marked(request: Request, sources: Sources, batch_id: int, view: str) -> Mapping[str, Any]:
    before = in_query(request, "before")
    found = sources.ledger.browsing.marked(batch_id, _MARKED[view], before, _IMAGES)
    return {
        "images": [shown_image(image, batch_id) for image in found.images],
        "following": f"?view={view}&before={found.before}" if found.before else None,
    }


def _chosen(request: Request, sources: Sources, batch_id: int, where: str) -> Mapping[str, Any]:
    found = sources.ledger.browsing.matching(
        batch_id,
        parse_where(where),
        place_in_query(request, "after"),
        enough=_IMAGES,
        patience_s=_PATIENCE_S,
    )
    following = None
    if found.after:
        following = f"?where={quote(where)}&after={found.after[0]}-{found.after[1]}"
    return {
        "images": [shown_image(image, batch_id) for image in found.images],
        "searched": found.after[0] if found.after else None,
        "following": following,
    }


def _first_line(error: UsageError) -> str:
    """Return what is wrong, without the picture of where, which is right above."""
    return str(error).partition("\n")[0]


def _times(created: Any, started: Any, completed: Any) -> list[tuple[str, str]]:
    """Return what was when; a day is named once."""
    found, day = [], ""
    for name, moment in (("submitted", created), ("begun", started), ("finished", completed)):
        if moment:
            text = to_the_minute(moment)
            before, day = day, text.rpartition(", ")[0]
            found.append((name, text.removeprefix(f"{day}, ") if day == before else text))
    return found
