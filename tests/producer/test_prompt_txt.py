"""Text files: comments, the two option dialects, and what is never silently text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer import PromptLine, read_prompts
from producer.reading.txt import split_options
from sdq_core.errors import InputError, PromptFileError
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler


def read(tmp_path: Path, text: str, **options: bool) -> list[PromptLine]:
    path = tmp_path / "prompts.txt"
    path.write_text(text, encoding="utf-8")
    return read_prompts([path], **options)  # type: ignore[arg-type]


def problems(tmp_path: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(PromptFileError) as caught:
        read(tmp_path, text)
    return tuple(problem.replace(f"{tmp_path}/", "") for problem in caught.value.problems)


def test_each_line_is_a_prompt_but_not_comments_and_blanks(tmp_path: Path) -> None:
    lines = read(tmp_path, "# colours\na red house\n\n   \n\\#1 winner\n  a blue tent  \n")
    assert [line.prompt for line in lines] == ["a red house", "#1 winner", "a blue tent"]
    assert [line.source.rsplit(":", 1)[1] for line in lines] == ["2", "5", "6"]
    assert lines[0].seeds is None
    assert lines[0].negative_prompt is None


def test_windows_files_with_a_bom_are_read(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes("\ufeffa café\r\nein Haus\r\n".encode())
    assert [line.prompt for line in read_prompts([path])] == ["a café", "ein Haus"]


def test_automatic1111_lines(tmp_path: Path) -> None:
    (line,) = read(
        tmp_path,
        '--prompt "a \\"red\\" house, by night" --negative_prompt "fog --seed 3" --seed 7 --steps 30'
        ' --cfg_scale 8.5 --width 512 --height 640 --sampler_name "DPM++ 2M" --n_iter 3 --sd_model tiny\n',
    )
    assert line.prompt == 'a "red" house, by night'
    assert line.negative_prompt == "fog --seed 3"
    assert list(line.seeds or ()) == [7, 8, 9]
    assert (line.num_inference_steps, line.guidance_scale) == (30, 8.5)
    assert (line.width, line.height) == (512, 640)
    assert line.scheduler is Scheduler.DPM_SOLVER_MULTISTEP
    assert line.model == "tiny"


def test_sdq_and_kohya_options(tmp_path: Path) -> None:
    one, two, three = read(
        tmp_path,
        "it's a dog's life --n ugly, low --w 512 --h 640 --s 9 --d 4 --l 3.5\n"
        "a cat --seed-range 0-99(+10) --variant original,split-einsum --compute-unit cpuAndNeuralEngine"
        " --scheduler=eulerancestraldiscrete\n"
        "a cow --negative-prompt 'it''s --bad' --seed -1 --n_iter 4 --custom-id c7 --tags a,b\n".replace(
            "''", ""
        ),
    )
    assert one.prompt == "it's a dog's life"
    assert one.negative_prompt == "ugly, low"
    assert (one.width, one.height, one.num_inference_steps) == (512, 640, 9)
    assert (list(one.seeds or ()), one.guidance_scale) == ([4], 3.5)
    assert two.seeds == range(0, 100, 10)
    assert two.variants == (AttentionImplementation.ORIGINAL, AttentionImplementation.SPLIT_EINSUM)
    assert two.compute_unit is ComputeUnit.CPU_AND_NE
    assert two.scheduler is Scheduler.EULER_ANCESTRAL_DISCRETE
    assert three.negative_prompt == "its --bad"
    assert (three.seeds, three.random_seeds, three.image_count) == (None, 4, None)
    assert (three.custom_id, three.tags) == ("c7", ("a", "b"))


def test_dashes_inside_text_stay_text(tmp_path: Path) -> None:
    lines = read(tmp_path, "the sea--calm\nthe sea -- calm\na --- b\n--5 degrees\n")
    assert [line.prompt for line in lines] == [
        "the sea--calm",
        "the sea -- calm",
        "a --- b",
        "--5 degrees",
    ]


def test_literal_keeps_other_tools_options(tmp_path: Path) -> None:
    lines = read(tmp_path, "a cat --ar 16:9\n#1 of them\n", literal=True)
    assert [line.prompt for line in lines] == ["a cat --ar 16:9", "#1 of them"]


def test_an_empty_negative_prompt_can_be_asked_for(tmp_path: Path) -> None:
    assert [line.negative_prompt for line in read(tmp_path, 'a --n ""\nb --n\n')] == ["", ""]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a cat --ar 16:9", "unknown option '--ar'"),
        ("a cat --ar 16:9", "--literal"),
        ("a cat --step 3", "did you mean steps?"),
        ("a cat --seed", "--seed has no value"),
        ("a cat --seed --steps 3", "--seed has no value"),
        ("a cat --seed 1 --d 2", "--d is given twice"),
        ("a cat --prompt b", "the prompt is given twice"),
        ("--seed 4", "the prompt is missing"),
        ('--prompt ""', "--prompt has no value"),
        ('--prompt "a cat', "quote after --prompt is not closed"),
        ('--prompt "a" cat', "unexpected 'cat' after the value of --prompt"),
        ("a --seed x", "seeds 'x' cannot be read"),
        ("a --seed 4294967296", "more than 4294967295"),
        ("a --seed -2", "not between 0 and 4294967295"),
        ("a --seed 4294967295 --n_iter 2", "not between 0 and"),
        ("a --seed 1-3 --n_iter 2", "cannot be combined"),
        ("a --seed 1 --random-seeds 2", "cannot be combined"),
        ("a --n_iter 0", "n_iter is 0"),
        ("a --steps 0", "use 1 to 1000"),
        ("a --steps 2.5", "not a whole number"),
        ("a --steps ten", "not a number"),
        ("a --cfg_scale nan", "not a number"),
        ("a --cfg_scale 1e9", "use 0 to 100"),
        ("a --scheduler DPMsolver", "did you mean DPMSolverMultistep?"),
        ("a --scheduler zzzz", "use one of DDIM, DPMSolverMultistep"),
        ("a --variant orignal", "did you mean original?"),
        ("a --compute-unit CPU_GPU", "did you mean CPU_AND_GPU?"),
        ("a --width 0", "width is 0 pixels"),
        ("a \x00 b", "character U+0000 at position 3"),
        ("a \x1b[31m b", "character U+001B"),
        ("a --meta x", "meta must be an object"),
        ("x" * 30_000, "30,000 characters"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    (problem,) = problems(tmp_path, f"fine\n{text}\n")
    assert problem.startswith("prompts.txt:2: ")
    assert says in problem
    assert len(problem) < 400


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, "a --steps 0 --seed x\nfine\nb --foo 1\n")
    assert [problem.split(" ", 1)[0] for problem in found] == [
        "prompts.txt:1:",
        "prompts.txt:1:",
        "prompts.txt:3:",
    ]


@settings(deadline=None)
@given(st.text(alphabet="a-'\" =\\#5sn", max_size=40))
def test_any_line_is_split_or_refused(line: str) -> None:
    try:
        values = split_options(line.strip())
    except InputError:
        return
    assert all(isinstance(value, str) for value in values.values())
