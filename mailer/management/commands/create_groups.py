"""manage.py create_groups: the Managers and what they may do."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand
from django.db.models import Q

from core.people import MANAGERS

PERMISSIONS = {
    "core": ("view_user", "allow_user", "block_user"),
    "mailer": (
        "view_mailing",
        "view_message",
        "view_recipient",
        "view_suppression",
        "view_delivery",
        "view_attempt",
        "view_auditentry",
        "stop_mailing",
    ),
}


class Command(BaseCommand):
    help = (
        "Make the group Managers, who see everybody's mailings, stop them, and allow or block people. "
        "May be run again: it adds the permissions that are missing and takes none away."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        group, is_new = Group.objects.get_or_create(name=MANAGERS)
        named = Q()
        for app, codenames in PERMISSIONS.items():
            named |= Q(content_type__app_label=app, codename__in=codenames)
        group.permissions.add(*Permission.objects.filter(named))
        made = "made" if is_new else "there already"
        self.stdout.write(f"{MANAGERS}: {made}, with {group.permissions.count()} permissions.")
