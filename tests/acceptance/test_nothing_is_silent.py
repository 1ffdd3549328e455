"""What a submission skips, merges, cuts or finds there already is counted, for people and for programs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.acceptance.program import SDQ, Program

LONG = ", ".join(["a red house by the sea"] * 20)


def test_the_plan_counts_comments_repetitions_and_cut_prompts(
    program: Program, tmp_path: Path
) -> None:
    path = tmp_path / "p.txt"
    path.write_text(f"# colours\n#ff8800 sky\na tent\na tent\n{LONG}\na (kite:1.3)\n")
    said = program.call("submit", str(path), "--dry-run").stdout
    assert "2 comment lines skipped; with --literal a # is text." in said
    assert "1 image is asked for more than once, and drawn once." in said
    assert "1 prompt is longer than 77 tokens" in said
    assert f"{path}:5 after '..." in said
    assert f"{path}:6: the weight '(kite:1.3)' is drawn as words" in said
    counted = json.loads(program.call("submit", str(path), "--dry-run", "--json").stdout)["remarks"]
    assert (counted["comment_lines"], counted["repeated_images"], counted["cut_prompts"]) == (
        2,
        1,
        1,
    )
    assert list(counted["cut"]) == [f"{path}:5"]
    assert len(counted["hints"]) == 1


def test_run_and_status_say_which_prompts_were_cut(program: Program) -> None:
    ran = program.call("run", "--prompt", "a tent", "--prompt", LONG, "--steps", "1")
    assert "Prompt 2 is longer than 77 tokens: the model did not see its end." in ran.stderr
    assert "Prompt 2 is longer than 77 tokens" in program.call("status", "prompt").stdout
    status = json.loads(program.call("status", "prompt", "--json").stdout)
    assert status["sdq"]["cut_prompts"] == [2]
    short = program.call(
        "run", "--prompt", "a tent", "--steps", "1", "--seed", "1", "--batch", "Short"
    )
    assert "77 tokens" not in short.stderr
    images, _, folder = short.stdout.rstrip(".\n").partition(" in ")
    assert (images, len(list(Path(folder).rglob("*.png")))) == ("1 image", 1)


def test_nothing_new_says_how_to_get_another_image(program: Program) -> None:
    for _ in range(2):
        said = program.call("submit", "--prompt", "a tent").stdout
    assert said == (
        "Batch prompt: nothing new; the image was submitted before. "
        "Without a seed it is 0: for other images, add --seed 1 or --random-seeds 1.\n"
    )
    assert "--random-seeds 1" in program.call("submit", "--prompt", "a tent", "--dry-run").stdout
    for _ in range(2):
        said = program.call("submit", "--prompt", "a tent", "--seed", "0").stdout
    assert "nothing new" in said


def test_a_random_seed_is_drawn_and_recorded(program: Program) -> None:
    for dash in ("-", "\u2212"):
        said = program.call("submit", "--prompt", "a tent", "--seed", f"{dash}1").stdout
        assert "1 image to draw" in said
    with program.ledger() as ledger:
        status = ledger.batches.find("prompt")
        assert status is not None
        assert status.total == 2


def test_no_standard_input_is_needed_for_a_file(program: Program, prompts: Path) -> None:
    # As some launchers start programs: with file descriptor 0 closed.
    command = f"'{SDQ}' submit '{prompts}' --dry-run <&- && '{SDQ}' submit - <&-"
    ended = subprocess.run(
        ["/bin/sh", "-c", command],
        env=program.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "4 images to draw" in ended.stdout
    assert "There is no standard input" in ended.stderr
    assert ended.returncode == 66
