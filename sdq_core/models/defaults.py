"""The tokenizer and scheduler of Stable Diffusion 1, 2 and XL, for models that are shared without.

All have CLIP's vocabulary, which follows from its merges (`clip/`, under OpenAI's licence); they differ in what a
short prompt is filled up with. The schedulers are those of `stable-diffusion-v1-5`, which is that of
`stable-diffusion-2-base`, too, and of `stable-diffusion-xl-base-1.0`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdq_core.models.families import STABLE_DIFFUSION_XL, family_of
from sdq_core.models.network import read_network
from sdq_core.models.usual import scheduler_settings_of

_MERGES = Path(__file__).with_name("clip") / "merges.txt.gz"
#: Where a tokenizer says which tokens are special; vocabulary and merges do not.
_SPECIAL = ("special_tokens_map.json", "tokenizer_config.json")
_START, _END = "<|startoftext|>", "<|endoftext|>"
_SCHEDULER = {
    "_class_name": "PNDMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}
_SCHEDULER_XL = {
    "_class_name": "EulerDiscreteScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "interpolation_type": "linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "sample_max_value": 1.0,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "trained_betas": None,
    "use_karras_sigmas": False,
}


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """Settings that are known by a U-Net.

    name: the model's. pad_token: what fills a short prompt up. scheduler: its settings. hint: what to know about them.
    """

    name: str
    pad_token: str
    scheduler: Mapping[str, Any] = field(default_factory=lambda: _SCHEDULER)
    hint: str = ""

    def write(self, folder: Path, model: str) -> list[str]:
        """Write what a folder lacks, and return which: `tokenizer`, `scheduler`.

        model: the name, which may tell of other settings than a family's.
        """
        missing = []
        tokenizer = _place_of(folder, "tokenizer", ("vocab.json", "merges.txt"))
        if tokenizer is None:
            missing.append("tokenizer")
            self._write_tokenizer(folder / "tokenizer")
        elif not any((tokenizer / name).is_file() for name in _SPECIAL):
            _write_json(tokenizer / _SPECIAL[0], self._special())
        if _place_of(folder, "scheduler", ("scheduler_config.json",)) is None:
            missing.append("scheduler")
            settings = {**self.scheduler, **scheduler_settings_of(model)}
            _write_json(folder / "scheduler" / "scheduler_config.json", settings)
        return missing

    def _write_tokenizer(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        merges = gzip.decompress(_MERGES.read_bytes()).decode()
        (folder / "merges.txt").write_text(merges, encoding="utf-8")
        _write_json(folder / "vocab.json", vocabulary(merges.splitlines()[1:]))
        _write_json(folder / _SPECIAL[0], self._special())
        _write_json(folder / _SPECIAL[1], {**self._special(), "model_max_length": 77})

    def _special(self) -> dict[str, str]:
        ends = {"bos_token": _START, "eos_token": _END, "unk_token": _END}
        return {**ends, "pad_token": self.pad_token}


#: By the width of what the U-Net attends to.
_BY_CONTEXT_WIDTH = {
    768: Defaults(name="Stable Diffusion 1", pad_token=_END),
    1024: Defaults(
        name="Stable Diffusion 2",
        pad_token="!",
        hint=" (of 2-base; if it was trained with v-prediction, as 2.1 for 768x768 was, its images are noise with it: "
        "run `sdq models set NAME --prediction-type v_prediction`)",
    ),
}
#: The tokenizer is the first one; the second one's padding is the pipeline's to know.
_XL = Defaults(name="Stable Diffusion XL", pad_token=_END, scheduler=_SCHEDULER_XL)


def defaults_for(unet: Path) -> Defaults | None:
    """Return the settings for a U-Net, None if none are known; raise as `read_network` does."""
    inputs = read_network(unet, weights=False).inputs
    if family_of(inputs) is STABLE_DIFFUSION_XL:
        return _XL
    shape = inputs.get("encoder_hidden_states", ())
    return _BY_CONTEXT_WIDTH.get(shape[1]) if len(shape) == 4 else None


def vocabulary(merges: Iterable[str]) -> dict[str, int]:
    """Return token -> number, as CLIP counts them: bytes, bytes that end a word, merges, start and end."""
    # A byte stands for itself where it can be printed, else for a letter beyond the first 256.
    printed = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = range(256, 256 + 256 - len(printed))
    letters = [chr(code) for code in (*printed, *others)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    tokens += [merge.replace(" ", "") for merge in merges]
    return {token: number for number, token in enumerate([*tokens, _START, _END])}


def _place_of(folder: Path, inner: str, names: Iterable[str]) -> Path | None:
    """Return where a folder has a setting's files, in their folder or loose, or None."""
    places = (folder / inner, folder)
    return next((p for p in places if all((p / name).is_file() for name in names)), None)


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(values, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
