"""`sdq worker --preview` tells a page what the image in hand is becoming."""

from __future__ import annotations

import io

from PIL import Image

from sdq_core.queue.connection import connect
from sdq_core.queue.queues import Queues
from sdq_core.settings import read_settings
from tests.acceptance.program import Program, stop


def test_a_worker_with_previews_tells_them_to_who_watches(program: Program) -> None:
    program.call("submit", "--prompt", "the sea", "--steps", "900", "--batch", "one")
    worker = program.start("worker", "--preview", "--quiet")
    with (
        program.ledger() as ledger,
        connect(read_settings({}, {"home": str(program.home)})) as redis,
    ):
        queues = Queues(redis, ledger.id)
        listener = queues.previews.listen()

        def is_told() -> bool:
            queues.in_hand.watch([])
            return bool(listener.newest())

        program.wait_until(is_told)
        (preview,) = listener.newest().values()
        listener.close()
    assert (preview.batch, preview.entry, preview.seed) == ("one", 1, 0)
    assert Image.open(io.BytesIO(preview.data)).size == (16, 16)
    worker.kill()
    stop(worker)
