"""A drive that is not connected: what was on it is waited for, and nothing takes its place."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.values import FinishedImage
from sdq_core.images.root import MARKER
from sdq_core.images.root_record import FILE
from sdq_core.models import DEMO, ModelStore
from sdq_core.values.variants import AttentionImplementation
from tests.acceptance.program import Program, engines_of, stop
from tests.acceptance.test_hang_up import attempts_without_an_image
from tests.chaos.place import small_disk
from tests.translations import with_translations

SUBMIT = ("submit", "--prompt", "a house", "--steps", "20", "--batch", "b", "--seed-range")


class Drive:
    """A folder that holds the outputs, and can be taken away."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outputs = path / "pictures"
        self._away = path.with_name("unplugged")
        path.mkdir()

    def unplug(self) -> None:
        self.path.rename(self._away)

    def plug_in(self) -> None:
        self._away.rename(self.path)


class ProgramWithDrive(Program):
    """An `sdq` whose outputs are on a drive."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.drive = Drive(home.with_name("drive"))
        self.said: dict[int, list[str]] = {}

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"SDQ_OUTPUTS": str(self.drive.outputs)}

    def start_listening(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and read what it says while it works."""
        process = self.start(*arguments)
        lines = self.said[process.pid] = []

        def each() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                lines.append(line)

        threading.Thread(target=each, daemon=True).start()
        return process

    def wait_for_word(self, process: subprocess.Popen[str], word: str, times: int = 1) -> None:
        self.wait_until(lambda: "".join(self.said[process.pid]).count(word) >= times)

    def assert_whole(self, batch: str, expected: int) -> list[FinishedImage]:
        images = self.drawn(batch)
        assert len(images) == expected
        assert "All is well" in self.call("verify").stdout
        files = {path for path in self.drive.outputs.rglob("*") if path.is_file()}
        wanted = {self.drive.outputs / image.image.path for image in images}
        assert files == {self.drive.outputs / MARKER, *wanted}
        return images


@pytest.fixture
def program(tmp_path: Path, translations: Path) -> Iterator[ProgramWithDrive]:
    program = ProgramWithDrive(with_translations(tmp_path / "home", translations))
    yield program
    program.close()


@pytest.mark.timeout(300)
def test_a_drive_that_goes_in_the_middle_is_waited_for(program: ProgramWithDrive) -> None:
    drive = program.drive
    program.call(*SUBMIT, "0-11")
    worker = program.start_listening("worker", "--burst", "--threads", "1")
    for number, left in enumerate(("nothing", "an empty mount point", "another drive", "a file")):
        program.wait_for_images("b", 2 * number + 1)
        drive.unplug()
        if left == "a file":
            drive.path.mkdir()
            drive.outputs.write_text("mine")
        elif left != "nothing":
            drive.outputs.mkdir(parents=True)
        if left == "another drive":
            (drive.outputs / "mine.txt").write_text("mine")
        before = sorted(drive.path.rglob("*"))
        program.wait_for_word(worker, "Waiting for it to clear", times=number + 1)
        assert sorted(drive.path.rglob("*")) == before, left
        shutil.rmtree(drive.path, ignore_errors=True)
        drive.plug_in()
    assert worker.wait(timeout=90) == 0
    said = "".join(program.said[worker.pid])
    assert said.count("Reconnect") == 4
    assert said.count("Recovered") == 4
    assert {image.attempts for image in program.assert_whole("b", 12)} == {1}


def test_a_drive_that_comes_and_goes_loses_nothing(program: ProgramWithDrive) -> None:
    program.call(*SUBMIT, "0-9")
    worker = program.start_listening("worker", "--burst", "--threads", "1")
    for number in range(1, 9):
        program.wait_for_images("b", number)
        program.drive.unplug()
        assert not program.drive.path.exists()
        program.drive.plug_in()
    assert worker.wait(timeout=90) == 0
    program.assert_whole("b", 10)


def test_a_stop_while_it_waits_ends_in_order(program: ProgramWithDrive) -> None:
    program.call(*SUBMIT, "0-4")
    worker = program.start_listening("worker")
    program.wait_for_images("b", 2)
    program.drive.unplug()
    program.wait_for_word(worker, "Waiting for it to clear")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=10) == 0
    assert attempts_without_an_image(program) == 0
    assert not program.drive.path.exists()
    program.drive.plug_in()
    program.call("worker", "--burst")
    program.assert_whole("b", 5)


def test_a_night_that_begins_without_its_drive_waits_only_for_work(
    program: ProgramWithDrive,
) -> None:
    program.call(*SUBMIT, "0-1")
    program.call("worker", "--burst")
    program.drive.unplug()
    program.call("worker", "--burst")  # nothing to draw: nothing to wait for
    program.call(*SUBMIT, "0-3")
    worker = program.start_listening("worker", "--burst")
    running = program.start_listening("run", "-q", *SUBMIT[1:], "0-3")
    for process in (worker, running):
        program.wait_for_word(process, "no longer there")
        assert process.poll() is None
    assert stop(running) == 0
    assert not program.drive.path.exists()
    program.drive.plug_in()
    assert worker.wait(timeout=90) == 0
    program.assert_whole("b", 4)


def test_commands_that_look_at_files_refuse_while_the_drive_is_absent(
    program: ProgramWithDrive, tmp_path: Path
) -> None:
    program.call(*SUBMIT, "0-3")
    program.call("worker", "--burst")
    drive = program.drive
    drive.unplug()
    looks: tuple[tuple[str, ...], ...] = (
        ("verify",),
        ("verify", "--repair"),
        ("prune", "b", "--yes"),
        ("sheet", "b", str(tmp_path / "sheet.png")),
        ("compare", "b", "--by", "path"),
    )
    for left in ("nothing", "an empty mount point"):
        if left != "nothing":
            drive.outputs.mkdir(parents=True)
        for arguments in looks:
            result = program.call(*arguments, code=74)
            assert result.stderr.count("sdq: ") == 1
            assert "Reconnect" in result.stderr
            assert "missing" not in result.stdout
        doctor = program.call("doctor", "--no-draw", code=1)
        assert "Reconnect" in doctor.stdout + doctor.stderr
    assert not (tmp_path / "sheet.png").exists()
    shutil.rmtree(drive.path)
    assert len(program.drawn("b")) == 4
    assert "--keep-files" in program.call("prune", "b", "--yes", code=74).stderr
    drive.plug_in()
    program.assert_whole("b", 4)
    drive.unplug()
    assert "4 images, 0 files" in program.call("prune", "b", "--yes", "--keep-files").stdout


def test_an_earlier_versions_outputs_need_no_step(program: ProgramWithDrive) -> None:
    program.call(*SUBMIT, "0-3")
    program.call("worker", "--burst")
    (program.home / FILE).unlink()
    (program.drive.outputs / MARKER).unlink()
    assert "All is well: 4 images" in program.call("verify").stdout
    program.drive.unplug()
    assert "Reconnect" in program.call("verify", "--repair", code=74).stderr
    program.drive.plug_in()
    program.call(*SUBMIT, "0-5")
    program.call("worker", "--burst")
    program.assert_whole("b", 6)
    assert (program.home / FILE).exists()


def test_a_mounted_drive_that_is_taken_out(program: ProgramWithDrive) -> None:
    drive = program.drive
    program.call(*SUBMIT, "0-5")
    with small_disk(drive.path, size_mib=8) as mounted:
        if not mounted:
            pytest.skip("a file system can be mounted only by root on Linux")
        worker = program.start_listening("worker", "--burst", "--threads", "1")
        program.wait_for_images("b", 2)
    program.wait_for_word(worker, "Waiting for it to clear")
    assert list(drive.path.iterdir()) == []
    # The file system is gone for good: a mount ends with its memory. Begin anew, as the message says.
    message = "".join(program.said[worker.pid])
    command = next(part for part in message.split("`") if part.startswith("mkdir"))
    subprocess.run(["sh", "-c", command], check=True)
    assert worker.wait(timeout=90) == 0
    program.call("verify", "--repair")
    program.call("worker", "--burst")
    program.assert_whole("b", 6)


def test_a_model_that_vanishes_is_waited_for(program: ProgramWithDrive) -> None:
    demo = ModelStore(program.home / "none").find(DEMO, AttentionImplementation.ORIGINAL)
    folder = program.home / "models" / "mine_original_packages"
    shutil.copytree(demo.parts["unet"].parent, folder)
    shutil.copytree(demo.tokenizer, folder / "tokenizer")
    shutil.copytree(demo.scheduler_config.parent, folder / "scheduler")
    program.call(*SUBMIT, "0-5", "--model", "mine", "--variant", "original")
    worker = program.start_listening("worker", "--burst", "--threads", "1")
    program.wait_for_images("b", 2)
    folder.rename(program.home / "unplugged")
    (engine,) = engines_of(worker)
    engine.kill()
    program.wait_for_word(worker, "mine_original_packages is no longer there")
    program.call("submit", "--prompt", "the sea", "--steps", "1", "--batch", "other")
    program.wait_for_images("other", 1)  # what needs another model goes on
    assert worker.poll() is None
    (program.home / "unplugged").rename(folder)
    assert worker.wait(timeout=90) == 0
    assert len(program.drawn("b")) == 6
    assert "All is well" in program.call("verify").stdout


def test_a_data_folder_whose_place_is_absent_is_not_made(
    program: ProgramWithDrive, tmp_path: Path
) -> None:
    home = tmp_path / "elsewhere" / "home"
    for arguments in (
        ("status",),
        ("submit", "--prompt", "x"),
        ("worker", "--burst"),
        ("run", "--prompt", "x"),
        ("redis", "start"),
    ):
        said = program.call(*arguments, "--home", str(home), code=73).stderr
        assert f"mkdir -p {home}" in said
    assert not home.parent.exists()
