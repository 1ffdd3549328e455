"""Which zip of a repository is the model that is asked for, by listings as the Hub has them."""

from __future__ import annotations

import pytest

from sdq_core.errors import InputError, InputMissingError
from sdq_core.models.archives import choose_packed, name_of, packed_models
from sdq_core.models.layout import PartsFolder, in_one_size, parts_folders
from sdq_core.values.variants import AttentionImplementation

ORIGINAL, SPLIT, SPLIT_V2 = AttentionImplementation

#: What several repositories of the community have.
COMMUNITY = [
    "README.md",
    "original/512x768/8528d-final_original_512x768_cn.zip",
    "original/768x512/8528d-final_original_768x512_cn.zip",
    "original/8528d-final_original.zip",
    "split_einsum/8528-diffusion_no-i2i_split-einsum.zip",
    "split_einsum/8528-diffusion_split-einsum.zip",
]
SEVERAL = [
    "split-einsum/anything-v3-1_split-einsum.zip",
    "split-einsum/anything-v3-2_ split-einsum.zip",
]
SIZES = [f"original/{size}/x_original_{size}.zip" for size in ("512x768", "768x512", "768x768")]
AT_THE_TOP = [
    "coreml-openjourney_original.zip",
    "coreml-openjourney_original_512x768.zip",
    "coreml-openjourney_split_einsum.zip",
    "openjourney-split_einsum_512x768.zip",
]
COMPILED = ["sd-turbo_original_compiled.zip", "sd-turbo_split_einsum_compiled.zip"]


def chosen(
    paths: list[str], *wanted: AttentionImplementation, size: str | None = None
) -> list[str]:
    models, _ = packed_models(paths)
    return [model.zips[0] for model in choose_packed("a/b", models, wanted=wanted, size=size)]


def test_without_options_it_is_the_original_without_a_size() -> None:
    assert chosen(COMMUNITY) == ["original/8528d-final_original.zip"]
    assert chosen(AT_THE_TOP) == ["coreml-openjourney_original.zip"]
    assert chosen(COMPILED) == ["sd-turbo_original_compiled.zip"]
    assert chosen(["x.zip"]) == ["x.zip"]
    assert chosen(SIZES[:1]) == SIZES[:1]


def test_variant_and_size_choose() -> None:
    assert chosen(COMMUNITY, SPLIT) == ["split_einsum/8528-diffusion_split-einsum.zip"]
    assert chosen(COMMUNITY, size="768x512") == [COMMUNITY[2]]
    assert chosen(AT_THE_TOP, SPLIT, size="512x768") == ["openjourney-split_einsum_512x768.zip"]
    assert chosen(AT_THE_TOP, ORIGINAL, SPLIT, size="512x768") == [AT_THE_TOP[1], AT_THE_TOP[3]]
    assert chosen([*SIZES, AT_THE_TOP[2]], size="512x768") == SIZES[:1]


@pytest.mark.parametrize(
    ("paths", "wanted", "size", "says"),
    [
        (SIZES, (), None, "in several sizes: 512x768, 768x512, 768x768. Choose one with --size"),
        (SIZES, (ORIGINAL,), "512x512", "not in 512x512, only in 512x768, 768x512, 768x768."),
        (COMPILED, (), "512x512", "only in a size that no name tells. Leave --size out."),
        (COMPILED, (SPLIT_V2,), None, "has no split_einsum_v2 in its zips, only original, split_e"),
        (["x.zip"], (ORIGINAL, SPLIT), None, "one variant that it does not name"),
        (SEVERAL, (), None, "several models: split-einsum/anything-v3-1_split-einsum.zip, split-"),
    ],
)
def test_what_is_not_clear_is_listed_in_a_sentence(
    paths: list[str], wanted: tuple[AttentionImplementation, ...], size: str | None, says: str
) -> None:
    with pytest.raises((InputError, InputMissingError)) as refused:
        chosen(paths, *wanted, size=size)
    assert says in str(refused.value)


def unpacked(*folders: str) -> list[PartsFolder]:
    names = ("TextEncoder", "Unet", "VAEDecoder")
    paths = [f"{folder}/{name}.mlmodelc/model.mil" for folder in folders for name in names]
    return parts_folders(paths, "compiled")


def test_unpacked_folders_are_chosen_by_size_too() -> None:
    both = unpacked("512x768/original/compiled", "768x512/original/compiled")
    assert in_one_size("a/b", both, "768x512") == both[1:]
    assert in_one_size("a/b", both[:1], None) == both[:1]
    plain = unpacked("original/compiled")
    assert in_one_size("a/b", both + plain, None) == plain
    with pytest.raises(InputError, match=r"several sizes: 512x768, 768x512\. Choose one"):
        in_one_size("a/b", both, None)
    with pytest.raises(InputMissingError, match="no folder of 64x64, only of 512x768, 768x512"):
        in_one_size("a/b", both, "64x64")
    with pytest.raises(InputMissingError, match="Leave --size out"):
        in_one_size("a/b", plain, "64x64")


def test_control_nets_parts_and_litter_are_no_models() -> None:
    models, said = packed_models(
        [
            *("CN/Canny.zip", "ControlNet/SPLIT_EINSUM/ControlNet_HED.zip", "x/Unet.mlmodelc.zip"),
            *("__MACOSX/x.zip", ".x.zip", "x.txt"),
        ]
    )
    assert models == []
    assert said == [
        "CN/Canny.zip, ControlNet/SPLIT_EINSUM/ControlNet_HED.zip: left out; `sdq models pull --controlnet NAME` pulls "
        "ControlNets."
    ]


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("8528-diffusion_no-i2i_split-einsum", ("8528-diffusion", None)),
        ("stable-diffusion-2-base_split-einsum_512x768", ("stable-diffusion-2-base", "512x768")),
        ("anything-v3-2_ split-einsum", ("anything-v3-2", None)),
        ("stable-diffusion-_v1-5_original_512x768_cn", ("stable-diffusion-_v1-5", "512x768")),
        ("sd-turbo_split_einsum_compiled", ("sd-turbo", None)),
        ("experience-V7_original_384x256_vae-2.1", ("experience-V7_vae-2.1", "384x256")),
        ("split-einsum", ("", None)),
    ],
)
def test_a_zips_name_is_the_models_without_what_else_it_says(
    stem: str, name: tuple[str, str | None]
) -> None:
    assert name_of(stem) == name
