"""`--dynamic` and grids as their users type them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.core.commands import Commands
from tests.dynamic.folder import write

FILES = {
    "prompts.txt": "a {big|small} __colors__ house\na tent --steps 9\n",
    "wildcards/colors.txt": "red\nblue\n",
    "mine/colors.txt": "green\n",
}


class Submit:
    """Runs `sdq submit --dry-run` in this process."""

    def __init__(self, sdq: Commands) -> None:
        self._sdq = sdq

    def __call__(self, *arguments: str, code: int = 0) -> str:
        said = self._sdq("submit", *arguments, "--dry-run", code=code)
        assert not self._sdq.home.exists()
        return said.err if code else said.out

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture
def submit(sdq: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Submit:
    monkeypatch.chdir(write(tmp_path, FILES))
    return Submit(sdq)


def test_the_plan_tells_how_many_prompts_come_of_templates(submit: Submit) -> None:
    said = submit("prompts.txt", "--dynamic", "combinatorial", "-s", "0-4")
    assert "1 line with choices makes 4 prompts, such as 'a big red house'.\n" in said
    assert said.startswith("Batch prompts: 25 images to draw in 5 slices.\n")
    said = submit("prompts.txt", "--dynamic", "random", "-s", "0-99", "--wildcards", "mine")
    assert "1 line with choices makes 2 prompts, such as 'a " in said
    assert "200 images to draw" in said


def test_the_plan_tells_what_a_grid_makes(submit: Submit) -> None:
    found = submit.json(
        "prompts.txt", "--dynamic", "random", "--steps", "2,3", "--cfg-scale", "5,7.5"
    )
    assert found["images_new"] == 4 + 2
    assert (found["remarks"]["combinations"], found["remarks"]["made_prompts"]) == (4, 1)
    said = submit("--prompt", "a tent", "--scheduler", "PNDM,DDIM", "--steps", "2,3,4")
    assert "Batch prompt: 6 images to draw in 6 slices.\n" in said
    assert "\nThe command's options make 6 combinations.\n" in said


def test_without_the_option_choices_are_words_and_the_plan_says_so_once(submit: Submit) -> None:
    said = submit("prompts.txt", "--prompt", "__colors__", "--prompt", "{a|b}", "--prompt", "{c|d}")
    assert (
        "\n4 prompts have choices or wildcards that are drawn as words: prompts.txt:1 '{big|small}', "
        "--prompt 1 '__colors__', --prompt 2 '{a|b}' and 1 more. "
        "--dynamic random (or combinatorial) makes prompts of them.\n"
    ) in said
    assert said.count("drawn as words") == 1
    found = submit.json("prompts.txt", "-s", "0-9")
    assert found["images_new"] == 20
    assert found["remarks"]["undecided_prompts"] == 1
    assert found["remarks"]["undecided"] == {"prompts.txt:1": "'{big|small}'"}
    assert "drawn as words" not in submit("prompts.txt", "--literal")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--prompt", "{0|1|2|3|4|5|6|7|8|9}" * 9, "--dynamic", "combinatorial"], 65,
         "--prompt: its choices make 1,000,000,000 prompts, but --max-images is 100,000"),
        (["--prompt", "a", "--steps", "1,2", "-s", "0-99999"], 65, "more than 100,000 images up to here"),
        (["--prompt", "a", "-s", "0-99", "--max-images", "99"], 65, "more than 99 images up to here"),
        (["--prompt", "a", "--steps", "1,2", "--variant", "original,split_einsum", "--max-images", "3"], 65,
         "more than 3 images up to here; ask for fewer, or raise --max-images"),
        (["--prompt", "__none__", "--dynamic", "random"], 65, "there is no wildcard '__none__'"),
        (["--prompt", "a", "--steps", "many,3"], 65, "--steps: num_inference_steps is 'many'"),
        (["--prompt", "a", "--guidance-scale", "5,7"], 65, "--guidance-scale: '5,7' may be one number or two"),
        (["--prompt", "a", "--scheduler", "PNDM,DIM"], 65, "--scheduler: unknown scheduler 'DIM'"),
        (["--prompt", "a", "--dynamic", "random", "--wildcards", "none"], 66, "There is no wildcard folder"),
        (["--prompt", "a", "--wildcards", "mine"], 2, "--wildcards needs --dynamic"),
        (["--prompt", "a", "--dynamic", "random", "--literal"], 2, "--literal draws every line as it is"),
        (["--prompt", "a", "--dynamic", "sometimes"], 2, "'sometimes' is not one of"),
    ],
)  # fmt: skip
def test_what_cannot_be_submitted_is_told_in_a_sentence(
    submit: Submit, arguments: list[str], code: int, says: str
) -> None:
    assert says in submit(*arguments, code=code)
