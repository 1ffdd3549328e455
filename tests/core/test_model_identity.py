"""A model's revision changes with what it computes, and with nothing else; former versions' revisions still hold."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from db.ledger import Ledger
from sdq_core.errors import InputMissingError
from sdq_core.models import DEMO, ModelStore, resolver
from sdq_core.models.identity import computing_files
from sdq_core.models.outdated import outdated_variants
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import (
    ANY,
    AnyVariant,
    AttentionImplementation,
    ComputeUnit,
    Placement,
    Variant,
)
from worker.choosing.repertoire import Repertoire

ORIGINAL = AttentionImplementation.ORIGINAL
PLACEMENT = Placement(attention_implementation=ORIGINAL, compute_unit=ComputeUnit.ALL)
SETTINGS = ("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    demo = ModelStore(tmp_path).find(DEMO, ORIGINAL)
    folder = tmp_path / "models" / "mine"
    # A VAE encoder came to the demo model after 0.1.
    shutil.copytree(
        demo.parts["unet"].parent, folder, ignore=shutil.ignore_patterns("*vae_encoder*")
    )
    shutil.copytree(demo.tokenizer, folder / "tokenizer")
    shutil.copytree(demo.scheduler_config.parent, folder / "scheduler")
    return folder


def revision(folder: Path) -> str:
    return ModelStore(folder.parent).find(folder.name, ORIGINAL).revision


def former_revision(folder: Path, *also: str) -> str:
    """What 0.1 computed: every file of every package, litter or not. also: what later versions count, too."""
    settings = [folder / "tokenizer" / name for name in (*SETTINGS, *also)]
    settings.append(folder / "scheduler" / "scheduler_config.json")
    packages = sorted(p for m in folder.glob("*.mlpackage") for p in m.rglob("*") if p.is_file())
    digest = hashlib.sha256()
    for file in [*(path for path in settings if path.is_file()), *packages]:
        data = file.read_bytes()
        digest.update(f"{file.parent.name}/{file.name}\0{len(data)}\0".encode())
        step = 1 << 16
        if len(data) <= step * 16:
            digest.update(data)
        else:
            for sample in range(16):
                start = (len(data) - step) * sample // 15
                digest.update(data[start : start + step])
    return digest.hexdigest()[:16]


def test_a_model_of_nothing_but_its_files_has_the_revision_it_always_had(mine: Path) -> None:
    assert revision(mine) == former_revision(mine)
    # As submitted by 0.1: were it another, every ledger's images of the demo model would be drawn again.
    demo = ModelStore(mine).find(DEMO, ORIGINAL)
    assert demo.revision == "0c54970060819556"
    recipe = Recipe(variant=PLACEMENT.of(DEMO, demo.revision), prompt="x", width=128, height=128)
    assert recipe.content_key == (
        "7d7021a09aa33a9bac920f0cdf08b1dd6f3c2369088049e128c7b557492b522a"
    )


@pytest.mark.parametrize(
    "name",
    [
        ".DS_Store",
        "._Manifest.json",
        "README.md",
        "Icon\r",
        "@eaDir/Manifest.json/SYNO",
        "Data/desktop.ini",
        "Data/com.apple.CoreML/weights/.DS_Store",
        "Data/com.apple.CoreML/model-before.mlmodel",
    ],
)
def test_what_is_not_computed_with_is_not_in_the_revision(mine: Path, name: str) -> None:
    before = revision(mine)
    file = next(mine.glob("*_unet.mlpackage")) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"litter")
    assert revision(mine) == before


@pytest.mark.parametrize(
    "name",
    ["Data/com.apple.CoreML/model.mlmodel", "Data/com.apple.CoreML/weights/weight.bin"],
)
def test_what_is_computed_with_is_in_the_revision(mine: Path, name: str) -> None:
    before = revision(mine)
    file = next(mine.glob("*_vae_decoder.mlpackage")) / name
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert revision(mine) != before


def test_the_manifest_decides_where_the_network_is(mine: Path) -> None:
    package = next(mine.glob("*_text_encoder.mlpackage"))
    network = package / "Data/com.apple.CoreML/model.mlmodel"
    network.rename(network.with_name("mine.mlmodel"))
    manifest = package / "Manifest.json"
    manifest.write_text(manifest.read_text().replace("/model.mlmodel", "/mine.mlmodel"))
    before = revision(mine)
    data = bytearray(network.with_name("mine.mlmodel").read_bytes())
    data[-1] ^= 1
    network.with_name("mine.mlmodel").write_bytes(data)
    assert revision(mine) != before


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"itemInfoEntries": 3}', "[" * 100_000])
def test_a_manifest_that_says_nothing_leaves_all_files_to_count(mine: Path, damage: str) -> None:
    package = next(mine.glob("*_text_encoder.mlpackage"))
    (package / "Manifest.json").write_text(damage)
    before = computing_files(package)
    (package / ".DS_Store").touch()
    assert computing_files(package) == before
    (package / "weights.bin").touch()
    assert computing_files(package) != before


def with_litter(folder: Path) -> str:
    """Leave litter in a model as it was when 0.1 saw it; return the revision it had there."""
    for package in folder.glob("*.mlpackage"):
        (package / ".DS_Store").write_bytes(b"litter")
        (package / "README.md").write_bytes(b"about")
    former = former_revision(folder)
    assert former != revision(folder)
    return former


def test_what_a_former_version_queued_is_still_drawn(mine: Path, ledger: Ledger) -> None:
    former = with_litter(mine)
    store = ModelStore(mine.parent)
    named = Recipe(variant=PLACEMENT.of("mine", former), prompt="x", width=128, height=128)
    left_open = Recipe(
        variant=AnyVariant(model="mine", revision=f"original:{former}"),
        prompt="x",
        width=128,
        height=128,
    )
    repertoire = Repertoire(store, ledger)
    assert repertoire.variant_for(named, []) == named.variant
    assert repertoire.variant_for(left_open, []).model == "mine"
    assert isinstance(named.variant, Variant)
    assert store.find_variant(named.variant).revision == former


def test_litter_that_came_since_a_former_version_submitted_does_no_harm(mine: Path) -> None:
    former = former_revision(mine)
    with_litter(mine)
    assert ModelStore(mine.parent).find_variant(PLACEMENT.of("mine", former)).revision == former


def test_a_real_change_is_still_refused(mine: Path) -> None:
    former = with_litter(mine)
    config = mine / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "beta_end": 0.013}))
    with pytest.raises(InputMissingError, match="has changed since"):
        ModelStore(mine.parent).find_variant(PLACEMENT.of("mine", former))


def test_submitting_again_after_the_update_asks_for_the_same_images(mine: Path) -> None:
    former = with_litter(mine)
    store = ModelStore(mine.parent)
    known = [PLACEMENT.of("mine", former), AnyVariant(model="mine", revision=f"original:{former}")]
    now = resolver(store, known)
    assert now("mine", ORIGINAL).revision == former
    assert now("mine", ANY).revision == f"original:{former}"
    assert resolver(store)("mine", ORIGINAL).revision == revision(mine)
    assert resolver(store, [PLACEMENT.of("other", former)])("mine", ORIGINAL).revision != former


def test_added_tokens_count_and_what_former_versions_made_of_them_is_still_drawn(
    mine: Path,
) -> None:
    without = revision(mine)
    (mine / "tokenizer" / "added_tokens.json").write_text(json.dumps({"<cat>": 7}))
    assert revision(mine) == former_revision(mine, "added_tokens.json") != without
    assert former_revision(mine) == without  # 0.1 spelled them out
    for former in (without, with_litter(mine)):
        found = ModelStore(mine.parent).find_variant(PLACEMENT.of("mine", former))
        assert found.revision == former


def test_what_was_queued_under_a_name_that_the_unet_belies_is_drawn_with_litter_too(
    mine: Path,
) -> None:
    former = with_litter(mine)
    belied = Placement(
        attention_implementation=AttentionImplementation.SPLIT_EINSUM_V2,
        compute_unit=ComputeUnit.ALL,
    ).of("mine", former)
    found = ModelStore(mine.parent).find_variant(belied)
    assert (found.revision, found.attention_implementation) == (
        former,
        AttentionImplementation.SPLIT_EINSUM_V2,
    )


def test_any_variant_of_what_a_former_version_called_another_is_the_same(mine: Path) -> None:
    former = AnyVariant(model="mine", revision=f"split_einsum:{with_litter(mine)}")
    assert resolver(ModelStore(mine.parent), [former])("mine", ANY).revision == former.revision


def test_a_name_of_any_bytes_is_no_trouble(mine: Path) -> None:
    package = next(mine.glob("*_unet.mlpackage"))
    package.rename(package.with_name("m\udcff_unet.mlpackage"))
    assert revision(mine)


def test_only_a_revision_that_is_no_longer_here_is_outdated(mine: Path) -> None:
    store = ModelStore(mine.parent)
    here = PLACEMENT.of("mine", revision(mine))
    former = PLACEMENT.of("mine", with_litter(mine))
    gone, another = PLACEMENT.of("mine", "0" * 16), PLACEMENT.of("other", "0" * 16)
    open_now = AnyVariant(model="mine", revision=f"original:{here.revision}")
    open_gone = AnyVariant(model="mine", revision=f"original:{'0' * 16}")
    elsewhere = AnyVariant(model="mine", revision=f"split_einsum:{'0' * 16}")
    known = [here, former, gone, another, open_now, open_gone, elsewhere]
    assert outdated_variants(store, [here, open_now], known) == {gone, open_gone}
    assert outdated_variants(store, [here], known) == {gone}
    assert outdated_variants(store, [], known) == frozenset()
