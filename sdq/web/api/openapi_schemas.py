"""The objects of this interface, as OpenAPI 3.1 describes them. What a request has beyond them is ignored."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sdq.views.batch_object import ENDPOINT
from sdq.web.api.generation import FORMATS, MOST_IMAGES
from sdq.web.api.uploads import PURPOSES
from sdq_core.values.annotators import Annotator
from sdq_core.values.conditions import MAX_SCALE
from sdq_core.values.limits import MAX_GUIDANCE_SCALE, MAX_STEPS, MAX_TEXT_CHARS
from sdq_core.values.rng import Rng
from sdq_core.values.seeds import MAX_SEED
from sdq_core.values.variants import SAMPLER_NAMES, Scheduler

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
ANYTHING: Schema = {"type": "object"}
#: Unix time, s.
TIME: Schema = {"type": "integer", "description": "Unix time in seconds."}


def obj(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """Return an object with these fields."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
    }


def or_null(schema: Schema) -> Schema:
    """Return a value that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def list_of(schema: Schema) -> Schema:
    """Return a list."""
    return {"type": "array", "items": schema}


def one_of(*words: str) -> Schema:
    """Return one of some words."""
    return {"type": "string", "enum": list(words)}


def one_of_numbers(*numbers: int) -> Schema:
    """Return one of some numbers."""
    return {"type": "integer", "enum": list(numbers)}


def ref(name: str) -> Schema:
    """Return what points at a schema of this file."""
    return {"$ref": f"#/components/schemas/{name}"}


def page_of(name: str) -> Schema:
    """Return a page of objects."""
    return obj(
        {
            "object": one_of("list"),
            "data": list_of(ref(name)),
            "first_id": or_null(TEXT),
            "last_id": or_null(TEXT),
            "has_more": FLAG,
        }
    )


_COUNTS = {"total": COUNT, "completed": COUNT, "failed": COUNT}
#: What no text may have (`sdq_core.values.limits`), and what beside white space is not seen.
_BAD = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029\ufff9-\uffff"
_UNSEEN = r"\s\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069"
_ANY_TEXT = {"type": "string", "pattern": f"^[^{_BAD}]*$", "maxLength": MAX_TEXT_CHARS}
_PROMPT = {
    "type": "string",
    "pattern": f"^[^{_BAD}]*[^{_BAD}{_UNSEEN}][^{_BAD}]*$",
    "maxLength": MAX_TEXT_CHARS,
}
_GUIDANCE = {
    "type": "number",
    "minimum": 0,
    "maximum": MAX_GUIDANCE_SCALE,
    "description": "1 or less turns guidance off.",
}
_IMAGES = {"type": "integer", "minimum": 1, "maximum": MOST_IMAGES}

_SCHEMAS: Mapping[str, Schema] = {
    "Error": obj(
        {
            "error": obj(
                {
                    "message": TEXT,
                    "type": TEXT,
                    "param": or_null(TEXT),
                    "code": or_null(TEXT),
                }
            )
        }
    ),
    "A1111Error": obj({"error": {}, "detail": TEXT}),
    "File": obj(
        {
            "id": TEXT,
            "object": one_of("file"),
            "bytes": COUNT,
            "created_at": TIME,
            "expires_at": or_null(TIME),
            "filename": TEXT,
            "purpose": one_of("batch_output", *PURPOSES),
            "status": TEXT,
        }
    ),
    "Batch": obj(
        {
            "id": TEXT,
            "object": one_of("batch"),
            "endpoint": TEXT,
            "model": or_null(TEXT),
            "input_file_id": TEXT,
            "completion_window": TEXT,
            "status": one_of(
                "validating",
                "failed",
                "in_progress",
                "finalizing",
                "completed",
                "expired",
                "cancelling",
                "cancelled",
            ),
            "output_file_id": or_null(TEXT),
            "error_file_id": or_null(TEXT),
            "created_at": TIME,
            "in_progress_at": or_null(TIME),
            "completed_at": or_null(TIME),
            "request_counts": obj(_COUNTS),
            "metadata": or_null({"type": "object", "additionalProperties": TEXT}),
            "sdq": obj(
                {
                    "name": TEXT,
                    "state": one_of("queued", "in_progress", "paused", "cancelled", "completed"),
                    "priority": one_of("high", "normal", "low"),
                    "at_front": FLAG,
                    "images": obj(_COUNTS),
                    "images_per_hour": or_null(NUMBER),
                    "eta_seconds": or_null(NUMBER),
                }
            ),
        }
    ),
    "NewBatch": obj(
        {"input_file_id": TEXT, "endpoint": one_of(ENDPOINT)},
        {
            "completion_window": TEXT,
            "metadata": or_null(
                {
                    "type": "object",
                    "additionalProperties": {
                        "type": "string",
                        "maxLength": 512,
                        "pattern": r"^[^\u0000]*$",
                    },
                    "propertyNames": {"maxLength": 64, "pattern": r"^[^\u0000]*$"},
                    "maxProperties": 16,
                }
            ),
        },
    ),
    "Images": obj(
        {
            "created": TIME,
            "data": list_of(obj({"seed": WHOLE}, {"b64_json": TEXT, "url": TEXT})),
            "output_format": TEXT,
            "size": TEXT,
        }
    ),
    "Model": obj({"id": TEXT, "object": one_of("model"), "created": TIME, "owned_by": TEXT}),
    "Options": obj({"sd_model_checkpoint": TEXT}),
    "NewOptions": obj({}, {"sd_model_checkpoint": or_null(TEXT)}),
    "Sampler": obj({"name": TEXT, "aliases": list_of(TEXT), "options": ANYTHING}),
    "Schedule": obj({"name": TEXT, "label": TEXT}),
    "Checkpoint": obj({"title": TEXT, "model_name": TEXT, "filename": TEXT}),
    "Progress": obj(
        {"progress": NUMBER, "eta_relative": NUMBER, "state": obj({"job_count": COUNT})}
    ),
    "Txt2ImgAnswer": obj({"images": list_of(TEXT), "parameters": ANYTHING, "info": TEXT}),
}


_PICTURE = {"type": "string", "description": "Base64, a data URL, or the id of an uploaded file."}
_BASE64 = {"type": "string", "description": "A picture in base64."}
_PART = {"type": "number", "minimum": 0, "maximum": 1}
_STRENGTH = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
_CONTROLNET = obj(
    {"name": TEXT, "image": _PICTURE},
    {
        "annotate": or_null(one_of(*map(str, Annotator))),
        "scale": or_null({"type": "number", "minimum": 0, "maximum": MAX_SCALE}),
        "start": or_null(_PART),
        "end": or_null(_PART),
    },
)


def schemas(sizes: Collection[tuple[int, int]]) -> Mapping[str, Schema]:
    """Return all objects by name. sizes: width and height of what can be drawn."""
    seed = or_null({"type": "integer", "minimum": -1, "maximum": MAX_SEED})
    steps = or_null({"type": "integer", "minimum": 1, "maximum": MAX_STEPS})
    openais: Mapping[str, Schema] = {
        "model": or_null(TEXT),
        "n": or_null(_IMAGES),
        "size": or_null(one_of("auto", *(f"{width}x{height}" for width, height in sorted(sizes)))),
        "response_format": or_null(one_of(*FORMATS)),
        "seed": seed,
        "steps": steps,
        "guidance_scale": or_null(_GUIDANCE),
        "negative_prompt": or_null(_ANY_TEXT),
        "scheduler": or_null(one_of(*map(str, Scheduler))),
        "rng": or_null(one_of(*map(str, Rng))),
        "eta": or_null({**_PART, "description": "For the scheduler TCD."}),
        "weighted": or_null(FLAG),
        "strength": or_null(_STRENGTH),
        "original_size": or_null(TEXT),
        "crop": or_null(TEXT),
    }
    a1111s: Mapping[str, Schema] = {
        "negative_prompt": or_null(_ANY_TEXT),
        "seed": seed,
        "steps": steps,
        "cfg_scale": or_null(_GUIDANCE),
        "width": or_null({"type": "integer", "enum": sorted({width for width, _ in sizes})}),
        "height": or_null({"type": "integer", "enum": sorted({height for _, height in sizes})}),
        "sampler_name": or_null(one_of("", *SAMPLER_NAMES.values())),
        "batch_size": or_null(_IMAGES),
        "n_iter": or_null(_IMAGES),
        "override_settings": or_null(obj({}, {"sd_model_checkpoint": or_null(TEXT)})),
        "send_images": or_null(FLAG),
        "alwayson_scripts": or_null(ANYTHING),
    }
    file = {"type": "string", "format": "binary"}
    return {
        **_SCHEMAS,
        "Generation": obj(
            {"prompt": _PROMPT},
            {
                **openais,
                "init_image": or_null(_PICTURE),
                "mask": or_null(_PICTURE),
                "controlnet": or_null(list_of(_CONTROLNET)),
            },
        ),
        "Edit": obj({"prompt": _PROMPT, "image": file}, {"mask": file, **openais}),
        "Txt2Img": obj({"prompt": _PROMPT}, a1111s),
        "Img2Img": obj(
            {"prompt": _PROMPT, "init_images": {**list_of(_BASE64), "minItems": 1, "maxItems": 1}},
            {
                **a1111s,
                "mask": or_null(_BASE64),
                "denoising_strength": or_null(_STRENGTH),
                "inpainting_mask_invert": or_null(one_of_numbers(0, 1)),
                "resize_mode": or_null(one_of_numbers(0)),
            },
        ),
    }
