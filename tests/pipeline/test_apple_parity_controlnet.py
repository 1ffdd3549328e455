"""Both pipelines follow pictures alike: over the tiny model of `test_controlnet`, and over networks of each form."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from test_apple_parity import Recording, chunked, quiet
from test_builtin import request
from test_controlnet import (
    DRAWN,
    GIVEN,
    UNITS,
    Nets,
    control_chunks,
    control_unet,
    keep,
    model,
    net,
    placed,
    use,
)
from toys import ToyRuntime, parts, variant_folder

from sdq_core.errors import BrokenImageError, PackageError
from sdq_core.values.conditions import Conditions, ControlNetUse
from sdq_core.values.variants import Scheduler
from worker.pipelines.apple import ApplePipeline
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.onnx import OnnxRuntime


@pytest.fixture(scope="module", params=["whole", "chunked"])
def tiny(request, tmp_path_factory):
    """Both pipelines with the logs of their networks; asks for an image with nets by name."""
    root = tmp_path_factory.mktemp("tiny")
    found, nets, pictures = placed(root)
    if request.param == "chunked":
        found = chunked(found, root, "control-unet")
    runtime = OnnxRuntime(cache_dir=root / "cache", threads=1)

    def asking(*names, scheduler=Scheduler.DDIM, **use):
        return ImageRequest(
            prompt=GIVEN["prompt"],
            negative_prompt=GIVEN["negative_prompt"],
            seed=3,
            num_inference_steps=GIVEN["steps"],
            guidance_scale=GIVEN["guidance_scale"],
            scheduler=scheduler,
            conditions=Conditions(
                controlnets=tuple(
                    ControlNetUse(
                        name=f"sdq_{name}",
                        revision=nets.find(f"sdq_{name}").revision,
                        image=pictures[number],
                        **use,
                    )
                    for number, name in enumerate(names)
                )
            ),
        )

    return asking, [
        (
            recording := Recording(runtime),
            pipeline.load(found, recording, UNITS, inputs=root / "inputs", controlnets=nets),
        )
        for pipeline in (BuiltinPipeline, ApplePipeline)
    ]


@pytest.mark.parametrize("scheduler", list(Scheduler))
@pytest.mark.parametrize("names", [(), ("edges",), ("edges", "depth")], ids=len)
def test_both_draw_the_same_image(tiny, scheduler, names):
    asking, pair = tiny
    drawn, seen = [], []
    for recording, pipeline in pair:
        for log in recording.logs.values():
            log.clear()
        drawn.append(pipeline.draw(asking(*names, scheduler=scheduler), quiet))
        # The first evaluation of the U-Net, or of each of its chunks.
        logs = [log for name, log in recording.logs.items() if "control-unet" in name]
        seen.append({told: value for log in logs for told, value in log[0].items()})
    builtin, apple = drawn
    assert seen[0].keys() == seen[1].keys()
    for told in seen[0]:
        assert np.array_equal(seen[0][told], seen[1][told]), told
    heard = any(value.any() for told, value in seen[0].items() if told.startswith("additional"))
    assert heard == bool(names)
    assert np.abs(builtin.pixels.astype(int) - apple.pixels).max() <= 1
    assert apple.num_unet_calls == builtin.num_unet_calls


@pytest.mark.parametrize(("case", "names"), [("plain", ()), ("one", ("edges",))])
def test_it_draws_what_diffusers_draws(tiny, case, names):
    asking, [_, (_, apple)] = tiny
    difference = apple.draw(asking(*names), quiet).pixels.astype(float) - DRAWN[case]
    assert 20 * np.log10(255 / np.sqrt(np.mean(difference**2))) > 60


@pytest.mark.parametrize("changes", [{"scale": 0.5}, {"start": 0.1}, {"end": 0.9}])
def test_what_apples_has_no_word_for_is_refused(tiny, changes):
    asking, [_, (_, apple)] = tiny
    with pytest.raises(
        PackageError, match=r"a ControlNet a scale or a part.*without --pipeline apple"
    ):
        apple.draw(asking("edges", **changes), quiet)


@pytest.fixture
def picture(tmp_path):
    return keep(tmp_path, Image.linear_gradient("L").convert("RGB"))


def load(pipeline, root, models):
    return pipeline.load(
        variant_folder(root / f"{pipeline.name}{len(list(root.iterdir()))}", models),
        ToyRuntime(models),
        UNITS,
        inputs=root / "inputs",
        controlnets=Nets(),
    )


@pytest.mark.parametrize("guidance_scale", [7.5, 1.0])
def test_residuals_reach_the_chunk_that_takes_them(tmp_path, picture, guidance_scale):
    asked = request(
        conditions=Conditions(controlnets=(use(picture),)), guidance_scale=guidance_scale
    )
    whole, *chunked = (
        load(pipeline, tmp_path, models).draw(asked, quiet).pixels.astype(int)
        for pipeline, models in (
            (BuiltinPipeline, model({"control-unet": control_unet()})),
            (BuiltinPipeline, model(control_chunks())),
            (ApplePipeline, model(control_chunks())),
        )
    )
    for drawn in chunked:
        assert np.abs(drawn - whole).max() <= 1


@pytest.mark.parametrize("net_batch", [1, 2])
@pytest.mark.parametrize(("batch", "guidance_scale"), [(2, 7.5), (2, 1.0), (1, 1.0)])
def test_networks_of_each_batch_draw_the_same(tmp_path, picture, net_batch, batch, guidance_scale):
    asked = request(
        conditions=Conditions(controlnets=(use(picture),)), guidance_scale=guidance_scale
    )
    builtin, apple = (
        load(pipeline, tmp_path, model({"control-unet": control_unet(batch)}, net(net_batch)))
        .draw(asked, quiet)
        .pixels.astype(int)
        for pipeline in (BuiltinPipeline, ApplePipeline)
    )
    assert np.abs(builtin - apple).max() <= 1


def test_a_u_net_of_batch_1_is_not_guided_with_a_net(tmp_path, picture):
    apple = load(ApplePipeline, tmp_path, model({"control-unet": control_unet(1)}))
    with pytest.raises(PackageError, match="guide an image of ControlNets"):
        apple.draw(request(conditions=Conditions(controlnets=(use(picture),))), quiet)


def test_a_plain_u_net_and_one_for_nets_take_turns(tmp_path, picture):
    models = model({"unet": parts()["unet"], "control-unet": control_unet()})
    builtin, apple = (load(each, tmp_path, models) for each in (BuiltinPipeline, ApplePipeline))
    for uses in ((), (use(picture),), ()):
        asked = request(conditions=Conditions(controlnets=uses))
        ours, theirs = (each.draw(asked, quiet).pixels.astype(int) for each in (builtin, apple))
        assert np.abs(ours - theirs).max() <= 1


def test_a_net_that_gives_nan_is_found(tmp_path, picture):
    models = model({"control-unet": control_unet()})
    look = models["net"].function
    models["net"].function = lambda **inputs: {k: v * np.nan for k, v in look(**inputs).items()}
    with pytest.raises(BrokenImageError, match=r"ControlNet net.*NaN"):
        load(ApplePipeline, tmp_path, models).draw(
            request(conditions=Conditions(controlnets=(use(picture),))), quiet
        )
