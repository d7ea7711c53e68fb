"""The people who wait in the staging table → the owner's recipients, chunk by chunk inside the database."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction

from core.clock import db_now
from core.models import User
from mailer.importing.staging import TABLE, chunks
from mailer.models import Recipient

CHUNK = 5_000  # rows
OURS = Recipient._meta.db_table

# A subquery for each row rather than a join: PostgreSQL, which knows nothing yet of what has just been written, would
# go through all of the owner's recipients for each chunk.
KNOWN = f"""
    SELECT COUNT((SELECT 1 FROM {OURS} AS known WHERE owner_id = %s AND known.address_key = staged.address_key))
    FROM {TABLE} AS staged WHERE line > %s AND line <= %s
"""  # noqa: S608
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
    added: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(self.added + other.added, self.updated + other.updated, self.unchanged + other.unchanged)


@transaction.atomic
def write_recipients(owner: User) -> Written:
    """Add who is new, update the others where the row says something else; an empty cell says nothing."""
    return sum((_write(owner, after, last, n) for after, last, n in chunks(CHUNK)), Written())


def _write(owner: User, after: int, last: int, n: int) -> Written:
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [owner.pk, after, last])
        known = int(cursor.fetchone()[0])
        cursor.execute(UPSERT, [owner.pk, db_now(), after, last])
        changed = int(cursor.rowcount)
    added = n - known
    return Written(added, changed - added, n - changed)
