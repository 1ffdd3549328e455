"""The option for what draws."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import click

from sdq_core.settings import Settings
from sdq_core.values.runtimes import RuntimeChoice

Command = TypeVar("Command", bound=Callable[..., Any])


#: Where the setting came from, if it was this option.
RUNTIME_OPTION = "option --runtime"


def runtime_option(command: Command) -> Command:
    """Add `--runtime` below the options for settings, of which it is one."""

    @functools.wraps(command)
    def with_runtime(*args: Any, settings: Settings, runtime: str | None, **kwargs: Any) -> Any:
        if runtime is not None:
            settings = replace(
                settings,
                runtime=RuntimeChoice(runtime),
                origins={**settings.origins, "runtime": RUNTIME_OPTION},
            )
        return command(*args, settings=settings, **kwargs)

    option = click.option(
        "--runtime",
        type=click.Choice([str(choice) for choice in RuntimeChoice]),
        help="What computes: ONNX Runtime on the CPU (onnx) or on an NVIDIA GPU (cuda), OpenVINO (openvino), or "
        "Core ML (coreml). auto is coreml on a Mac that has it, else onnx [SDQ_RUNTIME; auto].",
    )
    return option(with_runtime)  # type: ignore[return-value]
