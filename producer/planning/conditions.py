"""What a prompt line asks for besides its prompt, as a part of its recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from db.values import JSON
from producer.planning.defaults import Defaults
from producer.planning.pictures import Pictures
from producer.reading.controlnets import Following
from producer.reading.prompt_line import PromptLine
from sdq_core.errors import InputError, InputMissingError, PackageError
from sdq_core.models.controlnet import ControlNet
from sdq_core.models.families import TIME_IDS, Family
from sdq_core.values.conditions import NO_CONDITIONS, Conditions, ControlNetUse
from sdq_core.values.variants import Scheduler

#: Finds a ControlNet by its name; raises InputMissingError or PackageError.
FindNet = Callable[[str], ControlNet]


def conditions_of(
    line: PromptLine,
    defaults: Defaults,
    pictures: Pictures,
    find_net: FindNet,
    *,
    family: Family,
    size: tuple[int, int],
    scheduler: Scheduler,
) -> Conditions:
    """Return a line's conditions; raise InputError for what cannot be drawn.

    family: the model's. size: width and height of its images in pixels.
    """
    conditions = _of_pictures(line, defaults, pictures, find_net, size)
    weighted = defaults.weighted if line.weighted is None else line.weighted
    original_size = line.original_size or defaults.original_size
    crop = line.crop or defaults.crop
    eta = defaults.eta if line.eta is None else line.eta
    for field, value in (("original_size", original_size), ("crop", crop)):
        if value is not None and TIME_IDS not in family.unet_inputs:
            raise InputError(f"{field} is for models of Stable Diffusion XL; leave it out")
    # What the model is told anyway is no condition, or one image would be drawn as two.
    original_size = None if original_size == size else original_size
    crop = None if crop == (0, 0) else crop
    if not (weighted or original_size or crop or eta):
        return conditions
    if eta and scheduler is not Scheduler.TCD:
        raise InputError(f"eta is for the scheduler TCD, not {scheduler}; leave it out")
    return replace(conditions, weighted=weighted, original_size=original_size, crop=crop, eta=eta)


def _of_pictures(
    line: PromptLine,
    defaults: Defaults,
    pictures: Pictures,
    find_net: FindNet,
    size: tuple[int, int],
) -> Conditions:
    controlnets = tuple(
        _use(each, pictures, find_net, size) for each in following_of(line, defaults)
    )
    init_image = line.init_image or defaults.init_image
    if init_image is None:
        for field, value in (("strength", line.strength), ("mask", line.mask)):
            if value is not None:
                raise InputError(f"{field} is of a picture; name one as init_image")
        return Conditions(controlnets=controlnets) if controlnets else NO_CONDITIONS
    strength = defaults.strength if line.strength is None else line.strength
    found = pictures.find("init_image", init_image)
    mask = line.mask or defaults.mask
    return Conditions(
        init_image=found.sha256,
        strength=strength,
        mask=None if mask is None else pictures.find("mask", mask).sha256,
        controlnets=controlnets,
    )


def _use(
    following: Following, pictures: Pictures, find_net: FindNet, size: tuple[int, int]
) -> ControlNetUse:
    net = _net(following.name, find_net)
    given = pictures.find("controlnet", following.picture)
    followed = given
    if following.annotator:
        followed = pictures.map("controlnet", following.picture, following.annotator, size)
    return ControlNetUse(
        name=net.name,
        revision=net.revision,
        image=followed.sha256,
        annotator=following.annotator,
        source=given.sha256 if following.annotator else None,
        scale=following.scale,
        start=following.start,
        end=following.end,
    )


def following_of(line: PromptLine, defaults: Defaults) -> Sequence[Following]:
    """Return the ControlNets of a line."""
    return defaults.controlnets if line.controlnets is None else line.controlnets


def names_of(line: PromptLine, defaults: Defaults, pictures: Pictures) -> dict[str, JSON]:
    """Return the names of a line's pictures, for users: they are not part of what is drawn."""
    names: dict[str, JSON] = {}
    if init_image := line.init_image or defaults.init_image:
        names["init_image"] = pictures.find("init_image", init_image).name
        if mask := line.mask or defaults.mask:
            names["mask"] = pictures.find("mask", mask).name
    if following := following_of(line, defaults):
        names["controlnets"] = [
            pictures.find("controlnet", each.picture).name for each in following
        ]
    return names


def _net(name: str, find_net: FindNet) -> ControlNet:
    try:
        return find_net(name)
    except (InputMissingError, PackageError) as error:
        raise InputError(str(error)) from error
