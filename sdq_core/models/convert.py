"""Converting a diffusers model with Apple's own tool, in a process of its own."""

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
    """Run torch2coreml, with its messages on standard error, and return the new model's folders.

    model: a repository or a folder in diffusers' layout.

    Raise ConfigurationError if Apple's package is not installed and SdqError if the conversion fails; its partial
    output is then deleted.
    """
    if importlib.util.find_spec(_TOOL) is None:
        raise ConfigurationError(
            f"Converting needs Apple's {_TOOL}, which is not installed. Run "
            "`pip install git+https://github.com/apple/ml-stable-diffusion` with Python 3.11, or pull a "
            "converted model: `sdq models pull apple/coreml-stable-diffusion-v1-5`."
        )
    word = name or Path(model).name
    if not word or word.startswith("."):
        raise InputError(f"{model!r} does not give the model a name. Choose one with --name.")
    output = models / ".convert" / f"{word}_{attention}"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    command = [
        *(sys.executable, "-P", "-m", f"{_TOOL}.torch2coreml", "--model-version", model),
        *(
            "--convert-unet",
            "--convert-text-encoder",
            "--convert-vae-decoder",
            "--convert-vae-encoder",
        ),
        *("--convert-safety-checker", "--attention-implementation", attention.upper()),
        *(("--quantize-nbits", bits) if bits else ()),
        *("-o", str(output)),
    ]
    try:
        code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
        if code != 0:
            raise SdqError(
                f"Apple's torch2coreml failed with exit code {code}; see its messages above."
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
            say=lambda _: None,
        )
    finally:
        shutil.rmtree(output, ignore_errors=True)


def _take_settings(model: str, output: Path) -> None:
    """Copy a local model's settings beside its packages; a repository's are downloaded."""
    for folder in ("tokenizer", "tokenizer_2", "scheduler", "feature_extractor"):
        if (source := Path(model) / folder).is_dir():
            shutil.copytree(source, output / folder)
