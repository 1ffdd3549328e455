"""The customer: submits batches, grown batches and the same batches again while the storm rages, and knows what was
asked for without looking into the ledger.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.chaos.hosts import Host
from tests.chaos.place import Place

#: What makes an image one of its own: prompt, steps, seed.
Wish = tuple[str, int, int]

_SUBJECTS = ("a red house", "a tent in the snow", "the sea at night", "a lighthouse", "a blue kite")
_MOST_SEEDS = 60

#: Batches of so many steps are drawn without guidance, two images at once. The others have it, so a wish tells.
_STEPS_WITHOUT_GUIDANCE = 4

#: What is asked of the order: workers then give way in the middle of what they draw.
PLACES = ((), (), (), ("--priority", "high"), ("--priority", "low"), ("--at-front",))
_RETRY_AFTER_S = 0.5

#: Of the batches, where there are pictures.
_FROM_PICTURES = 0.6


@dataclass(kw_only=True)
class Order:
    """A batch as it was asked for last; it only grows. pictures: options for what it is drawn from."""

    name: str
    steps: int
    prompts: list[str] = field(default_factory=list)
    seeds: range = range(0)
    pictures: tuple[str, ...] = ()

    @property
    def guidance_scale(self) -> float:
        """The scale, 0 for a third of the batches."""
        return 0 if self.steps == _STEPS_WITHOUT_GUIDANCE else 7.5

    def wishes(self) -> set[Wish]:
        """Every image that the batch asks for."""
        return {(prompt, self.steps, seed) for prompt in self.prompts for seed in self.seeds}

    def submit(self, place: Place, host: Host, *options: str) -> subprocess.Popen[bytes]:
        """Start the command that asks for it. options: further ones."""
        file = place.logs / f"{self.name}.txt"
        file.write_text("".join(f"{prompt}\n" for prompt in self.prompts))
        return place.start(
            "submit", str(file), "--seed-range", f"{self.seeds.start}-{self.seeds.stop - 1}",
            "--steps", str(self.steps), "--guidance-scale", str(self.guidance_scale),
            "--batch", self.name, "--quiet", *self.pictures, *options,
            log="submit.log", host=host,
        )  # fmt: skip


def all_wishes(orders: Iterable[Order]) -> set[Wish]:
    """Every image that was ever asked for."""
    return {wish for order in orders for wish in order.wishes()}


class Customer:
    """Keeps a backlog of images, so that there is always something to recover."""

    def __init__(
        self,
        place: Place,
        dice: random.Random,
        *,
        backlog: int,
        pictures: Callable[[], tuple[str, ...]] | None = None,
    ) -> None:
        """Have asked for nothing yet. pictures: chooses what a batch is drawn from; None for nothing."""
        self.orders: list[Order] = []
        self.submissions = 0
        self.refusals: dict[int, int] = {}
        self._through: set[str] = set()
        self._place = place
        self._dice = dice
        self._backlog = backlog
        self._pictures = pictures
        self._process: subprocess.Popen[bytes] | None = None
        self._submitting: Order | None = None
        self._not_before = 0.0

    @property
    def submitted(self) -> list[Order]:
        """List the batches that went through once."""
        return [order for order in self.orders if order.name in self._through]

    def tend(self) -> None:
        """Submit when there is reason to; repeat what did not get through, as cron would."""
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            self._process = None
            if code != 0:
                self.refusals[code] = self.refusals.get(code, 0) + 1
                self._not_before = time.monotonic() + _RETRY_AFTER_S
            else:
                self.submissions += 1
                if self._submitting is not None:
                    self._through.add(self._submitting.name)
                self._submitting = None
                if self._has_backlog():
                    self._not_before = time.monotonic() + self._dice.uniform(2, 8)
                return
        if time.monotonic() < self._not_before:
            return
        if self._submitting is None:
            if self._has_backlog():
                self._submitting = self._dice.choice(self.orders)  # the same again
            else:
                self._submitting = self._wish_more()
        host = self._dice.choice(self._place.hosts)
        order = self._dice.choice(PLACES)
        self._process = self._submitting.submit(self._place, host, *order)

    def settle(self) -> bool:
        """Bring what is still open through, then say that nothing is; to be called until it does."""
        if self._submitting is None and self._process is None:
            return True
        self.tend()
        return False

    def kill(self) -> bool:
        """Kill -9 the submission that runs just now; give whether there was one."""
        if self._process is None or self._process.poll() is not None:
            return False
        self._process.kill()
        return True

    def close(self) -> None:
        """Leave no process behind."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _has_backlog(self) -> bool:
        return len(all_wishes(self.orders)) - self._place.ledger.done() >= self._backlog

    def _wish_more(self) -> Order:
        growing = [order for order in self.orders if len(order.seeds) < _MOST_SEEDS]
        if not growing or self._dice.random() < 0.4:
            # Steps in common let two batches ask for the same image.
            order = Order(name=f"storm-{len(self.orders)}", steps=self._dice.choice((1, 2, 4)))
            if self._pictures and self._dice.random() < _FROM_PICTURES:
                order.pictures = self._pictures()
                order.steps = max(2, order.steps)  # strength 0.5 of one step is none
            self.orders.append(order)
            for _ in range(self._dice.randint(2, 4)):
                self._add_prompt(order)
        else:
            order = self._dice.choice(growing)
            if self._dice.random() < 0.5:
                self._add_prompt(order)
        order.seeds = range(len(order.seeds) + self._dice.randint(5, 15))
        return order

    def _add_prompt(self, order: Order) -> None:
        prompt = f"{self._dice.choice(_SUBJECTS)} number {self._dice.randint(1, 12)}"
        if order.pictures:  # nobody else asks for the same image
            prompt += f" as in the picture of {order.name}"
        if prompt not in order.prompts:
            order.prompts.append(prompt)
