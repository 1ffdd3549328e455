"""What `--set steps=40` changes of images that are drawn again; all else of them stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from producer.reading.fields import build_line
from producer.reading.names import field_named, unknown_name
from producer.reading.prompt_line import PromptLine
from sdq_core.errors import InputError, UsageError
from sdq_core.values.variants import ANY

#: What makes a different image of the same prompt and seed. The user's own fields stay with their image.
_CHANGEABLE = frozenset(
    {"prompt", "negative_prompt", "num_inference_steps", "guidance_scale", "scheduler", "rng", "eta", "weighted",
     "variants", "compute_unit", "model", "init_image", "strength", "mask", "original_size", "crop", "controlnets"}
)  # fmt: skip


class Changes:
    """The settings of `--set`, checked.

    settings: ``name=value``, by any name that a prompt file takes.
    seeds_by: the option that changes seeds, as advice tells of it; None if there is none.

    Raise UsageError for a setting of another form or one that cannot be changed, InputError for an invalid value.
    """

    def __init__(self, settings: Sequence[str] = (), *, seeds_by: str | None = None) -> None:
        written = dict(_parsed(setting, seeds_by) for setting in settings)
        problems: list[str] = []
        checked = build_line({"prompt": "x", **written}, source="--set", problems=problems)
        if checked is None:
            raise InputError(problems[0])
        self.values: dict[str, Any] = {field: getattr(checked, field) for field in written}
        if "variants" in written and ANY in self.values["variants"]:
            self.values.setdefault("compute_unit", None)
        if "prompt" in written:
            self.values["dynamic"] = None  # the template did not make it

    def of(self, line: PromptLine) -> PromptLine:
        """Return a line with the changes made."""
        return replace(line, **self.values) if self.values else line


def _parsed(setting: str, seeds_by: str | None) -> tuple[str, str]:
    name, sign, value = setting.partition("=")
    if not sign:
        raise UsageError(f"--set takes NAME=VALUE, such as steps=40, not {setting!r}.")
    field = field_named(name)
    if field is None:
        raise UsageError(f"--set: {unknown_name('option', name)}")
    if field == "seed" and seeds_by:
        raise UsageError(f"--set does not change seeds. Use {seeds_by}.")
    if field not in _CHANGEABLE:
        raise UsageError(f"--set cannot change {name.strip()}: images keep theirs.")
    return field, value
