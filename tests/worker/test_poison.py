"""An image that kills its engine, a model that fails every time, a picture that is none: each is contained."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.acceptance.program import Program, assert_whole
from tests.translations import with_translations

#: Read by every Python process that starts; only engines are changed, and only for prompts that ask for it.
POISON = """
import os, signal, sys, time
from pathlib import Path

if "worker.engine.main" in sys.orig_argv:
    from sdq_core.errors import BrokenImageError
    from worker.pipelines import builtin

    draw = builtin.BuiltinPipeline.draw
    load = builtin.BuiltinPipeline.load.__func__

    def noting(cls, folder, *how):
        pipeline = load(cls, folder, *how)
        pipeline.attention = str(folder.attention_implementation)
        return pipeline

    def poisoned(self, request, on_step, upcoming=None):
        if "not for split_einsum" in request.prompt:
            failed = Path(os.environ["SDQ_HOME"], "failed")
            if self.attention == "split_einsum":
                with failed.open("a") as log:
                    log.write("x")
                raise RuntimeError("the Neural Engine gave up")
            while not failed.exists() or failed.stat().st_size < 10:
                time.sleep(0.05)  # or the other engine, which began later, found nothing left
        if "kills its engine" in request.prompt:
            os.kill(os.getpid(), signal.SIGKILL)
        if "raises" in request.prompt:
            raise RuntimeError("the runtime gave up")
        once = Path(os.environ["SDQ_HOME"], "broken-once")
        if "breaks once" in request.prompt and not once.exists():
            once.touch()
            raise BrokenImageError("the U-Net gave NaN")
        return draw(self, request, on_step, upcoming)

    builtin.BuiltinPipeline.draw = poisoned
    builtin.BuiltinPipeline.load = classmethod(noting)
"""


class PoisonedProgram(Program):
    """An `sdq` whose engines fail when a prompt says so."""

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"PYTHONPATH": str(self.home.parent / "poison")}


@pytest.fixture
def program(tmp_path: Path, translations: Path) -> Iterator[Program]:
    (tmp_path / "poison").mkdir()
    (tmp_path / "poison" / "sitecustomize.py").write_text(POISON)
    program = PoisonedProgram(with_translations(tmp_path / "home", translations))
    yield program
    program.close()


def submit(program: Program, *prompts: str, options: Sequence[str] = ()) -> None:
    arguments = [word for prompt in prompts for word in ("--prompt", prompt)]
    program.call("submit", *arguments, "--batch", "b", "--steps", "1", *options)


def test_an_image_that_kills_its_engine_is_given_up_and_the_batch_goes_on(program: Program) -> None:
    submit(program, "the sea", "this kills its engine", "a tent", "a tree")
    program.call("worker", "--burst", code=3)
    assert_whole(program.home, program.drawn("b"), 3)
    status = json.loads(program.call("status", "b", "--json").stdout)
    assert status["request_counts"]["failed"] == 1
    (error,) = status["sdq"]["failed_images"]
    assert error["attempts"] == 3
    assert "SIGKILL" in error["error"]
    assert all(image.attempts == 1 for image in program.drawn("b"))
    with sqlite3.connect(program.home / "sdq.db") as ledger:
        (failed_on,) = ledger.execute(
            "SELECT engine_id FROM images WHERE status = 'failed'"
        ).fetchone()
        assert failed_on == ledger.execute("SELECT max(id) FROM engines").fetchone()[0] - 1, (
            "the row keeps the engine that failed last; another one drew what was left"
        )


def test_a_lane_that_fails_ten_times_in_a_row_is_paused_and_the_other_draws_on(
    program: Program,
) -> None:
    prompts = [f"number {number}, not for split_einsum" for number in range(3)]
    arguments = [word for prompt in prompts for word in ("--prompt", prompt)]
    options = ("--seed-range", "0-11", "--steps", "1", "--variant", "any", "--batch", "b")
    program.call("submit", *arguments, *options)
    lanes = "original:CPU_AND_GPU,split_einsum:CPU_AND_NE"
    stopped = program.run("worker", "--burst", "--max-attempts", "1", "--lanes", lanes, code=78)
    assert stopped.stderr.count("Reason: 10 images in a row failed") >= 1
    status = program.call("status", "b").stdout
    assert "paused: demo split_einsum on CPU_AND_NE: 10 images in a row failed" in status
    assert len(program.drawn("b")) == 26
    program.call("retry", "b")
    program.call("worker", "--burst", "--lanes", "original:CPU_AND_GPU")
    images = program.drawn("b")
    assert_whole(program.home, images, 36)
    assert {str(image.engine.variant) for image in images} == {"demo original on CPU_AND_GPU"}


def test_a_variant_that_fails_ten_times_in_a_row_is_paused_and_says_so(
    program: Program, tmp_path: Path
) -> None:
    prompts = [*(f"this raises, number {number}" for number in range(12)), "the sea"]
    submit(
        program, *prompts, options=("--on-done", f"cat >> {tmp_path}/told; echo >> {tmp_path}/told")
    )
    stopped = program.call("worker", "--burst", "--max-attempts", "1", code=78)
    assert stopped.stderr.count("Reason: 10 images in a row failed") == 1
    status = program.call("status", "b").stdout
    assert "the runtime gave up" in status
    hint = next(line for line in status.splitlines() if "sdq resume --variant-key" in line)
    key = hint.split()[-1]
    counts = json.loads(program.call("status", "b", "--json").stdout)["request_counts"]
    assert counts == {"total": 13, "completed": 0, "failed": 10}
    program.call("worker", "--burst")  # leaves it alone
    # the three that nobody tried, and the one in which the pause began
    assert "4 slices queued" in program.call("resume", "--variant-key", key).stdout
    program.call("worker", "--burst", "--max-attempts", "1", code=3)
    assert_whole(program.home, program.drawn("b"), 1)
    paused, ended = map(json.loads, (tmp_path / "told").read_text().splitlines())
    assert (paused["event"], paused["paused"][0]["key"]) == ("paused", key)
    assert paused["request_counts"] == counts
    assert "the runtime gave up" in paused["failures"][0]["error"]
    assert (ended["event"], ended["exit_code"], ended["paused"]) == ("completed", 3, [])


def test_a_broken_picture_is_tried_again_on_a_fresh_engine(program: Program) -> None:
    submit(program, "the sea", "this breaks once", "a tent")
    program.call("worker", "--burst")
    images = program.drawn("b")
    assert_whole(program.home, images, 3)
    attempts = {image.recipe.prompt: image.attempts for image in images}
    assert attempts == {"the sea": 1, "this breaks once": 2, "a tent": 1}
    engines = {image.engine.pid for image in images}
    assert len(engines) == 2
