"""What monitoring reads: metrics as Prometheus' own parser understands them, probes, and events."""

from __future__ import annotations

import json
import sqlite3
import threading
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sdq.views.metrics import metrics_text
from tests.api.drawing import draw
from tests.core.commands import Commands
from tests.web_api.serving import TOKEN, Served, served

Samples = dict[tuple[str, tuple[str, ...]], float]


def samples(text: str) -> Samples:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_are_what_prometheus_reads(idle: Served) -> None:
    idle.queue.submit("a", seeds=range(30), batch='the "sea"\\')
    idle.queue.submit("b", seeds=range(2), batch="done")
    draw(idle.queue, slices=1, failing=frozenset({3}))
    with idle.queue._connections.ledger() as ledger:
        variants = {str(variant): key for key, variant in ledger.variants.known().items()}
        ledger.variants.pause(variants["demo original on ALL"], "by hand")
    answer = idle.ask("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.body.decode())
    assert found["sdq_images_total", ("completed",)] == 24
    assert found["sdq_images_total", ("failed",)] == 1
    assert found["sdq_batch_images", ('the "sea"\\', "waiting")] == 5
    assert found["sdq_batch_images", ("done", "waiting")] == 2
    assert found["sdq_variant_paused", ("demo", "original", "ALL")] == 1
    assert found["sdq_image_duration_seconds", ("0.5",)] > 0
    assert found["sdq_last_image_timestamp_seconds", ()] > 1.7e9
    assert idle.ask("/metrics", authorization=None).status == 401


def test_a_file_of_metrics_is_written_whole_and_without_the_web_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sdq = Commands(tmp_path / "home", monkeypatch, capsys)
    said = sdq("metrics").out
    assert samples(said)["sdq_images_total", ("completed",)] == 0
    file = tmp_path / "sdq.prom"
    assert sdq("metrics", "--textfile", str(file)).out == ""
    assert file.read_text() == said == metrics_text(None)
    assert [path.name for path in tmp_path.iterdir()] == ["sdq.prom"]
    sdq("metrics", "--textfile", str(tmp_path / "sdq.prom" / "x"), code=73)


def test_probes_need_no_token_and_tell_nothing(tmp_path: Path, idle: Served) -> None:
    assert idle.ask("/healthz", authorization=None).body == b"ok\n"
    answer = idle.ask("/readyz", authorization=None)
    assert (answer.status, answer.json) == (200, {"ledger": True, "redis": True})
    with served(tmp_path / "other", redis_url=f"unix://{tmp_path}/nothing.sock") as other:
        assert other.ask("/healthz", authorization=None).status == 200
        answer = other.ask("/readyz", authorization=None)
        assert (answer.status, answer.json) == (503, {"ledger": True, "redis": False})
    assert idle.ask("/healthz", authorization=None, host="evil.example").status == 421


def test_the_server_says_that_it_lives_while_all_its_threads_wait(idle: Served) -> None:
    idle.queue.submit(["a"], batch="one")
    with closing(sqlite3.connect(idle.home / "sdq.db", isolation_level=None)) as ledger:
        ledger.execute("BEGIN IMMEDIATE")
        waiting = [
            threading.Thread(target=idle.ask, args=("/v1/batches/batch_1/cancel", b""))
            for _ in range(20)
        ]
        for thread in waiting:
            thread.start()
        alive = [idle.ask("/healthz").status for _ in range(20)]
        assert all(thread.is_alive() for thread in waiting)
        ledger.execute("ROLLBACK")
    for thread in waiting:
        thread.join()
    assert alive == [200] * 20


def test_events_tell_of_batches_and_of_images(idle: Served) -> None:
    idle.queue.submit([{"prompt": "a", "custom_id": "a-1"}], seeds=range(2), batch="night")
    request = urllib.request.Request(f"{idle.url}/v1/events")
    request.add_header("Authorization", f"Bearer {TOKEN}")
    told: dict[str, list[object]] = {"batches": [], "image": []}
    with urllib.request.urlopen(request, timeout=30) as stream:
        kind = ""
        for raw in stream:
            name, _, value = raw.decode().strip().partition(": ")
            kind = value if name == "event" else kind
            if name == "data":
                told[kind].append(json.loads(value))
                if len(told["batches"]) == 1 and not told["image"]:
                    draw(idle.queue)
            if len(told["image"]) == 2:
                break
    first, last = told["batches"][0], told["batches"][-1]
    assert [batch["sdq"]["state"] for batch in first] == ["queued"]  # type: ignore[attr-defined]
    assert [batch["status"] for batch in last] == ["completed"]  # type: ignore[attr-defined]
    image = told["image"][0]
    assert isinstance(image, dict)
    assert (image["batch"], image["custom_id"], image["seed"]) == ("night", "a-1", 0)
    assert idle.ask(image["path"]).headers["content-type"] == "image/png"
