"""What PNGs say: the infotext as its readers take it, the exact record, hostile files."""

from __future__ import annotations

import io
import json
import os
import re
import struct
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_factory import metadata, picture, recipe
from PIL import Image

from sdq.views.image import record_facts
from sdq_core.errors import InputError, InputMissingError
from sdq_core.images.encode import encode_png
from sdq_core.images.infotext import parse_infotext, write_infotext
from sdq_core.images.pixels import image_from_rgb
from sdq_core.images.read import FileRecord, read_record
from sdq_core.values.conditions import Conditions
from sdq_core.values.rng import Rng
from sdq_core.values.variants import SAMPLER_NAMES, Scheduler, Variant

#: The regular expression with which AUTOMATIC1111 and the galleries that follow it split the last line.
READERS_PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


def test_the_infotext_is_what_automatic1111_writes() -> None:
    assert write_infotext(recipe(), 42, version="0.1.0") == (
        "a red house, by the sea\n"
        "Negative prompt: fog\n"
        "Steps: 20, Sampler: DPM++ 2M, CFG scale: 7.5, Seed: 42, Size: 64x48, Model: demo, "
        "Version: sdq 0.1.0, sdq variant: split_einsum, sdq compute unit: CPU_AND_NE"
    )
    assert "Negative prompt" not in write_infotext(recipe(negative_prompt=""), 1, version="1")
    assert "CFG scale: 7, " in write_infotext(recipe(guidance_scale=7), 1, version="1")


def test_every_scheduler_has_a_sampler_name() -> None:
    assert set(SAMPLER_NAMES) == set(Scheduler)


LINES = st.text(
    alphabet=st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"))
) | st.sampled_from(
    ["Steps: 1, Seed: 2, Size: 3x3", "Negative prompt: x", 'say "a, b: c"', "", "a:b,"]
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(LINES, min_size=1, max_size=4).map("\n".join),
    st.lists(LINES, max_size=3).map("\n".join),
    st.text(alphabet='ab,:"\\\n {}', min_size=1, max_size=12),
    st.sampled_from(Scheduler),
    # ONNX Runtime turns subnormal numbers off for the whole thread, and other tests have run it in this one
    st.floats(0, 100, allow_subnormal=False),
)
def test_readers_get_back_what_was_written(
    prompt: str, negative: str, model: str, scheduler: Scheduler, scale: float
) -> None:
    prompt, negative = prompt.strip(), negative.strip()
    made = recipe(
        prompt=prompt, negative_prompt=negative, scheduler=scheduler, guidance_scale=scale
    )
    variant = Variant(
        model=model,
        revision="r",
        attention_implementation=made.variant.attention_implementation,
        compute_unit=made.variant.compute_unit,
    )
    made = recipe(
        prompt=prompt,
        negative_prompt=negative,
        scheduler=scheduler,
        guidance_scale=scale,
        variant=variant,
    )
    text = write_infotext(made, 7, version="0.1.0")
    found = parse_infotext(text)
    assert found.pairs["Model"] == model
    assert found.pairs["Sampler"] == SAMPLER_NAMES[scheduler]
    assert float(found.pairs["CFG scale"]) == scale
    assert found.pairs["Seed"] == "7"
    assert [name for name, _ in READERS_PAIR.findall(text.split("\n")[-1])] == list(found.pairs)
    if prompt.startswith("Negative prompt:"):
        return  # the format cannot say this

    def words(text: str) -> str:
        return " ".join(text.split())

    assert words(found.prompt) == words(prompt)
    wanted = words(negative)
    if wanted.startswith("Negative prompt:"):
        return
    assert words(found.negative_prompt) == wanted


def test_noise_has_the_words_that_other_tools_know_and_weights_are_told() -> None:
    plain = write_infotext(recipe(), 1, version="1")
    assert "RNG" not in plain
    assert "weighted" not in plain
    asked = recipe(rng=Rng.NVIDIA, conditions=Conditions(weighted=True, eta=0.3))
    pairs = parse_infotext(write_infotext(asked, 1, version="1")).pairs
    assert (pairs["RNG"], pairs["sdq weighted"], pairs["sdq eta"]) == ("NV", "true", "0.3")
    record = FileRecord(recipe=asked, seed=1, software="sdq", provenance={})
    shown = [line.split(maxsplit=1) for line in record_facts(record, Path("a.png"))]
    assert ["noise", "of nvidia"] in shown
    assert ["weights", "count in the prompts"] in shown


def test_a_prompt_that_looks_like_parameters_stays_a_prompt() -> None:
    prompt = "a house\nNegative prompt: none\nSteps: 1, Seed: 2, Size: 3x3"
    found = parse_infotext(write_infotext(recipe(prompt=prompt), 5, version="1"))
    assert found.prompt == "a house Negative prompt: none\nSteps: 1, Seed: 2, Size: 3x3"
    assert found.negative_prompt == "fog"
    assert found.pairs["Seed"] == "5"


def test_a_text_without_parameters_is_all_prompt() -> None:
    assert parse_infotext("a house\nby: me").prompt == "a house\nby: me"


@pytest.mark.parametrize(
    "prompt", ["a red house", "ein Häuschen", "海边的红房子 🏠", 'two\nlines, \\ and " too']
)
def test_a_png_gives_its_recipe_back(tmp_path: Path, prompt: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode_png(picture(), metadata(prompt=prompt)))
    record = read_record(path)
    assert record.recipe == recipe(prompt=prompt)
    assert record.recipe.content_key == recipe(prompt=prompt).content_key
    assert (record.seed, record.software) == (42, "sdq 0.1.0")
    assert record.provenance == {"engine": "onnx", "ms": 1.5}
    with Image.open(path) as image:
        assert parse_infotext(image.info["parameters"]).pairs["Seed"] == "42"
        assert set(image.info) == {"parameters", "sdq", "XML:com.adobe.xmp", "xmp"}
        assert "trainedAlgorithmicMedia" in str(image.info["XML:com.adobe.xmp"])
        image.load()
        assert image.tobytes() == picture().tobytes()


def test_xmp_is_well_formed(tmp_path: Path) -> None:
    from xml.etree import ElementTree

    with Image.open(io.BytesIO(encode_png(picture(), metadata()))) as image:
        packet = image.info["XML:com.adobe.xmp"]
    description = ElementTree.fromstring(packet).find(".//{*}Description")
    assert description is not None
    assert description.attrib["{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"] == (
        "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    )


def test_the_same_image_is_the_same_bytes() -> None:
    one = encode_png(picture(), metadata())
    raw = image_from_rgb(picture().tobytes(), 64, 48)
    raw.info["Comment"] = "from elsewhere"
    assert encode_png(raw, metadata()) == one


def test_without_metadata_nothing_but_pixels_is_written() -> None:
    with Image.open(io.BytesIO(encode_png(picture(), None))) as image:
        image.load()
        assert image.info == {}


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = b"\x89PNG\r\n\x1a\n"
END = chunk(b"IEND", b"")


def bomb(kind: bytes, head: bytes) -> bytes:
    """A chunk of 20 kB whose text is 20 MB."""
    return chunk(kind, head + zlib.compress(bytes(20_000_000), 9))


def record_with(**changes: object) -> bytes:
    record = {**json.loads(metadata().to_json()), **changes}
    return PNG + chunk(b"tEXt", b"sdq\0" + json.dumps(record).encode()) + END


def test_a_record_behind_the_pixels_is_found(tmp_path: Path) -> None:
    plain = encode_png(picture(), None)
    moved = plain[: -len(END)] + chunk(b"tEXt", b"sdq\0" + metadata().to_json().encode()) + END
    (tmp_path / "a.png").write_bytes(moved)
    assert read_record(tmp_path / "a.png").seed == 42


RECIPE = json.loads(metadata().to_json())["recipe"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not a PNG"),
        (b"GIF89a" * 9, "is not a PNG"),
        (PNG, "is truncated before any sdq record"),
        (PNG + END, "has no sdq record"),
        (
            PNG + struct.pack(">I4s", 2**32 - 1, b"IDAT") + b"x",
            "is truncated before any sdq record",
        ),
        (PNG + struct.pack(">I4s", 2**32 - 1, b"tEXt") + b"sdq\0", "has 4,294,967,295 bytes"),
        (PNG + chunk(b"gAMA", b"") * 100_001, "more than 100,000 chunks"),
        (record_with()[:-20], "damaged"),
        (record_with().replace(b"CPU_AND_NE", b"CPU_AND_XX"), "damaged"),
        (PNG + chunk(b"tEXt", b"sdq\0" + b"[" * 500_000), "not JSON"),
        (PNG + chunk(b"tEXt", b"sdq\0\xff"), "not JSON"),
        (PNG + chunk(b"tEXt", b'sdq\0{"version": ' + b"9" * 500_000 + b"}"), "not JSON"),
        (PNG + chunk(b"tEXt", b'sdq\0{"version": NaN}'), "not JSON"),
        (PNG + chunk(b"tEXt", b"sdq\0[]"), "not an object"),
        (record_with(version=2), "update sdq"),
        (record_with(seed=True), "is missing"),
        (record_with(seed=2**32), "not between 0 and"),
        (record_with(recipe=None), "is missing"),
        (record_with(recipe={**RECIPE, "width": "64"}), "width is missing or of the wrong type"),
        (record_with(recipe={**RECIPE, "width": 0}), "are out of range"),
        (record_with(recipe={**RECIPE, "scheduler": "x"}), "not a valid Scheduler"),
        (record_with(recipe={**RECIPE, "guidance_scale": 10**29}), "are out of range"),
        (record_with(recipe={**RECIPE, "guidance_scale": -1}), "are out of range"),
        (record_with(recipe={**RECIPE, "num_inference_steps": 10**9}), "are out of range"),
        (record_with(recipe={**RECIPE, "height": 2**20}), "are out of range"),
        (
            record_with(recipe={**RECIPE, "prompt": "half \ud83d pair"}),
            "prompt is too long or contains",
        ),
        (record_with(recipe={**RECIPE, "prompt": "\x1b[2J"}), "prompt is too long or contains"),
        (record_with(recipe={**RECIPE, "model": "a\0b"}), "model is too long or contains"),
        (record_with(recipe={**RECIPE, "prompt": "x" * 20_001}), "prompt is too long or contains"),
        (
            PNG + chunk(b"tEXt", b'sdq\0{"version": 1, "provenance": {"ms": 1e999}}'),
            "not JSON",
        ),
        (record_with(software={"x" * 100_000: 1}, provenance={}), None),
        (PNG + bomb(b"zTXt", b"sdq\0\0") + END, "has no sdq record"),
        (PNG + bomb(b"iTXt", b"sdq\0\1\0\0\0") + END, "has no sdq record"),
        (PNG + bomb(b"iCCP", b"x\0\0") + bomb(b"IDAT", b"") + END, "has no sdq record"),
        (
            PNG
            + chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 16, 6, 0, 0, 1))
            + END,
            "no sdq record",
        ),
        (PNG + chunk(b"tEXt", b"Comment\0" + b"x" * 8_000_000) + record_with()[8:], None),
    ],
)
def test_hostile_files_are_refused_quickly(
    tmp_path: Path, content: bytes, says: str | None
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    started = time.monotonic()
    if says is None:
        assert read_record(path).seed == 42
    else:
        with pytest.raises(InputError) as caught:
            read_record(path)
        assert says in str(caught.value)
        assert len(str(caught.value)) < 400
    assert time.monotonic() - started < 5


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match="does not exist"):
        read_record(tmp_path / "gone.png")
    with pytest.raises(InputError, match="is a folder"):
        read_record(tmp_path)
    with pytest.raises(InputMissingError, match="No file can have the name"):
        read_record(tmp_path / "a\0b.png")


@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero")):
        with pytest.raises(InputError, match="a pipe or a device"):
            read_record(path)
