"""The morning after: what was promised, looked at one by one; and what the plan said beside what happened."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from statistics import median

from db.values import FinishedImage
from tests.acceptance.program import assert_whole
from tests.night.night import Night, notices_of_end

#: A worker out of hours finishes and saves the image in hand.
_LAST_IMAGE_S = 10.0
_QUICK_BEGINS_S = 15.0


Drawn = Mapping[str, list[FinishedImage]]


def look_at(night: Night) -> list[str]:
    """Print what was found; return what is not as promised, a sentence each."""
    drawn = {batch: night.program.drawn(batch) for batch in night.asked}
    images = [image for some in drawn.values() for image in some]
    wrong = [
        *_whole(night, drawn),
        *_hours(night, images),
        *_quick(night),
        *_engines(night),
        *_notices(night),
    ]
    _compare_with_the_plan(night, drawn)
    return wrong


def _whole(night: Night, drawn: Drawn) -> Iterator[str]:
    for batch, asked in night.asked.items():
        print(f"{batch}: {len(drawn[batch]):,} of {asked:,} images")
        if len(drawn[batch]) != asked:
            yield f"{batch} has {len(drawn[batch])} of {asked} images."
    first = [image for name in _first(night) for image in night.program.drawn(name)]
    everything = [*first, *(image for some in drawn.values() for image in some)]
    try:
        assert_whole(night.program.home, everything, sum(night.asked.values()) + 50)
    except AssertionError as error:
        yield f"Not whole: {error}"
    print(night.program.run("verify").stdout.strip())
    if night.worker_ended_with != 0:
        yield f"The worker ended with {night.worker_ended_with}."


def _first(night: Night) -> list[str]:
    listed = json.loads(night.program.run("status", "--json").stdout)
    names = [batch["sdq"]["name"] for batch in listed]
    return [name for name in names if name.startswith("first-")]


def _hours(night: Night, images: list[FinishedImage]) -> Iterator[str]:
    assert night.rested
    closes, opens = night.rested
    within = [
        image.finished_at
        for image in images
        if closes.timestamp() + _LAST_IMAGE_S < image.finished_at.timestamp() < opens.timestamp()
    ]
    print(
        f"Out of hours {closes:%H:%M:%S}-{opens:%H:%M:%S}: {len(within)} images, {night.engines_at_rest} engines"
    )
    if within or night.engines_at_rest:
        yield f"{len(within)} images were drawn out of hours, and {night.engines_at_rest} engines were kept."


def _quick(night: Night) -> Iterator[str]:
    assert night.quick_submitted_at
    finished = sorted(image.finished_at for image in night.program.drawn("quick"))
    first, last = (
        (moment - night.quick_submitted_at).total_seconds()
        for moment in (finished[0], finished[-1])
    )
    print(
        f"Ten images at high priority: the first {first:.1f} s and the last {last:.1f} s after the command began"
    )
    if first > _QUICK_BEGINS_S:
        yield f"The batch of high priority waited {first:.1f} s."


def _engines(night: Night) -> Iterator[str]:
    replaced = night.worker_said.count("Replacing the engine")
    print(f"Engines replaced: {replaced}; workers killed: {night.kills}")
    if not replaced or not night.kills:
        yield "No engine was replaced, or no worker was killed."


def _notices(night: Night) -> Iterator[str]:
    told = [
        json.loads(line)
        for line in (night.program.home.parent / "told.jsonl").read_text().splitlines()
    ]
    hooks = [body for path, body in night.receiver.received if path == "/chat"]
    said = sorted(
        f"{body['data']['sdq']['name']} {body['type'].removeprefix('batch.')}" for body in hooks
    )
    print(f"Notices: {len(hooks)} by webhook, {len(told)} by command: {', '.join(said)}")
    ended = Counter(body["data"]["sdq"]["name"] for body in notices_of_end(night))
    if ended != Counter(night.asked.keys()):
        yield f"Notices of the end: {dict(ended)}."
    if said.count("portraits paused") != 1:
        yield f"{said.count('portraits paused')} notices of the pause."
    if len(told) != len(hooks):
        yield "The command and the webhook were not told the same."


def _compare_with_the_plan(night: Night, drawn: Drawn) -> None:
    """Times between neighbours are what drawing takes; long ones are rests, deaths and loading."""
    images = [image for some in drawn.values() for image in some]
    planned = [image for name in ("landscapes", "portraits") for image in drawn[name]]
    finished = sorted(image.finished_at.timestamp() for image in images)
    gaps = [after - before for before, after in pairwise(finished)]
    usual = 5 * median(gaps)
    took = sum(gap for gap in gaps if gap <= usual) * len(planned) / len(images)
    size = sum(
        (night.program.home / "outputs" / image.image.path).stat().st_size for image in planned
    )
    print(
        f"Time: the plan said {night.planned_s:.0f} s, drawing took {took:.0f} s ({took / night.planned_s:.2f})"
    )
    print(f"Disk: the plan said {night.planned_bytes / 1e6:.1f} MB, the files have {size / 1e6:.1f} MB "
          f"({size / night.planned_bytes:.2f})")  # fmt: skip
