"""Image files in the way in which each tool writes them, made with Pillow."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

#: AUTOMATIC1111, modules/processing.py (create_infotext): the prompt, the negative one, a line of settings.
INFOTEXT = (
    "a red lighthouse, (stormy sea:1.2) <lora:detail:0.8>\n"
    "Negative prompt: fog, rain\n"
    "Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6, Seed: 3141592653, Size: 832x1216, "
    "Model hash: 1fe6c7ec54, Model: realisticVision, Denoising strength: 0.4, Clip skip: 2, Hires upscale: 1.5, "
    'Hires upscaler: 4x-UltraSharp, Lora hashes: "detail: 7c0b3b9a1c4d", Version: v1.10.1'
)
#: Without anything that sdq could not draw.
PLAIN_INFOTEXT = (
    "a red house\n"
    "Steps: 12, Sampler: Euler a, CFG scale: 5, Seed: 7, Size: 128x128, Model: demo, Version: v1.9.0"
)

#: ComfyUI, the graph of its default workflow with a LoRA and a second pass (script_examples/basic_api_example.py).
COMFY_PROMPT: dict[str, Any] = {
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sdxl/juggernaut_v9.safetensors"}},
    "10": {"class_type": "LoraLoader",
           "inputs": {"lora_name": "detail.safetensors", "model": ["4", 0], "clip": ["4", 1]}},
    "20": {"class_type": "StringConstant", "inputs": {"string": "a fox in the snow"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["20", 0], "clip": ["10", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["10", 1]}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 1024, "height": 768, "batch_size": 1}},
    "3": {"class_type": "KSampler", "is_changed": [float("nan")], "inputs": {
        "seed": 1125899906842624, "steps": 30, "cfg": 6.5, "sampler_name": "dpmpp_2m", "scheduler": "karras",
        "denoise": 1.0, "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
    "11": {"class_type": "LatentUpscaleBy", "inputs": {"scale_by": 1.5, "samples": ["3", 0]}},
    "12": {"class_type": "KSampler", "inputs": {
        "seed": 9, "steps": 15, "cfg": 6.5, "sampler_name": "euler", "scheduler": "normal", "denoise": 0.45,
        "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["11", 0]}},
    "13": {"class_type": "VAEDecode", "inputs": {"samples": ["12", 0], "vae": ["4", 2]}},
    "14": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["13", 0]}},
}  # fmt: skip
#: The same kind of graph as its editor saves it: widgets have no names, links are a list.
COMFY_WORKFLOW: dict[str, Any] = {
    "nodes": [
        {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["v1-5.ckpt"], "inputs": []},
        {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["a boat"], "inputs": [{"name": "clip", "link": 3}]},
        {"id": 7, "type": "CLIPTextEncode", "widgets_values": ["fog"], "inputs": [{"name": "clip", "link": 5}]},
        {"id": 5, "type": "EmptyLatentImage", "widgets_values": [512, 512, 1], "inputs": []},
        {"id": 3, "type": "KSampler", "widgets_values": [77, "randomize", 25, 8, "euler_ancestral", "normal", 1],
         "inputs": [{"name": "model", "link": 1}, {"name": "positive", "link": 4}, {"name": "negative", "link": 6},
                    {"name": "latent_image", "link": 2}]},
        {"id": 99, "type": "Note", "mode": 2, "widgets_values": ["nothing"]},
    ],
    "links": [[1, 4, 0, 3, 0, "MODEL"], [2, 5, 0, 3, 3, "LATENT"], [3, 4, 1, 6, 0, "CLIP"],
              [4, 6, 0, 3, 1, "CONDITIONING"], [5, 4, 1, 7, 0, "CLIP"], [6, 7, 0, 3, 2, "CONDITIONING"]],
    "version": 0.4,
}  # fmt: skip
#: A graph with separate nodes for noise, guider, sampler and steps, as templates for newer models have it.
COMFY_CUSTOM: dict[str, Any] = {
    "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors"}},
    "2": {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "t5xxl.safetensors"}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse at dusk", "clip": ["2", 0]}},
    "4": {"class_type": "BasicGuider", "inputs": {"model": ["1", 0], "conditioning": ["3", 0]}},
    "5": {"class_type": "RandomNoise", "inputs": {"noise_seed": 42}},
    "6": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
    "7": {"class_type": "BasicScheduler",
          "inputs": {"scheduler": "simple", "steps": 20, "denoise": 1.0, "model": ["1", 0]}},
    "9": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 1344, "height": 768, "batch_size": 1}},
    "8": {"class_type": "SamplerCustomAdvanced", "inputs": {
        "noise": ["5", 0], "guider": ["4", 0], "sampler": ["6", 0], "sigmas": ["7", 0], "latent_image": ["9", 0]}},
    "12": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}},
}  # fmt: skip

#: InvokeAI, invokeai/app/invocations/metadata.py (CoreMetadataInvocation).
INVOKE_METADATA: dict[str, Any] = {
    "generation_mode": "txt2img", "positive_prompt": "a cozy cabin", "negative_prompt": "blurry", "width": 512,
    "height": 512, "seed": 2718281828, "rand_device": "cpu", "cfg_scale": 7.5, "steps": 30, "scheduler": "dpmpp_2m_k",
    "clip_skip": 0, "model": {"key": "6a", "name": "dreamshaper", "base": "sd-1", "type": "main"},
    "loras": [{"model": {"name": "add-detail"}, "weight": 0.6}], "app_version": "5.4.2",
}  # fmt: skip
#: Its version 2, ldm/invoke/args.py (metadata_dumps, dream_prompt_str).
SD_METADATA: dict[str, Any] = {
    "model": "stable diffusion", "model_weights": "stable-diffusion-1.5", "app_id": "invoke-ai/InvokeAI",
    "image": {"prompt": [{"prompt": "a robot reading [blurry, text]", "weight": 1.0}], "steps": 50, "cfg_scale": 7.5,
              "threshold": 0, "perlin": 0, "height": 512, "width": 512, "seed": 1618033988, "seamless": False,
              "hires_fix": False, "type": "txt2img", "postprocessing": None, "sampler": "k_lms", "variations": []},
}  # fmt: skip
DREAM = '"a robot reading [blurry, text]" -s 50 -S 1618033988 -W 512 -H 512 -C 7.5 -A k_lms'

#: Draw Things: receyuki/stable-diffusion-prompt-reader, sd_prompt_reader/format/drawthings.py.
DRAW_THINGS: dict[str, Any] = {
    "c": "a fox & a \"hound\"", "uc": "blurry", "steps": 12, "sampler": "Euler A AYS", "scale": 4.5, "seed": 777,
    "size": "1024x768", "model": "sd_v1.5_f16.ckpt", "strength": 1, "seed_mode": "Scale Alike",
    "lora": [{"model": "detail.ckpt", "weight": 0.6}], "v2": {"guidanceScale": 4.5, "clipSkip": 1},
}  # fmt: skip

#: Mochi Diffusion up to version 5, and since its metadata version 2 (Support/MetadataCodec.swift).
MOCHI = (
    "Include in Image: a cat; wearing a hat; Exclude from Image: fog; Model: sd-1.5; Steps: 17; Guidance Scale: 7.5; "
    "Seed: 42; Size: 512x512; Scheduler: DPM-Solver++; ML Compute Unit: CPU & GPU; Generator: Mochi Diffusion 4.2"
)
MOCHI_2 = (
    "Metadata Version: 2\nInclude in Image: a cat; and\\na dog\nExclude from Image: \nModel: sd-1.5\nSteps: 17\n"
    "Guidance Scale: 7.5\nSeed: 42\nScheduler: PNDM\nGenerator: Mochi Diffusion 6.0"
)


def png(path: Path, **texts: str) -> Path:
    """Write a PNG with text chunks; of Pillow's they are tEXt, or iTXt for what Latin-1 lacks."""
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key.replace("_", "-") if key == "sd_metadata" else key, text)
    Image.new("RGB", (8, 8), "teal").save(path, pnginfo=info)
    return path


def png_with_xmp(path: Path, packet: str) -> Path:
    """Write a PNG with XMP, as ImageIO on a Mac does."""
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet)
    Image.new("RGB", (8, 8), "teal").save(path, pnginfo=info)
    return path


def xmp(*, comment: str = "", description: str = "") -> str:
    """Return a packet as ImageIO writes it: texts in alternatives by language, line ends as references."""
    properties = "".join(
        f'<{name}><rdf:Alt><rdf:li xml:lang="x-default">{_escaped(text)}</rdf:li></rdf:Alt></{name}>'
        for name, text in (("dc:description", description), ("exif:UserComment", comment))
        if text
    )
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 6.0.0"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="">'
        f"{properties}<xmp:CreatorTool>Draw Things</xmp:CreatorTool></rdf:Description></rdf:RDF></x:xmpmeta>"
    )


def with_comment(path: Path, comment: bytes) -> Path:
    """Write a JPEG, WebP or AVIF with EXIF's UserComment, its code in front."""
    exif = Image.Exif()
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.UserComment: comment}
    Image.new("RGB", (8, 8), "teal").save(path, exif=exif.tobytes())
    return path


def comfy_webp(path: Path) -> Path:
    """Write a WebP as ComfyUI's SaveAnimatedWEBP does: JSON in the camera's make and model."""
    exif = Image.Exif()
    exif[0x0110] = f"prompt:{json.dumps(COMFY_PROMPT)}"
    exif[0x010F] = f"workflow:{json.dumps(COMFY_WORKFLOW)}"
    Image.new("RGB", (8, 8), "teal").save(path, exif=exif.tobytes())
    return path


def jpeg_with_caption(path: Path, caption: str) -> Path:
    """Write a JPEG with an IPTC caption in Photoshop's frame."""

    def data_set(number: int, raw: bytes) -> bytes:
        return b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(raw)) + raw

    record = data_set(65, b"Mochi Diffusion") + data_set(120, caption.encode())
    frame = (
        b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record + b"\0" * (len(record) % 2)
    )
    segment = b"Photoshop 3.0\0" + frame
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(buffer, "JPEG")
    data = buffer.getvalue()
    path.write_bytes(
        data[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
    )
    return path


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a PNG's chunk."""
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


def _escaped(text: str) -> str:
    return (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace('"', "&quot;")
        .replace("\n", "&#xA;")
    )
