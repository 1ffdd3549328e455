"""What each tool writes is read from files as it writes them; hostile files are refused, quickly and in one clause."""

from __future__ import annotations

import contextlib
import json
import random
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import features

from producer import Defaults
from producer.changes import Changes
from producer.foreign import comfyui
from producer.foreign.differences import Differences
from producer.foreign.embedded import MAX_CHUNKS, embedded_texts
from producer.foreign.exif import exif_texts
from producer.foreign.foreign_image import ForeignImage, Lost
from producer.foreign.models_here import ModelsHere, Shape
from producer.foreign.packets import iptc_texts, xmp_texts
from producer.foreign.readers import read_foreign
from producer.foreign.samplers import scheduler_named
from producer.foreign.translation import Translation
from sdq_core.errors import InputError
from sdq_core.values.rng import Rng
from sdq_core.values.variants import SAMPLER_NAMES, Scheduler
from tests.rerun import foreign_files as files


def read(path: Path) -> ForeignImage:
    return read_foreign(embedded_texts(path))


def test_the_infotext_of_a_png(tmp_path: Path) -> None:
    image = read(files.png(tmp_path / "a.png", parameters=files.INFOTEXT))
    assert image == ForeignImage(
        tool="AUTOMATIC1111",
        prompt="a red lighthouse, (stormy sea:1.2) <lora:detail:0.8>",
        negative_prompt="fog, rain",
        steps="28", guidance_scale="6", sampler="DPM++ 2M", schedule="Karras", seed="3141592653",
        model="realisticVision", width="832", height="1216", rng=Rng.NVIDIA, rng_is_guessed=True, steps_go_on=True,
        lost={Lost.CLIP_SKIP: "2", Lost.SECOND_PASS: "Hires upscale: 1.5"},
    )  # fmt: skip


@pytest.mark.parametrize("ending", ["jpg", "webp", "avif"])
@pytest.mark.parametrize("code", ["big", "little", "ascii"])
def test_the_infotext_in_a_user_comment(ending: str, code: str, tmp_path: Path) -> None:
    if ending != "jpg" and not features.check(ending):
        pytest.skip(f"this Pillow has no {ending}")
    text = files.PLAIN_INFOTEXT
    comment = {
        "big": b"UNICODE\0" + text.encode("utf-16-be"),
        "little": b"UNICODE\0" + text.encode("utf-16-le"),
        "ascii": b"ASCII\0\0\0" + text.encode(),
    }[code]
    image = read(files.with_comment(tmp_path / f"a.{ending}", comment))
    assert (image.prompt, image.sampler, image.seed, image.lost) == (
        "a red house",
        "Euler a",
        "7",
        {},
    )


def test_what_an_extension_writes_below_the_settings_is_left_out(tmp_path: Path) -> None:
    text = f"{files.PLAIN_INFOTEXT}\nTemplate: a {{red|blue}} house"
    assert read(files.png(tmp_path / "a.png", parameters=text)).seed == "7"


COMFY = ForeignImage(
    tool="ComfyUI", prompt="a fox in the snow", negative_prompt="blurry", steps=30, guidance_scale=6.5,
    sampler="dpmpp_2m", schedule="karras", seed=1125899906842624, model="sdxl/juggernaut_v9.safetensors", width=1024,
    height=768, rng=Rng.TORCH, lost={Lost.SECOND_PASS: "KSampler", Lost.NETWORKS: "detail.safetensors"},
)  # fmt: skip


def test_comfyuis_graph(tmp_path: Path) -> None:
    both = {"prompt": json.dumps(files.COMFY_PROMPT), "workflow": json.dumps(files.COMFY_WORKFLOW)}
    assert read(files.png(tmp_path / "a.png", **both)) == COMFY
    if features.check("webp"):
        assert read(files.comfy_webp(tmp_path / "a.webp")) == COMFY


def test_comfyuis_workflow_without_a_graph(tmp_path: Path) -> None:
    path = files.png(tmp_path / "a.png", workflow=json.dumps(files.COMFY_WORKFLOW))
    assert read(path) == ForeignImage(
        tool="ComfyUI", prompt="a boat", negative_prompt="fog", steps=25, guidance_scale=8, sampler="euler_ancestral",
        schedule="normal", seed=77, model="v1-5.ckpt", width=512, height=512, rng=Rng.TORCH,
    )  # fmt: skip


def test_comfyuis_graph_of_separate_nodes(tmp_path: Path) -> None:
    image = read(files.png(tmp_path / "a.png", prompt=json.dumps(files.COMFY_CUSTOM)))
    assert (image.prompt, image.negative_prompt) == ("a lighthouse at dusk", "")
    assert (image.seed, image.steps, image.sampler, image.schedule) == (42, 20, "euler", "simple")
    assert (image.model, image.width, image.height) == ("flux1-dev.safetensors", 1344, 768)


def test_comfyuis_graph_in_a_comment(tmp_path: Path) -> None:
    for document in ({"prompt": files.COMFY_PROMPT, "workflow": {}}, files.COMFY_PROMPT):
        comment = b"UNICODE\0" + json.dumps(document).encode("utf-16-be")
        assert read(files.with_comment(tmp_path / "a.jpg", comment)) == COMFY


def test_what_a_graph_has_besides_is_told() -> None:
    text = {"class_type": "CLIPTextEncode", "inputs": {"Text": "a boat", "clip": ["4", 1]}}
    graph = {
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.ckpt"}},
        "1": text,
        "2": {"class_type": "GLIGENTextBoxApply",
              "inputs": {"text": "the sun", "clip": ["4", 1], "conditioning_to": ["1", 0]}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512}},
        "6": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "lms"}},
        "7": {"class_type": "SDTurboScheduler", "inputs": {"steps": 3, "model": ["4", 0]}},
        "3": {"class_type": "SamplerCustom", "inputs": {
            "noise_seed": 5, "cfg": 2, "sampler": ["6", 0], "sigmas": ["7", 0], "latent_image": ["5", 0],
            "positive": ["2", 0], "negative": ["8", 0], "model": ["4", 0]}},
        "8": {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["1", 0]}},
        "9": {"class_type": "ImageUpscaleWithModel", "inputs": {"image": ["3", 0]}},
        "10": {"class_type": "SaveImage", "inputs": {"images": ["9", 0]}},
    }  # fmt: skip
    assert comfyui.of_document(graph) == ForeignImage(
        tool="ComfyUI", prompt="a boat", steps=3, guidance_scale=2, sampler="lms", seed=5, model="a.ckpt", width=512,
        height=512, rng=Rng.TORCH, lost={Lost.SECOND_PASS: "ImageUpscaleWithModel", Lost.OTHER: "GLIGENTextBoxApply"},
    )  # fmt: skip
    another = {
        "11": {**graph["3"]},
        "12": {"class_type": "SaveImage", "inputs": {"images": ["11", 0]}},
    }
    found = comfyui.of_document({**graph, **another})
    assert found is not None
    assert found.lost[Lost.OTHER] == "one of 2 pictures of its workflow"


def test_a_graph_that_runs_in_circles_ends() -> None:
    graph = {
        "1": {"class_type": "KSampler", "inputs": {
            "seed": ["1", 0], "latent_image": ["1", 0], "positive": ["2", 0], "model": ["2", 0]}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": ["2", 0], "clip": ["1", 0]}},
    }  # fmt: skip
    with pytest.raises(InputError, match="no prompt that can be read"):
        comfyui.of_document(graph)


def test_invokeais_records(tmp_path: Path) -> None:
    image = read(files.png(tmp_path / "a.png", invokeai_metadata=json.dumps(files.INVOKE_METADATA)))
    assert image == ForeignImage(
        tool="InvokeAI", prompt="a cozy cabin", negative_prompt="blurry", steps=30, guidance_scale=7.5,
        sampler="dpmpp_2m_k", seed=2718281828, model="dreamshaper", width=512, height=512, rng=Rng.TORCH,
        lost={Lost.NETWORKS: "loras"},
    )  # fmt: skip
    old = ForeignImage(
        tool="InvokeAI", prompt="a robot reading", negative_prompt="blurry, text", steps=50, guidance_scale=7.5,
        sampler="k_lms", seed=1618033988, model="stable-diffusion-1.5", width=512, height=512,
    )  # fmt: skip
    assert (
        read(files.png(tmp_path / "b.png", sd_metadata=json.dumps(files.SD_METADATA), Dream="x"))
        == old
    )
    dream = read(files.png(tmp_path / "c.png", Dream=files.DREAM))
    assert (dream.prompt, dream.negative_prompt, dream.model) == (
        "a robot reading",
        "blurry, text",
        None,
    )
    assert (dream.steps, dream.seed, dream.guidance_scale, dream.sampler) == (
        "50",
        "1618033988",
        "7.5",
        "k_lms",
    )


def test_draw_things_comment(tmp_path: Path) -> None:
    packet = files.xmp(
        comment=json.dumps(files.DRAW_THINGS, indent=2), description="a fox\n-blurry"
    )
    assert read(files.png_with_xmp(tmp_path / "a.png", packet)) == ForeignImage(
        tool="Draw Things", prompt='a fox & a "hound"', negative_prompt="blurry", steps=12, guidance_scale=4.5,
        sampler="Euler A AYS", seed=777, model="sd_v1.5_f16.ckpt", width="1024", height="768",
        lost={Lost.NETWORKS: "lora"},
    )  # fmt: skip
    comment = b"ASCII\0\0\0" + json.dumps(files.DRAW_THINGS).encode()
    assert read(files.with_comment(tmp_path / "a.jpg", comment)).seed == 777


def test_mochi_diffusions_captions(tmp_path: Path) -> None:
    for path in (
        files.jpeg_with_caption(tmp_path / "a.jpg", files.MOCHI),
        files.png_with_xmp(tmp_path / "a.png", files.xmp(description=files.MOCHI)),
    ):
        assert read(path) == ForeignImage(
            tool="Mochi Diffusion", prompt="a cat; wearing a hat", negative_prompt="fog", steps="17",
            guidance_scale="7.5", sampler="DPM-Solver++", seed="42", model="sd-1.5", width="512", height="512",
            rng=Rng.NUMPY, steps_go_on=True,
        )  # fmt: skip
    newer = read(files.png_with_xmp(tmp_path / "b.png", files.xmp(description=files.MOCHI_2)))
    assert (newer.prompt, newer.negative_prompt, newer.sampler) == ("a cat; and\na dog", "", "PNDM")


@pytest.mark.parametrize(
    ("name", "scheduler", "schedule"),
    [
        *((name, scheduler, "") for scheduler, name in SAMPLER_NAMES.items()),
        *((str(scheduler), scheduler, "") for scheduler in Scheduler),
        ("DPM++ 2M Karras", Scheduler.DPM_SOLVER_MULTISTEP, "Karras"),
        ("dpmpp_2m_k", Scheduler.DPM_SOLVER_MULTISTEP, "Karras"),
        ("Euler Ancenstral", Scheduler.EULER_ANCESTRAL_DISCRETE, ""),
        ("Euler A AYS", Scheduler.EULER_ANCESTRAL_DISCRETE, "AYS"),
        ("k_lms", Scheduler.LMS_DISCRETE, ""),
        ("sample_euler_simple", Scheduler.EULER_DISCRETE, ""),
        ("DPM++ SDE Karras", None, ""),
        ("dpmpp_2m_sde", None, ""),
        ("Heun", None, ""),
    ],
)
def test_samplers_by_all_their_names(name: str, scheduler: Scheduler | None, schedule: str) -> None:
    assert scheduler_named(name) == (scheduler, schedule)


SPACES = zlib.compress(b" " * 4_000_000, 9)
PNG, END = b"\x89PNG\r\n\x1a\n", files.chunk(b"IEND", b"")
BOMB = zlib.compress(bytes(50_000_000), 9)
DEEP = "[" * 1_000_000


def exif_loop() -> bytes:
    """EXIF whose directory is its own, with a thousand entries that are all of the file."""
    entry = struct.pack("<HHII", 0x9286, 7, 2**31, 0) + struct.pack("<HHII", 0x8769, 4, 1, 8)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 2000) + entry * 1000


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a PNG, JPEG, WebP or AVIF"),
        (b"GIF89a" * 9, "not a PNG, JPEG, WebP or AVIF"),
        (PNG, "does not say how it was drawn"),
        (PNG + END, "does not say how it was drawn"),
        (PNG + struct.pack(">I4s", 2**32 - 1, b"IDAT") + b"x", "does not say how it was drawn"),
        (PNG + struct.pack(">I4s", 2**32 - 1, b"tEXt") + b"parameters\0", "more than 4,194,304 bytes"),
        (PNG + struct.pack(">I4s", 99, b"tEXt") + b"parameters\0a\nSteps: 1", "ends within its text parameters"),
        (PNG + files.chunk(b"gAMA", b"") * (MAX_CHUNKS + 1), "more than 100,000 chunks"),
        (PNG + files.chunk(b"zTXt", b"parameters\0\0" + BOMB), "more than 4,194,304 bytes"),
        (PNG + files.chunk(b"iTXt", b"prompt\0\1\0\0\0" + BOMB), "more than 4,194,304 bytes"),
        (PNG + files.chunk(b"zTXt", b"parameters\0\0xyz"), "is damaged"),
        (PNG + files.chunk(b"tEXt", b"prompt\0{" + DEEP.encode()), "is not JSON"),
        (PNG + files.chunk(b"tEXt", b'prompt\0{"a": ' + DEEP.encode()), "is not JSON"),
        (PNG + files.chunk(b"tEXt", b"invokeai_metadata\0[]"), "not a JSON object"),
        (PNG + files.chunk(b"tEXt", b'invokeai_metadata\0{"seed": ' + b"9" * 500_000 + b"}"), "has no prompt"),
        (PNG + files.chunk(b"tEXt", b"sd-metadata\0{}"), "has no prompt"),
        (PNG + files.chunk(b"tEXt", b"Dream\0" + b" " * 4_000_000), "is too long"),
        (PNG + files.chunk(b"tEXt", b"parameters\0x\nSteps: 1, " + b"a " * 500_000), "have no settings"),
        (PNG + files.chunk(b"tEXt", b"parameters\0" + b'{"sui_image_params": {}}'), "that sdq does not read"),
        (PNG + files.chunk(b"eXIf", exif_loop()), "does not say how it was drawn"),
        (PNG + files.chunk(b"zTXt", b"parameters\0\0" + SPACES) * 3000, "more than 32 texts"),
        (b"\xff\xd8\xff" + f"<x:xmpmeta><dc:description>&#{'9' * 5000};</dc:description></x:xmpmeta>".encode(),
         "does not say how it was drawn"),
        (b"\xff\xd8\xff\xe1" + exif_loop() + bytes(4_000_000), "does not say how it was drawn"),
        (b"\xff\xd8\xff" + b"8BIM\x04\x04" * 1_000_000, "does not say how it was drawn"),
        (b"\xff\xd8\xff" + b"<x:xmpmeta" * 1_000_000, "does not say how it was drawn"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused_quickly(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    started = time.process_time()
    with pytest.raises(InputError) as caught:
        read(path)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 200
    assert time.process_time() - started < 5


def test_a_prompt_of_spaces_is_translated_quickly() -> None:
    prompt = f"<lora:detail:0.8>{' ' * 1_000_000},{' ' * 1_000_000}, x"
    problems: list[str] = []
    started = time.process_time()
    TRANSLATION.line(ForeignImage(tool="x", prompt=f"a{prompt}"), "a.png", problems)
    assert time.process_time() - started < 5
    assert len(problems) <= 1


def test_hostile_graphs_are_refused_quickly() -> None:
    sampler = {
        "class_type": "KSampler",
        "inputs": {"seed": 1, "latent_image": ["0", 0], "positive": ["0", 0]},
    }
    chain = {str(n): {"class_type": "X", "inputs": {"a": [str(n + 1), 0]}} for n in range(9_000)}
    many = {str(n): sampler for n in range(9_000)}
    started = time.process_time()
    for graph, says in (
        (chain | {"s": sampler}, "no prompt"),
        (many, "more than 50 samplers"),
        ({str(n): {"class_type": "X"} for n in range(10_001)}, "more than 10,000 nodes"),
    ):
        with pytest.raises(InputError, match=says):
            comfyui.of_document(graph)
    assert time.process_time() - started < 5


JSON = st.recursive(
    # ONNX Runtime turns subnormal numbers off for the whole thread.
    st.none() | st.booleans() | st.integers() | st.floats(allow_subnormal=False) | st.text(max_size=5)
    | st.sampled_from(["KSampler", "CLIPTextEncode", "SaveImage", "3", "x"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["class_type", "inputs", "seed", "latent_image", "positive", "text", "nodes", "links", "id",
                         "type", "image", "prompt", "positive_prompt", "model", "c", "v2", "3", "6", "widgets_values"]),
        inner, max_size=6),
    max_leaves=30,
)  # fmt: skip
TRANSLATION = Translation(
    ModelsHere(["demo"], lambda _: Shape(width=128, height=128)),
    Defaults(model="demo", variants=None, compute_unit=None),
    named_model=False,
    changes=Changes(),
    differences=Differences(),
)
KEYS = [
    "prompt",
    "workflow",
    "invokeai_metadata",
    "sd-metadata",
    "xmp:UserComment",
    "parameters",
    "Dream",
    "iptc:caption",
]


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), JSON | st.text(max_size=80), max_size=3))
def test_no_text_surprises_the_readers(texts: dict[str, Any]) -> None:
    written = {
        key: text if isinstance(text, str) else json.dumps(text) for key, text in texts.items()
    }
    problems: list[str] = []
    with contextlib.suppress(InputError):
        line = TRANSLATION.line(read_foreign(written), "a.png", problems)
        assert (line is None) == bool(problems)


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"8BIM\x04\x04", b"<x:xmpmeta"]),
)
def test_no_bytes_surprise_the_blocks(data: bytes, head: bytes) -> None:
    exif_texts(head + data)
    iptc_texts(head + data)
    xmp_texts((head + data).decode(errors="replace"))


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    dice = random.Random(7)
    whole = [
        files.png(
            tmp_path / "a.png", parameters=files.INFOTEXT, prompt=json.dumps(files.COMFY_PROMPT)
        ),
        files.png_with_xmp(tmp_path / "b.png", files.xmp(description=files.MOCHI)),
        files.jpeg_with_caption(tmp_path / "c.jpg", files.MOCHI_2),
        files.with_comment(tmp_path / "d.jpg", b"UNICODE\0" + files.INFOTEXT.encode("utf-16-be")),
    ]
    for number in range(1000):
        data = bytearray(dice.choice(whole).read_bytes())
        for _ in range(dice.randint(1, 8)):
            data[dice.randrange(min(len(data), 1500))] = dice.randrange(256)
        path = tmp_path / "damaged.png"
        path.write_bytes(data[: dice.randrange(len(data))] if number % 3 == 0 else data)
        with contextlib.suppress(InputError):
            assert isinstance(read(path), ForeignImage)
