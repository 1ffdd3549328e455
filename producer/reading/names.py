"""The names of a prompt line's options in every dialect: sdq's, AUTOMATIC1111's and kohya's."""

from __future__ import annotations

import re

from producer.reading.characters import DASHES
from sdq_core.errors import ALL_KNOWN
from sdq_core.printable import quote
from sdq_core.values.guesses import did_you_mean
from sdq_core.values.tidying import tidy

#: Every accepted name -> its field. Case does not matter, nor does what separates words.
NAMES = {
    "prompt": "prompt",
    "text": "prompt",
    "negative_prompt": "negative_prompt",
    "negative": "negative_prompt",
    "seed": "seed",
    "seeds": "seed",
    "seed_range": "seed",
    "random_seeds": "random_seeds",
    "n_iter": "image_count",
    "num_inference_steps": "num_inference_steps",
    "steps": "num_inference_steps",
    "guidance_scale": "guidance_scale",
    "guidance": "guidance_scale",
    "cfg_scale": "guidance_scale",
    "scheduler": "scheduler",
    "sampler": "scheduler",
    "sampler_name": "scheduler",
    "rng": "rng",
    "eta": "eta",
    "weighted": "weighted",
    "variant": "variants",
    "variants": "variants",
    "attention_implementation": "variants",
    "compute_unit": "compute_unit",
    "model": "model",
    "sd_model": "model",
    "width": "width",
    "height": "height",
    "init_image": "init_image",
    "init_img": "init_image",
    "strength": "strength",
    "denoising_strength": "strength",
    "mask": "mask",
    "mask_image": "mask",
    "original_size": "original_size",
    "crop": "crop",
    "controlnet": "controlnets",
    "controlnets": "controlnets",
    "custom_id": "custom_id",
    "tags": "tags",
    "meta": "meta",
}
#: kohya's one-letter options; only on the lines of a txt file.
SHORT_NAMES = {
    "n": "negative_prompt",
    "w": "width",
    "h": "height",
    "s": "num_inference_steps",
    "d": "seed",
    "l": "guidance_scale",
}
_SUGGESTED = [name for name, field in NAMES.items() if name == field and name != "variants"]
_SUGGESTED.insert(_SUGGESTED.index("compute_unit"), "variant")

#: Options of other tools that sdq does not have -> whose they are, and what to write in their place.
_FOREIGN: dict[str, tuple[str, str]] = {}


def _known_elsewhere(tool: str, names: str, instead: str = "") -> None:
    _FOREIGN.update(dict.fromkeys(names.split(), (tool, instead)))


_known_elsewhere(
    "AUTOMATIC1111's script",
    "outpath_samples outpath_grids prompt_for_display styles subseed subseed_strength seed_resize_from_h "
    "seed_resize_from_w sampler_index restore_faces tiling do_not_save_samples do_not_save_grid",
)
_known_elsewhere("AUTOMATIC1111's script", "batch_size", "--n_iter for more images")
_known_elsewhere(
    "Midjourney",
    "ar aspect v version niji q quality stylize chaos c iw tile weird stop style sref cref cw sw raw turbo fast relax "
    "repeat r p profile uplight upbeta hd video exp oref ow draft motion loop",
)
_known_elsewhere("Midjourney", "no", "--n")
_known_elsewhere(
    "InvokeAI",
    "seamless hires_fix threshold perlin upscale gfpgan_strength variation_amount with_variations embiggen",
)
_known_elsewhere("kohya's scripts", "am")
_known_elsewhere(
    "Apple's command lines",
    "output_path resource_path model_version model_sources disable_safety reduce_memory unet_batch_one save_every "
    "use_multilingual_text_encoder force_zeros_for_empty_prompt controlnet_inputs",
)
_known_elsewhere("Apple's command lines", "image_count", "--n_iter")
_known_elsewhere("Apple's command lines", "step_count", "--steps")
_known_elsewhere(
    "Stable Diffusion's own scripts",
    "outdir plms klms dpm dpm_solver ddim_eta fixed_code laion400m skip_grid skip_save n_rows ckpt precision from_file",
)
_known_elsewhere("Stable Diffusion's own scripts", "n_samples", "--n_iter")
_known_elsewhere("Stable Diffusion's own scripts", "ddim_steps", "--steps")
_known_elsewhere("diffusers", "num_images_per_prompt", "--n_iter")


def _squeezed(name: str) -> str:
    """Return a name without what programs and people write differently: CFG Scale, cfg-scale, cfgScale."""
    return _BETWEEN_WORDS.sub("", tidy(name).lower())


_BETWEEN_WORDS = re.compile(rf"[\s_{DASHES}-]+")
_SQUEEZED = {_squeezed(name): field for name, field in NAMES.items()}


def field_named(name: str, *, short: bool = False) -> str | None:
    """Return the field that a name stands for, None for an unknown name."""
    key = _squeezed(name)
    return (SHORT_NAMES.get(key) if short else None) or _SQUEEZED.get(key)


def foreign(name: str) -> tuple[str, str] | None:
    """Return whose option of that name is, if sdq does not have it, and what a prompt line has in its place, or ""."""
    return _FOREIGN.get(_key(name))


def unknown_name(what: str, name: str, *, note: str = "") -> str:
    """Return the message about an unknown option, column or key; note: what else could be done about it."""
    said, note = f"unknown {what} {quote(name)}", f" ({note})" if note else ""
    if found := foreign(name):
        tool, instead = found
        advice = f"; write {instead}" if instead else " that sdq does not have; remove it"
        return f"{said}, an option of {tool}{advice}{note}"
    guess = did_you_mean(_key(name), NAMES, _SUGGESTED)
    # The list of all names comes last: it is shown only once.
    return f"{said}{note}{guess}" if guess.startswith(ALL_KNOWN) else f"{said}{guess}{note}"


def _key(name: str) -> str:
    return tidy(name).strip().lstrip("-").lower().replace("-", "_")
