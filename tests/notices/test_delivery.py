"""Each receiver of a notice is told once, whatever becomes of the others."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from db.ledger import Ledger
from db.values import Notice, NoticeEvent
from sdq.notices.__main__ import main
from sdq.notices.delivery import deliver
from sdq.notices.problems import problems
from sdq_core.settings import Settings, read_settings
from sdq_core.values.receivers import Receivers
from tests.ledger.nights import draw
from tests.ledger.plans import VARIANT, plan
from tests.notices.receiver import Receiver


class Home:
    """A data folder with a batch `night` of four images, of which one failed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.ledger = Ledger.open(f"sqlite:///{folder / 'sdq.db'}")

    def settings(self, toml: str = "", **environment: str) -> Settings:
        (self.folder / "sdq.toml").write_text(toml)
        return read_settings({"SDQ_HOME": str(self.folder), **environment})

    def ended(self, **receivers: Any) -> Notice:
        """The notice that the batch has ended, claimed by `w`."""
        self.ledger.submissions.add(
            replace(plan(["a"], range(4), name="night"), receivers=Receivers(**receivers))
        )
        draw(self.ledger, "night", "DDDF")
        return self.claimed(NoticeEvent.COMPLETED)

    def claimed(self, event: NoticeEvent) -> Notice:
        while True:
            notice = self.ledger.notices.open()[0]
            assert self.ledger.notices.claim(notice, "w")
            if notice.event is event:
                return notice
            self.ledger.notices.finish(notice.id, "w")

    def told(self, settings: Settings, notice: Notice, *, is_mac: bool = False) -> list[str]:
        return list(deliver(settings, self.ledger, notice.id, "w", is_mac=is_mac))

    def outcomes(self, notice: Notice) -> dict[str, str]:
        found = self.ledger.notices.find(notice.id)
        assert found is not None
        assert found.is_finished
        return dict(found.outcomes)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    for name in list(os.environ):
        if name.startswith(("SDQ_", "DATABASE_")):
            monkeypatch.delenv(name)
    home = Home(tmp_path / "home")
    yield home
    home.ledger.close()


def test_everybody_is_told_the_same(home: Home, receiver: Receiver, tmp_path: Path) -> None:
    notice = home.ended(
        webhook=f"{receiver.url}/hook",
        on_done=f"cat > {tmp_path}/summary.json; pwd > {tmp_path}/pwd",
    )
    settings = home.settings(
        f"[notify]\nping = '{receiver.url}/check'\nwebhook = '{receiver.url}/not-this-one'\n"
        "[report]\nhtml = 'reports/{batch}.html'\n"
    )
    assert home.told(settings, notice) == []
    assert receiver.paths == ["/hook", "/check/3"]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert receiver.requests[0].json["data"] == receiver.requests[1].json == summary
    assert summary["request_counts"] == {"total": 4, "completed": 3, "failed": 1}
    assert (summary["sdq"]["name"], summary["status"], summary["event"]) == (
        "night",
        "completed",
        "completed",
    )
    assert (summary["exit_code"], summary["headline"]) == (3, "3 of 4 images are drawn, 1 failed.")
    (failure,) = summary["failures"]
    assert (failure["count"], failure["retry"]) == (1, ["sdq retry night"])
    assert "ended by SIGABRT" in failure["error"]
    page = home.folder / "reports" / "night.html"
    assert summary["report"] == str(page)
    assert "3 of 4 images are drawn, 1 failed." in page.read_text()
    assert (tmp_path / "pwd").read_text().strip() == str(home.folder)
    message_id = receiver.requests[0].headers["Webhook-Id"]
    assert message_id.startswith(f"msg_{home.ledger.id}_{notice.id}_")
    assert home.outcomes(notice) == dict.fromkeys(("report", "webhook", "ping", "on_done"), "told")


def test_what_cannot_be_told_is_said_without_its_secret_and_is_in_nobodys_way(
    home: Home, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = lambda _number: 404
    notice = home.ended(
        webhook=f"{receiver.url}/s3cret",
        ping="http://127.0.0.1:1/s3cret",
        on_done="exit 7 # s3cret",
    )
    settings = home.settings(f"[report]\nhtml = '{tmp_path}/file/x.html'\n")
    (tmp_path / "file").write_text("")
    assert problems(settings) == [
        f"The reports of [report] in sdq.toml cannot be written: {tmp_path}/file is not a folder. Name another file "
        "there."
    ]
    said = home.told(settings, notice)
    assert [sentence.removesuffix(" The batch is not affected.") for sentence in said] == [
        f"The report of batch night is missing: Cannot write {tmp_path}/file/x.html (Not a directory). Choose another "
        "output folder or fix this one.",
        f"The webhook {receiver.url}/*** of batch night answered 404 Not Found.",
        "The ping http://127.0.0.1:1/*** of batch night cannot be reached (Connection refused).",
        "The command of batch night ended with exit code 7.",
    ]
    assert home.outcomes(notice)["on_done"] == "failed: ended with exit code 7"
    assert "s3cret" not in str(home.outcomes(notice))
    assert home.ledger.batches.find("night").completed == 3  # type: ignore[union-attr]


def test_whoever_goes_on_leaves_out_what_is_told_or_begun(
    home: Home, receiver: Receiver, tmp_path: Path
) -> None:
    notice = home.ended(
        webhook=f"{receiver.url}/a", ping=f"{receiver.url}/b", on_done=f"touch {tmp_path}/done"
    )
    home.ledger.notices.note(notice.id, "w", "webhook", "told")
    home.ledger.notices.note(notice.id, "w", "on_done", "begun")
    assert home.told(home.settings(), notice) == []
    assert receiver.paths == ["/b/3"]
    assert not (tmp_path / "done").exists()
    assert home.told(home.settings(), notice) == []  # it is closed
    assert receiver.paths == ["/b/3"]


def test_a_worker_that_was_taken_for_dead_tells_nothing_more(
    home: Home, receiver: Receiver, tmp_path: Path
) -> None:
    notice = home.ended(
        webhook=f"{receiver.url}/a", ping=f"{receiver.url}/b", on_done=f"touch {tmp_path}/done"
    )
    taken = replace(notice, claimed_by="w")

    def answer(_number: int) -> int:
        with Ledger.open(f"sqlite:///{home.folder / 'sdq.db'}") as other:
            assert other.notices.claim(taken, "another")
        return 204

    receiver.answer = answer
    assert home.told(home.settings(), notice) == []
    assert receiver.paths == ["/a"]
    found = home.ledger.notices.find(notice.id)
    assert found is not None
    assert (found.is_finished, dict(found.outcomes)) == (False, {})
    assert not (tmp_path / "done").exists()


def test_a_beginning_is_pinged_and_told_nobody_else(home: Home, receiver: Receiver) -> None:
    home.ledger.submissions.add(
        replace(
            plan(["a"], range(4), name="night"),
            receivers=Receivers(ping=f"{receiver.url}/c", webhook=f"{receiver.url}/hook"),
        )
    )
    draw(home.ledger, "night", "DDDD")
    assert home.told(home.settings(), home.claimed(NoticeEvent.STARTED)) == []
    assert home.told(home.settings(), home.claimed(NoticeEvent.COMPLETED)) == []
    assert receiver.paths == ["/c/start", "/hook", "/c/0"]
    runs = {
        request.path.partition("rid=")[2] for request in receiver.requests if "rid" in request.path
    }
    assert len(runs) == 1

    home.ledger.submissions.add(plan(["a"], range(6), name="night"))
    draw(home.ledger, "night", "DD")
    assert home.told(home.settings(), home.claimed(NoticeEvent.COMPLETED)) == []
    assert receiver.paths[3:] == ["/hook", "/c/0"]
    assert receiver.requests[-1].path.partition("rid=")[2] not in runs
    first, second = (r.headers["Webhook-Id"] for r in receiver.requests if r.path == "/hook")
    assert first != second


def test_a_batch_that_gets_the_numbers_of_a_removed_one_is_told_as_another(
    home: Home, receiver: Receiver
) -> None:
    numbers = []
    for _ in range(2):
        notice = home.ended(webhook=f"{receiver.url}/hook", ping=f"{receiver.url}/c")
        assert home.told(home.settings(), notice) == []
        numbers.append((notice.id, notice.batch_id))
        batch_id = home.ledger.upkeep.begin_pruning("night")
        while not home.ledger.upkeep.prune_page(batch_id).last:
            pass
    assert numbers[0] == numbers[1]
    messages = {r.headers["Webhook-Id"] for r in receiver.requests if r.path == "/hook"}
    runs = {r.path.partition("rid=")[2] for r in receiver.requests if "rid" in r.path}
    assert (len(messages), len(runs)) == (2, 2)


def test_a_pause_tells_why_and_what_to_do(home: Home, receiver: Receiver) -> None:
    added = home.ledger.submissions.add(
        replace(
            plan(["a"], range(4), name="night"),
            receivers=Receivers(ping=f"{receiver.url}/c", webhook=f"{receiver.url}/hook"),
        )
    )
    home.ledger.variants.pause(VARIANT, "10 images in a row failed.", batch_id=added.batch_id)
    assert home.told(home.settings(), home.claimed(NoticeEvent.PAUSED)) == []
    assert receiver.paths == ["/hook", "/c/78"]
    event = receiver.requests[0].json
    assert event["type"] == "batch.paused"
    assert event["data"]["paused"] == [
        {"variant": str(VARIANT), "key": VARIANT.key, "reason": "10 images in a row failed."}
    ]
    assert event["data"]["headline"].startswith("Drawing is paused: too many images failed")


def test_a_command_from_a_ledger_that_others_can_write_is_not_run(
    home: Home, receiver: Receiver, tmp_path: Path
) -> None:
    notice = home.ended(webhook=f"{receiver.url}/hook", on_done=f"touch {tmp_path}/theirs")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "sdq.toml").write_text(f"[notify]\non_done = 'touch {tmp_path}/mine'\n")
    settings = read_settings(
        {"SDQ_HOME": str(elsewhere), "SDQ_DATABASE_URL": f"sqlite:///{home.folder}/sdq.db"}
    )
    (said,) = home.told(settings, notice)
    assert said.startswith("The command of batch night is not run: it came with a ledger")
    assert receiver.paths == ["/hook"]
    assert not (tmp_path / "theirs").exists()
    assert (tmp_path / "mine").exists()  # of the worker's own sdq.toml


def test_a_ledger_makes_nobody_post_to_a_file(home: Home) -> None:
    notice = home.ended(webhook="file:///etc/passwd", ping="gopher://h/x")
    said = home.told(home.settings(), notice)
    assert ["was not tried" in sentence for sentence in said] == [True, True]


def test_a_mac_is_notified_by_workers_on_macs_only(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "sdq.notices.delivery.notify_mac", lambda title, text: shown.append((title, text))
    )
    notice = home.ended(mac=True)
    assert home.told(home.settings(), notice, is_mac=True) == []
    ((title, text),) = shown
    assert title == "sdq: night"
    assert text.splitlines()[0] == "3 of 4 images are drawn, 1 failed."
    assert text.splitlines()[1].startswith("1 failed: EngineDiedError")


def test_apprise_tells_its_services(home: Home, receiver: Receiver) -> None:
    pytest.importorskip("apprise")
    place = receiver.url.removeprefix("http://")
    notice = home.ended(apprise=(f"json://{place}/s3cret", "nothing://s3cret"))
    said = home.told(home.settings(), notice)
    assert said == [
        "The notice by Apprise of batch night did not reach nothing://***. The batch is not affected."
    ]
    (request,) = receiver.requests
    assert request.json["title"] == "sdq: night"
    assert request.json["message"].startswith("3 of 4 images are drawn, 1 failed.")


def test_a_missing_apprise_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdq.notices.apprise_urls.is_installed", lambda: False)
    settings = home.settings("[notify]\napprise = 'json://h/s3cret'\n")
    assert problems(settings) == [
        "'apprise' in [notify] of sdq.toml needs Apprise, which is not installed: run `pip install 'sdq[notify]'`."
    ]
    (said,) = home.told(settings, home.ended())
    assert "needs Apprise, which is not installed: run `pip install 'sdq[notify]'`" in said


def test_the_process_of_a_notice_says_what_went_wrong_and_ends_with_a_code(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SDQ_HOME", str(home.folder))
    notice = home.ended(on_done="exit 1")
    monkeypatch.setattr("logging.disable", lambda _level: None)
    monkeypatch.setattr("warnings.simplefilter", lambda _action: None)
    assert main(str(notice.id), "another") == 0
    assert capsys.readouterr().out == ""
    assert main(str(notice.id), "w") == 0
    assert capsys.readouterr().out == (
        "The command of batch night ended with exit code 1. The batch is not affected.\n"
    )
    monkeypatch.setenv("SDQ_DATABASE_URL", "postgresql://ann:s3cret@127.0.0.1:1/d")
    assert main(str(notice.id), "w") == 69
    assert "s3cret" not in capsys.readouterr().out
    monkeypatch.setenv("SDQ_HOME", str(home.folder / "unplugged"))
    assert main(str(notice.id), "w") == 75
