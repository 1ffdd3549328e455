"""Two lanes and batches that leave the variant open: shared, exact, and safe against whatever ends a lane."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from PIL import Image

from db.values import FinishedImage
from sdq_core.images.read import read_record
from sdq_core.images.store import is_temporary
from sdq_core.models import DEMO, ModelStore
from sdq_core.values.variants import AttentionImplementation
from tests.acceptance.program import Program, assert_whole, stop

#: Two engines beside each other on a busy machine: each test took up to a minute on two shared cores.
pytestmark = pytest.mark.timeout(300)

GPU, NE = "original:CPU_AND_GPU", "split_einsum:CPU_AND_NE"
LANES = ("--lanes", f"{GPU},{NE}")
LANE_OF = {GPU: "demo original on CPU_AND_GPU", NE: "demo split_einsum on CPU_AND_NE"}


def submit_any(program: Program, prompts: Path, seeds: str, *, batch: str = "both") -> str:
    arguments = ("--seed-range", seeds, "--steps", "2", "--variant", "any", "--batch", batch)
    return program.call("submit", str(prompts), *arguments).stdout


def drawn_by(images: list[FinishedImage]) -> Counter[str]:
    return Counter(str(image.engine.variant) for image in images)


def lanes_of(supervisor: subprocess.Popen[str]) -> dict[int, psutil.Process]:
    """The lanes' processes by number."""
    found = {}
    for child in psutil.Process(supervisor.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # just killed
            command = child.cmdline()
            if "--lane" in command:
                found[int(command[-1])] = child
    return found


def wait_for_both(program: Program, batch: str = "both") -> None:
    program.wait_until(lambda: len(drawn_by(program.drawn(batch))) == 2, timeout_s=90)


def test_both_lanes_draw_one_batch_and_every_image_can_be_drawn_again(
    program: Program, prompts: Path
) -> None:
    assert submit_any(program, prompts, "0-14").startswith("Batch both: 60 images to draw.\n")
    log = program.run("worker", "--burst", *LANES).stderr
    assert f"{GPU} both/" in log
    assert f"{NE} both/" in log
    images = program.drawn("both")
    assert_whole(program.home, images, 60)
    assert drawn_by(images).keys() == set(LANE_OF.values())
    assert {str(image.recipe.variant) for image in images} == {"demo, any variant"}
    assert "All is well: 60 images" in program.call("verify").stdout
    assert "nothing new" in submit_any(program, prompts, "0-14")

    some = next(image for image in images if str(image.engine.variant) == LANE_OF[NE])
    file = program.home / "outputs" / some.image.path
    record = read_record(file)
    drawn_from = replace(some.recipe, variant=some.engine.variant)
    assert (record.recipe, record.seed) == (drawn_from, some.seed)
    with Image.open(file) as picture:
        assert "sdq variant: split_einsum" in picture.info["parameters"]
        assert "sdq compute unit: CPU_AND_NE" in picture.info["parameters"]
    variant = record.recipe.variant
    named = ("--variant", str(variant.attention_implementation))
    unit = ("--compute-unit", str(variant.compute_unit))
    options = ("--seed", str(some.seed), "--steps", "2", "--batch", "again")
    negative = ("--negative-prompt", record.recipe.negative_prompt)
    program.call("run", "--prompt", record.recipe.prompt, *negative, *named, *unit, *options)
    (again,) = program.drawn("again")
    assert again.recipe == drawn_from
    assert again.image.pixels_sha256 == some.image.pixels_sha256
    assert again.image.path != some.image.path  # an image of its own, drawn for itself


def test_whatever_ends_a_lane_or_all_nothing_is_lost(
    program: Program, prompts: Path, tmp_path: Path
) -> None:
    submit_any(program, prompts, "0-24")
    log = tmp_path / "log"
    worker = program.start("worker", *LANES, log=log)
    wait_for_both(program)
    before = lanes_of(worker)
    before[1].kill()  # it is started again
    program.wait_until(lambda: lanes_of(worker).get(1, before[1]).pid != before[1].pid)
    assert lanes_of(worker)[0].pid == before[0].pid
    assert f"Lane {NE} ended by SIGKILL. Restarting it in 1 s." in log.read_text()
    for engine in before[0].children():
        engine.suspend()  # so that the image in hand is never finished
    worker.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(timeout=3)
    assert stop(worker, signal.SIGINT) == 130

    done = len(program.drawn("both"))
    worker = program.start("worker", *LANES, log=log)
    program.wait_for_images("both", done + 1)
    processes = list(lanes_of(worker).values())
    assert len(processes) == 2
    assert stop(worker, signal.SIGTERM) == 0
    assert not any(process.is_running() for process in processes)
    assert len(program.drawn("both")) < 100

    program.run("worker", "--burst", *LANES)
    for path in filter(is_temporary, (program.home / "outputs").rglob("*")):
        path.unlink()  # a lane may have been killed while it wrote
    assert_whole(program.home, program.drawn("both"), 100)
    assert "All is well: 100 images" in program.call("verify").stdout


def test_lanes_end_with_the_command_that_started_them(program: Program, prompts: Path) -> None:
    submit_any(program, prompts, "0-99")
    worker = program.start("worker", *LANES)
    wait_for_both(program)
    processes = list(lanes_of(worker).values())
    worker.kill()
    program.wait_until(
        lambda: (
            not any(
                process.is_running() and process.status() != psutil.STATUS_ZOMBIE
                for process in processes
            )
        ),
        timeout_s=30,
    )
    assert len(program.drawn("both")) < 400


def test_each_lane_draws_its_own_variant_and_others_are_left_and_said(
    program: Program, prompts: Path
) -> None:
    def submit(batch: str, variant: str, unit: str) -> None:
        options = ("--variant", variant, "--compute-unit", unit, "--batch", batch)
        program.call("submit", str(prompts), "--steps", "1", *options)

    submit("gpu", "original", "CPU_AND_GPU")
    submit("ne", "split_einsum", "CPU_AND_NE")
    submit("all", "original", "ALL")
    assert submit_any(program, prompts, "0").startswith("Batch both: 4 images to draw.\n")
    log = program.run("worker", "--burst", *LANES).stderr
    assert drawn_by(program.drawn("gpu")) == {LANE_OF[GPU]: 4}
    assert drawn_by(program.drawn("ne")) == {LANE_OF[NE]: 4}
    assert len(program.drawn("both")) == 4
    assert program.drawn("all") == []
    said = "No lane here draws the queued images for demo original on ALL."
    assert log.count(said) == 1
    # The same prompts, four times, are four images each.
    program.call("worker", "--burst")
    paths = [i.image.path for batch in ("gpu", "ne", "all", "both") for i in program.drawn(batch)]
    assert len(set(paths)) == 16


def test_a_model_without_a_lanes_packages_is_left_to_the_other_lane(program: Program) -> None:
    demo = ModelStore(program.home / "models").find(DEMO, AttentionImplementation.ORIGINAL)
    folder = program.home / "models" / "mine_original_packages"
    shutil.copytree(demo.parts["unet"].parent, folder)
    shutil.copytree(demo.tokenizer, folder / "tokenizer")
    shutil.copytree(demo.scheduler_config.parent, folder / "scheduler")
    options = ("--model", "mine", "--variant", "any", "--steps", "1", "--batch", "mine")
    program.call("submit", "--prompt", "the sea", "--seed", "0-4", *options)
    lacking = program.run(
        "worker", "--burst", "--lanes", f"{NE},split_einsum_v2:CPU_AND_NE", code=66
    )
    assert (
        "Images for mine, any variant, are still queued: no lane has this model's packages"
        in lacking.stderr
    )
    assert program.drawn("mine") == []
    program.run("worker", "--burst", *LANES)
    images = program.drawn("mine")
    assert_whole(program.home, images, 5)
    assert drawn_by(images) == {"mine original on CPU_AND_GPU": 5}
    # Another variant of the model changes nothing that was asked for.
    shutil.copytree(folder, program.home / "models" / "mine_split_einsum_packages")
    again = program.call("submit", "--prompt", "the sea", "--seed", "0-4", *options)
    assert "nothing new" in again.stdout


def test_a_paused_variant_leaves_open_batches_to_the_other_lane(
    program: Program, prompts: Path
) -> None:
    options = ("--variant", "split_einsum", "--compute-unit", "CPU_AND_NE", "--steps", "1")
    program.call("submit", str(prompts), *options)
    with program.ledger() as ledger:
        key = ledger.work.open_slices()[0].variant.key
    program.call("pause", "--variant-key", key)
    submit_any(program, prompts, "0-2")
    log = program.run("worker", "--burst", *LANES, code=78).stderr
    assert f"sdq resume --variant-key {key}" in log
    images = program.drawn("both")
    assert_whole(program.home, images, 12)
    assert drawn_by(images) == {LANE_OF[GPU]: 12}
    program.call("resume", "--variant-key", key)
    program.call("worker", "--burst")
    assert drawn_by(program.drawn("prompts")) == {LANE_OF[NE]: 4}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["worker", "--lanes", "original"], 2, "such as original:CPU_AND_GPU, not 'original'"),
        (["worker", "--lanes", "original:CPU"], 65, "unknown compute unit 'CPU'"),
        (["worker", "--lanes", "orignal:ALL"], 65, "did you mean original?"),
        (["worker", "--lanes", "any:ALL"], 2, "takes a variant and a compute unit"),
        (["worker", "--lanes", f"{GPU},{GPU}"], 2, f"names {GPU} twice"),
        (["submit", "--prompt", "x", "--variant", "any", "--compute-unit", "ALL"], 2, "leave"),
        (["submit", "--prompt", "x", "--variant", "any", "--model", "none"], 66, "no model 'none'"),
        (["models", "pull", "a/b", "--variant", "any"], 65, "Use one or more of original"),
    ],
)
def test_a_mistake_about_lanes_gets_one_sentence_and_its_code(
    program: Program, arguments: list[str], code: int, says: str
) -> None:
    result = program.call(*arguments, code=code)
    assert says in result.stderr
    assert "Traceback" not in result.stderr
