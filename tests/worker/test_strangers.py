"""Jobs that are not ours: refused, kept for inspection, never run."""

from __future__ import annotations

from pathlib import Path

import redis
from rq.job import Job

from sdq.queues import Queues
from tests.acceptance.program import Program, assert_whole


def test_a_strangers_job_is_refused_and_the_batch_is_drawn(
    program: Program, tmp_path: Path
) -> None:
    program.run("submit", "--prompt", "the sea", "--steps", "2", "--batch", "mine")
    touched = tmp_path / "touched"
    with program.ledger() as ledger, redis.Redis.from_url(program.redis.url) as client:
        queues = Queues(client, ledger.id)
        (key,) = queues.waiting()
        queue = queues.queue(key)
        queue.enqueue("os.mkdir", str(touched), job_id="stranger", at_front=True)
        garbage = queue.enqueue("os.mkdir", "x", job_id="garbage", at_front=True)
        client.hset(garbage.key, "data", b"\x80\x04garbage")
        result = program.run("worker", "--burst")
        assert result.stderr.count("Refused job") == 2
        assert set(queue.failed_job_registry.get_job_ids()) == {"stranger", "garbage"}
        assert Job.exists("stranger", connection=client)
    assert not touched.exists()
    assert_whole(program.home, program.drawn("mine"), 1)
