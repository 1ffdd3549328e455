"""ControlNets (arXiv:2302.05543): networks that look at a picture and tell the U-Net what to add at each level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sdq_core.errors import InputMissingError, PackageError, PictureError
from sdq_core.models import VariantFolder
from sdq_core.models.controlnet import PICTURE, ControlNets, check_controlnet
from sdq_core.values.conditions import ControlNetUse
from sdq_core.values.part_units import PartUnits
from worker.pipelines.arrays import Array, as_expected, declared, require_finite, require_output
from worker.pipelines.conditioning import Told
from worker.pipelines.parts import load_control_unet
from worker.pipelines.pictures import Pictures
from worker.pipelines.unet import UNet
from worker.runtimes.contract import LoadedModel, Runtime

#: More than anybody uses at once; each is a third of a U-Net.
_KEPT = 4


class Net:
    """A ControlNet's network. residuals: the names of what it gives."""

    def __init__(self, model: LoadedModel, residuals: Sequence[str]) -> None:
        self._model = model
        self._residuals = residuals
        self._batch: int = model.expected_inputs["sample"]["shape"][0]

    def __call__(
        self, sample: Array, timestep: float, branches: Sequence[Told], picture: Array
    ) -> dict[str, Array]:
        """Return the residuals of each branch, a row each, float32.

        sample: [1, 4, h, w], as the U-Net sees it. picture: [1, 3, h * 8, w * 8] in [0, 1].

        It is of batch 2 even beside a U-Net of batch 1: both branches go in at once, and one branch twice.
        """
        rows = [*branches, *[branches[-1]] * (-len(branches) % self._batch)]
        found = [
            self._model(
                **as_expected(
                    self._model,
                    {
                        "sample": np.concatenate([sample] * self._batch),
                        "timestep": np.full((self._batch,), timestep, np.float32),
                        PICTURE: np.concatenate([picture] * self._batch),
                        **{
                            name: np.concatenate(
                                [row[name] for row in rows[start : start + self._batch]]
                            )
                            for name in rows[start]
                        },
                    },
                )
            )
            for start in range(0, len(rows), self._batch)
        ]
        return {
            name: np.concatenate(
                [np.asarray(require_output(each, name, "ControlNet"), np.float32) for each in found]
            )[: len(branches)]
            for name in self._residuals
        }


@dataclass(frozen=True, kw_only=True)
class Guide:
    """One ControlNet at work. picture: [1, 3, h * 8, w * 8] in [0, 1]."""

    net: Net
    use: ControlNetUse
    picture: Array


@dataclass(frozen=True, kw_only=True)
class Guides:
    """The ControlNets of one image. unet: the U-Net that listens to them."""

    unet: UNet
    guides: Sequence[Guide]

    def residuals(
        self, sample: Array, timestep: float, branches: Sequence[Told], *, step: int, steps: int
    ) -> Mapping[str, Array]:
        """Return their sums for one step, a row for each branch; nothing if none is heard.

        Raise BrokenImageError if one produces NaN or infinity.
        """
        sums: dict[str, Array] = {}
        for guide in self.guides:
            if not guide.use.works_in(step, steps):
                continue
            for name, residual in guide.net(sample, timestep, branches, guide.picture).items():
                require_finite(residual, f"The ControlNet {guide.use.name}")
                scaled = np.float32(guide.use.scale) * residual
                sums[name] = sums[name] + scaled if name in sums else scaled
        return sums


class Guidance:
    """What makes images follow pictures: the U-Net for ControlNets and these, each loaded when it is first needed.

    plain: the U-Net that draws without; it listens, too, if the model has no other.
    """

    def __init__(
        self,
        folder: VariantFolder,
        runtime: Runtime,
        units: PartUnits,
        *,
        nets: ControlNets | None,
        pictures: Pictures,
        plain: UNet,
    ) -> None:
        self._folder = folder
        self._runtime = runtime
        self._units = units
        self._nets = nets
        self._pictures = pictures
        self._plain = plain
        self._unet: UNet | None = None
        self._loaded: dict[tuple[str, str], Net] = {}

    def of(self, uses: Sequence[ControlNetUse]) -> Guides | None:
        """Return the ControlNets of an image, None for none.

        Raise PictureError if one or its picture is missing, was changed or does not fit, PackageError if the model has
        no U-Net for them or a network cannot be loaded.
        """
        if not uses:
            return None
        pictures = [self._pictures.map(use.image) for use in uses]
        if self._unet is None:
            self._unet = (
                self._plain
                if self._plain.residuals
                else load_control_unet(self._folder, self._runtime, self._units)
            )
        nets = [self._net(use, self._unet) for use in uses]
        return Guides(
            unet=self._unet,
            guides=[
                Guide(net=net, use=use, picture=picture)
                for net, use, picture in zip(nets, uses, pictures, strict=True)
            ],
        )

    def _net(self, use: ControlNetUse, unet: UNet) -> Net:
        key = (use.name, use.revision)
        if key in self._loaded:
            self._loaded[key] = self._loaded.pop(key)
            return self._loaded[key]
        if self._nets is None:
            raise PictureError("This worker has no ControlNets, so it cannot draw with them.")
        try:
            found = self._nets.find(use.name)
            if found.revision != use.revision:
                raise PictureError(
                    f"The ControlNet {use.name} was changed since these images were submitted (from revision "
                    f"{use.revision} to {found.revision}). Restore it, or submit the same prompts again."
                )
        except (InputMissingError, PackageError) as error:
            raise PictureError(str(error)) from error
        while len(self._loaded) >= _KEPT:
            del self._loaded[next(iter(self._loaded))]
        model = self._runtime.load(found.path, self._units.controlnet)
        try:
            check_controlnet(
                declared(model, f"The ControlNet {use.name}"), declared(unet.model, "The U-Net")
            )
        except PackageError as error:
            raise PictureError(str(error)) from error
        self._loaded[key] = Net(model, unet.residuals)
        return self._loaded[key]
