"""The people who wait in the staging table → the owner's recipients, chunk by chunk inside the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Max

from core.clock import db_now
from core.models import User
from mailer.importing.staging import TABLE, chunks
from mailer.models import Recipient

CHUNK = 5_000  # rows
OURS = Recipient._meta.db_table

UPSERT = f"""
    INSERT INTO {OURS} (owner_id, email, address_key, full_name, comment, created_at)
    SELECT %s, email, address_key, full_name, comment, %s FROM {TABLE} WHERE line > %s AND line <= %s ORDER BY line
    ON CONFLICT (owner_id, address_key) DO UPDATE SET
        full_name = CASE excluded.full_name WHEN '' THEN {OURS}.full_name ELSE excluded.full_name END,
        comment = CASE excluded.comment WHEN '' THEN {OURS}.comment ELSE excluded.comment END
    WHERE excluded.full_name NOT IN ('', {OURS}.full_name) OR excluded.comment NOT IN ('', {OURS}.comment)
"""  # noqa: S608


@dataclass(frozen=True)
class Written:
    added: int
    updated: int
    unchanged: int


@transaction.atomic
def write_recipients(owner: User) -> Written:
    """Add who is new, update the others where the row says something else; an empty cell says nothing."""
    _wait_for_other_imports(owner)
    newest = Recipient.objects.aggregate(newest=Max("pk"))["newest"] or 0
    now = db_now()
    n = changed = 0
    for after, last, rows in chunks(CHUNK):
        n += rows
        changed += _write(owner, now, after, last)
    # By their keys and their moment: the database does not tell apart what it added and what it updated, and somebody
    # may have been added by hand meanwhile.
    added = Recipient.objects.filter(owner=owner, pk__gt=newest, created_at=now).count()
    return Written(added, changed - added, n - changed)


def _wait_for_other_imports(owner: User) -> None:
    """Until the transaction ends, other imports of the same owner wait here: two that met row by row could deadlock.

    Not by the owner's row: claims lock that too.
    """
    if connection.vendor == "postgresql":  # SQLite has one writer
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{TABLE} {owner.pk}"])


def _write(owner: User, now: datetime, after: int, last: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(UPSERT, [owner.pk, connection.ops.adapt_datetimefield_value(now), after, last])
        return int(cursor.rowcount)
