"""Packages of a few hundred bytes that declare what a test wants, written without coremltools."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import sdq_core

DEMO = Path(sdq_core.__file__).parent / "demo_model"
Shapes = Mapping[str, tuple[int, ...]]
Declared = Mapping[str, tuple[Shapes, Shapes]]

#: What Stable Diffusion 1's parts declare, for images of 64x128.
PARTS: Declared = {
    "text_encoder": ({"input_ids": (1, 77)}, {"last_hidden_state": (1, 77, 32)}),
    "unet": (
        {
            "sample": (2, 4, 16, 8),
            "timestep": (2,),
            "encoder_hidden_states": (2, 32, 1, 77),
        },
        {"noise_pred": (2, 4, 16, 8)},
    ),
    "vae_decoder": ({"z": (1, 4, 16, 8)}, {"image": (1, 3, 128, 64)}),
    "safety_checker": (
        {"clip_input": (1, 3, 224, 224), "images": (1, 128, 64, 3), "adjustment": (1,)},
        {"concept_scores": (1, 17), "has_nsfw_concepts": (1,)},
    ),
}


def write_model(folder: Path, parts: Declared, **settings: object) -> Path:
    """Write a model of packages that declare these inputs and outputs; settings: files of JSON, by stem."""
    for part, (inputs, outputs) in parts.items():
        package = folder / f"x_{part}.mlpackage"
        model = package / "Data" / "com.apple.CoreML" / "model.mlmodel"
        model.parent.mkdir(parents=True)
        model.write_bytes(description(inputs, outputs))
        manifest = {"itemInfoEntries": {"m": {"path": "com.apple.CoreML/model.mlmodel"}}}
        (package / "Manifest.json").write_text(json.dumps({**manifest, "rootModelIdentifier": "m"}))
    for name in ("tokenizer", "scheduler", "feature_extractor"):
        shutil.copytree(DEMO / name, folder / name)
    for path in list(folder.glob("*/*.json")):
        if path.stem in settings:
            path.write_text(json.dumps(settings[path.stem]))
    return folder


def description(inputs: Shapes, outputs: Shapes, operation: str = "identity") -> bytes:
    """Return an ML program with these inputs, whose only operations give the outputs."""
    block = b"".join(field(2, name.encode()) for name in outputs)
    for name, shape in outputs.items():
        block += field(3, field(1, operation.encode()) + field(3, named(name, shape)))
    blocks = field(3, field(1, b"CoreML6") + field(2, block))
    taken = b"".join(field(1, named(name, shape)) for name, shape in inputs.items())
    function = taken + field(2, b"CoreML6") + blocks
    return b"\x08\x07" + field(502, field(2, field(1, b"main") + field(2, function)))


def named(name: str, shape: tuple[int, ...]) -> bytes:
    """Return a value's name and type: float16, in this shape."""
    sizes = b"".join(field(3, field(1, b"\x08" + varint(size))) for size in shape)
    return field(1, name.encode()) + field(2, field(1, b"\x08\x0a" + sizes))


def field(number: int, data: bytes) -> bytes:
    """Return a length-delimited field."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    """Return a number of 7 bits a byte."""
    low, rest = value & 0x7F, value >> 7
    return bytes([low]) if not rest else bytes([low | 0x80]) + varint(rest)
