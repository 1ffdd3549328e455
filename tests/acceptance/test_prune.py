"""`sdq prune` as its users type it: nothing goes that somebody still wants."""

from __future__ import annotations

import os
import time
from pathlib import Path

from sdq_core.images.root import MARKER
from tests.acceptance.program import Program, assert_whole, stop


def files(program: Program) -> set[str]:
    outputs = program.home / "outputs"
    return {str(path.relative_to(outputs)) for path in outputs.rglob("*") if path.is_file()} - {
        MARKER
    }


def test_a_finished_batch_goes_with_its_files_and_others_stay(
    program: Program, prompts: Path, tmp_path: Path
) -> None:
    program.call("run", str(prompts), "--steps", "1")
    more = tmp_path / "more.txt"
    more.write_text(f"{prompts.read_text()}a lighthouse by the sea\n")
    program.call("run", str(more), "--steps", "1")  # four of its five are the other batch's
    mine = program.home / "outputs" / "prompts" / "notes.txt"
    mine.write_text("mine")

    assert "batch more: 5 images" in program.call("prune", "more", "--dry-run").stderr
    assert "Nothing" not in program.call("prune", "more", "--yes").stdout
    assert files(program) == {i.image.path for i in program.drawn("prompts")} | {
        "prompts/notes.txt"
    }
    assert not (program.home / "outputs" / "more").exists()
    said = program.call("prune", "prompts", "--yes").stdout
    assert "Batch prompts is removed: 4 images, 4 files." in said
    assert files(program) == {"prompts/notes.txt"}
    assert "no batch 'prompts'" in program.call("prune", "prompts", "-y", code=66).stderr
    assert "Nothing to clean up." in program.call("prune").stdout


def test_only_what_is_finished_or_cancelled_goes(program: Program, prompts: Path) -> None:
    program.call("submit", str(prompts), "--steps", "100")
    refused = program.call("prune", "prompts", "--yes", code=75).stderr
    assert "Batch prompts still has 4 images to draw" in refused
    assert "sdq cancel prompts" in refused
    worker = program.start("worker")
    program.wait_until(lambda: bool(program.redis.is_running()) and _begun(program))
    program.call("cancel", "prompts")
    assert "Try again in a moment" in program.call("prune", "prompts", "--yes", code=75).stderr
    assert stop(worker) == 0
    program.call("prune", "prompts", "--yes")
    assert files(program) == set()
    assert "All is well: 0 images" in program.call("verify").stdout
    program.call("run", str(prompts), "--steps", "1")
    assert_whole(program.home, program.drawn("prompts"), 4)


def _begun(program: Program) -> bool:
    with program.ledger() as ledger:
        status = ledger.batches.find("prompts")
        return status is not None and status.started_at is not None


def test_old_batches_stale_files_and_unused_models_go(new_program: Program, prompts: Path) -> None:
    program = new_program
    program.call("run", str(prompts), "--steps", "1")
    assert "Nothing to clean up." in program.call("prune", "--older-than", "1").stdout
    assert len(files(program)) == 4
    stale = program.home / "outputs" / "prompts" / ".sdq-1-00.tmp"
    young = program.home / "outputs" / "prompts" / ".sdq-1-01.tmp"
    for path in (stale, young):
        path.write_text("half")
    entries = [entry.parent for entry in (program.home / "cache").glob("*/entry.json")]
    assert len(entries) >= 3
    long_ago = time.time() - 40 * 24 * 3600
    for path in (stale, *entries):
        os.utime(path, (long_ago, long_ago))
    program.call("run", "--prompt", "the sea", "--steps", "1", "--batch", "sea")  # loads them
    assert not [entry for entry in entries if entry.stat().st_mtime < time.time() - 3600]
    os.utime(entries[0], (long_ago, long_ago))
    said = program.call("prune", "--older-than", "0", "--keep-files", "--yes").stdout
    assert "Batch prompts is removed: 4 images, 0 files." in said
    assert "1 temporary file of killed" in said
    assert young.exists()
    assert not stale.exists()
    assert not entries[0].exists()
    assert all(entry.exists() for entry in entries[1:])
    assert len([name for name in files(program) if name.endswith(".png")]) == 5
    assert "not both" in program.call("prune", "x", "--older-than", "1", code=2).stderr
