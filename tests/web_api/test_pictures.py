"""Pictures that programs send: in JSON, in forms, in files that a batch names, and in AUTOMATIC1111's words."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import openai
import PIL.Image
import PIL.ImageChops
import PIL.ImageStat
import pytest

from tests.web_api.lines import created, line, results
from tests.web_api.serving import Served, wait_until

SIDE = 128


def png(image: PIL.Image.Image) -> bytes:
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def in_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


#: Warm above, cool below; and the same with its upper half cut out.
SCENE = PIL.Image.linear_gradient("L").resize((SIDE, SIDE))
SCENE = PIL.Image.merge("RGB", (SCENE, SCENE.rotate(90), SCENE.rotate(180)))
PICTURE = png(SCENE)
UPPER = PIL.Image.new("L", (SIDE, SIDE))
UPPER.paste(255, (0, 0, SIDE, SIDE // 2))
CUT = SCENE.convert("RGBA")
CUT.putalpha(PIL.ImageChops.invert(UPPER))
SHA = hashlib.sha256(PICTURE).hexdigest()


def record_of(data: bytes) -> dict[str, Any]:
    return json.loads(PIL.Image.open(io.BytesIO(data)).text["sdq"])  # type: ignore[attr-defined, no-any-return]


def first(answer: Any) -> bytes:
    return base64.b64decode(answer.data[0].b64_json)


def difference(data: bytes, other: bytes, top: int, bottom: int) -> float:
    """The mean difference of two pictures between two rows."""
    one, two = (
        PIL.Image.open(io.BytesIO(each)).convert("RGB").crop((0, top, SIDE, bottom))
        for each in (data, other)
    )
    return sum(PIL.ImageStat.Stat(PIL.ImageChops.difference(one, two)).mean) / 3


def test_a_picture_comes_in_each_interface_and_is_drawn_from_alike(drawing: Served) -> None:
    client = drawing.client()
    asked: dict[str, Any] = {"steps": 2, "seed": 5, "guidance_scale": 3, "scheduler": "DDIM"}
    edited = client.images.edit(
        image=("scene.png", PICTURE),
        mask=("mask.png", png(CUT)),
        prompt="a red boat",
        response_format="b64_json",
        extra_body={**asked, "strength": 0.75},
    )
    drawn = first(edited)
    recipe = record_of(drawn)["recipe"]
    assert (recipe["init_image"], recipe["strength"]) == (SHA, 0.75)
    # The holes of the picture itself are a mask, too; another seed draws something else there, and only there.
    by_itself = first(
        client.images.edit(
            image=("cut.png", png(CUT)),
            prompt="a red boat",
            extra_body={**asked, "strength": 0.75, "seed": 6},
        )
    )
    assert record_of(by_itself)["recipe"]["mask"] == recipe["mask"]
    assert difference(drawn, by_itself, SIDE * 3 // 4, SIDE) * 3 < difference(
        drawn, by_itself, 0, SIDE // 4
    )

    generated = client.images.generate(
        prompt="a red boat",
        extra_body={
            **asked,
            "init_image": f"data:image/png;base64,{in_text(PICTURE)}",
            "mask": in_text(png(UPPER)),
            "strength": 0.75,
        },
    )
    answer = drawing.ask(
        "/sdapi/v1/img2img",
        {
            "prompt": "a red boat",
            "init_images": [in_text(PICTURE)],
            "mask": in_text(png(PIL.ImageChops.invert(UPPER))),
            "inpainting_mask_invert": 1,
            "mask_blur": 4,
            "steps": 2,
            "seed": 5,
            "cfg_scale": 3,
            "sampler_name": "DDIM",
            "eta": 1.0,
            "width": SIDE,
            "height": SIDE,
        },
    ).json
    pixels = {
        PIL.Image.open(io.BytesIO(data)).tobytes()
        for data in (drawn, first(generated), base64.b64decode(answer["images"][0]))
    }
    assert len(pixels) == 1
    assert answer["parameters"]["init_images"] is None


def test_controlnets_noise_and_sizes_come_in_each_interface(drawing: Served) -> None:
    assert drawing.ask("/controlnet/model_list").json == {"model_list": ["demo-edges"]}
    assert "canny" in drawing.ask("/controlnet/module_list").json["module_list"]
    net = {"name": "demo-edges", "image": in_text(PICTURE), "annotate": "canny", "scale": 0.8}
    generated = drawing.client().images.generate(
        prompt="a (red:1.2) boat",
        model="demo-turbo",
        extra_body={
            "controlnet": [net], "seed": 5, "steps": 1, "scheduler": "TCD", "eta": 0.5, "rng": "torch", "weighted": True
        },
    )  # fmt: skip
    conditions = record_of(first(generated))["recipe"]
    assert (conditions["eta"], conditions["weighted"]) == (0.5, True)
    assert conditions["controlnets"][0]["source"] == SHA
    unit = {
        "image": {"image": in_text(PICTURE), "mask": None},
        "module": "canny",
        "model": "demo-edges [d14c016b]",
        "weight": 0.8,
        "control_mode": "Balanced",
        "pixel_perfect": True,
    }
    answer = drawing.ask(
        "/sdapi/v1/txt2img",
        {
            "prompt": "a boat",
            "seed": 5,
            "steps": 1,
            "sampler_name": "TCD",
            "eta": 0.5,
            "override_settings": {"sd_model_checkpoint": "demo-turbo", "randn_source": "CPU"},
            "alwayson_scripts": {"ControlNet": {"args": [unit, {"enabled": False}]}, "Sampler": {}},
        },
    ).json
    recipe = record_of(base64.b64decode(answer["images"][0]))["recipe"]
    assert recipe["controlnets"] == conditions["controlnets"]
    assert (recipe["eta"], recipe["rng"]) == (0.5, "torch")


def test_lines_of_a_batch_name_an_uploaded_picture(drawing: Served) -> None:
    client = drawing.client()
    kept = client.files.create(file=("my scene.png", PICTURE), purpose="vision")
    assert [one.id for one in client.files.list(purpose="vision")] == [kept.id]
    assert client.files.content(kept.id).content == PICTURE
    lines = [
        line("a", init_image=kept.id, strength=0.5),
        line("b", init_image=f"sha256:{SHA}", strength=0.5, seed=3),
        line("c", init_image=in_text(PICTURE), strength=0.5, seed=3),
    ]
    batch = created(client, lines)
    client.files.delete(kept.id)
    wait_until(lambda: client.batches.retrieve(batch.id).status == "completed")
    found = results(client, client.batches.retrieve(batch.id).output_file_id)
    bodies = {name: one["response"]["body"]["data"] for name, one in found.items()}
    assert bodies["b"] == bodies["c"] != bodies["a"]
    assert record_of(drawing.ask(bodies["a"][0]["url"]).body)["recipe"]["init_image"] == SHA


TEXT = in_text(b"no picture")


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"init_image": "/etc/passwd"}, "init_image", "init_image has to be a picture in base64."),
    ({"init_image": "http://other/a.png"}, "init_image", "which is not fetched"),
    ({"init_image": TEXT}, "init_image", "init_image is not a picture that can be read"),
    ({"init_image": in_text(PICTURE[:200])}, "init_image", "is damaged or cut off"),
    ({"init_image": f"sha256:{'0' * 64}"}, "init_image", "is not among the inputs"),
    ({"mask": in_text(PICTURE)}, "mask", "name one as init_image"),
    ({"init_image": in_text(PICTURE), "strength": 0}, "strength", "strength is 0"),
    ({"eta": 0.5, "scheduler": "DDIM"}, "eta", "eta is for the scheduler TCD"),
    ({"original_size": "768x768"}, "original_size", "is for models of Stable Diffusion XL"),
    ({"rng": "dice"}, "rng", "unknown rng"),
    ({"controlnet": "edges"}, "controlnet", "has to be an object with name and image"),
    ({"controlnet": {"name": "a:b", "image": TEXT}}, "controlnet", "has to be that of a"),
    ({"controlnet": {"name": "x", "image": in_text(PICTURE)}}, "controlnet", "There is no Contr"),
    ({"controlnet": {"name": "x", "image": TEXT, "scale": 11}}, "controlnet", "from 0 to 10"),
]


def test_what_cannot_be_drawn_is_refused_and_nothing_kept(
    idle: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    client = idle.client()
    for extra, param, said in REFUSED:
        with pytest.raises(openai.BadRequestError) as refused:
            client.images.generate(prompt="a", extra_body=extra)
        assert (refused.value.param, said in refused.value.message) == (param, True), refused.value
        assert str(tmp_path) not in refused.value.message
    assert idle.queue.batches() == []
    assert not (idle.home / "inputs").exists()
    assert not list(tmp_path.glob("sdq-pictures-*"))


NOT_HERE: list[tuple[dict[str, Any], str]] = [
    ({"init_images": []}, "init_images has to be a list of one picture"),
    ({"resize_mode": 1}, "resize_mode has to be 0"),
    ({"enable_hr": True}, "There is no second pass in a larger size here. Leave enable_hr out"),
    ({"script_name": "X/Y/Z plot"}, "There is no such script here"),
    ({"alwayson_scripts": {"ADetailer": {"args": [{}]}}}, "There is no script 'ADetailer' here"),
    ({"alwayson_scripts": {"controlnet": {"args": [{"module": "depth"}]}}}, "no preprocessor"),
    ({"override_settings": {"randn_source": "TPU"}}, "randn_source has to be one of"),
    ({"mask": TEXT, "inpainting_mask_invert": 1}, "mask is not a picture"),
]


def test_a1111s_clients_are_told_what_is_not_drawn_here(idle: Served) -> None:
    for extra, said in NOT_HERE:
        body = {"prompt": "a", "init_images": [in_text(PICTURE)], **extra}
        answer = idle.ask("/sdapi/v1/img2img", body)
        assert (answer.status in {400, 422}, said in answer.json["detail"]) == (True, True), answer
    assert idle.queue.batches() == []


def test_a_form_without_a_picture_or_with_an_opaque_mask_is_refused(idle: Served) -> None:
    client = idle.client()
    for files, said in (
        ({"image": [("a.png", PICTURE), ("b.png", PICTURE)]}, "image has to be one picture"),
        ({"image": ("a.png", PICTURE), "mask": ("m.png", PICTURE)}, "mask is nowhere transparent"),
        ({"image": ("a.png", b"none")}, "image is not a picture"),
    ):
        with pytest.raises(openai.BadRequestError, match=said):
            client.images.edit(prompt="a", **files)  # type: ignore[call-overload]
    assert idle.queue.batches() == []
