"""manage.py mailcatcher: the development SMTP server by itself."""

from __future__ import annotations

import asyncio
import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.event_loop import run
from mailer.mailcatcher.smtp import PortTaken, running_catcher
from mailer.management.arguments import port


class Command(BaseCommand):
    help = "Catch mails instead of delivering them, until stopped. Under the embedded start the web process does it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=port, default=settings.MAILCATCHER_PORT)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run(self._catch(options["port"]))
        except PortTaken as error:
            raise CommandError(str(error)) from error

    async def _catch(self, port: int) -> None:
        stop = asyncio.Event()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
        async with running_catcher("127.0.0.1", port, settings.DATA_DIR / "mailcatcher"):
            self.stdout.write(f"Catching mails on 127.0.0.1:{port}. Ctrl-C stops.")
            await stop.wait()
