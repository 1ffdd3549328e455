"""The engine's side of the pipe: ``python -m worker.engine.main FD``.

Loads one pipeline, then draws the requested images in order until the pipe closes. It ends with its worker: when the
other end of the pipe is gone, the report of the next step raises.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import time
from collections import deque

from sdq_core.errors import ComputeError, SdqError, UnexpectedDrawError, describe_error
from sdq_core.models.network import read_network
from sdq_core.processes import settle_process
from sdq_core.values.part_units import Part, PartUnits
from worker.engine.memory import peak_resident_bytes
from worker.engine.messages import (
    Began,
    Draw,
    Drawn,
    Drop,
    Dropped,
    Failed,
    Launch,
    LoadFailed,
    Ready,
    Stepped,
    Withdraw,
    Withdrawn,
)
from worker.engine.pipe import Pipe
from worker.engine.sparing import SparingRuntime
from worker.engine.watched import WatchedRuntime
from worker.pipelines.choice import library_versions, load_pipeline
from worker.pipelines.contract import ImageRequest, Look, Pipeline
from worker.pipelines.parts import packages_of_parts
from worker.runtimes.choice import choose_runtime

#: How often to report steps: those of a fast model need not each wake the worker.
_REPORT_EVERY_S = 0.25


def main() -> None:
    """Serve the worker that started this process."""
    settle_process()
    # A Ctrl-C or a closed terminal reaches the whole process group; the worker decides about the current image.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    pipe = Pipe(socket.socket(fileno=int(sys.argv[1])))
    try:
        launch: Launch = pipe.receive()
        loaded = _load(pipe, launch)
        if loaded is not None:
            _Service(pipe, *loaded).serve()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _load(pipe: Pipe, launch: Launch) -> tuple[Pipeline, WatchedRuntime] | None:
    started = time.perf_counter()
    with contextlib.suppress(OSError):  # shows when something is to be stored there
        launch.cache.mkdir(exist_ok=True)
    try:
        runtime = WatchedRuntime(
            choose_runtime(cache=launch.cache, threads=launch.threads, choice=launch.runtime),
            packages_of_parts(launch.folder),
            pipe.send,
        )
        shared = runtime if launch.room is None else SparingRuntime(runtime, launch.room)
        units = _units(launch)
        pipeline = load_pipeline(
            launch.pipeline,
            launch.folder,
            shared,
            units,
            launch.safety,
            launch.inputs,
            launch.controlnets,
            with_previews=launch.with_previews,
        )
    except SdqError as error:
        pipe.send(LoadFailed(error=error))
        return None
    except (MemoryError, OSError) as error:  # there may be more memory or files a minute later
        reason = (
            f"The engine cannot load the model ({describe_error(error)}). Check memory and disk."
        )
        pipe.send(LoadFailed(error=ComputeError(reason)))
        return None
    pipe.send(
        Ready(
            pipeline=pipeline.name,
            runtime=runtime.name,
            precision=launch.folder.network.precision,
            versions={**library_versions(pipeline.name), **runtime.versions},
            load_ms=(time.perf_counter() - started) * 1000,
            units=units if len(runtime.distinct_units) > 1 else None,
        )
    )
    return pipeline, runtime


def _units(launch: Launch) -> PartUnits:
    folder = launch.folder
    vae_decoder = folder.parts.get(Part.VAE_DECODER)
    return launch.rules.settle(
        launch.compute_unit,
        attention=folder.attention_implementation,
        vae_is_float32=vae_decoder is not None and read_network(vae_decoder).precision == "float32",
    )


class _Dropped(Exception):  # noqa: N818 - a turn of events, not an error
    """The worker no longer wants the image that is being drawn."""


class _Service:
    """Draws what its worker asks for, in order, and reads its orders before each image and at every step."""

    def __init__(self, pipe: Pipe, pipeline: Pipeline, runtime: WatchedRuntime) -> None:
        self._pipe = pipe
        self._pipeline = pipeline
        self._runtime = runtime
        self._waiting: deque[Draw] = deque()
        self._unwanted: set[int] = set()

    def serve(self) -> None:
        while True:
            self._read_orders()
            if self._waiting:
                self._draw(self._waiting.popleft())

    def _read_orders(self, *, wait: bool = True) -> None:
        """Read all orders that are there. wait: for one if there is nothing to draw."""
        while order := self._pipe.receive(timeout_s=None if wait and not self._waiting else 0):
            match order:
                case Draw():
                    self._waiting.append(order)
                case Withdraw():
                    numbers = tuple(draw.number for draw in self._waiting)
                    self._waiting.clear()
                    self._pipe.send(Withdrawn(numbers=numbers))
                case Drop(number=number):
                    self._unwanted.add(number)

    def _upcoming(self, order: Draw) -> ImageRequest | None:
        """Return what may be drawn at once with an image: only that one has begun, and is blamed if this ends badly."""
        following = self._waiting[0] if self._waiting else order
        return None if order.alone or following.alone or following is order else following.request

    def _draw(self, order: Draw) -> None:
        self._pipe.send(Began(number=order.number))
        next_report = time.monotonic() + _REPORT_EVERY_S

        def on_step(done: int, total: int, look: Look | None = None) -> None:
            nonlocal next_report
            self._read_orders(wait=False)
            if order.number in self._unwanted:
                raise _Dropped
            if time.monotonic() >= next_report:
                next_report = time.monotonic() + _REPORT_EVERY_S
                preview = look() if look else None
                self._pipe.send(
                    Stepped(number=order.number, done=done, total=total, preview=preview)
                )

        try:
            image = self._pipeline.draw(order.request, on_step, self._upcoming(order))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except _Dropped:
            self._pipe.send(Dropped(number=order.number))
            return
        except SdqError as error:
            self._pipe.send(Failed(number=order.number, error=error))
            return
        # Any other exception of a model or runtime fails this image, not the whole run.
        except Exception as error:
            reason = f"The model or its runtime failed ({describe_error(error)})."
            self._pipe.send(Failed(number=order.number, error=UnexpectedDrawError(reason)))
            return
        finally:
            self._unwanted.clear()  # a Drop of an image that is drawn is late
        self._runtime.note_drawn()
        self._pipe.send(Drawn(number=order.number, image=image, peak_bytes=peak_resident_bytes()))


if __name__ == "__main__":
    main()
