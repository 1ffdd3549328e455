"""A real worker draws what is most urgent, whatever it has in hand and in memory, and then goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from db.dispatch import dispatch, reconcile
from db.ledger import Ledger
from db.values import BatchState, BatchStatus, FinishedImage
from producer.planning.defaults import Defaults
from producer.planning.plan import plan_batch
from producer.reading.prompt_line import PromptLine
from sdq.cli import main
from sdq_core.models import DEMO, ModelStore
from sdq_core.queue.queues import Queues
from sdq_core.values.order import Priority, Rank
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from tests.acceptance.program import Program, assert_whole, stop

ORIGINAL, SPLIT = AttentionImplementation.ORIGINAL, AttentionImplementation.SPLIT_EINSUM

#: A worker has far more than that in hand of a long batch: a minute's work.
AT_MOST = 150


class Desk:
    """Where batches are submitted and watched."""

    def __init__(self, program: Program, ledger: Ledger, queues: Queues) -> None:
        self.program = program
        self.ledger = ledger
        self.queues = queues

    def submit(
        self,
        name: str,
        *,
        images: int = 10,
        priority: Priority | None = None,
        variant: AttentionImplementation = ORIGINAL,
    ) -> None:
        """Submit a batch in slices of five images of one step."""
        plan = plan_batch(
            [PromptLine(prompt=f"{name} {n}", source="here") for n in range(images // 5)],
            Defaults(
                model=DEMO,
                variants=(variant,),
                compute_unit=ComputeUnit.ALL,
                num_inference_steps=1,
                seeds=range(5),
                batch_name=name,
                priority=priority,
            ),
            ModelStore(Path("nowhere")).find,
        )
        dispatch(self.ledger, self.queues, self.ledger.submissions.add(plan))

    def status(self, name: str) -> BatchStatus:
        status = self.ledger.batches.find(name)
        assert status is not None
        return status

    def wait_for(self, name: str, images: int) -> None:
        self.program.wait_until(lambda: self.status(name).completed >= images, timeout_s=90)

    def drawn(self, *names: str) -> list[tuple[str, FinishedImage]]:
        """The finished images of batches, in the order in which they were drawn."""
        found = [(name, image) for name in names for image in self.ledger.batches.images(name)]
        return sorted(found, key=lambda drawn: drawn[1].finished_at)

    def drawn_before(self, name: str, *others: str) -> int:
        """How many images of others were finished from a batch's submission to its first image."""
        since = self.status(name).created_at
        names = [who for who, image in self.drawn(name, *others) if image.finished_at >= since]
        return names.index(name)


@pytest.fixture
def desk(program: Program) -> Iterator[Desk]:
    program.redis.ensure_running()
    with program.ledger() as ledger, redis.Redis.from_url(program.redis.url) as client:
        yield Desk(program, ledger, Queues(client, ledger.id))


def sdq(program: Program, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run a command in this process."""
    monkeypatch.setattr("sys.argv", ["sdq", *arguments, "--home", str(program.home)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0


@pytest.mark.timeout(300)
def test_a_worker_draws_in_order(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = ("one", "other")
    for name in long:
        desk.submit(name, images=4000)
    desk.submit("first", priority=Priority.HIGH)
    desk.queues.connection.flushall()
    worker = desk.program.start("worker")
    desk.wait_for("one", 20)
    assert [name for name, _ in desk.drawn("first", *long)][:10] == ["first"] * 10

    # A batch of the same variant, beside what the worker has in hand.
    desk.submit("small", priority=Priority.HIGH)
    desk.wait_for("small", 10)
    assert desk.drawn_before("small", *long) < AT_MOST

    # Another variant is loaded for it, and then the long ones go on.
    desk.submit("variant", priority=Priority.HIGH, variant=SPLIT)
    desk.wait_for("variant", 10)
    since = sum(desk.status(name).completed for name in long)
    for name in long:
        desk.wait_for(name, since // 2 + 10)

    # They take turns.
    shares = Counter(name for name, _ in desk.drawn(*long))
    assert abs(shares["one"] - shares["other"]) <= 2 * 5 + 2

    # A low one does not begin, until it is moved.
    desk.submit("low", priority=Priority.LOW)
    since = desk.status("one").completed
    desk.wait_for("one", since + 10)
    assert desk.status("low").completed == 0
    sdq(desk.program, monkeypatch, "move", "low", "--priority", "high", "--front")
    assert "at the front of high priority" in capsys.readouterr().out
    desk.wait_for("low", 10)

    # What is paused or cancelled is left at once, and nothing of it stays in Redis.
    desk.ledger.batches.set_state("one", BatchState.CANCELLED)
    desk.ledger.batches.set_state("other", BatchState.PAUSED)
    desk.submit("last", images=5)
    desk.wait_for("last", 5)
    reconcile(desk.ledger, desk.queues, wait_s=30)
    assert desk.queues.waiting() == []
    assert desk.queues.holdings().waiting == set()
    stop(worker)
    images = [image for _, image in desk.drawn("first", "small", "variant", "low", "last", *long)]
    assert_whole(desk.program.home, images, len(images))
    assert max(image.attempts for image in images) == 1


def test_the_options_of_submit_reach_ledger_and_queue(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = ("submit", "--prompt", "a", "--prompt", "b", "--seed-range", "0-3")
    options = ("--priority", "high", "--at-front", "--interleave")
    sdq(desk.program, monkeypatch, *prompt, *options, "--batch", "b", "--dry-run")
    assert "It is drawn at the front of high priority." in capsys.readouterr().out
    sdq(desk.program, monkeypatch, *prompt, *options, "--batch", "b")
    assert "It is drawn at the front of high priority." in capsys.readouterr().out
    assert desk.status("b").rank == Rank(priority=Priority.HIGH, place=1)
    sdq(desk.program, monkeypatch, *prompt, "--batch", "b")
    assert "It is drawn" not in capsys.readouterr().out  # nothing of it is new
    slices = [desk.ledger.work.load_slice(ref.id) for ref in desk.ledger.work.open_slices()]
    assert [(slice_.recipe.prompt, slice_.seeds) for slice_ in slices if slice_] == [
        (prompt, seeds) for seeds in ((0,), (1,), (2, 3)) for prompt in "ab"
    ]
    sdq(desk.program, monkeypatch, *prompt, "--batch", "b", "--priority", "low")
    (queue,) = desk.queues.waiting()
    assert queue.rank == Rank(priority=Priority.LOW)
    capsys.readouterr()
    sdq(desk.program, monkeypatch, "status")
    assert "queued, low" in capsys.readouterr().out
    sdq(desk.program, monkeypatch, "show", "b")
    assert "taking turns with others of low priority" in capsys.readouterr().out


def test_a_run_draws_its_own_batch_whatever_else_waits(desk: Desk) -> None:
    desk.submit("urgent", images=100, priority=Priority.HIGH)
    desk.submit("many", images=100)
    desk.program.call("run", "--prompt", "mine", "--steps", "1", "--batch", "mine")
    assert desk.status("mine").completed == 1
    assert [desk.status(name).completed for name in ("urgent", "many")] == [0, 0]
    assert sum(queue.slices for queue in desk.queues.waiting()) == 40
