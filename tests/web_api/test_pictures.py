"""Pictures, ControlNets and noise that programs ask for and that cannot be drawn."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.web_api.scene import PICTURE, in_text
from tests.web_api.serving import Served

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
