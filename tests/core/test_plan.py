"""The plan of a submission: what it adds, how long it takes, what room it needs, and what to know of its prompts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sdq.submitting.options import SubmitOptions
from sdq.submitting.outlook import outlook
from sdq.submitting.planned import plan_request
from sdq.submitting.request import read_request
from sdq.views.words import rough_duration
from sdq_core.errors import SdqError
from sdq_core.images.root import OutputRoot
from sdq_core.models import ModelStore
from sdq_core.queue.server import RedisServer
from sdq_core.settings import read_settings
from sdq_core.values.machine import this_machine
from sdq_core.values.variants import Variant
from tests.core.commands import Commands
from tests.core.small_ledger import submit
from tests.ledger.plans import ENGINE, record
from tests.ledger.test_benchmarks import HERE
from tests.producer.test_auto import ALL, ORIGINAL, row

PEBIBYTE = 2**50
BOTH = ("--variant", "original,split_einsum", "--compute-unit", "ALL")


def draw(sdq: Commands, *denoise_s: float, variants: int = 1, size_bytes: int = 20_000) -> None:
    """Draw so many images of 2 steps of each variant of the demo model, in these times."""
    with sdq.ledger() as ledger:
        submit(ledger, "a house", images=len(denoise_s), variants=variants)
        engines: dict[Variant, int] = {}
        for ref in ledger.work.open_slices():
            slice_ = ledger.work.load_slice(ref.id)
            assert slice_ is not None
            variant = slice_.recipe.variant
            assert isinstance(variant, Variant)
            if variant not in engines:
                engine = replace(ENGINE, variant=variant, load_ms=10_000.0)
                engines[variant] = ledger.work.register_engine(engine)
            for seed in slice_.seeds:
                drawn = replace(
                    record(slice_, seed, engines[variant]),
                    denoise_ms=1000 * denoise_s[seed],
                    size_bytes=size_bytes,
                )
                ledger.work.record_and_go_on(drawn)
            assert ledger.work.finish_slice(slice_.id)


def test_without_timings_the_plan_says_so_and_makes_nothing(sdq: Commands) -> None:
    said = sdq("submit", "--prompt", "a tent", "-s", "0-59", "--dry-run").out.splitlines()
    assert said[:2] == [
        "Batch prompt: 60 images to draw in 3 slices.",
        "Time: no timings yet: run `sdq bench`, or draw a few.",
    ]
    # 128 x 128 pixels of 3 bytes, and the record.
    assert said[2].startswith("Disk: at most 3.2 MB (no image of this size was drawn yet), ")
    assert said[2].endswith(" are free.")
    assert said[3:] == ["Nothing was stored or queued."]
    planned = sdq("submit", "--prompt", "a tent", "-s", "0-59", "--dry-run", "--json").json
    assert planned["disk_bytes"] == 60 * (128 * 128 * 3 + 4096)
    assert planned["disk_bytes_are_a_bound"]
    assert planned["disk_suffices"]
    assert planned["disk_free_bytes"] > 3_200_000
    (variant,) = planned["variants"]
    assert (variant["model"], variant["images"], variant["drawing_s"]) == ("demo", 60, None)
    assert not sdq.home.exists()


def test_time_and_room_come_from_what_was_drawn(sdq: Commands) -> None:
    draw(sdq, 9.0, 10.0, 11.0)
    arguments = ("submit", "--prompt", "a tent", "-s", "0-1918", "--steps", "2", "--dry-run")
    said = sdq(*arguments).out
    assert (
        "\nTime: about 5 h 20 min (4 h 50 min to 5 h 50 min) for one worker, 10 s an image.\n"
        in said
    )
    assert "\nDisk: about 38.4 MB, " in said
    planned = sdq(*arguments, "--json").json
    assert planned["drawing_s"] == pytest.approx(10 + 1919 * 10.0055)
    assert planned["drawing_s_range"] == [
        pytest.approx(1919 * 9.0055),
        pytest.approx(10 + 1919 * 11.0055),
    ]
    assert (planned["disk_bytes"], planned["disk_bytes_are_a_bound"]) == (38_380_000, False)
    (variant,) = planned["variants"]
    assert (variant["variant"], variant["compute_unit"]) == ("original", "ALL")
    assert (variant["image_s"], variant["timed_images"]) == (pytest.approx(10.0055, abs=1e-3), 3)


@pytest.mark.parametrize("variant", [("original", "--compute-unit", "ALL"), ("any",)])
def test_what_nobody_drew_yet_goes_by_the_bench(sdq: Commands, variant: tuple[str, ...]) -> None:
    slow = replace(HERE, host="other")
    with sdq.ledger() as ledger:
        # 1 s with 20 steps of 40 ms.
        rows = [(1000, this_machine()), (9000, slow)]
        store = ModelStore(sdq.home / "models")
        ledger.benchmarks.record([row(store, ORIGINAL, ALL, ms, machine) for ms, machine in rows])
    arguments = ("submit", "--prompt", "a tent", "-s", "0-99", "--steps", "45", "--dry-run")
    assert (
        "\nTime: about 3 min 20 s for one worker, 2 s an image by `sdq bench`.\n"
        in sdq(*arguments, "--variant", *variant).out
    )


def test_each_variant_has_its_images_and_its_time(sdq: Commands) -> None:
    draw(sdq, 10.0, 10.0)
    arguments = ("--prompt", "a tent", "-s", "0-35", "--steps", "2", *BOTH, "--dry-run")
    assert (
        "\nTime: about 6 min 10 s (6 min to 6 min 10 s) for one worker and 36 of 72 images. A worker begins with the "
        "variant in its memory:\n"
        "  demo original on ALL: 36 images, about 6 min 10 s (6 min to 6 min 10 s), 10 s an image\n"
        "  demo split_einsum on ALL: 36 images, no timings yet: run `sdq bench`, or draw a few\n"
    ) in sdq("submit", *arguments).out
    planned = sdq("submit", *arguments, "--json").json
    assert planned["drawing_s"] is None
    assert [variant["variant"] for variant in planned["variants"]] == ["original", "split_einsum"]


def test_images_that_exist_cost_nothing(sdq: Commands) -> None:
    draw(sdq, 10.0, 10.0)  # by original only
    request = ("--prompt", "a house", "--steps", "2", "--batch", "other", "--dry-run")
    arguments = (*request, "-s", "0-1", *BOTH)
    said = sdq("submit", *arguments).out
    assert "2 images to draw in 1 slice, 2 drawn already.\n" in said
    planned = sdq("submit", *arguments, "--json").json
    assert [(share["variant"], share["images"]) for share in planned["variants"]] == [
        ("split_einsum", 2)
    ]
    alone = (*request, "-s", "0", "--variant", "original", "--compute-unit", "ALL")
    assert sdq("submit", *alone).out.splitlines() == [
        "Batch other: 0 images to draw in 0 slices, 1 drawn already.",
        "Nothing was stored or queued.",
    ]
    done = sdq("submit", *alone, "--json").json
    assert (done["drawing_s"], done["disk_bytes"], done["variants"]) == (0.0, 0, [])


def test_what_waits_already_needs_room_too(sdq: Commands) -> None:
    draw(sdq, 10.0, 10.0)
    with sdq.ledger() as ledger:
        submit(ledger, "a kite", images=8)
    arguments = ("submit", "--prompt", "a tent", "-s", "0-3", "--dry-run")
    assert "\nDisk: about 80.0 kB, 240.0 kB with what waits already, " in sdq(*arguments).out
    planned = sdq(*arguments, "--json").json
    assert (planned["disk_bytes"], planned["disk_waiting_bytes"]) == (80_000, 160_000)


def test_an_output_folder_that_is_gone_is_named(sdq: Commands) -> None:
    draw(sdq, 10.0)
    with sdq.ledger() as ledger:
        root = OutputRoot(sdq.home / "outputs", home=sdq.home, ledger_id=ledger.id)
    root.store(b"one", "b/1.png")
    root.path.rename(sdq.home / "unplugged")
    arguments = ("submit", "--prompt", "a tent", "--dry-run", "--strict")
    said = sdq(*arguments, code=74)
    assert f"\nDisk: about 20.0 kB. The output folder {root.path} is no longer there." in said.out
    assert f"sdq: The output folder {root.path} is no longer there." in said.err
    assert sdq(*arguments[:-1], "--json").json["disk_free_bytes"] is None


def test_a_disk_that_will_not_do_is_pointed_out_and_refused_with_strict(
    sdq: Commands, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDQ_REDIS_URL", redis_server.url)
    draw(sdq, 1.0, size_bytes=PEBIBYTE)
    arguments = ("submit", "--prompt", "a tent", "--batch", "large")
    planned = sdq(*arguments, "--dry-run")
    assert "\nDisk: about 1125.9 TB, but only " in planned.out
    assert f" are free in {sdq.home / 'outputs'}.\n" in planned.out
    for more in ((), ("--dry-run",), ("--json",)):
        said = sdq(*arguments, "--strict", *more, code=74)
        assert "sdq: The images need about 1125.9 TB, but only " in said.err
        assert said.err.endswith(" Nothing was queued.\n")
    assert "need about 1125.9 TB" in sdq("run", "--prompt", "a tent", "--strict", code=74).err
    with sdq.ledger() as ledger:
        assert [status.name for status in ledger.batches.statuses()] == ["prompt"]
    assert not sdq(*arguments, "--json").json["disk_suffices"]


def test_what_is_stored_is_told_in_short_and_its_prompts_are_unchanged(
    sdq: Commands, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDQ_REDIS_URL", redis_server.url)
    arguments = ("submit", "--prompt", "a {red|blue} tent", "--steps", "2")
    hint = (
        "1 prompt has choices or wildcards that are drawn as words: --prompt '{red|blue}'. "
        "--dynamic random (or combinatorial) makes prompts of them."
    )
    assert sdq(*arguments).out.splitlines() == ["Batch prompt: 1 image to draw.", hint]
    with sdq.ledger() as ledger:
        slice_ = ledger.work.load_slice(ledger.work.open_slices()[0].id)
    assert slice_ is not None
    assert slice_.recipe.prompt == "a {red|blue} tent"
    draw(sdq, 10.0, 10.0)
    told = sdq(*arguments, "-s", "0-12").out.splitlines()
    assert told[:2] == [
        "Batch prompt: 12 images to draw, 1 submitted before.",
        "Time: about 2 min 10 s (2 min to 2 min 10 s) for one worker, 10 s an image.",
    ]
    assert told[2].startswith("Disk: about 240.0 kB, ")
    assert told[2].endswith(" are free.")
    assert told[3:] == [hint]
    added = sdq(*arguments, "-s", "0-13", "--json").json
    assert (added["name"], added["images_new"], added["slices"]) == ("prompt", 1, 1)
    assert added["drawing_s"] == pytest.approx(20.0055, abs=1e-3)


def test_what_is_stored_is_no_failure_if_its_time_cannot_be_looked_up(sdq: Commands) -> None:
    settings = read_settings(options={"home": str(sdq.home)})
    request = read_request(SubmitOptions(prompts=("a boat",)), settings)
    with sdq.ledger() as ledger:
        planned = plan_request(settings, request, ledger)
        added = ledger.submissions.add(planned.plan)
        ledger.close()
        (sdq.home / "sdq.db").write_bytes(b"no database" * 1000)
        told = outlook(settings, request, planned, added, ledger)
        with pytest.raises(SdqError):
            outlook(settings, request, planned, added, ledger, stored=False)
    first, second = told.lines()
    assert first == "Batch prompt: 1 image to draw."
    assert second == f"It is stored, but its time is not known. {told.trouble}"
    document = told.to_dict()
    assert (document["id"], document["images_new"]) == ("batch_1", 1)
    assert document["drawing_s"] is None
    assert document["disk_bytes_are_a_bound"]


def test_prompts_are_measured_for_any_variant_too(sdq: Commands) -> None:
    long = ", ".join(["a red house by the sea"] * 20)
    said = sdq("submit", "--prompt", long, "--variant", "any", "--dry-run").out
    assert (
        "\n1 prompt is longer than 77 tokens, so the model does not see the end: --prompt after '"
        in said
    )


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (9.56, "9.6 s"),
        (42.4, "42 s"),
        (59.7, "1 min"),
        (203, "3 min 20 s"),
        (2843, "47 min"),
        (3590, "1 h"),
        (19_130, "5 h 20 min"),
        (86_399, "1 d"),
        (275_000, "3 d 4 h"),
    ],
)
def test_an_estimate_has_few_digits(seconds: float, says: str) -> None:
    assert rough_duration(seconds) == says
