"""manage.py send_mailings: send what is due, from the command line or as a service."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.formats import date_format

from core.event_loop import run
from mailer.delivery.engine import Options, Summary, Until
from mailer.delivery.marks import DatabaseWentBack
from mailer.delivery.schedule import run_schedule
from mailer.delivery.supervise import send_forever, send_once
from mailer.delivery.transitions import TransitionRefused, change_status
from mailer.delivery.work_left import work_left
from mailer.delivery.worker import LeaseLost
from mailer.management.arguments import connections, key
from mailer.management.pace import expected_times
from mailer.management.progress import progress_on, summary_of
from mailer.models import Delivery, Mailing

NOTHING_DUE, PAUSED_OR_NO_SERVER, NEW_UNCERTAIN = 0, 2, 3


class Command(BaseCommand):
    help = (
        "Send the mailings that are active by their window. Exit status: 0 nothing is due any more, 1 wrong usage or a "
        "bug, 2 paused by an error or no mail server, 3 some deliveries are uncertain."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--concurrency",
            type=connections,
            default=settings.SEND_CONCURRENCY,
            metavar="N",
            help="connections at once",
        )
        parser.add_argument("--mailing", type=key, metavar="ID", help="this one only; a draft is sent now")
        parser.add_argument("--watch", action="store_true", help="stay for ever and send whatever becomes due")
        parser.add_argument("--wait", action="store_true", help="stay until every delivery is closed, retries too")
        parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["watch"] and (options["wait"] or options["mailing"]):
            raise CommandError("--watch stays for ever and for all mailings: leave --wait and --mailing out.")
        if options["mailing"]:
            _start_now(options["mailing"])
        run_schedule(options["mailing"])
        total = work_left(options["mailing"]).due
        for line in () if options["watch"] else expected_times(options["mailing"]):
            self.stderr.write(line)
        gc.freeze()  # what is loaded stays: going through it again and again would be a twelfth of all the work
        until = Until.ALL_CLOSED if options["wait"] else Until.NOTHING_DUE
        try:
            summary = run(
                self._send(Options(options["concurrency"], until, options["mailing"]), options["watch"], total)
            )
        except (LeaseLost, DatabaseWentBack) as error:
            raise CommandError(str(error)) from error
        if summary is not None:
            self._say(summary, options["json"])
            sys.exit(_exit_status(summary))

    async def _send(self, options: Options, watch: bool, total: int) -> Summary | None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_number, stop.set)
        if watch:
            await send_forever(options.concurrency, stop)
            return None
        with progress_on(sys.stderr, total) as on_recorded:
            return await send_once(options, stop, on_recorded)

    def _say(self, summary: Summary, as_json: bool) -> None:
        self.stdout.write(json.dumps(_as_json(summary)) if as_json else _as_text(summary))


def _start_now(mailing_id: int) -> None:
    """*Send now* for a draft or a scheduled mailing; one under way is joined."""
    try:
        mailing = Mailing.objects.get(pk=mailing_id)
        if mailing.status != Mailing.Status.SENDING:
            change_status(mailing_id, "start", None)
    except Mailing.DoesNotExist:
        raise CommandError(f"There is no mailing {mailing_id}.") from None
    except TransitionRefused as refused:
        raise CommandError(f"Mailing {mailing_id}: {refused}") from refused


def _exit_status(summary: Summary) -> int:
    if summary.paused or summary.trouble:
        return PAUSED_OR_NO_SERVER
    return NEW_UNCERTAIN if summary.states[Delivery.State.UNCERTAIN] else NOTHING_DUE


def _as_json(summary: Summary) -> dict[str, object]:
    closed = {state: summary.states[state] for state in Delivery.State.values if summary.states[state]}
    return {
        "deliveries": closed,
        "due": summary.left.due,
        "waiting": summary.left.later,
        "next_attempt_at": summary.left.next_attempt_at.isoformat() if summary.left.next_attempt_at else None,
        "paused": {str(mailing): str(reason) for mailing, reason in summary.paused.items()},
        "trouble": summary.trouble,
    }


def _as_text(summary: Summary) -> str:
    lines = [summary_of(summary.states) or "Nothing was due."]
    if summary.left.next_attempt_at:
        at = date_format(timezone.localtime(summary.left.next_attempt_at), "DATETIME_FORMAT")
        lines.append(f"{summary.left.later:,} wait for another try, the first at {at}.")
    lines += [f"Mailing {mailing} is paused: {reason}" for mailing, reason in summary.paused.items()]
    if summary.trouble:
        lines.append(f"The mail server cannot be reached: {summary.trouble}")
    return "\n".join(lines)
