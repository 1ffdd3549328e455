"""The live view on a real pseudo-terminal: lines above it, one frame below, whatever the terminal does."""

from __future__ import annotations

import os
import pty
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.overview import Overview
from sdq.views.live.terminal import Terminal
from sdq.views.live.view import LiveView
from tests.live.batches import batch, in_hand
from tests.live.screen import Screen


class Scene:
    """A terminal with a view on it."""

    def __init__(self) -> None:
        master, self.slave = pty.openpty()
        self.screen = Screen(master)
        self.batches = [batch("日本の灯台とimages", done=3, of=10), batch("cats")]
        with open(self.slave, "w", closefd=False) as stream:
            terminal = Terminal.behind(stream, "xterm-256color")
        assert terminal is not None
        self.view = LiveView(
            terminal,
            overview=lambda: Overview(batches=self.batches, last_path="cats/1.png"),
            outputs=Path("/outputs"),
        )

    def draw(self, step: int = 12) -> None:
        """Draw a frame, whether or not it is time for it."""
        self.view._frame_at = self.view._look_at = 0.0
        self.view.show([in_hand("cats", step=step)])
        self.screen.read(0.2)


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    for descriptor in (scene.slave, scene.screen.master):
        os.close(descriptor)


def test_what_is_said_stays_above_the_frame(scene: Scene) -> None:
    with scene.view as view:
        for number in range(60):
            view.write(f"line {number}\n")
            scene.draw(number % 20)
        assert scene.screen.lines[-2:] == [
            "step 19 of 20  cats/13 seed 7  the sea",
            "last: /outputs/cats/1.png",
        ]
    scene.screen.read(0.2)
    said = scene.screen.everything
    assert [line for line in said if line.startswith("line ")] == [f"line {n}" for n in range(60)]
    assert sum(line.startswith("cats") for line in said) == 1
    assert said[-1] == "last: /outputs/cats/1.png"  # and no image in hand any more
    assert "step" not in said[-2]
    assert scene.screen.cursor == (0, True)


def test_a_frame_that_did_not_change_is_not_drawn_again(scene: Scene) -> None:
    with scene.view:
        scene.draw()
        before = len(scene.screen.stream)
        scene.draw()
        assert len(scene.screen.stream) == before
        scene.draw(step=13)
        assert len(scene.screen.stream) > before


def test_the_cursor_is_seen_between_two_frames(scene: Scene) -> None:
    with scene.view:
        for step in range(5):
            scene.draw(step)
            assert scene.screen.cursor == (0, True)
            assert scene.screen.stream.endswith(b"\x1b[?25h\x1b[?2026l")


@pytest.mark.parametrize("columns", [40, 57, 200])
def test_after_a_resize_there_is_one_frame(scene: Scene, columns: int) -> None:
    with scene.view as view:
        view.write("before\n")
        scene.draw()
        scene.screen.resize(columns, 24)
        scene.draw(13)
        view.write("after\n")
        scene.draw(14)
        said = scene.screen.everything
    assert said[:2] == ["before", "after"], said
    assert len(said) == 7
    assert said[2].startswith("日本")
    assert said[5].startswith("step 14 of 20")


def test_what_a_shell_wrote_meanwhile_is_kept(scene: Scene) -> None:
    with scene.view:
        scene.draw()
        os.write(scene.slave, b"^Z\r\n[1]+ Stopped\r\n$ fg\r\n")
        os.kill(os.getpid(), signal.SIGCONT)
        scene.draw(13)
        said = scene.screen.everything
    assert said[5:8] == ["^Z", "[1]+ Stopped", "$ fg"], said
    assert sum(line.startswith("step") for line in said) == 2
    assert signal.getsignal(signal.SIGCONT) is signal.SIG_DFL


def test_a_terminal_that_stands_still_holds_nothing_up(scene: Scene) -> None:
    with scene.view as view:
        scene.draw()
        view._terminal._waiting += b"\0" * 200_000  # more than any terminal takes unread
        assert view._terminal.is_behind()
        for number in range(10):
            view.write(f"line {number}\n")
        view._frame_at = 0.0
        view.show([in_hand(step=19)])  # is left out
        scene.screen.wait_for(lambda: not view._terminal.is_behind())
        scene.screen.read(0.2)
        assert [line for line in scene.screen.lines if line.startswith("line")] == [
            f"line {number}" for number in range(10)
        ]
        assert scene.screen.shows("step 12 of 20")
        scene.draw(19)
        assert scene.screen.shows("step 19 of 20")


def test_a_terminal_that_was_closed_ends_nothing() -> None:
    scene = Scene()
    with scene.view as view:
        scene.draw()
        os.close(scene.screen.master)
        view.write("nobody reads this\n")
        view._frame_at = 0.0
        view.show([in_hand(step=3)])
        assert view.is_lost
    os.close(scene.slave)


@pytest.mark.parametrize("kind", ["dumb", "unknown", ""])
def test_there_is_no_view_on_a_terminal_without_a_cursor(scene: Scene, kind: str) -> None:
    with open(scene.slave, "w", closefd=False) as stream:
        assert Terminal.behind(stream, kind) is None


def test_there_is_no_view_where_there_is_no_terminal(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        assert Terminal.behind(stream, "xterm") is None
