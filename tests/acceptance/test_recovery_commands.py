"""verify, retry, cancel, pause and resume, as their users type them on the morning after."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.acceptance.program import Program, assert_whole


def counts(program: Program, batch: str) -> dict[str, int]:
    status = json.loads(program.call("status", batch, "--json").stdout)
    found = status["request_counts"]
    assert isinstance(found, dict)
    return found


def fail_all(program: Program, error: str) -> int:
    """Give up every open image, as a worker does after the last attempt."""
    count = 0
    with program.ledger() as ledger:
        for ref in ledger.work.open_slices():
            slice_ = ledger.work.load_slice(ref.id)
            assert slice_ is not None
            for seed in slice_.seeds:
                ledger.work.record_failure(
                    slice_.recipe_id,
                    seed,
                    slice_id=slice_.id,
                    engine_id=None,
                    error=error,
                    final=True,
                )
                count += 1
            assert ledger.work.finish_slice(slice_.id)
    return count


def test_verify_finds_what_is_lost_and_repair_brings_it_back(
    program: Program, prompts: Path
) -> None:
    program.call("run", str(prompts), "--seed-range", "0-1", "--steps", "2")
    assert "All is well: 8 images" in program.call("verify").stdout
    images = program.drawn("prompts")
    outputs = program.home / "outputs"
    lost, torn, changed = (outputs / image.image.path for image in images[:3])
    before = {path: path.read_bytes() for path in (lost, torn, changed)}
    lost.unlink()
    torn.write_bytes(before[torn][:100])
    changed.write_bytes(before[changed][:-1] + b"x")
    (outputs / "prompts" / "mine.txt").write_text("a user's own")

    quick = program.call("verify", "prompts", "--quick", code=1).stdout
    assert f"missing: {lost.relative_to(outputs)}" in quick
    assert f"damaged: {torn.relative_to(outputs)}" in quick
    assert str(changed.relative_to(outputs)) not in quick
    found = program.call("verify", code=1).stdout
    assert f"damaged: {changed.relative_to(outputs)}" in found
    assert "not in the ledger: prompts/mine.txt" in found
    assert "sdq verify --repair" in found

    repaired = program.call("verify", "--repair", code=1).stdout
    assert "3 images will be drawn again" in repaired
    assert (outputs / "prompts" / "mine.txt").read_text() == "a user's own"
    (outputs / "prompts" / "mine.txt").unlink()
    program.call("worker", "--burst")
    assert "All is well: 8 images" in program.call("verify").stdout
    assert {path: path.read_bytes() for path in before} == before  # the same images to the byte
    assert_whole(program.home, program.drawn("prompts"), 8)


def test_verify_queues_what_no_queue_holds(program: Program, prompts: Path) -> None:
    program.call("submit", str(prompts), "--steps", "2")
    program.redis.stop()
    for file in (program.home / "redis").rglob("*.rdb"):
        file.unlink()
    said = program.call("verify", code=69).stderr
    assert f"delete the folder {program.home / 'redis'}" in said
    shutil.rmtree(program.home / "redis")
    found = program.call("verify", code=1).stdout
    assert found.count("in no queue: slice") == 4
    program.call("verify", "--repair")
    assert "All is well: 0 images" in program.call("verify").stdout


def test_cancel_pause_and_resume_can_each_be_repeated(program: Program, prompts: Path) -> None:
    program.call("submit", str(prompts), "--steps", "2")
    for _ in range(2):
        assert "is paused" in program.call("pause", "prompts").stdout
    program.call("worker", "--burst")
    assert counts(program, "prompts")["completed"] == 0
    assert "4 slices queued" in program.call("resume", "prompts").stdout
    assert "0 slices queued" in program.call("resume", "prompts").stdout
    for _ in range(2):
        assert "0 images drawn, 4 not" in program.call("cancel", "prompts").stdout
    program.call("worker", "--burst")
    assert counts(program, "prompts") == {"total": 4, "completed": 0, "failed": 0}
    program.call("submit", str(prompts), "--steps", "2")  # the same again takes it up
    program.call("worker", "--burst")
    assert_whole(program.home, program.drawn("prompts"), 4)
    assert "no batch 'nothing'" in program.call("cancel", "nothing", code=66).stderr
    assert "Name a batch" in program.call("pause", code=2).stderr


def test_a_paused_variant_waits_and_is_said_to(program: Program, prompts: Path) -> None:
    program.call("submit", str(prompts), "--steps", "2")
    with program.ledger() as ledger:
        key = ledger.work.open_slices()[0].variant.key
    program.call("pause", "--variant-key", key)
    program.call("worker", "--burst")
    assert counts(program, "prompts")["completed"] == 0
    status = program.call("status").stdout
    assert "by hand" in status
    assert f"sdq resume --variant-key {key}" in status
    program.call("resume", "--variant-key", key)
    program.call("worker", "--burst")
    assert_whole(program.home, program.drawn("prompts"), 4)


def test_the_former_name_of_variant_key_still_works(program: Program, prompts: Path) -> None:
    program.call("submit", str(prompts), "--steps", "2")
    with program.ledger() as ledger:
        key = ledger.work.open_slices()[0].variant.key
    paused = program.call("pause", "--variant", key)
    assert "Use --variant-key" in paused.stderr
    assert "by hand" in program.call("status").stdout
    program.call("resume", "--variant", key)  # as 0.1 printed it
    assert "by hand" not in program.call("status").stdout
    assert "--variant " not in program.call("resume", "--help").stdout


def test_failed_images_are_retried_as_they_were_or_changed(program: Program, prompts: Path) -> None:
    program.call("submit", str(prompts), "--steps", "2", "--seed-range", "0-1")
    assert "No image of batch prompts has failed" in program.call("retry", "prompts").stdout
    assert fail_all(program, "NaN") == 8
    assert counts(program, "prompts")["failed"] == 8

    changed = program.call("retry", "prompts", "--set", "steps=3", "--set", "scheduler=DDIM")
    assert changed.stdout == "Batch prompts-retry: 8 images to draw.\n"
    again = program.call("retry", "prompts", "--set", "steps=3", "--set", "scheduler=DDIM")
    assert "nothing new" in again.stdout
    assert "8 images of batch prompts are queued again" in program.call("retry", "prompts").stdout
    assert "No image" in program.call("retry", "prompts").stdout
    program.call("worker", "--burst")
    assert counts(program, "prompts")["completed"] == 8
    drawn = program.drawn("prompts-retry")
    assert len(drawn) == 8
    assert {(i.recipe.num_inference_steps, str(i.recipe.scheduler)) for i in drawn} == {(3, "DDIM")}


def test_failed_images_of_any_variant_are_retried_with_it_or_with_a_named_one(
    program: Program, prompts: Path
) -> None:
    program.call("submit", str(prompts), "--steps", "2", "--variant", "any")
    fail_all(program, "NaN")
    for changes, said in (
        (("steps=3",), "4 images to draw"),
        (("variant=split_einsum", "compute_unit=CPU_ONLY"), "4 images to draw"),
        (("variant=any",), "4 failed before"),  # the batch's own recipes
    ):
        options = [word for change in changes for word in ("--set", change)]
        assert said in program.call("retry", "prompts", *options).stdout
    refused = program.call("retry", "prompts", "--set", "compute_unit=CPU_ONLY", code=65)
    assert "cannot be combined with variant any" in refused.stderr
    program.call("worker", "--burst")
    drawn = program.drawn("prompts-retry")
    assert len(drawn) == 8
    assert {str(image.engine.variant) for image in drawn} == {
        "demo original on ALL",
        "demo split_einsum on CPU_ONLY",
    }


def test_retry_refuses_what_it_cannot_set(program: Program, prompts: Path) -> None:
    program.call("submit", str(prompts), "--steps", "2")
    fail_all(program, "NaN")
    for setting, code, said in (
        ("steps", 2, "NAME=VALUE"),
        ("stepz=3", 2, "did you mean"),
        ("seed=3", 2, "cannot change seed"),
        ("steps=0", 65, "use 1 to"),
        ("scheduler=Eulr", 65, "did you mean"),
        ("model=nothing", 65, "no model 'nothing'"),
    ):
        assert said in program.call("retry", "prompts", "--set", setting, code=code).stderr
    assert counts(program, "prompts")["failed"] == 4
