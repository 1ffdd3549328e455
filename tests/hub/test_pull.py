"""Models from the Hub, by the real client against a Hub on loopback."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

import pytest
from rich.cells import cell_len

from sdq.exports.card.origins import Origin, origins
from sdq_core.models.store import ModelStore
from tests.acceptance.program import assert_whole
from tests.hub.conftest import APPLE, BASE, DEMO, NAME, Station
from tests.hub.server import Repository, tree

WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"


def test_a_pulled_model_has_the_usual_folder_and_draws_an_image(station: Station) -> None:
    result = station.models_apart("pull", APPLE)
    assert f"{NAME} original: pulled" in result.stdout
    assert station.folder().is_dir()
    assert [model["problem"] for model in station.listed()] == [None]
    station.program.call(
        "run", "--prompt", "the sea", "--model", NAME, "--steps", "2", "--batch", "sea",
        HF_HUB_OFFLINE="1",
    )  # fmt: skip
    assert_whole(station.program.home, station.program.drawn("sea"), 1)


def test_only_what_drawing_needs_is_asked_for(station: Station) -> None:
    station.models("pull", APPLE)
    fetched = station.hub.fetched()
    for unneeded in (
        "chunk",
        "split_einsum",
        "README",
        ".zip",
        "safetensors",
        "pytorch",
    ):
        assert not [path for path in fetched if unneeded in path], unneeded
    assert len(fetched) == len(tree(DEMO / "original" / "packages")) + 6
    shutil.rmtree(station.folder())
    station.models("pull", APPLE, "--all-parts")
    assert [model["unet"] for model in station.listed()] == ["whole+chunks"]


def test_several_variants_each_get_their_folder(station: Station) -> None:
    station.models("pull", APPLE, "--variant", "original,split_einsum")
    facts = [(m["attention_implementation"], m["attention_found"]) for m in station.listed()]
    assert facts == [("original", "original"), ("split_einsum", "split_einsum")]
    assert sorted(path.name for path in (station.program.home / "models").glob("[!.]*")) == [
        f"{NAME}_original_packages",
        f"{NAME}_split_einsum_packages",
    ]


def test_the_list_tells_what_the_packages_are(station: Station) -> None:
    station.hub.repositories[APPLE].license = "creativeml-openrail-m"
    station.models("pull", APPLE)
    (facts,) = station.listed()
    assert (facts["width"], facts["height"], facts["unet_batch"]) == (128, 128, 2)
    assert (facts["precision"], facts["unet"], facts["kind"]) == ("6-bit", "whole", "packages")
    assert facts["source"] == f"{APPLE}@{station.hub.repositories[APPLE].commit[:12]}"
    on_disk = sum(p.stat().st_size for p in station.folder().rglob("*") if p.is_file())
    assert facts["size_bytes"] == on_disk
    assert NAME in station.models().stdout
    asked = [(NAME, facts["revision"]), (NAME, "0" * 16), ("demo", "x"), ("gone", "x")]
    found = origins(ModelStore(station.program.home / "models"), asked)
    assert list(found.values()) == [
        Origin(source=facts["source"], license="creativeml-openrail-m"),
        Origin(),
        Origin(license="mit"),
        Origin(),
    ]


def test_the_list_is_aligned_and_says_below_it_what_is_unusable(station: Station) -> None:
    station.models("add", str(DEMO), "--name", "日本語のモデル", "--copy", "--variant", "original")
    broken = station.program.home / "models" / "broken_original_packages"
    (broken / "x_unet.mlpackage").mkdir(parents=True)
    *table, problem = station.models().stdout.splitlines()
    assert any(line.startswith("日本語のモデル  original") for line in table)
    before = [re.split("original|split_einsum|controlnet|VARIANT", line)[0] for line in table]
    assert {cell_len(text) for text in before} == {len("日本語のモデル") * 2 + 2}
    assert next(line for line in table if line.startswith("broken")).endswith("MB  unusable")
    assert problem == (
        f"broken original is unusable: {broken} lacks the text_encoder and the vae_decoder. "
        "Download or convert the missing .mlpackage."
    )


def test_a_second_pull_fetches_nothing_and_mends_what_broke(station: Station) -> None:
    station.models("pull", APPLE)
    station.hub.contents.clear()
    assert "already here" in station.models("pull", APPLE).stdout
    assert station.hub.fetched() == set()
    weights = (
        next(station.folder().glob("*_unet.mlpackage")) / "Data/com.apple.CoreML/weights/weight.bin"
    )
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    result = station.models("verify", NAME, code=74)
    assert "weight.bin has changed" in result.stdout
    assert f"sdq models pull {APPLE} --variant original" in result.stderr
    station.models("pull", APPLE)
    assert "files as on the Hub" in station.models("verify", NAME).stdout


def test_a_cut_connection_is_taken_up_where_it_broke(station: Station) -> None:
    # The client writes in pieces of 10 MB, so there must be more than one of them.
    files = station.hub.repositories[APPLE].files
    large = next(
        p for p in files if p.startswith("original") and p.endswith("_unet.mlpackage/" + WEIGHTS)
    )
    files[large] += bytes(25_000_000)
    station.hub.cut_path, station.hub.cut_after, station.hub.cuts_left = large, 15_000_000, 1
    station.models("pull", APPLE)
    ((path, asked),) = [content for content in station.hub.contents if content[1]]
    assert path == large
    assert 10_000_000 <= int(asked.removeprefix("bytes=").rstrip("-")) <= 15_000_000
    station.models("verify", NAME)


def test_an_interrupted_pull_goes_on_later(station: Station) -> None:
    hub = station.hub
    hub.cut_path, hub.cut_after, hub.cuts_left = (
        "_unet.mlpackage/Data/com.apple.CoreML/weights/weight.bin",
        0,
        99,
    )
    result = station.models("pull", APPLE, code=69)
    assert "downloads so far are kept" in result.stderr
    assert not station.folder().exists()
    before = hub.fetched()
    hub.cuts_left = 0
    hub.contents.clear()
    station.models("pull", APPLE)
    again = hub.fetched() & before
    assert len(again) == 1, "only the file that was cut is asked for again"
    assert not list((station.program.home / "models" / ".pull").iterdir())


def test_damaged_content_is_thrown_away(station: Station) -> None:
    station.hub.damage = "_unet.mlpackage/Data/com.apple.CoreML/weights/weight.bin"
    result = station.models("pull", APPLE, code=74)
    assert "arrived damaged" in result.stderr
    assert not station.folder().exists()
    station.hub.damage = ""
    station.models("pull", APPLE)


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_repository_says_what_to_do(station: Station, status: int) -> None:
    station.hub.repositories[APPLE].gated = status
    result = station.models("pull", APPLE, code=78)
    assert result.stderr.count("sdq: ") == 1
    assert f"Accept them at https://huggingface.co/{APPLE}" in result.stderr
    assert "hf auth login" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nobody/nothing"], 66, "There is no model repository nobody/nothing"),
        ([APPLE, "--revision", "v9"], 66, "has no revision 'v9'"),
        ([APPLE, "--variant", "split_einsum_v2"], 66, "only original, split_einsum"),
        ([APPLE, "--variant", "originl"], 65, "did you mean original?"),
        ([APPLE, "--variant", "any"], 65, "Use one or more of original, split_einsum"),
        ([APPLE, "--kind", "compiled"], 66, "no complete model as compiled"),
        (["not a name"], 65, "OWNER/NAME"),
    ],
)
def test_what_is_not_there_is_named(
    station: Station, arguments: list[str], code: int, says: str
) -> None:
    result = station.models("pull", *arguments, code=code)
    assert says in result.stderr
    assert "unexpected" not in result.stderr


def test_offline_and_unreachable_are_told_apart(station: Station) -> None:
    result = station.models("pull", APPLE, code=69, HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE is set" in result.stderr
    assert station.hub.requests == []
    station.hub.url = "http://127.0.0.1:9"
    assert "Cannot reach the Hub" in station.models("pull", APPLE, code=69).stderr


def test_moved_bases_and_renamed_repositories_are_found(station: Station) -> None:
    hub = station.hub
    hub.repositories["sd-legacy/stable-diffusion-v1-5"] = hub.repositories.pop(BASE)
    hub.repositories["apple/new-name"] = hub.repositories.pop(APPLE)
    hub.renamed[APPLE] = "apple/new-name"
    station.models("pull", APPLE)
    assert (station.folder() / "tokenizer" / "vocab.json").is_file()


def test_an_unknown_conversion_needs_its_base(station: Station) -> None:
    hub = station.hub
    hub.repositories["me/mine"] = hub.repositories.pop(APPLE)
    # The demo's packages are named after `sdq/demo`, which is not a repository.
    assert "--base OWNER/NAME" in station.models("pull", "me/mine", code=66).stderr
    station.models("pull", "me/mine", "--base", BASE, "--name", "own")
    assert [model["name"] for model in station.listed()] == ["own"]


def test_parts_at_the_top_are_named_by_what_they_are(station: Station) -> None:
    files = (
        tree(DEMO / "split_einsum" / "packages", "packages/") | station.hub.repositories[BASE].files
    )
    station.hub.repositories["me/xl"] = Repository(files=files)
    station.models("pull", "me/xl")
    assert [model["attention_implementation"] for model in station.listed()] == ["split_einsum"]
    assert "not original but split_einsum" in (
        station.models("pull", "me/xl", "--variant", "original", code=65).stderr
    )


def test_a_folder_of_the_users_is_never_replaced(station: Station) -> None:
    station.folder().mkdir(parents=True)
    (station.folder() / "notes.txt").write_text("mine")
    assert "was not pulled by sdq" in station.models("pull", APPLE, code=73).stderr
    assert (station.folder() / "notes.txt").read_text() == "mine"


def test_removing_asks_and_leaves_the_rest(station: Station) -> None:
    station.models("pull", APPLE, "--variant", "original,split_einsum")
    station.models("remove", NAME, code=2)
    station.models("remove", NAME, "--variant", "original", "--yes")
    assert [model["attention_implementation"] for model in station.listed()] == ["split_einsum"]
    station.models("remove", "demo", "--yes", code=65)
    station.models("remove", "nothing", "--yes", code=66)


@pytest.mark.parametrize("how", [[], ["--copy"]])
def test_a_folder_on_disk_is_added_and_survives_removal(
    station: Station, tmp_path: Path, how: list[str]
) -> None:
    own = tmp_path / "mine"
    shutil.copytree(DEMO / "split_einsum" / "packages", own)
    result = station.models("add", str(own), *how, code=66)
    assert "--base OWNER/NAME" in result.stderr
    station.models("add", str(own), "--base", BASE, *how)
    (facts,) = station.listed()
    assert (facts["attention_implementation"], facts["problem"]) == ("split_einsum", None)
    links = [path.is_symlink() for path in Path(facts["folder"]).glob("*.mlpackage")]
    assert links == [not how] * 5
    station.program.call(
        "submit", "--prompt", "x", "--model", "mine", "--variant", "split_einsum", "--dry-run"
    )
    assert "complete; not pulled" in station.models("verify", "mine").stdout
    station.models("add", str(own), "--base", BASE, code=73)
    station.models("remove", "mine", "--yes")
    assert len(list(own.glob("*.mlpackage"))) == 5


@pytest.mark.skipif(
    importlib.util.find_spec("python_coreml_stable_diffusion") is not None,
    reason="Apple's package is installed",
)
def test_converting_needs_apples_package(station: Station) -> None:
    result = station.models("convert", BASE, code=78)
    assert "pip install git+https://github.com/apple/ml-stable-diffusion" in result.stderr
