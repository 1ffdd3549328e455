"""The parts of a model that does not fit into memory take turns in it, and draw the same."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdq_core.models import DEMO, ModelStore
from sdq_core.values.part_units import PartUnits
from sdq_core.values.recipes import DEFAULT_SCHEDULER
from sdq_core.values.safety import Safety
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant
from worker.engine.handle import Deadlines, Engine
from worker.engine.messages import Launch, Loading, Running
from worker.engine.sparing import SparingRuntime
from worker.engine.turns import Turns
from worker.engine.watched import WatchedRuntime
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.onnx import OnnxRuntime

ALL = ComputeUnit.ALL
ALONE, EVERYTHING = 1, 10**12


def request(prompt: str = "the sea at night", seed: int = 1) -> ImageRequest:
    return ImageRequest(
        prompt=prompt, negative_prompt="", seed=seed, num_inference_steps=2, guidance_scale=7.5,
        scheduler=DEFAULT_SCHEDULER,
    )  # fmt: skip


class Loads:
    """The demo model over a runtime that says what it loads."""

    def __init__(self, translations: Path, room: int) -> None:
        folder = ModelStore(translations / "models").find(DEMO, AttentionImplementation.ORIGINAL)
        self._said: list[str] = []
        watched = WatchedRuntime(OnnxRuntime(translations, 1), {}, self._note)
        runtime = SparingRuntime(watched, room)
        self.pipeline = BuiltinPipeline.load(folder, runtime, PartUnits.all_on(ALL), Safety.OFF)

    def since(self) -> list[str]:
        """Give what was loaded since this was asked last."""
        said, self._said = self._said, []
        return said

    def draw(self, request: ImageRequest) -> np.ndarray[Any, Any]:
        return self.pipeline.draw(request, lambda _done, _total: None).pixels

    def _note(self, said: Loading | Running) -> None:
        if isinstance(said, Loading):
            name = said.package.removeprefix("Stable_Diffusion_version_sdq_demo_")
            self._said.append(name.removesuffix(".mlpackage"))


def test_parts_that_take_turns_draw_the_same_and_encoders_return_for_new_prompts_alone(
    translations: Path,
) -> None:
    usual, sparing = (Loads(translations, room) for room in (EVERYTHING, ALONE))
    parts = ["text_encoder", "unet", "vae_decoder"]
    assert usual.since() == sparing.since() == parts
    assert np.array_equal(usual.draw(request()), sparing.draw(request()))
    # Until what they take is known, nothing stays beside them.
    assert usual.since() == sparing.since() == parts
    another_seed = request(seed=2)
    assert np.array_equal(usual.draw(another_seed), sparing.draw(another_seed))
    assert usual.since() == ["unet"]
    assert sparing.since() == ["unet", "vae_decoder"]
    another_prompt = request("a red house")
    assert np.array_equal(usual.draw(another_prompt), sparing.draw(another_prompt))
    assert usual.since() == ["text_encoder"]
    assert sparing.since() == parts


class Sized:
    """A runtime of networks with sizes that are their names."""

    name, versions, distinct_units = "sized", Mapping[str, str], (ALL,)

    def __init__(self) -> None:
        self.held = 0
        self.most = 0
        self.loads: list[str] = []

    def load(self, package: Path, compute_unit: ComputeUnit) -> Any:
        self.loads.append(package.name)
        return _Weights(self, int(package.name))


class _Weights:
    expected_inputs: Mapping[str, Mapping[str, Any]] = {}

    def __init__(self, runtime: Sized, size: int) -> None:
        self._runtime, self._size = runtime, size
        runtime.held += size
        runtime.most = max(runtime.most, runtime.held)

    def __call__(self) -> dict[str, Any]:
        return {}

    def __del__(self) -> None:
        self._runtime.held -= self._size


@pytest.mark.parametrize(
    ("room", "same_prompt", "new_prompt", "most"),
    [
        (14, [], [], 14),
        (13, [], ["3", "10", "1"], 13),
        (11, [], ["3", "10"], 11),
        (10, ["10", "1"], ["3", "10", "1"], 10),
        (2, ["10", "1"], ["3", "10", "1"], 10),
    ],
)
def test_as_few_as_possible_leave(
    room: int, same_prompt: list[str], new_prompt: list[str], most: int
) -> None:
    sized = Sized()
    runtime: Any = SparingRuntime(sized, room, measure=lambda _pid: sized.held)  # type: ignore[arg-type]
    encoder, unet, decoder = (runtime.load(Path(size), ALL) for size in ("3", "10", "1"))

    def draw(*networks: Any) -> list[str]:
        sized.loads.clear()
        for network in networks:
            network()
        return list(sized.loads)

    draw(encoder, unet, decoder)
    draw(unet, decoder)
    assert draw(unet, decoder) == same_prompt
    draw(encoder, unet, decoder)
    assert draw(encoder, unet, decoder) == new_prompt
    assert sized.most <= most


def test_what_its_owner_drops_is_held_no_longer() -> None:
    sized = Sized()
    runtime: Any = SparingRuntime(sized, 100, measure=lambda _pid: sized.held)  # type: ignore[arg-type]
    network = runtime.load(Path("7"), ALL)
    network()
    assert sized.held == 7
    del network
    gc.collect()
    assert sized.held == 0


@pytest.fixture
def engine(translations: Path) -> Iterator[Engine]:
    folder = ModelStore(translations / "models").find(DEMO, AttentionImplementation.ORIGINAL)
    launch = Launch(folder=folder, compute_unit=ALL, cache=translations, threads=1, room=ALONE)
    engine = Engine(launch, Deadlines())
    yield engine
    engine.kill()


def test_an_engine_does_as_it_is_told_and_waits_for_a_part_as_long_as_for_any_load(
    engine: Engine, translations: Path
) -> None:
    engine.wait_until_ready()
    loading = engine.loading
    drawn = engine.draw(request())
    assert engine.loading is not loading
    assert np.array_equal(drawn.image.pixels, Loads(translations, EVERYTHING).draw(request()))


def variant(name: str) -> Variant:
    return Variant(
        model=name,
        revision="r",
        attention_implementation=AttentionImplementation.ORIGINAL,
        compute_unit=ALL,
    )


def test_a_model_that_is_larger_than_the_limit_or_the_machine_takes_turns() -> None:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    sizes = {variant("small"): 5, variant("large"): 11, variant("huge"): machine}
    limited = Turns(10, expected=sizes.__getitem__)
    assert [limited.room_for(each) for each in sizes] == [None, 10, 10]
    assert [each in limited for each in sizes] == [False, True, True]
    free = Turns(None, expected=sizes.__getitem__)
    assert [free.room_for(each) for each in sizes] == [None, None, free.room]
    assert machine // 2 < free.room < machine
