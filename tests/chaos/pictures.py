"""Pictures that images are drawn from, which vanish from `inputs/` or are changed there while the storm rages."""

from __future__ import annotations

import contextlib
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from tests.chaos.customer import Order
from tests.chaos.place import Place
from tests.chaos.troubles.trouble import Scene, Struck, Trouble
from tests.tiny_controlnet import put_tiny_models

_PICTURES = 6

#: What is said of an image whose picture is not as it was: one sentence, and the next step.
_SAID = re.compile(
    r"PictureError: (?:The picture with sha256 [0-9a-f]{12} is not in \S+\. Submit it again, or copy that folder "
    r"from the machine that did|\S+ was changed since it was submitted\. Submit the picture again|"
    r"Cannot read \S+ \([\w ]+\)\. Check its disk and permissions)\. Then `sdq retry` draws this image\."
)

_FAILED = """
SELECT b.name, i.recipe_id, i.seed, i.error FROM images i
JOIN slices s ON s.id = i.slice_id JOIN batches b ON b.id = s.batch_id WHERE i.status = 'failed'
"""


@dataclass(kw_only=True)
class Damage:
    """What came of the pictures' troubles. failed: batch, recipe, seed -> what was said; retried: batches."""

    failed: dict[tuple[str, int, int], str] = field(default_factory=dict)
    retried: set[str] = field(default_factory=set)
    orders: int = 0

    def violations(self, orders: list[Order]) -> list[str]:
        """Say which images failed though their batch has no picture, and which for another reason."""
        with_pictures = {order.name for order in orders if order.pictures}
        wrong = [
            f"{batch}, recipe {recipe} seed {seed} failed: {said}"
            for (batch, recipe, seed), said in self.failed.items()
            if batch not in with_pictures or not _SAID.fullmatch(said)
        ]
        return wrong[:5]

    def describe(self) -> str:
        """Write one line of the report."""
        return (
            f"{self.orders} batches were drawn from pictures; {len(self.failed)} of their images failed with "
            f"a sentence, and were drawn when {len(self.retried)} batches were retried."
        )


class Pictures:
    """The customer's pictures, and those that the place keeps."""

    def __init__(self, place: Place, dice: random.Random) -> None:
        """Draw the pictures, and bring a model that ControlNets guide."""
        (self._home,) = (host.home for host in place.hosts)
        self._ledger = place.ledger
        self._dice = dice
        self._away = self._home / "inputs.away"
        self._away.mkdir()
        self._folder = place.logs / "pictures"
        self._folder.mkdir()
        self.damage = Damage()
        for number in range(_PICTURES):
            image = Image.new("RGB", (150, 90), (40 * number, 90, 200))
            image.paste("white", (15 * number, 20, 15 * number + 40, 60))
            image.save(self._folder / f"{number}.png")
        put_tiny_models(self._home / "models")

    def options(self) -> tuple[str, ...]:
        """Choose what a new batch is drawn from."""
        self.damage.orders += 1
        picture, other = self._dice.sample(sorted(self._folder.glob("*.png")), 2)
        begin = (
            "--init-image",
            str(picture),
            "--strength",
            self._dice.choice(("0.5", "0.75", "1")),
        )
        return self._dice.choice(
            (
                begin,
                (*begin, "--mask", str(other)),
                ("--model", "tiny", "--controlnet", f"sdq_edges:{picture}:0.8"),
                ("--model", "tiny", "--controlnet", f"sdq_edges:{picture}:0.8",
                 "--controlnet", f"sdq_depth:{other}:1:0-0.5"),
            )
        )  # fmt: skip

    def look(self) -> None:
        """Note which images have failed."""
        for batch, recipe, seed, said in self._ledger.seen(_FAILED) or ():
            self.damage.failed[batch, recipe, seed] = said

    def failed_now(self) -> list[str]:
        """Give the batches with failed images; raise DBAPIError while the ledger cannot be read."""
        return sorted({row[0] for row in self._ledger.rows(_FAILED)})

    def take(self, *, leave: bytes | None = None) -> Path | None:
        """Take a picture away, or leave other bytes in its place; give where it was, None if there is none."""
        kept = sorted(self._home.glob("inputs/*/*.png"))
        if not kept:
            return None
        path = self._dice.choice(kept)
        path.rename(self._away / path.name)
        if leave is not None:
            with contextlib.suppress(OSError):  # the disk may be full: then it is empty
                path.write_bytes(leave)
        return path

    def put_back(self, path: Path) -> None:
        """Put a picture back, whether or not a submission has brought it again."""
        (self._away / path.name).replace(path)


def picture_troubles(scene: Scene, pictures: Pictures | None) -> list[Trouble]:
    """List what can be done to pictures; nothing in a storm without any."""
    if pictures is None:
        return []
    return [
        Trouble(name=name, rate=25, strike=lambda leave=leave: _strike(scene, pictures, leave), thing="inputs")  # type: ignore[misc]
        for name, leave in (("input deleted", None), ("input changed", b"another picture"))
    ]  # fmt: skip


def _strike(scene: Scene, pictures: Pictures, leave: bytes | None) -> Struck | None:
    path = pictures.take(leave=leave)
    if path is None:
        return None
    return Struck(lasts_s=scene.duration_s(), heal=lambda: pictures.put_back(path))
