"""What foreign keys would forbid, where the database has none: docs/decisions/0013."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection
from django.db.models import Exists, OuterRef

from mailer.models import Attempt, Delivery, Worker

# By way of an index, from one mailing's first row to the next one's.
MAILINGS_THAT_ARE_GONE = """
    WITH RECURSIVE found (id) AS (
        SELECT MIN(mailing_id) FROM {table}
        UNION ALL SELECT (SELECT MIN(t.mailing_id) FROM {table} AS t WHERE t.mailing_id > found.id)
        FROM found WHERE found.id IS NOT NULL
    )
    SELECT id FROM found WHERE id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM mailer_mailing AS m WHERE m.id = found.id)
"""


def orphans(mailing_id: int) -> Iterator[tuple[str, int]]:
    """Each kind of row without the one that it is of, and how many there are: of this mailing, and of those that are
    gone, for which nobody can ask.
    """
    yield "Deliveries of a mailing that is gone", _of_mailings_that_are_gone(Delivery)
    yield "Attempts of a mailing that is gone", _of_mailings_that_are_gone(Attempt)
    delivery = Delivery.objects.filter(pk=OuterRef("delivery"))
    yield "Attempts of a delivery that is gone", Attempt.objects.filter(~Exists(delivery), mailing=mailing_id).count()
    worker = Worker.objects.filter(pk=OuterRef("worker"))
    held = Delivery.objects.filter(mailing=mailing_id, state=Delivery.State.SENDING, worker__isnull=False)
    yield "Deliveries in the hands of a worker that is gone", held.filter(~Exists(worker)).count()


def _of_mailings_that_are_gone(model: type[Delivery] | type[Attempt]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(MAILINGS_THAT_ARE_GONE.format(table=model._meta.db_table))
        gone = [pk for (pk,) in cursor.fetchall()]
    return model.objects.filter(mailing__in=gone).count()
