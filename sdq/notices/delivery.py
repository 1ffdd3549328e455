"""Delivers one notice: tells each receiver that is not dealt with, and notes what came of it.

A receiver that cannot be told is given up, and none is in the way of another. Before each, the claim is looked at: if
another worker took over meanwhile, this process ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from db.ledger import Ledger
from db.values import Notice, NoticeEvent
from sdq.notices.apprise_urls import tell_apprise
from sdq.notices.ping import send_ping
from sdq.notices.programs import notify_mac, run_command
from sdq.notices.report_page import write_page
from sdq.notices.summary import summary_of, text_of
from sdq.notices.trust import runs_commands
from sdq.notices.undelivered import Undelivered
from sdq.notices.webhook import call_webhook
from sdq_core.errors import ConfigurationError, InputError, OutputError, StorageError
from sdq_core.privacy import masked_address
from sdq_core.settings import Settings
from sdq_core.values.receivers import Receivers, check_address

_BEGUN, _TOLD = "begun", "told"

Summary = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Step:
    """One receiver of a notice.

    receiver: its kind, by which the ledger knows whether it is dealt with.
    named: what it is called in a sentence.
    tell: tells it; raises Undelivered.
    once: whether to note that it begins, so that it is never done twice.
    """

    receiver: str
    named: str
    tell: Callable[[Summary], None]
    once: bool = False


def deliver(
    settings: Settings, ledger: Ledger, notice_id: int, worker: str, *, is_mac: bool
) -> Iterator[str]:
    """Deliver a notice that a worker claimed, and close it; yield a sentence for each receiver that was not told.

    Raises the ledger's errors: then it is not closed, and can be delivered again.
    """
    notice = ledger.notices.find(notice_id)
    if notice is None or notice.is_finished or notice.claimed_by != worker:
        return
    status = ledger.batches.find(notice.batch_id)
    if status is None:  # removed a moment ago
        return
    summary = summary_of(settings, ledger, notice, status)
    named = notice.receivers
    if named.on_done and not runs_commands(settings):
        named = named.without_command()
        yield (
            f"The command of batch {notice.batch_name} is not run: it came with a ledger that others can write. Name "
            "it in [notify] of this data folder's sdq.toml."
        )
    receivers = named.over(settings.notify)
    for step in _steps(settings, ledger, notice, receivers, is_mac=is_mac):
        if step.receiver in notice.outcomes:
            continue
        if step.once:
            if not ledger.notices.note(notice.id, worker, step.receiver, _BEGUN):
                return
        elif not ledger.notices.is_claimed(notice.id, worker):
            return
        outcome = _TOLD
        try:
            step.tell(summary)
        except Undelivered as reason:
            outcome = f"failed: {reason}"
            yield f"{step.named} of batch {notice.batch_name} {reason}. The batch is not affected."
        if not ledger.notices.note(notice.id, worker, step.receiver, outcome):
            return
    ledger.notices.finish(notice.id, worker)


def _steps(
    settings: Settings, ledger: Ledger, notice: Notice, receivers: Receivers, *, is_mac: bool
) -> Iterator[_Step]:
    """Yield who is to be told, the command last: it may take minutes, and may be the end of this machine's day."""
    if receivers.ping and notice.event is NoticeEvent.STARTED:
        yield _ping(receivers.ping, ledger, notice)
    if notice.event is NoticeEvent.STARTED:
        return
    if settings.report and notice.event is NoticeEvent.COMPLETED:
        yield _Step(
            receiver="report",
            named="The report",
            tell=partial(_write_report, settings, ledger, notice),
        )
    if receivers.webhook:
        yield _webhook(receivers.webhook, settings, ledger, notice)
    if receivers.ping:
        yield _ping(receivers.ping, ledger, notice)
    title = f"sdq: {notice.batch_name}"
    if receivers.mac and is_mac:
        yield _Step(
            receiver="mac",
            named="The notification",
            tell=lambda summary: notify_mac(title, text_of(summary)),
        )
    if urls := receivers.apprise:
        yield _Step(
            receiver="apprise",
            named="The notice by Apprise",
            tell=lambda summary: tell_apprise(urls, title, text_of(summary)),
        )
    if command := receivers.on_done:
        yield _Step(
            receiver="on_done",
            named="The command",
            tell=lambda summary: run_command(command, summary, settings.home),
            once=True,
        )


def _webhook(url: str, settings: Settings, ledger: Ledger, notice: Notice) -> _Step:
    def call(summary: Summary) -> None:
        _check(url)
        call_webhook(
            url,
            summary,
            # With the time: a removed batch leaves its notices' ids to the next one.
            message_id=f"msg_{ledger.id}_{notice.id}_{notice.happened_at.timestamp() * 1000:.0f}",
            happened_at=notice.happened_at,
            secret=settings.signing_secret,
        )

    return _Step(receiver="webhook", named=f"The webhook {masked_address(url)}", tell=call)


def _ping(url: str, ledger: Ledger, notice: Notice) -> _Step:
    def ping(summary: Summary) -> None:
        _check(url)
        send_ping(url, summary, notice, ledger.id)

    return _Step(receiver="ping", named=f"The ping {masked_address(url)}", tell=ping)


def _check(url: str) -> None:
    """Refuse what is no web address: a ledger that others can write may hold anything."""
    try:
        check_address(url)
    except InputError as error:
        raise Undelivered(f"was not tried: {error}") from None


def _write_report(settings: Settings, ledger: Ledger, notice: Notice, summary: Summary) -> None:
    try:
        page: Path = write_page(settings, ledger, notice.batch_name)
    except (OutputError, StorageError, ConfigurationError) as error:
        raise Undelivered(f"is missing: {str(error).rstrip('.')}") from None
    summary["report"] = str(page)
