"""Options with several values: every combination, in every format and on the command line, counted beforehand."""

from __future__ import annotations

import io
import time
from dataclasses import replace

import pytest

from producer import Defaults, PromptFormat, PromptLine, Remarks, read_prompts
from producer.planning.cap import MAX_IMAGES
from producer.planning.grid import Grid, parse_values
from producer.planning.line_seeds import settled
from sdq_core.errors import InputError, PromptFileError
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler

PNDM, DDIM = Scheduler.PNDM, Scheduler.DDIM
DEFAULTS = Defaults(
    model="demo", variants=(AttentionImplementation.ORIGINAL,), compute_unit=ComputeUnit.ALL
)


def read(content: str, format: PromptFormat = PromptFormat.TXT) -> tuple[list[PromptLine], Remarks]:
    remarks = Remarks()
    stdin = io.BytesIO(content.encode())
    return read_prompts(["-"], format=format, stdin=stdin, remarks=remarks), remarks


def refused(content: str, format: PromptFormat = PromptFormat.TXT) -> str:
    with pytest.raises(PromptFileError) as caught:
        read(content, format)
    return str(caught.value)


@pytest.mark.parametrize(
    ("format", "content"),
    [
        (PromptFormat.TXT, "a house --steps 20,30 --cfg_scale 5, 7.5 --scheduler PNDM,DDIM --d 1-3"),
        (PromptFormat.TXT, '--prompt "a house" --steps "20, 30" --l [5,7.5] --sampler_name PNDM,DDIM --seed 1-3'),
        (PromptFormat.CSV, 'prompt,steps,guidance,scheduler,seed\na house,"20,30","5,7.5","PNDM, DDIM",1-3'),
        (PromptFormat.CSV, "prompt;steps;guidance;scheduler;seed\na house;20,30;5.0,7.5;PNDM,DDIM;1-3"),
        (PromptFormat.TSV, "prompt\tsteps\tguidance\tscheduler\tseed\na house\t20,30\t[5,7.5]\tPNDM,DDIM\t1-3"),
        (PromptFormat.JSONL, '{"prompt": "a house", "steps": [20, 30], "guidance_scale": [5, 7.5], '
                             '"scheduler": ["PNDM", "DDIM"], "seed": [1, 2, 3]}'),
        (PromptFormat.JSON, '[{"prompt": "a house", "steps": "20,30", "guidance_scale": "5,7.5", '
                            '"scheduler": "PNDM,DDIM", "seed": "1-3"}]'),
        (PromptFormat.YAML, "- prompt: a house\n  steps: [20, 30]\n  guidance_scale: [5, 7.5]\n"
                            "  scheduler:\n  - PNDM\n  - DDIM\n  seed: 1-3\n"),
        (PromptFormat.TOML, '[[prompts]]\nprompt = "a house"\nsteps = [20, 30]\nguidance_scale = [5, 7.5]\n'
                            'scheduler = ["PNDM", "DDIM"]\nseed = [1, 2, 3]\n'),
    ],
)  # fmt: skip
def test_a_line_with_lists_is_every_combination_in_every_format(
    format: PromptFormat, content: str
) -> None:
    lines, remarks = read(content, format)
    assert [(one.num_inference_steps, one.guidance_scale, one.scheduler) for one in lines] == [
        (steps, scale, scheduler)
        for steps in (20, 30)
        for scale in (5, 7.5)
        for scheduler in (PNDM, DDIM)
    ]
    assert {(one.prompt, tuple(one.seeds or ())) for one in lines} == {("a house", (1, 2, 3))}
    assert remarks.describe() == ["1 line with lists makes 8 combinations."]


@pytest.mark.parametrize(("written", "scale"), [("7,5", 7.5), ("7,50", 7.5), ("５,５", 5.5)])
@pytest.mark.parametrize("format", [PromptFormat.TXT, PromptFormat.TSV])
def test_a_lone_decimal_comma_stays_one_number(
    format: PromptFormat, written: str, scale: float
) -> None:
    is_txt = format is PromptFormat.TXT
    content = f"a --cfg_scale {written}" if is_txt else f"prompt\tcfg_scale\na\t{written}"
    (one,), _ = read(content, format)
    assert one.guidance_scale == scale


def test_texts_are_lists_only_where_a_format_has_lists() -> None:
    (one,), _ = read("fog, rain, snow --n blurry, dark")
    assert (one.prompt, one.negative_prompt) == ("fog, rain, snow", "blurry, dark")
    lines, _ = read(
        '{"prompt": ["a", "b"], "negative_prompt": ["", "fog, rain"], "tags": ["x", "y"]}',
        PromptFormat.JSONL,
    )
    assert [(one.prompt, one.negative_prompt) for one in lines] == [
        ("a", ""), ("a", "fog, rain"), ("b", ""), ("b", "fog, rain")
    ]  # fmt: skip
    assert {one.tags for one in lines} == {("x", "y")}


def test_combinations_of_a_line_share_its_custom_id() -> None:
    lines, _ = read('{"prompt": "a", "steps": [2, 3], "custom_id": "x"}', PromptFormat.JSONL)
    assert [one.custom_id for one in lines] == ["x", "x"]
    twice = '{"prompt": "a", "steps": [2, 3], "custom_id": "x"}\n' * 2
    assert "already used by stdin:1" in refused(twice, PromptFormat.JSONL)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a --steps 20,x", "stdin:1: num_inference_steps is 'x', which is not a number"),
        ("a --steps 20,", "stdin:1: num_inference_steps is '', which is not a number"),
        ("a --steps 20,3000 --scheduler PNDM,DDIM", "stdin:1: num_inference_steps is 3000"),
        ("a --scheduler PNDM,dim", "stdin:1: unknown scheduler 'dim'; did you mean DDIM?"),
        ("a --steps " + ",".join(["20"] * 50_000) + " --l " + ",".join(["5"] * 20_000),
         "stdin:1: the lists make a grid of 1,000,000,000 combinations; the limit is 100,000"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_grid_is_told_once_with_its_line(content: str, says: str) -> None:
    started = time.process_time()
    said = refused(content)
    assert says in said
    assert said.count("stdin:1: ") == 1
    assert time.process_time() - started < 10


def test_all_combinations_of_a_line_have_the_same_random_seeds() -> None:
    lines, _ = read("a --steps 2,3 --seed -1\nb --steps 2,3\nc --seed 7\n")
    a, a_too, b, b_too, c = settled(lines, replace(DEFAULTS, random_seeds=4))
    assert (a.seeds, b.seeds) == (a_too.seeds, b_too.seeds)
    assert (len(a.seeds or ()), len(b.seeds or ())) == (1, 4)
    assert c.seeds == range(7, 8)
    assert {one.random_seeds for one in (a, b, c)} == {None}


def test_an_empty_list_is_refused() -> None:
    assert "steps lists no value" in refused('{"prompt": "a", "steps": []}', PromptFormat.JSONL)


def test_values_of_the_command_line_are_each_checked() -> None:
    assert parse_values("num_inference_steps", "20, 30,20") == (20, 30)
    assert parse_values("guidance_scale", "5,7.5") == (5, 7.5)
    assert parse_values("guidance_scale", "7.5") == (7.5,)
    assert parse_values("scheduler", "pndm,DDIM") == (PNDM, DDIM)
    with pytest.raises(
        InputError, match=r"'5,7' may be one number or two; write 5\.7 or 5\.0,7\.0"
    ):
        parse_values("guidance_scale", "5,7")
    with pytest.raises(InputError, match="num_inference_steps is 0"):
        parse_values("num_inference_steps", "20,0")


def test_a_grid_of_the_command_is_for_lines_that_say_nothing_else() -> None:
    grid = Grid({"num_inference_steps": (20, 30), "scheduler": (PNDM,), "guidance_scale": (5, 7)})
    lines, _ = read("a\nb --steps 9\nc --steps 9 --l 1\n")
    found = grid.lines(lines, DEFAULTS, MAX_IMAGES)
    assert [(one.prompt, one.num_inference_steps, one.guidance_scale) for one in found] == [
        ("a", 20, 5), ("a", 20, 7), ("a", 30, 5), ("a", 30, 7), ("b", 9, 5), ("b", 9, 7), ("c", 9, 1)
    ]  # fmt: skip
    assert grid.combinations == 4
    assert grid.to_dict() == {"num_inference_steps": [20, 30], "guidance_scale": [5, 7]}


def test_a_grid_of_the_command_is_counted_before_it_is_made() -> None:
    with pytest.raises(InputError, match="a grid of 1,000,000 combinations"):
        Grid({"num_inference_steps": range(1, 1001), "guidance_scale": range(1000)})
    grid = Grid({"num_inference_steps": range(1, 1001), "guidance_scale": range(50)})
    lines, _ = read("a\nb\nc --seed 0-9999 --steps 5\n")
    with pytest.raises(PromptFileError, match="stdin:3: more than 100,000 images up to here"):
        grid.lines(lines, DEFAULTS, 100_000)
