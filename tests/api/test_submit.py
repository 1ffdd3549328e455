"""`Queue.submit`: what Python gives becomes the plan that `sdq submit` makes, and errors say it in Python's words."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from producer.reading.objects import read_objects
from sdq import Queue
from sdq.cli.submit import command
from sdq.queue.arguments import renamed
from sdq.submitting.options import SubmitOptions
from sdq_core.errors import InputError, InputMissingError, PromptFileError, UsageError
from tests.api.drawing import draw
from tests.core.commands import Commands


def test_python_and_the_command_line_submit_the_same(
    queue: Queue,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sdq = Commands(queue.home, monkeypatch, capsys)
    file = tmp_path / "prompts.txt"
    file.write_text("a red house\nthe sea at night --steps 7\n")
    sdq("submit", str(file), "--seed-range", "0-3", "--steps", "5,6", "--redis-url", redis_url)
    again = queue.submit(file, seeds=range(4), steps=[5, 6])
    assert (again.name, again.images_new, again.images_known) == ("prompts", 0, 12)
    by_hand = queue.submit(["a red house", {"prompt": "the sea at night", "steps": 7}], seeds="0-3")
    assert (by_hand.name, by_hand.images_new) == ("prompt", 8)
    sdq("submit", "--prompt", "a boat", "--redis-url", redis_url)
    assert queue.submit("a boat").images_known == 1
    assert [batch.name for batch in queue.batches()] == ["prompt", "prompts"]
    assert "all 12 images were submitted before" in str(again)


def test_details_are_what_the_command_line_prints(
    queue: Queue,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sdq = Commands(queue.home, monkeypatch, capsys)

    def printed(*more: str) -> Any:
        return sdq(
            "submit",
            "--prompt",
            "a boat",
            "--seed",
            "0-30",
            "--json",
            "--redis-url",
            redis_url,
            *more,
        ).json

    for arguments, dry_run in ((("--dry-run",), True), ((), False)):
        details = dict(queue.submit("a boat", seeds="0-30", dry_run=dry_run).details)
        assert details.keys() == printed(*arguments).keys()
    assert (details["id"], details["name"], details["slices"]) == ("batch_1", "prompt", 2)


def test_a_dry_run_says_what_would_be_and_leaves_nothing(queue: Queue) -> None:
    tried = queue.submit(["a boat", "a boat"], random_seeds=3, batch="b", dry_run=True)
    assert (tried.name, tried.images_new, tried.expected_s) == ("b", 6, None)
    assert tried.needed_bytes > 0
    assert tried.details["priority"] == "normal"
    assert str(tried).endswith("Nothing was stored or queued.")
    with pytest.raises(UsageError, match="A dry run makes no batch"):
        _ = tried.batch
    assert queue.batches() == []
    with pytest.raises(InputMissingError, match=r"There is no batch 'b'\. The newest: none yet."):
        queue.batch("b")
    assert not queue.home.exists()


def test_fields_of_all_prompts_go_with_each_and_its_own_go_before(queue: Queue) -> None:
    prompts = [{"prompt": "a", "meta": {"n": 1}, "tags": ("x", "y")}, {"prompt": "b"}]
    batch = queue.submit(prompts, meta={"n": 0, "by": "me"}).batch
    draw(queue)
    records = [image.record for image in batch.images()]
    assert [record["meta"] for record in records] == [{"n": 1, "by": "me"}, {"n": 0, "by": "me"}]
    assert records[0]["tags"] == ["x", "y"]


def test_remarks_are_in_pythons_words(queue: Queue) -> None:
    tried = queue.submit("a {red|blue} boat", dry_run=True)
    (said,) = tried.remarks
    assert "dynamic random" in said
    assert "--" not in said


PROMPTS = str(Path(__file__).parents[2] / "examples" / "prompts.txt")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"prompts": []}, "There are no prompts: the list is empty."),
        ({"prompts": 7}, "prompts is of the type int"),
        ({"prompts": SimpleNamespace(columns=["prompt"])}, "prompts is a data frame; use its rows"),
        ({"prompts": "a", "seeds": range(3), "random_seeds": 2}, "Use seeds or random_seeds"),
        ({"prompts": "a", "seeds": "3-1"}, "seeds: seeds '3-1' run backwards"),
        ({"prompts": "a", "seeds": [1, 2.5]}, "seeds has 2.5, which is not a whole number"),
        ({"prompts": "a", "seeds": range(10**9)}, "at most 1,000,000"),
        ({"prompts": "a", "seeds": []}, "seeds: there is none"),
        ({"prompts": "a", "steps": 5, "num_inference_steps": 6}, "Leave one out"),
        ({"prompts": "a", "steps": 0}, "steps: num_inference_steps is 0"),
        ({"prompts": "a", "steps": []}, "steps lists no value"),
        ({"prompts": "a", "init_image": []}, "init_image lists nothing"),
        ({"prompts": "a", "guidance_scale": object()}, "guidance_scale has <object"),
        ({"prompts": "a", "priority": "urgent"}, "use high, normal or low"),
        ({"prompts": "a", "quality": 101}, "quality is 101; use 1 to 100."),
        ({"prompts": "a", "quality": 50}, "quality is for jpg, webp and avif"),
        ({"prompts": "a", "wildcards": "w"}, "wildcards needs dynamic."),
        ({"prompts": "a", "meta": {"at": object()}}, "meta: there is a value of the type 'object'"),
        ({"prompts": "a", "meta": 3}, "meta is 3, which is not a dictionary."),
        ({"prompts": "a", "batch": 3}, "batch is 3, which is not text."),
        ({"prompts": "a", "model": 3}, "model is 3, which is not text."),
        ({"prompts": "a", "batch": ""}, "the batch name is empty; leave batch out"),
        ({"prompts": "a", "negative_prompt": 3}, "negative_prompt is 3, which is not text."),
        ({"prompts": "a", "model": "none"}, "name a folder with .mlpackage files with model."),
        ({"prompts": ["a", Path("b.txt")]}, "files beside other prompts"),
        ({"prompts": PROMPTS}, f"use Path({PROMPTS!r})"),
    ],
)
def test_what_an_argument_cannot_be_is_said_with_its_name(
    queue: Queue, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises((UsageError, InputError, InputMissingError)) as refused:
        queue.submit(**arguments)
    assert said in str(refused.value)
    assert not queue.home.exists()


def test_all_prompts_that_cannot_be_used_are_named_at_once(queue: Queue) -> None:
    prompts = ["", {"prompt": "a", "stepz": 3}, {"prompt": "b --steps 3"}, {"prompt": "c"}]
    with pytest.raises(PromptFileError) as refused:
        queue.submit(prompts)
    empty, unknown, inside = refused.value.problems
    assert empty == "prompts[0]: the prompt is empty"
    assert unknown.startswith("prompts[1]: unknown key 'stepz'")
    assert inside.startswith("prompts[2]: '--steps 3' stands inside a text")
    assert inside.endswith("or use literal to draw it as words")
    with pytest.raises(InputMissingError, match=r"The prompt file nowhere\.txt does not exist"):
        queue.submit(Path("nowhere.txt"))


def test_what_data_frames_and_arrays_have_is_understood() -> None:
    import numpy as np

    rows = [
        {"prompt": "a", "seed": np.int64(7), "guidance_scale": np.float32(2.5), "steps": float("nan")},
        {"prompt": "b", "seed": range(3), "tags": np.array(["x"]), "meta": {"score": np.float64(1)}},
        {"prompt": "c", "seed": (5, 6)},
    ]  # fmt: skip
    problems: list[str] = []
    a, b, c = read_objects(rows, problems=problems)
    assert problems == []
    assert (a.seeds, a.guidance_scale, a.num_inference_steps) == (range(7, 8), 2.5, None)
    assert (b.seeds, b.tags, b.meta) == (range(3), ("x",), {"score": 1.0})
    assert c.seeds is not None
    assert list(c.seeds) == [5, 6]
    nested: list[object] = []
    nested.append(nested)
    for wrong in (
        {"prompt": "a", "meta": {1: 2}},
        {"prompt": "a", "meta": {"x": float("inf")}},
        {"prompt": "a", "meta": {"x": {1, 2}}},
        {"prompt": "a", "meta": {"x": nested}},
        7,
    ):
        assert list(read_objects([wrong], problems=problems)) == []
    assert len(problems) == 5


def test_a_list_in_which_everything_is_wrong_is_not_read_to_its_end() -> None:
    def endless() -> Any:
        while True:
            yield ""

    with pytest.raises(PromptFileError):
        list(read_objects(endless(), problems=[]))


def test_every_option_of_the_command_line_is_an_argument() -> None:
    options = {option.name for option in command.params} & set(SubmitOptions.__dataclass_fields__)
    named = {
        "files": "prompts", "prompt_format": "format", "init_images": "init_image",
        "controlnets": "controlnet",
    }  # fmt: skip
    arguments = set(inspect.signature(Queue.submit).parameters)
    assert len(options) > 20
    assert {named.get(name, name) for name in options} <= arguments


def test_only_options_of_a_submission_are_renamed() -> None:
    assert renamed("Add --seed-range, or --yes.") == "Add seeds, or --yes."
    assert renamed("--image-format: --format --no-such") == "image_format: format --no-such"
