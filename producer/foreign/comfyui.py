"""ComfyUI: no record of an image but the graph that made it, in which the sampler's inputs are followed.

Of several samplers in a row the first is the picture, and the others are passes over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from producer.foreign.foreign_image import ForeignImage, Lost
from producer.foreign.graph import Graph, Node, graph_of_prompt, graph_of_workflow
from producer.foreign.json_text import dict_of, json_object
from sdq_core.errors import InputError
from sdq_core.values.rng import Rng

TOOL = "ComfyUI"

#: Inputs of a conditioning node that do not lead to its text.
_NO_TEXT = frozenset(
    {"model", "clip", "vae", "image", "pixels", "latent", "latent_image", "samples", "control_net", "mask"}
)  # fmt: skip
_TEXTS = ("text", "text_g", "prompt", "t5xxl", "clip_l", "populated_text")
#: How much of a text is looked at for such a label.
_LABEL = 10
#: More are no workflow that somebody drew with, and each is followed through the whole graph.
_MOST_SAMPLERS = 50
#: Inputs of a sampler whose settings are nodes of their own.
_APART = frozenset({"guider", "sampler", "sigmas"})
#: Nodes that make one conditioning of several, or of something else than text.
_COMBINING = ("ConditioningCombine", "ConditioningConcat", "ConditioningAverage", "ConditioningSet", "GLIGEN",
              "unCLIPConditioning", "StyleModel")  # fmt: skip
_SAVING = ("SaveImage", "Image Save", "SaveAnimated")
#: Samplers whose first noise is drawn on the CPU.
_DRAW_ON_CPU = frozenset({"KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced"})
_MODELS = ("ckpt_name", "unet_name", "model_name")


def read(texts: Mapping[str, str]) -> ForeignImage | None:
    """Return what ComfyUI's graph says, None without one."""
    found = dict(texts)
    for text in texts.values():  # a WebP has them in EXIF's make and model
        name, colon, _ = text[:_LABEL].partition(":")
        if colon and name.lower() in {"prompt", "workflow"}:
            found[name.lower()] = text[len(name) + 1 :]
    for name, made in (("prompt", graph_of_prompt), ("workflow", graph_of_workflow)):
        text = found.get(name, "").strip()
        if text.startswith("{"):
            graph = made(json_object(text, name))
            if graph.nodes:
                return of_graph(graph)
    comment = texts.get("exif:UserComment", "")
    if comment.startswith("{") and '"class_type"' in comment:
        document = json_object(comment, "comment")  # of nodes that save JPEGs, or of Civitai
        return of_document(dict_of(document.get("prompt")) or document)
    return None


def of_document(document: Mapping[str, Any]) -> ForeignImage | None:
    """Return what a workflow says that was saved as JSON, in either form; None for another document."""
    if isinstance(document.get("nodes"), list):
        return of_graph(graph_of_workflow(document))
    if any("class_type" in dict_of(node) for node in document.values()):
        return of_graph(graph_of_prompt(document))
    return None


def of_graph(graph: Graph) -> ForeignImage:
    """Return what a graph draws; raise InputError for one in which that cannot be found."""
    sampler, lost = _sampler(graph)
    guider = graph.behind(sampler.inputs.get("guider")) or sampler
    positive = _prompt(graph, guider, "positive" if "positive" in guider.inputs else "conditioning")
    if positive is None:
        raise InputError("its workflow has no prompt that can be read")
    before = list(graph.upstream(sampler))
    model = next((_known(node, *_MODELS) for node in before if _known(node, *_MODELS)), None)
    latent = graph.behind(sampler.inputs.get("latent_image"))
    sized = graph.upstream(latent) if latent else ()
    empty = next((node for node in sized if {"width", "height"} <= node.inputs.keys()), None)
    for node in before:
        _note(node, lost)
    pictures = graph.value(empty, "batch_size") if empty else None
    if isinstance(pictures, int) and pictures > 1:  # one generator serves all of them
        lost.setdefault(
            Lost.OTHER, f"one of {pictures} pictures of its seed, drawn as the first"[:100]
        )
    if any(node.kind.startswith("VAEEncode") for node in before):
        strength = graph.value(sampler, "denoise")
        lost[Lost.FROM_IMAGE] = "" if strength is None else f"denoise {strength}"

    def value(*names: str) -> Any:
        """Return the sampler's own value, or that of a node before it."""
        own = graph.value(sampler, *names)
        if own is not None or _APART.isdisjoint(sampler.inputs):
            return own
        return next((v for node in before if (v := graph.value(node, *names)) is not None), None)

    return ForeignImage(
        tool=TOOL,
        prompt=positive,
        negative_prompt=_prompt(graph, guider, "negative") or "",
        steps=value("steps"),
        guidance_scale=value("cfg"),
        sampler=_string(value("sampler_name")),
        schedule=_string(value("scheduler")),
        seed=value("seed", "noise_seed"),
        rng=Rng.TORCH if sampler.kind in _DRAW_ON_CPU else None,
        model=model,
        width=graph.value(empty, "width") if empty else None,
        height=graph.value(empty, "height") if empty else None,
        lost=lost,
    )


def _sampler(graph: Graph) -> tuple[Node, dict[Lost, str]]:
    """Return the sampler that makes the picture, and what comes behind and beside it."""
    samplers = [node for node in graph.nodes.values() if _is_sampler(node)]
    if len(samplers) > _MOST_SAMPLERS:
        raise InputError(f"its workflow has more than {_MOST_SAMPLERS} samplers")
    saved = [node for node in graph.nodes.values() if node.kind.startswith(_SAVING)]
    kept = list(graph.upstream(*saved))
    drawn = [node for node in kept if _is_sampler(node)] or samplers
    first = [
        node
        for node in drawn
        if not any(_is_sampler(other) for other in graph.upstream(node) if other is not node)
    ]
    if not first:
        raise InputError("its workflow has no sampler that sdq knows, such as KSampler")
    lost: dict[Lost, str] = {}
    passes = [node.kind for node in drawn if node not in first]
    passes += [node.kind for node in kept if "Upscale" in node.kind]
    if passes:
        lost[Lost.SECOND_PASS] = passes[0][:100]
    if len(first) > 1:
        lost[Lost.OTHER] = f"one of {len(first)} pictures of its workflow"
    return first[0], lost


def _is_sampler(node: Node) -> bool:
    return "latent_image" in node.inputs and not {"seed", "noise_seed", "noise"}.isdisjoint(
        node.inputs
    )


def _prompt(graph: Graph, node: Node, role: str) -> str | None:
    """Return the text that a conditioning comes from, None without one."""
    start = graph.behind(node.inputs.get(role))
    if start is None:
        return None

    def follow(at: Node, name: str) -> bool:
        return name == role if role in at.inputs else name not in _NO_TEXT

    for found in graph.upstream(start, follow=follow):
        if isinstance(own := found.inputs.get(role), str):
            return own
        if found.kind == "ConditioningZeroOut":
            return ""
        changes_another = any(name.startswith("conditioning") for name in found.inputs)
        has_clip = any(name.endswith("clip") for name in found.inputs)
        if not changes_another and (has_clip or "TextEncode" in found.kind):
            text = graph.value(found, *_TEXTS)
            if isinstance(text, str):
                return text
    return None


def _note(node: Node, lost: dict[Lost, str]) -> None:
    if name := _known(node, "lora_name"):
        lost.setdefault(Lost.NETWORKS, name)
    if "ControlNet" in node.kind or "IPAdapter" in node.kind:
        lost.setdefault(Lost.CONTROL, node.kind[:100])
    if node.kind.startswith(_COMBINING):
        lost.setdefault(Lost.OTHER, node.kind[:100])
    if node.kind == "CLIPSetLastLayer" and node.inputs.get("stop_at_clip_layer") not in (-1, None):
        lost.setdefault(Lost.CLIP_SKIP, str(node.inputs["stop_at_clip_layer"])[:20])


def _known(node: Node, *names: str) -> str | None:
    return next((found for name in names if (found := _string(node.inputs.get(name)))), None)


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None
