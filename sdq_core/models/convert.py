"""Converting a diffusers model by Apple's own tool, in a process of its own, into a model of ours."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from sdq_core.errors import ConfigurationError, InputError, SdqError
from sdq_core.models.keep import add
from sdq_core.values.variants import AttentionImplementation

_TOOL = "python_coreml_stable_diffusion"


def convert(
    model: str,
    models: Path,
    *,
    attention: AttentionImplementation,
    bits: str | None,
    name: str | None,
) -> list[Path]:
    """Run torch2coreml; its messages go where ours go. Returns the new model's folders.

    model: a repository or a folder in diffusers' layout. Raises ConfigurationError where Apple's package is not
    installed and SdqError when the conversion fails; what was converted until then is thrown away.
    """
    if importlib.util.find_spec(_TOOL) is None:
        raise ConfigurationError(
            f"Converting needs Apple's {_TOOL}, which is not installed here: "
            "`pip install git+https://github.com/apple/ml-stable-diffusion` with Python 3.11, or pull a "
            "converted model: `sdq models pull apple/coreml-stable-diffusion-v1-5`."
        )
    word = name or Path(model).name
    if not word or word.startswith("."):
        raise InputError(f"{model!r} gives no name for the model: choose one with --name.")
    output = models / ".convert" / f"{word}_{attention}"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    command = [
        *(sys.executable, "-P", "-m", f"{_TOOL}.torch2coreml", "--model-version", model),
        *("--convert-unet", "--convert-text-encoder", "--convert-vae-decoder"),
        *("--convert-safety-checker", "--attention-implementation", attention.upper()),
        *(("--quantize-nbits", bits) if bits else ()),
        *("-o", str(output)),
    ]
    try:
        code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
        if code != 0:
            raise SdqError(
                f"Apple's torch2coreml ended with code {code}; its own messages are above."
            )
        _take_settings(model, output)
        is_local = Path(model).is_dir()
        return add(
            output,
            models,
            name=word,
            attention=attention,
            base=None if is_local else model,
            copy=True,
        )
    finally:
        shutil.rmtree(output, ignore_errors=True)


def _take_settings(model: str, output: Path) -> None:
    """Put a local model's settings beside its packages; a repository's are fetched."""
    for folder in ("tokenizer", "tokenizer_2", "scheduler", "feature_extractor"):
        if (source := Path(model) / folder).is_dir():
            shutil.copytree(source, output / folder)
