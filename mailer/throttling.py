"""How fast mailings may go, as people set it: for one of them, or for the whole site."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from core.models import User
from mailer.delivery.events import publish_on_commit
from mailer.locks import locked_mailing
from mailer.models import AuditEntry, Mailing, Throttle
from mailer.rates import Rate, tightest

ACTION = "throttle"
NO_LIMIT = "no_limit"  # as audit entries keep it


@dataclass(frozen=True, slots=True)
class HeldTo:
    """The limits that a mailing is under."""

    own: Rate | None
    site: Rate | None

    @property
    def rate(self) -> Rate | None:
        """The one that it notices."""
        return tightest(self.own, self.site)

    @property
    def is_by_site(self) -> bool:
        return self.site is not None and self.rate != self.own


def site_rate() -> Rate | None:
    return _rate(None)


def held_to(mailing_id: int) -> HeldTo:
    return HeldTo(_rate(mailing_id), site_rate())


def _rate(mailing_id: int | None) -> Rate | None:
    throttle = Throttle.objects.filter(mailing=mailing_id).first()
    return throttle.rate if throttle else None


@transaction.atomic
def set_rate(actor: User, rate: Rate | None, mailing: Mailing | None) -> None:
    """Hold the mailing, or without one the site, to this rate, or let it go; who did it is written down.

    Claims follow within a second. The mailing is locked before the throttle, as by whoever edits or deletes it. Raises
    Mailing.DoesNotExist.
    """
    if mailing is not None:
        locked_mailing(mailing.pk)
    before = _replaced(rate, mailing)
    if before == rate:
        return
    words = [value.code if value else NO_LIMIT for value in (before, rate)]
    AuditEntry.objects.create(actor=actor, action=ACTION, mailing=mailing, before=words[0], after=words[1])
    if mailing is not None:
        publish_on_commit(mailing.pk)


def _replaced(rate: Rate | None, mailing: Mailing | None) -> Rate | None:
    """The rate that was in force until now."""
    throttles = Throttle.objects.select_for_update(no_key=True)
    if rate is None:
        throttle = throttles.filter(mailing=mailing).first()
        if throttle:
            throttle.delete()
        return throttle.rate if throttle else None
    throttle, is_new = throttles.get_or_create(mailing=mailing, defaults={"most": rate.most, "period": rate.period})
    before = None if is_new else throttle.rate
    Throttle.objects.filter(pk=throttle.pk).update(most=rate.most, period=rate.period)
    return before
