"""A batch in Python: how it stands, its images, waiting for it, and what can be done with it."""

from __future__ import annotations

import logging
import pickle
import shutil
import sys
import threading
from typing import Any

import pytest

from db.columns import COLUMNS
from db.ledger import Ledger
from sdq import Batch, Queue, Status
from sdq.views.waiting import why_waiting
from sdq_core.errors import ConfigurationError, InputError, InputMissingError, UsageError
from tests.api.drawing import draw


def test_a_batch_says_how_it_stands(night: Batch) -> None:
    status = night.status()
    assert (status.name, status.state, status.is_over) == ("night", "completed", True)
    assert (status.total, status.completed, status.failed, status.waiting) == (6, 4, 2, 0)
    assert (status.priority, status.at_front, status.source) == ("normal", False, "--prompt")
    assert str(status) == "4 of 6 images drawn, 2 failed"
    assert [(one.prompt, one.seed, one.error) for one in night.failures(1)] == [
        ("a red house", 2, "NaN")
    ]


def test_its_images_come_in_the_order_of_prompts_and_seeds(night: Batch) -> None:
    images = list(night.images())
    assert [(image.entry, image.seed) for image in images] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    first = images[0]
    assert (first.prompt, first.batch) == ("a red house", "night")
    assert list(first.record) == list(COLUMNS)
    assert first.record["custom_id"] == "h-1"
    assert first.record["meta"] == {"by": "me", "album": 3}
    assert first.picture().size == (32, 24)
    assert repr(first) == "<sdq.Image night/1/0: 'a red house'>"
    assert [image.seed for image in night.images(where="prompt ~ 'sea' and seed > 0")] == [1]
    last = [(image.entry, image.seed) for image in night.images(sort="-seed,entry", limit=3)]
    assert last == [(1, 1), (2, 1), (1, 0)]
    for wrong in ({"where": "sed = 1"}, {"sort": "sed"}):
        with pytest.raises(UsageError, match="unknown column sed"):
            night.images(**wrong)
    again = pickle.loads(pickle.dumps(first))
    assert (again.path, again.record) == (first.path, first.record)


def test_a_file_that_is_lost_or_damaged_is_said_when_it_is_read(queue: Queue) -> None:
    batch = queue.submit("a boat", seeds=range(2)).batch
    draw(queue)
    damaged, lost = batch.images()
    damaged.path.write_bytes(damaged.path.read_bytes()[:60])
    lost.path.unlink()
    with pytest.raises(InputError, match=r"is damaged\. To draw it again, run `sdq verify"):
        damaged.picture()
    with pytest.raises(InputMissingError, match="is not there"):
        lost.picture()
    assert "<code>" in lost._repr_html_()


def test_a_notebook_shows_batches_and_images(night: Batch) -> None:
    shown = night._repr_html_()
    assert "<b>night</b>: completed, 4 of 6 images drawn, 2 failed" in shown
    assert shown.count("<img src=") == 4
    *_, last = night.images()
    assert "data:image/" in last._repr_html_()
    assert "the sea &lt;at&gt; night" in last._repr_html_()


def test_a_batch_becomes_a_data_frame(night: Batch) -> None:
    pandas = pytest.importorskip("pandas")
    whole = night.to_pandas()
    assert list(whole.columns) == list(COLUMNS)
    assert len(whole) == 4
    assert str(whole["finished_at"].dtype).endswith("UTC]")
    few = night.to_pandas(columns=["seed", "prompt"])
    expected = pandas.DataFrame(
        {"seed": [0, 1, 0, 1], "prompt": ["a red house"] * 2 + ["the sea <at> night"] * 2}
    )
    pandas.testing.assert_frame_equal(few, expected)
    chosen = night.to_pandas(columns=["steps", "meta.album"], where="seed = 1")
    assert chosen["steps"].tolist() == [20, 20]
    assert chosen["meta.album"].isna().tolist() == [False, True]
    with pytest.raises(UsageError, match="unknown column sed"):
        night.to_pandas(columns=["sed"])
    with pytest.raises(UsageError, match="where is 3, which is not text"):
        night.to_pandas(where=3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="limit is -1; use 0 or more"):
        night.to_pandas(limit=-1)


def test_without_pandas_it_is_said_how_to_get_it(
    night: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigurationError, match="pip install pandas"):
        night.to_pandas()


def test_waiting_ends_with_the_last_image(queue: Queue) -> None:
    batch = queue.submit(["a", "b"], seeds=range(2)).batch
    seen: list[Status] = []
    worker = threading.Thread(target=draw, args=(queue,))

    def watch(status: Status) -> None:
        if not seen:
            worker.start()
        seen.append(status)

    status = batch.wait(timeout=60, on_progress=watch)
    worker.join()
    assert (status.state, status.completed) == ("completed", 4)
    assert seen[0].completed == 0
    assert seen[-1] == status
    assert batch.wait(timeout=0) == batch.status()


def test_whoever_waited_in_vain_is_told_how_far_it_is_and_why(queue: Queue) -> None:
    batch = queue.submit("a", seeds=range(30), batch="late").batch
    draw(queue, slices=1)
    with pytest.raises(TimeoutError) as ended:
        batch.wait(timeout=0)
    assert str(ended.value) == (
        "Batch 'late' is not over after 0 s: 25 of 30 images drawn. No worker is running. Start one with `sdq worker`."
    )
    batch.pause()
    with pytest.raises(TimeoutError, match=r"The batch is paused\."):
        batch.wait(timeout=0)


def test_a_long_wait_says_once_why_nothing_is_drawn(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = queue.submit("a", batch="late").batch
    monkeypatch.setattr("sdq.queue.waiting._STILL_S", 0.0)
    monkeypatch.setattr("sdq.queue.waiting._POLL_S", 0.01)
    said: list[str] = []
    looks: list[int] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    def cancel_after_five_looks(settings: Any, store: Any, ledger: Any, status: Any) -> Any:
        looks.append(1)
        if len(looks) == 5:
            batch.cancel()
        return why_waiting(settings, store, ledger, status)

    monkeypatch.setattr("sdq.views.waiting.why_waiting", cancel_after_five_looks)
    log, listener = logging.getLogger("sdq"), Listener()
    log.addHandler(listener)
    try:
        assert batch.wait(timeout=60).state == "cancelled"
    finally:
        log.removeHandler(listener)
    assert said == ["Batch late waits. No worker is running. Start one with `sdq worker`."]


def test_a_batch_is_held_moved_and_tried_again(queue: Queue) -> None:
    batch = queue.submit(["a"], seeds=range(3)).batch
    batch.pause()
    assert batch.status().state == "paused"
    batch.resume()
    assert batch.status().state == "queued"
    batch.move(priority="high")
    assert (batch.status().priority, batch.status().at_front) == ("high", False)
    batch.move(to_front=True)
    assert (batch.status().priority, batch.status().at_front) == ("high", True)
    with pytest.raises(UsageError, match="Say where to"):
        batch.move()
    with pytest.raises(UsageError, match="use high, normal or low"):
        batch.move(priority="urgent")
    draw(queue, failing=frozenset({1}))
    assert batch.retry() == 1
    assert (batch.status().failed, batch.status().waiting) == (0, 1)
    batch.cancel()
    assert batch.wait(timeout=0).state == "cancelled"
    assert batch.retry() == 0


def test_a_batch_that_was_removed_is_said_to_be(queue: Queue) -> None:
    batch = queue.submit("a", batch="gone").batch
    with Ledger.open(f"sqlite:///{queue.home / 'sdq.db'}") as ledger:
        ledger.upkeep.begin_pruning(batch.id)
        while not ledger.upkeep.prune_page(batch.id).last:
            pass
    for asked in (batch.status, batch.wait, batch.pause, batch.failures, batch.images):
        with pytest.raises(InputMissingError, match=r"gone|There is no batch"):
            asked()
    assert "was removed" in batch._repr_html_()


def test_a_batch_whose_ledger_is_gone_makes_no_other(queue: Queue) -> None:
    batch = queue.submit("a", batch="gone").batch
    queue.close()
    shutil.rmtree(queue.home)
    for asked in (
        batch.status,
        batch.wait,
        batch.resume,
        batch.retry,
        lambda: batch.move(to_front=True),
    ):
        with pytest.raises(InputMissingError, match="'gone' was removed"):
            asked()
    assert not queue.home.exists()


def test_no_time_is_later_than_one_that_is_no_number(queue: Queue) -> None:
    with pytest.raises(UsageError, match="timeout is nan"):
        queue.submit("a").batch.wait(timeout=float("nan"))


def test_a_batch_is_found_by_its_whole_name_or_id(queue: Queue, night: Batch) -> None:
    batch = queue.submit("a", batch="night").batch
    assert queue.batch("night") == queue.batch(batch.id) == batch
    assert {batch, *queue.batches(), pickle.loads(pickle.dumps(batch))} == {batch}
    assert (batch.id, batch.name) == (night.id, night.name)
    assert batch != night  # of another ledger
    with pytest.raises(InputMissingError, match=r"There is no batch 'nig'\. The newest: night."):
        queue.batch("nig")
    assert repr(batch) == "<sdq.Batch 'night'>"
    assert batch != queue.submit("a", batch="other").batch
