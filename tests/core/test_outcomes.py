"""Whatever changes something says it as JSON with --json, and not at all with -q."""

from __future__ import annotations

from pathlib import Path

import pytest

from db.ledger import Ledger
from sdq_core.models import DEMO, ModelStore
from sdq_core.queue.server import RedisServer
from sdq_core.values.variants import AttentionImplementation
from tests.core.commands import Commands
from tests.ledger.plans import ENGINE, plan


@pytest.fixture
def night(sdq: Commands, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """A batch `night` whose one image failed."""
    monkeypatch.setenv("SDQ_REDIS_URL", redis_server.url)
    with sdq.ledger() as ledger:
        ledger.submissions.add(plan(["a"], [7], name="night"))
        fail(ledger)
    return sdq


def fail(ledger: Ledger) -> None:
    slice_ = ledger.work.load_slice(ledger.work.open_slices()[0].id)
    assert slice_ is not None
    engine_id = ledger.work.register_engine(ENGINE)
    ledger.work.record_failure(
        slice_.recipe_id, 7, slice_id=slice_.id, engine_id=engine_id, error="NaN", final=True
    )
    ledger.work.finish_slice(slice_.id)


def test_each_change_is_one_object(night: Commands) -> None:
    paused = night("pause", "ni", "--json").json
    assert (paused["batch"]["sdq"]["name"], paused["batch"]["status"]) == ("night", "completed")
    resumed = night("resume", "ni", "--json").json
    assert (resumed["batch"]["id"], resumed["slices_queued"]) == ("batch_1", 0)
    queued = {"id": "batch_1", "name": "night", "images": 1}
    assert night("retry", "batch_1", "--json").json == queued
    assert night("retry", "ni", "--json").json["images"] == 0
    cancelled = night("cancel", "ni", "--json").json["batch"]
    assert cancelled["request_counts"] == {"total": 1, "completed": 0, "failed": 0}
    verified = night("verify", "ni", "--json").json
    assert (verified["well"], verified["images"], verified["missing"]) == (True, 0, [])
    planned = night("prune", "ni", "--dry-run", "--json").json
    assert planned == {"batches": [{"name": "night", "images": 0}], "unused": []}
    pruned = night("prune", "night", "--yes", "--json").json
    assert pruned["batches"] == [{"name": "night", "images": 0, "files": 0}]


def test_quiet_says_nothing_on_success(night: Commands) -> None:
    with night.ledger() as ledger:
        key = next(iter(ledger.variants.known()))
    for arguments in (
        ["pause", "ni", "--variant-key", key],
        ["resume", "ni", "--variant-key", key],
        ["retry", "ni"],
        ["cancel", "ni"],
        ["verify", "ni"],
        ["prune", "night", "--yes"],
        ["redis"],
    ):
        said = night(*arguments, "-q")
        assert (said.out, said.err) == ("", ""), arguments
    assert "There is no batch" in night("cancel", "night", "-q", code=66).err


def test_what_verify_finds_is_listed_whole(night: Commands) -> None:
    with night.ledger() as ledger:
        ledger.submissions.add(plan([f"p{n}" for n in range(30)], [1], name="more"))
    found = night("verify", "--json", code=1).json
    assert len(found["in_no_queue"]) == 30
    assert (found["well"], found["repaired"]) == (False, False)
    assert night("verify", "-q", code=1).out == ""
    assert "in no queue: 10 more" in night("verify", code=1).out
    mended = night("verify", "--repair", "--json").json
    assert (mended["well"], mended["repaired"], mended["images_again"]) == (False, True, 0)


def test_what_changes_models_is_an_object(sdq: Commands, tmp_path: Path) -> None:
    demo = ModelStore(tmp_path).find(DEMO, AttentionImplementation.ORIGINAL)
    packages = demo.parts["unet"].parents[2]
    said = sdq("models", "add", str(demo.parts["unet"]), code=66).err
    assert said.endswith("is one part of a model. Name the folder that holds all of them.\n")
    added = sdq("models", "add", str(packages), "--name", "mine", "--variant", "original", "--json")
    (folder,) = added.json["added"]
    (sdq.home / "models" / "empty_original_packages").mkdir()
    assert sdq("models", "-q").out == "demo\ndemo-turbo\nmine\n"
    verified = sdq("models", "verify", "mine", "--json").json
    assert verified["well"]
    assert [(one["name"], one["variant"]) for one in verified["checked"]] == [("mine", "original")]
    assert sdq("models", "verify", "mine", "-q").out == ""
    assert sdq("models", "remove", "mine", "--yes", "--json").json == {"removed": [folder]}
    sdq("models", "add", str(packages), "--name", "mine", "--variant", "original", "-q")
    said = sdq("models", "remove", "mine", "--yes", "-q")
    assert (said.out, said.err) == ("", "")
    assert sdq("models", "-q").out == "demo\ndemo-turbo\n"


def test_the_embedded_redis_is_an_object(night: Commands) -> None:
    assert night("redis", "--json").json["state"] == "not used"
    assert night("redis", "--redis-url", "embedded", "--json", code=69).json["state"] == (
        "not running"
    )
