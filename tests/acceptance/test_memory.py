"""What the models in a worker's memory may take together."""

from __future__ import annotations

from tests.acceptance.program import Program, assert_whole


def test_models_that_do_not_fit_together_are_in_memory_one_after_the_other(
    program: Program,
) -> None:
    program.call(
        "submit", "--prompt", "the sea", "--seed-range", "0-1", "--steps", "1",
        "--variant", "original,split_einsum", "--batch", "sea",
    )  # fmt: skip
    said = program.run("worker", "--burst", SDQ_MAX_MEMORY="1M").stderr
    assert_whole(program.home, program.drawn("sea"), 4)
    assert said.count("left memory (0.") == 1
    # Each is too large alone, too, and draws all the same, part by part.
    assert said.count("each is loaded when it is needed") == 2
    assert said.count("is in memory after") == 2
