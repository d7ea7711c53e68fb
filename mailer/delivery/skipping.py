"""What waits for somebody who is being suppressed is skipped at once, so that the mailing's page says so."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mailer.delivery.counts import PAGES
from mailer.delivery.events import publish_on_commit
from mailer.delivery.ledger import windows_under_share_lock
from mailer.delivery.suppression import skip
from mailer.models import Delivery, Mailing


def lock_open(owner_id: int | None, keys: Collection[str]) -> list[Delivery]:
    """Every open delivery to these addresses in the owner's mailings, or without one in anybody's; their rows locked.

    To be called before the suppression is written: what a worker records about one of them comes before, and is found
    here, or after, and sees the suppression. The mailings are share-locked: pages count under that lock.
    """
    under_way = Mailing.objects.filter(status__in=[Mailing.Status.SENDING, Mailing.Status.PAUSED])
    if owner_id is not None:
        under_way = under_way.filter(owner=owner_id)
    open_ones = Delivery.objects.filter(address_key__in=keys, state__in=Delivery.OPEN)
    found = open_ones.filter(mailing__in=list(under_way.values_list("pk", flat=True)))
    mailing_ids = set(found.values_list("mailing", flat=True))
    if not mailing_ids:
        return []
    windows_under_share_lock(mailing_ids)
    locked = open_ones.filter(mailing__in=mailing_ids).select_for_update(of=("self",))
    return list(locked.order_by("pk"))


def skip_waiting(found: Sequence[Delivery], reason: str) -> None:
    """Of what `lock_open` found skip what waits. What a worker holds follows when it gives it back."""
    waiting = [delivery for delivery in found if delivery.state in Delivery.WAITING]
    if not waiting:
        return
    skip(waiting, {delivery.address_key: reason for delivery in waiting}, PAGES)
    for mailing_id in {delivery.mailing_id for delivery in waiting}:
        publish_on_commit(mailing_id)
