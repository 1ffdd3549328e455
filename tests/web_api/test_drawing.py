"""Programs ask a running server while a worker draws the demo model: OpenAI's own client, and AUTOMATIC1111's calls."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import PIL.Image
import PIL.ImageChops

from tests.web_api.lines import created, line, results
from tests.web_api.scene import (
    CUT,
    PICTURE,
    SHA,
    SIDE,
    UPPER,
    difference,
    first,
    in_text,
    png,
    record_of,
)
from tests.web_api.serving import TOKEN, Served, wait_until

BASIC = f"Basic {base64.b64encode(f'anybody:{TOKEN}'.encode()).decode()}"


def picture(data: bytes) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(data))


def drawn_images(served: Served) -> int:
    return sum(batch.status().completed for batch in served.queue.batches())


def test_a_batch_is_uploaded_followed_and_fetched(drawing: Served) -> None:
    client = drawing.client()
    lines = [
        line("one"),
        line("two", prompt="a tent", n=2, user="ignored"),
        line("own seed", seed=7),
        line("the same image", seed=7),
    ]
    batch = created(client, lines, metadata={"for": "a friend"})
    assert (batch.object, batch.endpoint, batch.metadata) == (
        "batch", "/v1/images/generations", {"for": "a friend"},
    )  # fmt: skip
    wait_until(lambda: client.batches.retrieve(batch.id).status == "completed")
    batch = client.batches.retrieve(batch.id)
    assert batch.request_counts is not None
    assert batch.request_counts.to_dict() == {"total": 4, "completed": 4, "failed": 0}
    assert batch.error_file_id is None
    assert batch.created_at <= (batch.in_progress_at or 0) <= (batch.completed_at or 0)

    found = results(client, batch.output_file_id)
    assert set(found) == {"one", "two", "own seed", "the same image"}
    bodies = {custom_id: one["response"]["body"]["data"] for custom_id, one in found.items()}
    assert [len(body) for body in bodies.values()] == [1, 1, 1, 2]
    assert bodies["own seed"] == bodies["the same image"]
    assert bodies["own seed"][0]["seed"] == 7
    assert all(
        one["error"] is None and one["response"]["status_code"] == 200 for one in found.values()
    )
    answer = drawing.ask(bodies["two"][1]["url"])
    assert answer.headers["content-type"] == "image/png"
    assert picture(answer.body).size == (128, 128)
    assert drawing.ask(bodies["two"][1]["url"], authorization=None).status == 401
    etag = answer.headers["etag"]
    assert drawing.ask(bodies["two"][1]["url"], if_none_match=etag).status == 304
    assert batch.output_file_id
    about = client.files.retrieve(batch.output_file_id)
    assert about.bytes == len(client.files.content(batch.output_file_id).content)
    assert about.purpose == "batch_output"


def test_images_are_drawn_while_the_client_waits(drawing: Served) -> None:
    client = drawing.client()
    asked: dict[str, Any] = {"prompt": "a red house", "extra_body": {"steps": 2, "seed": 40}}
    both = client.images.generate(**asked, n=2, model="demo")
    assert both.data is not None
    assert [one.to_dict()["seed"] for one in both.data] == [40, 41]
    first = both.data[0]
    assert first.b64_json is not None
    assert first.url is not None
    assert base64.b64decode(first.b64_json) == drawing.ask(first.url).body
    assert (both.size, both.output_format) == ("128x128", "png")
    count = drawn_images(drawing)
    (only_url,) = client.images.generate(**asked, response_format="url").data or ()
    assert (only_url.url, only_url.b64_json) == (first.url, None)
    assert drawn_images(drawing) == count


def test_a_repeated_request_draws_nothing_again_and_another_one_does(drawing: Served) -> None:
    body = {"prompt": "a boat", "steps": 1, "response_format": "url"}
    first, again, other, without = (
        drawing.ask("/v1/images/generations", body, **headers).json["data"]
        for headers in ({"idempotency_key": "a"}, {"idempotency_key": "a"}, {"idempotency_key": "b"}, {})
    )  # fmt: skip
    assert first == again
    assert len({first[0]["url"], other[0]["url"], without[0]["url"]}) == 3


def test_the_calls_of_automatic1111s_clients(drawing: Served) -> None:
    def call(path: str, body: object = None) -> Any:
        answer = drawing.ask(f"/sdapi/v1/{path}", body, authorization=BASIC)
        assert answer.status == 200, answer
        return answer.json

    assert call("options")["sd_model_checkpoint"] == "demo"
    assert call("options", {"sd_model_checkpoint": "demo", "CLIP_stop_at_last_layers": 2}) is None
    assert [one["title"] for one in call("sd-models")] == ["demo", "demo-turbo"]
    assert "Euler a" in {one["name"] for one in call("samplers")}
    assert [one["name"] for one in call("schedulers")] == ["automatic"]
    assert call("progress")["state"]["job_count"] == 0
    answer = call(
        "txt2img",
        {
            "prompt": "a lighthouse",
            "negative_prompt": "",
            "steps": 2,
            "cfg_scale": 5,
            "sampler_name": "Euler a",
            "scheduler": "Automatic",
            "seed": 11,
            "width": 128,
            "height": 128,
            "n_iter": 2,
            "restore_faces": False,
            "override_settings": {},
        },
    )
    first, second = (picture(base64.b64decode(image)) for image in answer["images"])
    assert first.tobytes() != second.tobytes()
    assert "Seed: 11" in first.text["parameters"]
    info = json.loads(answer["info"])
    assert (info["all_seeds"], info["sampler_name"], info["cfg_scale"]) == ([11, 12], "Euler a", 5)
    assert info["infotexts"][0] == first.text["parameters"]
    assert answer["parameters"]["restore_faces"] is False
    wrong = drawing.ask(
        "/sdapi/v1/txt2img", {"prompt": "a", "width": 512, "height": 512}, authorization=BASIC
    )
    assert (wrong.status, wrong.json["detail"]) == (
        400, "demo cannot draw 512x512: it was converted for 128x128; leave width and height out.",
    )  # fmt: skip


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
    content = client.files.content(kept.id)
    assert content.content == PICTURE
    document = drawing.ask("/v1/openapi.json").json
    described = document["paths"]["/v1/files/{file_id}/content"]["get"]["responses"]["200"]
    assert content.response.headers["content-type"] in described["content"]
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
