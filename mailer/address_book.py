"""What mailings must know of that happens in the address book."""

from __future__ import annotations

from django.db import transaction

from core.deadlock import again_after_deadlock
from mailer.delivery.schedule import finish_materialising
from mailer.models import Recipient


@again_after_deadlock  # a recorder takes its deliveries in any order
@transaction.atomic
def delete_for_good(recipient: Recipient) -> None:
    """Delete it. A mailing that is being launched keeps its people, and what was sent its ledger."""
    finish_materialising(recipient.owner)
    # A mailing that is launched just now holds it: its delivery must be there before it is cut off.
    found = Recipient.objects.select_for_update().filter(pk=recipient.pk).first()
    if found is not None:
        found.delete()
