"""What the storm holds against the way out of a unit that fails: it is only worth something if it notices."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.chaos.builds import TRIED, Builds

ABORT = "EngineDiedError: The engine (process 1) ended by SIGABRT."
HANG = "EngineHungError: The engine sent nothing for 8 s."


class Scene:
    """Builds of which the first fails on one pair, and a ledger that says what a test wants."""

    def __init__(self, folder: Path) -> None:
        self.builds = Builds(folder / "double", random.Random(3))
        self.failing = next(iter(self.builds.all[0].failures))
        self.units = {part: units[-1] for part, units in TRIED.items()}
        for part, units in TRIED.items():
            for unit in units:
                if f"{part} {unit}" not in self.builds.all[0].failures:
                    self.units[part] = unit
                    self.working = f"{part} {unit}"
        self._log = folder / "double" / "loaded.txt"
        self.load(0, *(f"{part} {units[0]}" for part, units in TRIED.items()))

    def load(self, later_s: float, *pairs: str) -> None:
        with self._log.open("a") as log:
            for pair in pairs:
                log.write(json.dumps([time.monotonic() + later_s, "build-1", pair]) + "\n")

    def learn(self, *trials: tuple[str, str | None], errors: tuple[str, ...] = ()) -> list[str]:
        rows = [("Linux build-1", *pair.split(), error) for pair, error in trials]
        ledger = SimpleNamespace(
            seen=lambda query: rows if "unit_trials" in query else [(error,) for error in errors],
            rows=lambda _query: [("Linux build-1", json.dumps(self.units), 9)],
        )
        self.builds.look(cast(Any, ledger), time.monotonic())
        return self.builds.learnt(cast(Any, ledger)).violations


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_pair_that_fails_is_learnt_once(scene: Scene) -> None:
    assert scene.learn((scene.failing, ABORT), (scene.working, None)) == []
    assert scene.learn((scene.working, HANG)) == []  # on a busy machine


def test_one_that_is_tried_again_is_noticed(scene: Scene) -> None:
    scene.load(20, scene.failing)
    assert "after it had failed, 20 s later" in scene.learn((scene.failing, ABORT))[0]


def test_what_is_blamed_wrongly_or_not_at_all_is_noticed(scene: Scene) -> None:
    assert "though it works" in scene.learn((scene.working, ABORT))[0]
    assert "counts as working" in scene.learn((scene.failing, None))[-1]


def test_an_image_that_is_blamed_for_a_unit_is_noticed(scene: Scene) -> None:
    killed = "EngineDiedError: The engine (process 1) ended by SIGKILL."
    assert scene.learn(errors=(killed,)) == []
    assert "blamed for a unit" in scene.learn(errors=(killed, ABORT))[0]


def test_rows_that_name_what_fails_or_nothing_are_noticed(scene: Scene) -> None:
    part, unit = scene.failing.split()
    scene.units[part] = unit
    assert "say that they were drawn with" in scene.learn()[0]
    scene.units.clear()
    assert "say that they were drawn with" in scene.learn()[0]


def test_a_unit_that_was_not_tried_first_is_noticed(scene: Scene) -> None:
    scene._log.unlink()
    scene.load(0, "text_encoder CPU_AND_NE")
    assert "CPU_ONLY was not" in scene.learn()[0]
