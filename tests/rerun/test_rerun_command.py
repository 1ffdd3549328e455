"""`sdq rerun`: what is given, what is asked for then, and what is said of what is lost."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import features

from db.ledger import Ledger
from producer import PromptLine
from producer.other_seeds import other_seeds
from sdq.cli.rerun_request import RerunRequest, read_rerun
from sdq.cli.submit_options import SubmitOptions
from sdq_core.errors import InputError, PackageError, PromptFileError, UsageError
from sdq_core.images.encode import encode_image
from sdq_core.images.metadata import ImageMetadata
from sdq_core.settings import read_settings
from sdq_core.values.image_files import ImageFormat
from sdq_core.values.recipes import Recipe
from sdq_core.values.rng import Rng
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from tests.core.commands import Commands
from tests.core.small_ledger import finish, small_plan
from tests.images.image_factory import picture
from tests.rerun import foreign_files as files

HERE = Path()


def read(
    sdq: Commands, *what: str, ledger: Ledger | None = None, changes: Sequence[str] = (), seeds: str = "same",
    skip: bool = False, options: SubmitOptions | None = None, stdin: str = "",
) -> RerunRequest:  # fmt: skip
    return read_rerun(
        what,
        options or SubmitOptions(),
        read_settings(options={"home": str(sdq.home)}),
        ledger,
        changes=changes,
        seeds=seeds,
        skip_broken=skip,
        stdin=io.BytesIO(stdin.encode()),
    )


def own_recipe(prompt: str = "a red house", *, model: str = "demo") -> Recipe:
    (entry,) = small_plan(prompt, images=1, steps=3).entries
    variant = replace(
        entry.recipe.variant,
        model=model,
        attention_implementation=AttentionImplementation.ORIGINAL,
        compute_unit=ComputeUnit.CPU_ONLY,
    )  # type: ignore[call-arg]
    return replace(entry.recipe, variant=variant, negative_prompt="fog", scheduler=Scheduler.DDIM)


def own_file(name: str, recipe: Recipe, seed: int) -> Path:
    path = HERE / name
    about = ImageMetadata(recipe=recipe, seed=seed, version="0")
    path.write_bytes(encode_image(picture(), about, ImageFormat(path.suffix[1:])))
    return path


def test_an_image_of_sdq_is_asked_for_exactly(sdq: Commands) -> None:
    kinds = [kind for kind in ImageFormat if kind in {"png", "jpg"} or features.check(str(kind))]
    names = [f"{kind}.{kind}" for kind in kinds]
    for seed, name in enumerate(names):
        own_file(name, own_recipe(), 9 - seed)
    (line,) = read(sdq, *names).request.lines
    seeds = tuple(range(9, 9 - len(kinds), -1))
    assert line == PromptLine(
        prompt="a red house", negative_prompt="fog", source="png.png", seeds=seeds, num_inference_steps=3,
        guidance_scale=7.5, scheduler=Scheduler.DDIM, variants=(AttentionImplementation.ORIGINAL,),
        compute_unit=ComputeUnit.CPU_ONLY, model="demo", rng=Rng.NUMPY, weighted=False,
        controlnets=(),
    )  # fmt: skip
    said = sdq("rerun", "png.png", "--dry-run")
    assert said.out.startswith(
        "Read 1 image of sdq.\nBatch png-rerun: 1 image to draw in 1 slice.\n"
    )
    assert not sdq.home.exists()


def test_settings_and_seeds_are_changed(sdq: Commands) -> None:
    own_file("a.png", own_recipe(), 5)
    (line,) = read(sdq, "a.png", changes=["steps=40", "variant=any"], seeds="0-3").request.lines
    assert (line.num_inference_steps, line.compute_unit, line.seeds) == (40, None, range(4))
    assert str((line.variants or ())[0]) == "any"
    for changes, says in ((["seed=3"], "Use --seeds"), (["steps"], "NAME=VALUE")):
        with pytest.raises(UsageError, match=says):
            read(sdq, "a.png", changes=changes)
    with pytest.raises(InputError, match=r"^--set: num_inference_steps is 0; use 1"):
        read(sdq, "a.png", changes=["steps=0"])
    with pytest.raises(InputError, match=r"^--seeds: "):
        read(sdq, "a.png", seeds="+x")


@pytest.mark.parametrize(
    ("own", "written", "expected"),
    [
        ([5], "same", [5]),
        ([5], "+3", [6, 7, 8]),
        (range(10), "+2", [10, 11]),
        ([5, 50], "+2", [6, 7, 51, 52]),
        ([5, 7], "+3", [6, 8, 9, 10]),
        ([2**32 - 2], "+1000000", [2**32 - 1]),
        ([5], "0-2,9", [0, 1, 2, 9]),
    ],
)
def test_seeds_that_follow_or_others(own: Sequence[int], written: str, expected: list[int]) -> None:
    line = other_seeds(written)(PromptLine(prompt="x", source="s", seeds=own))
    assert list(line.seeds or ()) == expected


def test_seeds_that_cannot_follow() -> None:
    for written in ("+0", "+", "+1.5", "+10000000", "next"):
        with pytest.raises(InputError):
            other_seeds(written)
    for seeds in (None, [2**32 - 1], range(1000)):
        with pytest.raises(InputError):
            other_seeds("+1001")(PromptLine(prompt="x", source="s", seeds=seeds))
    assert other_seeds("-1")(PromptLine(prompt="x", source="s", seeds=[3])).random_seeds == 1


def test_what_other_tools_drew_is_translated(sdq: Commands) -> None:
    files.png(HERE / "a.png", parameters=files.INFOTEXT)
    files.png(HERE / "c.png", prompt=json.dumps(files.COMFY_PROMPT))
    found = read(sdq, "a.png", "c.png")
    first, second = found.request.lines
    assert (first.prompt, first.negative_prompt) == (
        "a red lighthouse, (stormy sea:1.2)",
        "fog, rain",
    )
    assert (first.seeds, first.num_inference_steps, first.guidance_scale) == (
        range(3141592653, 3141592654),
        28,
        6.0,
    )
    assert (first.scheduler, first.model, first.variants) == (
        Scheduler.DPM_SOLVER_MULTISTEP,
        "demo",
        None,
    )
    assert first.meta == {"rerun": {"file": "a.png", "tool": "AUTOMATIC1111"}}
    assert second.seeds == range(1)  # of 2**50, the last 32 bits
    assert second.meta["rerun"]["seed"] == 2**50
    assert found.differences.describe() == [
        "2 images of a model that is not here, drawn with demo, such as a.png (realisticVision).",
        "2 images with another noise schedule, drawn with sdq's own, such as a.png (Karras).",
        "2 images of another size, drawn with 128x128, such as a.png (832x1216).",
        "2 images with extra networks (LoRA and the like), drawn without, such as a.png (<lora:detail:0.8>).",
        "2 images with a second pass (hires fix, upscaling, refiner), drawn without, such as a.png "
        "(Hires upscale: 1.5).",
        "1 image with clip skip, drawn without: a.png (2).",
        "1 image with another tool's syntax in the prompt: a.png (the weight '(stormy sea:1.2)' is drawn as words).",
        "1 image with noise of an unknown source, drawn with that of NVIDIA's GPUs: a.png (AUTOMATIC1111).",
    ]


def test_a_model_is_known_by_a_foreign_name_unless_one_is_named(sdq: Commands) -> None:
    demo = Path(__file__).parents[2] / "sdq_core" / "demo_model"
    (sdq.home / "models").mkdir(parents=True)
    (sdq.home / "models" / "Realistic-Vision").symlink_to(demo)
    files.png(HERE / "a.png", parameters=files.INFOTEXT)
    sampler = files.PLAIN_INFOTEXT.replace("Euler a", "UniPC").replace(
        "CFG scale: 5", "CFG scale: 1"
    )
    files.png(HERE / "b.png", parameters=sampler)
    found = read(sdq, "a.png", "b.png")
    assert [line.model for line in found.request.lines] == ["Realistic-Vision", "demo"]
    said = "\n".join(found.differences.describe())
    assert "of a model" not in said
    assert (
        "1 image with a sampler that sdq does not have, drawn with DPMSolverMultistep: b.png (UniPC)."
        in said
    )
    assert found.request.lines[1].guidance_scale == 1
    named = read(sdq, "a.png", options=SubmitOptions(model="demo"))
    assert named.request.lines[0].model == "demo"
    changed = read(
        sdq, "b.png", changes=["scheduler=PNDM", "cfg_scale=3", "model=Realistic-Vision"]
    )
    assert changed.request.lines[0].model == "Realistic-Vision"
    assert [kind["kind"] for kind in changed.differences.to_list()] == ["guessed_noise"]


def test_everything_is_checked_before_anything_is_queued(sdq: Commands) -> None:
    folder = HERE / "downloads"
    (folder / "more").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    files.png(folder / "b.png", parameters=files.PLAIN_INFOTEXT)
    files.png(folder / "more" / "a.PNG", parameters=files.PLAIN_INFOTEXT.replace("red", "blue"))
    for hidden in (folder / ".c.png", folder / ".hidden" / "d.png"):
        hidden.write_bytes(b"x")
    (folder / "notes.md").write_text("x")
    assert [line.prompt for line in read(sdq, "downloads").request.lines] == [
        "a red house",
        "a blue house",
    ]

    files.png(folder / "photo.png")
    (folder / "broken.jpg").write_bytes(b"x")
    said = sdq("rerun", "downloads", code=65).err
    assert "downloads/photo.png: it does not say how it was drawn" in said
    assert "downloads/broken.jpg: this is not a PNG, JPEG, WebP or AVIF image" in said
    assert said.endswith("Nothing was queued. Add --skip-broken to leave these out.\n")
    assert not sdq.home.exists()
    document = sdq("rerun", "downloads", "--skip-broken", "--dry-run", "--json").json
    assert (document["read"], document["images_new"]) == ({"AUTOMATIC1111": 2}, 2)
    assert len(document["skipped"]) == 2
    for nothing in ("downloads/photo.png", "downloads/.hidden"):
        assert (
            "--skip-broken"
            not in sdq("rerun", nothing, "--skip-broken", code=65).err.split("\n")[-2]
        )


def test_names_that_are_nothing(sdq: Commands) -> None:
    assert "There is no file 'gone.png'." in sdq("rerun", "gone.png", code=66).err
    assert "There is no file 'gone.csv'." in sdq("rerun", "gone.csv", code=66).err
    (HERE / "list.csv").write_text("prompt\na\n")
    assert "list.csv: of lists only exported jsonl is read" in sdq("rerun", "list.csv", code=65).err
    assert "There is no batch 'gone'." in sdq("rerun", "gone", code=66).err
    assert "Missing argument" in sdq("rerun", code=2).err


def test_generation_data_are_pasted(sdq: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    pasted = f"{files.PLAIN_INFOTEXT}\n\n{files.INFOTEXT}\n"
    lines = read(sdq, "-", stdin=pasted).request.lines
    assert [(line.source, line.prompt) for line in lines] == [
        ("stdin:1", "a red house"),
        ("stdin:4", "a red lighthouse, (stormy sea:1.2)"),
    ]
    (HERE / "a.txt").write_text(pasted)
    assert len(read(sdq, "a.txt").request.lines) == 2
    with pytest.raises(PromptFileError, match=r"stdin:1: no settings .* use sdq submit"):
        read(sdq, "-", stdin="a red house\n")
    with pytest.raises(PromptFileError, match="there are no generation data"):
        read(sdq, "-", stdin="\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pasted.encode())))
    assert sdq("rerun", "-", "--dry-run").out.startswith("Read 2 images of AUTOMATIC1111.")


def test_what_sdq_pasted_keeps_its_variant(sdq: Commands) -> None:
    text = (
        "a boat\nSteps: 4, Sampler: DDIM, CFG scale: 7.5, Seed: 3, Size: 128x128, Model: demo, Version: sdq 0.1.0, "
        "sdq variant: split_einsum, sdq compute unit: CPU_ONLY\n"
    )
    found = read(sdq, "-", stdin=text)
    (line,) = found.request.lines
    assert (line.model, str((line.variants or ())[0]), line.compute_unit) == (
        "demo",
        "split_einsum",
        "CPU_ONLY",
    )
    assert not found.differences.describe()
    assert not line.meta


def test_exported_lines_and_workflows_are_read(sdq: Commands) -> None:
    exported = {
        "custom_id": "h",
        "prompt": "a boat",
        "seed": 4,
        "steps": 9,
        "model": "demo",
        "result": {"path": "x"},
    }
    (HERE / "results.jsonl").write_text(json.dumps(exported) + "\n")
    (HERE / "flow.json").write_text(json.dumps(files.COMFY_WORKFLOW))
    (HERE / "list.json").write_text(json.dumps([exported | {"custom_id": "i", "seed": 5}]))
    lines = read(sdq, "results.jsonl", "flow.json", "list.json", seeds="+1").request.lines
    assert [(line.custom_id, line.prompt, list(line.seeds or ())) for line in lines] == [
        ("h", "a boat", [5]), (None, "a boat", [78]), ("i", "a boat", [6]),
    ]  # fmt: skip
    (HERE / "wrong.jsonl").write_text('{"prompt": ""}\n{')
    with pytest.raises(PromptFileError, match=r"wrong.jsonl:1: the prompt is empty"):
        read(sdq, "wrong.jsonl")


def test_options_that_would_change_nothing_are_refused(sdq: Commands) -> None:
    own_file("a.png", own_recipe(), 5)
    said = sdq("rerun", "a.png", "--variant", "split_einsum", code=2).err
    assert "Use --set variant=split_einsum." in said


def test_a_model_that_is_not_here_is_named(sdq: Commands) -> None:
    own_file("a.png", own_recipe(model="gone"), 5)
    assert "a.png: its model 'gone' is not here as original" in sdq("rerun", "a.png", code=65).err
    assert len(read(sdq, "a.png", changes=["model=demo"]).request.lines) == 1


def test_a_model_that_cannot_be_read_is_no_fault_of_the_images(sdq: Commands) -> None:
    (sdq.home / "models" / "broken" / "Unet.mlpackage").mkdir(parents=True)
    files.png(HERE / "a.png", parameters=files.PLAIN_INFOTEXT)
    (HERE / "flow.json").write_text(json.dumps(files.COMFY_WORKFLOW))
    (HERE / "a.txt").write_text(files.PLAIN_INFOTEXT)
    for name in ("a.png", "flow.json", "a.txt"):
        with pytest.raises(PackageError) as caught:
            read(sdq, name, skip=True, options=SubmitOptions(model="broken"))
        assert name not in str(caught.value)


def test_another_revision_is_told(sdq: Commands) -> None:
    recipe = own_recipe()
    other = replace(recipe, variant=replace(recipe.variant, revision="0" * 16))
    own_file("a.png", other, 5)
    (said,) = read(sdq, "a.png").differences.describe()
    assert said.startswith("1 image of another revision of their model")


def test_a_batch_of_models_that_are_gone(sdq: Commands) -> None:
    planned = small_plan("a boat", "a tent", images=2, name="night")
    first, second = planned.entries
    gone = replace(first.recipe, variant=replace(first.recipe.variant, model="gone"))  # type: ignore[call-arg]
    with sdq.ledger() as ledger:
        entries = [replace(first, recipe=gone), second]
        submission = ledger.submissions.add(replace(planned, entries=entries))
        for slice_ in submission.slices:
            finish(ledger, slice_.id)
        with pytest.raises(PromptFileError) as caught:
            read(sdq, "night", ledger=ledger)
        assert str(caught.value).count("its model 'gone' is not here") == 1
        found = read(sdq, "night", ledger=ledger, skip=True)
        assert [line.prompt for line in found.request.lines] == ["a tent"]
        assert len(read(sdq, "night", ledger=ledger, changes=["model=demo"]).request.lines) == 2


def test_a_batch_is_drawn_again_with_something_changed(sdq: Commands) -> None:
    with sdq.ledger() as ledger:
        submission = ledger.submissions.add(small_plan("a boat", "a tent", images=2, name="night"))
        first = submission.slices[0].id
        assert "has no finished images yet" in sdq("rerun", "night", code=66).err
        finish(ledger, first)
        (line,) = read(sdq, "nig", ledger=ledger, changes=["steps=4"], seeds="+3").request.lines
        assert (line.prompt, line.num_inference_steps, list(line.seeds or ())) == (
            "a boat",
            4,
            [2, 3, 4],
        )
        (line,) = read(sdq, "nig/1/1", ledger=ledger).request.lines
        assert (line.prompt, list(line.seeds or ())) == ("a boat", [1])
        said = sdq("rerun", "night/2/1", code=66).err
        assert "Batch 'night' has no finished image of prompt 2 with seed 1." in said
    said = sdq("rerun", "night")
    path = sdq.home / "outputs" / "night" / "1-0.png"
    assert "Nothing to draw: 2 drawn already." in said.out
    assert f"Drawn already: {path}, " in said.out
    assert "sdq verify --repair" in said.out  # nobody wrote these files
    nothing = sdq("rerun", "night", "--json").json
    assert (nothing["id"], nothing["name"], nothing["images_drawn"]) == (None, None, 2)
    assert not sdq("rerun", "night", "-q").out
    tried = sdq("rerun", "night", "--set", "steps=4", "--dry-run").out
    assert "Batch night-rerun: 2 images to draw" in tried
    with sdq.ledger() as ledger:
        assert ledger.batches.beginning_with("") == ["night"]
