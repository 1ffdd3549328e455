"""The shipped networks in torch: their weights are read from the packages, for work that goes on from them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import torch
from attention import ChannelNorm
from convert import MODEL_VERSION, Unet
from networks import Denoiser
from numpy.typing import NDArray
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sdq_core.models.package import Package
from worker.mlpackage.compression import lut_to_dense_packed
from worker.mlpackage.proto import read_program

Layers = dict[str, NDArray[np.float32]]
Norms = list[tuple[NDArray[np.float32], ...]]


def package(model: Path, part: str) -> Path:
    """Return where a part's package is, of whichever variant comes first."""
    name = f"Stable_Diffusion_version_{MODEL_VERSION}_{part}.mlpackage"
    return next(iter(sorted(model.glob(f"*/packages/{name}"))))


def read_weights(path: Path) -> tuple[Layers, Norms]:
    """Return a package's convolutions by their names there, and its normalizations in the order in which they run."""
    program = read_program(Package.open(path))
    values = {name: constant.load() for name, constant in program.constants.items()}
    layers: Layers = {}
    norms: Norms = []
    scale: NDArray[np.float32] | None = None
    for operation in program.operations:
        given = {key: values.get(one[0]) if isinstance(one[0], str) else one[0].load()
                 for key, one in operation.inputs.items()}  # fmt: skip
        if operation.type == "constexpr_lut_to_dense":
            shape = tuple(int(side) for side in given["shape"])
            values[operation.outputs[0].name] = lut_to_dense_packed(
                given["lut"], given["indices"], shape
            )
        elif operation.type in {"conv", "linear"}:
            name = str(operation.inputs["weight"][0]).split("_weight")[0]
            layers[f"{name}.weight"] = given["weight"].astype(np.float32)
            if "bias" in given:
                layers[f"{name}.bias"] = given["bias"].astype(np.float32)
        elif operation.type == "batch_norm":
            norms.append((given["gamma"].astype(np.float32), given["beta"].astype(np.float32)))
        elif operation.type in {"mul", "add"}:  # a normalization of three dimensions is not folded
            for value in (given.get("x"), given.get("y")):
                if value is not None and value.ndim == 3 and operation.type == "mul":
                    scale = value.astype(np.float32).ravel()
                elif value is not None and value.ndim == 3 and scale is not None:
                    norms.append((scale, value.astype(np.float32).ravel()))
    return layers, norms


def fill(
    module: nn.Module, path: Path, example: tuple[torch.Tensor, ...]
) -> dict[str, torch.Tensor]:
    """Load a package's weights into what it was traced from, and return them. `example`: inputs to run it with once."""
    layers, norms = read_weights(path)
    state = {}
    for name, parameter in module.named_parameters():
        owner, _, kind = name.rpartition(".")
        if (found := layers.get(f"{owner.replace('.', '_')}.{kind}")) is not None:
            state[name] = torch.from_numpy(found).view_as(parameter)
    order: list[str] = []
    names = {child: name for name, child in module.named_modules()}
    hooks = [child.register_forward_hook(lambda m, *_: order.append(names[m]))
             for child in module.modules() if isinstance(child, nn.GroupNorm | ChannelNorm)]  # fmt: skip
    with torch.no_grad():
        module(*example)
    for hook in hooks:
        hook.remove()
    sizes = dict(module.named_parameters())
    for name, found in zip(order, norms, strict=True):
        for kind, value in zip(("weight", "bias"), found, strict=True):
            key = f"{name}.{kind}"
            state[key] = torch.from_numpy(value).view_as(sizes[key])
    module.load_state_dict(state, strict=False)
    if missing := sorted(sizes.keys() - state.keys()):
        raise SystemExit(f"{path} lacks {', '.join(missing)}")
    return state


#: Where the export's names differ from diffusers'.
_NAMES = (
    (r"(attentions\.\d)\.(attn[12]\.to_out)\.", r"\1.transformer_blocks.0.\2.0."),
    (r"(attentions\.\d)\.(attn[12]|norm[123])\.", r"\1.transformer_blocks.0.\2."),
    (r"(attentions\.\d)\.ff_in\.", r"\1.transformer_blocks.0.ff.net.0.proj."),
    (r"(attentions\.\d)\.ff_out\.", r"\1.transformer_blocks.0.ff.net.2."),
)


def _name_in_diffusers(name: str) -> str:
    for pattern, replacement in _NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def load_denoiser(path: Path) -> Denoiser:
    """The packaged U-Net as diffusers' network, which trains faster than the exported form."""
    denoiser = Denoiser()
    example = (torch.zeros(2, 4, 16, 16), torch.zeros(2), torch.zeros(2, 128, 1, 77))
    exported = fill(Unet(denoiser, "original").eval(), path, example)
    ours = denoiser.state_dict()
    named = {_name_in_diffusers(name): value for name, value in exported.items()}
    denoiser.load_state_dict({name: value.view_as(ours[name]) for name, value in named.items()})
    return denoiser
