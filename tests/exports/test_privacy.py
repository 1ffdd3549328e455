"""Data sets are for others: they tell neither which machines drew the images nor where somebody keeps models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from db.columns.where import parse_where
from sdq.exports.card.of_export import write_card_of
from sdq.exports.export import export
from sdq.exports.formats import FOLDERS, SHARDS
from sdq.exports.lists.write import ListOptions, write_list
from sdq.exports.options import ExportOptions
from sdq_core.models.store import ModelStore
from tests.exports.scene import Scene
from tests.ledger.plans import ENGINE, VARIANT

HOST = "annas-macbook"
FOLDER = "/home/anna/models"


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    drawn_by = replace(ENGINE, host=HOST, worker=f"{HOST}-4949")
    monkeypatch.setattr("tests.exports.scene.ENGINE", drawn_by)
    scene = Scene(tmp_path / "home")
    scene.add("night", ["a red house"], range(2), variant=replace(VARIANT, model=f"{FOLDER}/my-sd"))
    return scene


@pytest.mark.parametrize("form", [*FOLDERS, *SHARDS])
def test_no_file_of_a_data_set_names_a_machine(scene: Scene, tmp_path: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    out, options = tmp_path / "data", ExportOptions(format=form)
    where = parse_where(f"host = '{HOST}' and seed < 5")
    with scene.ledger() as ledger:
        status = ledger.batches.find("night")
        assert status is not None
        export(ledger, [status.id], scene.root(ledger), out, options, where=where)
    store = ModelStore(tmp_path / "models")
    assert write_card_of(out, options, title="night", store=store, left_out={})
    card = (out / "README.md").read_text()
    assert "for which this holds: a condition on host." in card
    assert "`host`" not in card
    assert "`worker`" not in card
    assert "| my-sd |" in card
    for file in filter(Path.is_file, out.rglob("*")):
        if file.parent != out or not file.name.startswith("."):
            assert HOST.encode() not in file.read_bytes(), file
            assert FOLDER.encode() not in file.read_bytes(), file


def test_a_list_for_oneself_has_every_column(scene: Scene, tmp_path: Path) -> None:
    written = tmp_path / "list.jsonl"
    with scene.ledger() as ledger, written.open("wb") as stream:
        status = ledger.batches.find("night")
        assert status is not None
        write_list(ledger, [status.id], stream, ListOptions(format="jsonl"))
    assert f'"host": "{HOST}"' in written.read_text()
