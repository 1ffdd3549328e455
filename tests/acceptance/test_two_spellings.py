"""A name that a keyboard writes in one way and a Mac's file system in another is one name."""

from __future__ import annotations

import json
import shutil
import sqlite3
import unicodedata
from pathlib import Path

from sdq_core.models import DEMO, ModelStore
from sdq_core.values.variants import AttentionImplementation
from tests.acceptance.program import Program

NFC = unicodedata.normalize("NFC", "Zürich")
NFD = unicodedata.normalize("NFD", "Zürich")
RUN = ("--prompt", "the sea", "--steps", "1")


def names(program: Program) -> list[str]:
    listed = json.loads(program.call("status", "--json").stdout)
    return [batch["sdq"]["name"] for batch in listed]


def test_both_spellings_are_one_batch(program: Program, tmp_path: Path) -> None:
    program.call("run", *RUN, "--batch", NFD)
    assert "nothing new" in program.call("submit", *RUN, "--batch", NFC).stdout
    assert names(program) == [NFC]
    for name in (NFC, NFD):
        assert NFC in program.call("status", name).stdout
        program.call("sheet", name, str(tmp_path / f"{name}.png"))
        program.call("verify", name)
    for command in ("pause", "resume", "retry", "cancel"):
        program.call(command, NFD)
    file = tmp_path / f"{NFD}-file.txt"
    file.write_text("a house\n")
    program.call("submit", str(file))
    assert f"{NFC}-file" in names(program)
    assert "is removed: 1 image, 1 file." in program.call("prune", NFD, "--yes").stdout
    program.call("prune", NFC, "--yes", code=66)


def test_a_former_ledgers_spelling_stays_usable(program: Program) -> None:
    program.call("run", *RUN, "--batch", NFC)
    with sqlite3.connect(program.home / "sdq.db") as ledger:
        ledger.execute("UPDATE batches SET name = ?", (NFD,))
    ledger.close()
    for name in (NFC, NFD):
        assert NFD in program.call("status", name).stdout
        assert "nothing new" in program.call("submit", *RUN, "--batch", name).stdout
    assert names(program) == [NFD]
    assert "Batch" in program.call("prune", NFC, "--yes").stdout
    assert names(program) == []


def test_a_models_folder_is_found_by_both(program: Program) -> None:
    demo = ModelStore(program.home / "models").find(DEMO, AttentionImplementation.ORIGINAL)
    folder = program.home / "models" / f"{NFD}_original_packages"
    shutil.copytree(demo.parts["unet"].parent, folder)
    shutil.copytree(demo.tokenizer, folder / "tokenizer")
    shutil.copytree(demo.scheduler_config.parent, folder / "scheduler")
    program.call("submit", *RUN, "--batch", "one", "--model", NFD)
    again = program.call("submit", *RUN, "--batch", "one", "--model", NFC)
    assert "nothing new" in again.stdout
    program.call("worker", "--burst")
    assert len(program.drawn("one")) == 1
    assert NFC in program.call("models").stdout
    taken = program.call("models", "add", str(folder), "--name", NFC, code=73)
    assert "already exists" in taken.stderr
    program.call("models", "remove", NFC, "--yes")
    assert not folder.exists()


def test_a_custom_id_is_used_once_in_both(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "ids.jsonl"
    lines = [{"prompt": "a", "custom_id": NFC}, {"prompt": "b", "custom_id": NFD}]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert "already used" in program.call("submit", str(file), code=65).stderr
