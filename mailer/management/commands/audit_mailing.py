"""manage.py audit_mailing: prove a mailing's ledger."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mailer.delivery.audit import Check, audit_mailing
from mailer.models import Mailing


class Command(BaseCommand):
    help = (
        "Prove a mailing's ledger: print each thing that must be true of it with its count. Exit status: 0 all of it "
        "is, 1 there is a difference."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("mailing", type=int, metavar="ID")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            checks = audit_mailing(options["mailing"])
        except Mailing.DoesNotExist:
            raise CommandError(f"There is no mailing {options['mailing']}.") from None
        for check in checks:
            self.stdout.write(_told(check))
        if differences := sum(not check.ok for check in checks):
            self.stdout.write(f"{differences} of {len(checks)} differ.")
            sys.exit(1)
        self.stdout.write(f"All {len(checks)} hold.")


def _told(check: Check) -> str:
    if check.ok:
        return f"ok         {check.found:>10,}  {check.name}"
    return f"DIFFERENT  {check.found:>10,}  {check.name}: {check.expected:,} expected"
