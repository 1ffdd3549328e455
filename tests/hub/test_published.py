"""What would be pulled of repositories that people have published, by their listings on the Hub.

They are reduced to what says which model is where. Where a page showed a folder of packages but not their names, those
that Apple's converter gives stand for them. docs/models.md has the same repositories.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sdq_core.errors import SdqError
from sdq_core.models.archives import choose_packed, packed_models
from sdq_core.models.bases import bases_of
from sdq_core.models.layout import (
    choose_folders,
    choose_kind,
    in_one_size,
    one_model,
    parts_folders,
)
from sdq_core.models.parts import KINDS
from sdq_core.models.pull_controlnets import controlnets_in
from sdq_core.models.usual import usual_for

COMPILED = ("TextEncoder", "Unet", "VAEDecoder", "VAEEncoder")
CHUNKED = ("TextEncoder", "UnetChunk1", "UnetChunk2", "VAEDecoder")
XL = (*COMPILED, "TextEncoder2")


def compiled(folder: str, parts: tuple[str, ...] = COMPILED) -> list[str]:
    """Return a folder of compiled models with the vocabulary beside them."""
    within = f"{folder}/" if folder else ""
    files = [f"{within}{part}.mlmodelc/model.mil" for part in parts]
    return [*files, f"{within}merges.txt", f"{within}vocab.json"]


def packages(folder: str, base: str, *, xl: bool = False) -> list[str]:
    """Return a folder of Apple's converter's packages."""
    parts = ("text_encoder", "unet", "vae_decoder", *(("text_encoder_2",) if xl else ()))
    return [
        f"{folder}/Stable_Diffusion_version_{base}_{part}.mlpackage/Manifest.json" for part in parts
    ]


_V1_5, _V2_1 = "runwayml_stable-diffusion-v1-5", "stabilityai_stable-diffusion-2-1-base"
_XL = "stabilityai_stable-diffusion-xl-base-1.0"
#: Repository -> its listing and what is pulled of it without options, or what says why nothing is.
PUBLISHED: dict[str, tuple[list[str], str]] = {
    "apple/coreml-stable-diffusion-v1-5": (
        [*packages("original/packages", _V1_5), *compiled("original/compiled"),
         *packages("split_einsum/packages", _V1_5), *compiled("split_einsum/compiled", (*COMPILED, *CHUNKED[1:3]))],
        "original/packages",
    ),
    "apple/coreml-stable-diffusion-2-1-base-palettized": (
        [*packages("original/packages", _V2_1), *compiled("original/compiled"),
         *packages("split_einsum_v2/packages", _V2_1), *compiled("split_einsum_v2/compiled"),
         "coreml-stable-diffusion-2-1-base-palettized_original_compiled.zip",
         "coreml-stable-diffusion-2-1-base-palettized_split_einsum_v2_compiled.zip"],
        "original/packages",
    ),
    "apple/coreml-stable-diffusion-xl-base": (
        [*packages("packages", _XL, xl=True), *compiled("compiled", XL),
         "coreml-stable-diffusion-xl-base_original_compiled.zip"],
        "packages",
    ),
    "apple/coreml-stable-diffusion-xl-base-ios": (
        compiled("coreml-stable-diffusion-xl-base-ios_split_einsum_compiled", (*CHUNKED, "TextEncoder2")),
        "coreml-stable-diffusion-xl-base-ios_split_einsum_compiled",
    ),
    "apple/coreml-stable-diffusion-xl-base-with-refiner": (
        [*packages("packages", _XL, xl=True),
         f"packages/Stable_Diffusion_version_{_XL}_refiner.mlpackage/Manifest.json",
         *compiled("compiled", (*XL, "UnetRefiner"))],
        "packages",
    ),
    "apple/coreml-stable-diffusion-mixed-bit-palettization": (
        [*packages("coreml-stable-diffusion-xl-base_mbp_4_50_palettized/packages", _XL, xl=True),
         *compiled("coreml-stable-diffusion-xl-base_mbp_4_50_palettized/compiled", XL),
         "coreml-stable-diffusion-xl-base_mbp_4_50_palettized.zip",
         "unet-mbp-sdxl-1-base/recipe_4_50_bit_mixedpalette/Unet.mlpackage/Manifest.json",
         "recipes/stabilityai-stable-diffusion-xl-base-1.0_palettization_recipe.json"],
        "coreml-stable-diffusion-xl-base_mbp_4_50_palettized/packages",
    ),
    "wombo/coreml-stable-diffusion-xl-base-1.0": (
        [*compiled("mlpackages", XL), "scheduler/scheduler_config.json", "tokenizer/vocab.json", "tokenizer/merges.txt",
         "model_index.json"],
        "mlpackages",
    ),
    "ZachNagengast/coreml-stable-diffusion-xl-v0-9-base": (
        [*packages("original/packages", "stabilityai_stable-diffusion-xl-base-0.9", xl=True),
         *compiled("original/compiled", XL)],
        "original/packages",
    ),
    "keijiro-tk/coreml-sd-turbo-640x384": (
        [*packages("original/packages", "stabilityai_sd-turbo"), *compiled("original/compiled", CHUNKED)],
        "original/packages",
    ),
    "zhubofei/coreml-sd-turbo": (
        ["coreml-sd-turbo_original_compiled.zip", "coreml-sd-turbo_split_einsum_compiled.zip"],
        "coreml-sd-turbo_original_compiled.zip",
    ),
    "pcuenq/coreml-stable-diffusion-v1-5": (
        ["coreml-stable-diffusion-v1-5_original_compiled.zip",
         "coreml-stable-diffusion-v1-5_split_einsum_compiled.zip"],
        "coreml-stable-diffusion-v1-5_original_compiled.zip",
    ),
    "davidmunechika/coreml-openjourney": (
        ["coreml-openjourney_original.zip", "coreml-openjourney_original_512x768.zip",
         "coreml-openjourney_split_einsum.zip", "openjourney-split_einsum_512x768.zip"],
        "coreml-openjourney_original.zip",
    ),
    "TheMurusTeam/CoreML-Stable-Diffusion-1.5-ORIGINAL-img2img": (
        ["README.md", "Stable Diffusion 1.5 ORIGINAL.zip"],
        "Stable Diffusion 1.5 ORIGINAL.zip",
    ),
    "TheMurusTeam/CoreML-Stable-Diffusion-1.5-SPLIT_EINSUM-img2img": (
        ["README.md", "Stable Diffusion 1.5 SPLIT EINSUM.zip"],
        "Stable Diffusion 1.5 SPLIT EINSUM.zip",
    ),
    "johnobc/SDXL-Lightning": (["README.md", "SDXL Lightning.zip"], "SDXL Lightning.zip"),
    "coreml-community/coreml-anything-v3-1": (
        ["split-einsum/anything-v3-1_split-einsum.zip", "split-einsum/anything-v3-2_ split-einsum.zip"],
        "has several models",
    ),
    "davidw0311/sd-coreml": (
        [*compiled("", ("TextEncoder", "VAEDecoder")), "dreamshaper7_lcm/Unet.mlmodelc/model.mil"],
        "has no complete model",
    ),
    "digitalbrain79/sdxl-lightning-4step-coreml-6bits-compiled": (
        [f"{part}/coreml_model.mlmodelc/model.mil"
         for part in ("text_encoder", "text_encoder_2", "unet", "vae_decoder", "vae_encoder")],
        "has no complete model",
    ),
}  # fmt: skip


def pulled(repository: str, files: list[str]) -> str:
    """Return the folder or the first zip that is pulled without options."""
    packed, _ = packed_models(files)
    if packed and not any(parts_folders(files, kind) for kind in KINDS):
        return choose_packed(repository, packed, wanted=(), size=None)[0].zips[0]
    kind = choose_kind(repository, files, ())
    ours, _ = one_model(in_one_size(repository, parts_folders(files, kind), None))
    return choose_folders(repository, ours, kind, [])[0].path


@pytest.mark.parametrize("repository", PUBLISHED)
def test_a_published_model_is_found_or_refused(repository: str) -> None:
    files, expected = PUBLISHED[repository]
    try:
        found = pulled(repository, files)
    except SdqError as error:
        found = str(error)
        assert expected in found
        return
    assert found == expected


def test_a_refiner_beside_a_model_is_not_pulled() -> None:
    repository = "apple/coreml-stable-diffusion-xl-base-with-refiner"
    for kind in KINDS:
        (folder,) = parts_folders(PUBLISHED[repository][0], kind)
        needed = folder.needed(all_parts=False)
        assert len({path.partition(".ml")[0] for path in needed if ".ml" in path}) >= 4
        assert not any("refiner" in path.lower() for path in needed)


def test_the_controlnets_of_two_collections_are_found_by_name() -> None:
    nets = controlnets_in(["CN/-Folders.jpg", "CN/Canny-SE.zip", "CN/Canny.zip", "CN/LineArt.zip"])
    assert {"Canny", "LineArt"} <= nets.keys()
    assert nets["Canny"] == ("CN/Canny.zip",)
    others = controlnets_in(
        f"ControlNet/{kind}/ControlNet_{name}.zip"
        for kind in ("ORIGINAL", "SPLIT_EINSUM")
        for name in ("Canny", "2.1_Canny")
    )
    assert others["Canny"] == ("ControlNet/ORIGINAL/ControlNet_Canny.zip",)
    assert "2.1_Canny" in others


def test_the_table_of_published_models_has_each_of_them() -> None:
    table = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    for name in PUBLISHED:
        owner, _, short = name.partition("/")
        assert f"`{owner}/" in table
        ending = short.removeprefix("coreml-stable-diffusion-2-1-base")
        assert short in table or f"`{ending}`" in table or short.endswith("SPLIT_EINSUM-img2img"), (
            name
        )


def test_names_say_what_a_published_model_is_drawn_with_and_where_its_settings_are() -> None:
    known = {name: usual_for(name, {}).num_inference_steps for name in PUBLISHED}
    assert {name: steps for name, steps in known.items() if steps} == {
        "keijiro-tk/coreml-sd-turbo-640x384": 4,
        "zhubofei/coreml-sd-turbo": 4,
        "digitalbrain79/sdxl-lightning-4step-coreml-6bits-compiled": 4,
    }
    for name in PUBLISHED:
        if name.startswith("apple/"):
            assert bases_of(name), name
