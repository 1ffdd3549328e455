"""Comparing: images side by side, batches by prompt and seed, and the choice of what to compare."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response

from db.known_image import KnownImage
from db.values import BatchStatus
from sdq.web.asked import in_query
from sdq.web.pages.compared_batches import batches_beside
from sdq.web.pages.compared_images import (
    MOST,
    PlacedImage,
    images_beside,
    other_seeds,
    placed_tile,
    same_seed,
)
from sdq.web.pages.shown import shown_batch
from sdq.web.reading import Sources, sources_of
from sdq.web.templates import page
from sdq_core.errors import InputMissingError, SdqError, UsageError

#: Batches to choose from.
_BATCHES = 24

_ID = re.compile("[0-9]{1,18}")
#: As `sdq show` takes it.
_PLACE = re.compile(r"(?P<batch>.+)/(?P<entry>[0-9]{1,9})/(?P<seed>[0-9]{1,10})", re.DOTALL)


def compare(request: Request) -> Response:
    """Compare what the address names: two to four images or batches; less is completed on the page."""
    sources = sources_of(request)
    asked = {name: _listed(request, name) for name in ("images", "batches")}
    try:
        if asked["images"]:
            return _of_images(request, sources, asked["images"])
        if asked["batches"]:
            return _of_batches(request, sources, asked["batches"])
    except (UsageError, InputMissingError) as error:
        code = 400 if isinstance(error, UsageError) else 404
        return _choice(request, sources, asked, problem=error, status=code)
    return _choice(request, sources, asked)


def _of_images(request: Request, sources: Sources, asked: Sequence[str]) -> Response:
    _refuse_many(asked, "images")
    found = [_image(sources, one) for one in asked]
    if len(found) == 1:
        return _partner_of(request, sources, found[0], asked)
    values = images_beside(sources, found, reveal="reveal" in request.query_params)
    values["reveal"] = f"?images={','.join(asked)}&reveal"
    return page(request, "compare_images.html", {**values, "images": ", ".join(asked)})


def _of_batches(request: Request, sources: Sources, asked: Sequence[str]) -> Response:
    _refuse_many(asked, "batches")
    statuses = [_batch(sources, one) for one in asked]
    if len(statuses) == 1:
        return _choice(request, sources, {"images": (), "batches": asked}, chosen=statuses)
    first = in_query(request, "entry") or 1
    values = batches_beside(sources, statuses, first)
    return page(request, "compare_batches.html", values)


def _choice(
    request: Request,
    sources: Sources,
    asked: Mapping[str, Sequence[str]],
    *,
    chosen: Sequence[BatchStatus] = (),
    problem: SdqError | None = None,
    status: int = 200,
) -> Response:
    """Show the forms that ask what to compare. chosen: batches that are named already."""
    ledger = sources.existing_ledger
    newest = ledger.browsing.statuses_before(None, _BATCHES) if ledger else ()
    known = {each.id for each in chosen}
    offered = [*chosen, *(each for each in newest if each.id not in known)]
    values = {
        "batches": [shown_batch(each) for each in offered],
        "chosen": {*asked["batches"], *map(str, known)},
        "images": ", ".join(asked["images"]),
        "problem": sources.hide(str(problem)) if problem else "",
        "title": f"Compare {chosen[0].name} with" if chosen else "Compare",
    }
    return page(request, "compare.html", values, status=status)


def _partner_of(
    request: Request, sources: Sources, image: PlacedImage, asked: Sequence[str]
) -> Response:
    """Show what an image may be compared with: the same prompt and seed drawn otherwise, and its other seeds."""
    return page(
        request,
        "compare_with.html",
        {
            "image": image,
            "tile": placed_tile(image),
            "read_only": True,  # nothing is done with the tile here
            "similar": same_seed(sources, image),
            "seeds": other_seeds(sources, image),
            "asked": ",".join(asked),
            "images": f"{', '.join(asked)}, ",
        },
    )


def _listed(request: Request, name: str) -> tuple[str, ...]:
    """Return what the address lists, each once: `images=12,15` as well as `images=12&images=15`."""
    given = (one.strip() for some in request.query_params.getlist(name) for one in some.split(","))
    return tuple(dict.fromkeys(one for one in given if one))


def _refuse_many(asked: Sequence[str], what: str) -> None:
    if len(asked) > MOST:
        raise UsageError(f"These are {len(asked)} {what}. Choose two to {MOST} to compare.")


def _batch(sources: Sources, asked: str) -> BatchStatus:
    return sources.status(int(asked) if _ID.fullmatch(asked) else asked)


def _image(sources: Sources, asked: str) -> PlacedImage:
    """Return an image by its id, or by its place such as night/3/42; raise InputMissingError if there is none."""
    place: tuple[int, int, int] | None = None
    if _ID.fullmatch(asked):
        place = sources.ledger.browsing.place(int(asked))
    elif named := _PLACE.fullmatch(asked):
        status = sources.status(named["batch"])
        place = (status.id, int(named["entry"]), int(named["seed"]))
    known: KnownImage | None = sources.ledger.batches.image(*place) if place else None
    if place is None or known is None:
        raise InputMissingError(
            f"There is no image {asked!r}. Name it as BATCH/PROMPT/SEED, such as night/3/42."
        )
    return PlacedImage(batch_id=place[0], entry=place[1], known=known)
