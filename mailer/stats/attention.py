"""What a person should look at, each with the page where something can be done about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Q, QuerySet, Sum
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.clock import db_now
from mailer.delivery.allowance import owners_held_back
from mailer.models import Delivery, Mailing
from mailer.reasons import WINDOW_ENDED

MOST = 20  # of each kind, the newest
CLOSED_WITHIN = timedelta(days=7)

Status = Mailing.Status
State = Delivery.State


@dataclass(frozen=True)
class Attention:
    """A mailing, a word for what is the matter and its colour (a class of the style sheet), a sentence, a link."""

    mailing: Mailing
    word: str
    tone: str
    sentence: str
    url: str


def needs_attention(mailings: QuerySet[Mailing]) -> list[Attention]:
    """What is the matter with these mailings, the most pressing kind first. Messages and owners come along."""
    described = mailings.select_related("message", "owner").order_by("-pk")
    return [found for kind in KINDS for found in kind(described)]


def _stopped_by_an_error(mailings: QuerySet[Mailing]) -> list[Attention]:
    """Paused, or made drafts again before they began."""
    stopped = mailings.filter(~Q(status_reason="", status_words=""), status__in=[Status.PAUSED, Status.DRAFT])
    return [
        Attention(mailing, mailing.get_status_display(), "status-paused", str(mailing.why), _page(mailing))
        for mailing in stopped[:MOST]
    ]


def _held_back(mailings: QuerySet[Mailing]) -> list[Attention]:
    sending = list(mailings.filter(status=Status.SENDING)[:MOST])
    owners = owners_held_back((mailing.owner_id for mailing in sending), db_now())
    if settings.SENDING_REQUIRES_APPROVAL:
        word, sentence = _("Waiting for approval"), _("A new account sends nothing before a manager allows it.")
    else:
        word, sentence = _("The day’s cap is reached"), _("More goes tomorrow, or once a manager lifts the cap.")
    return [
        Attention(mailing, word, "status-paused", sentence, _page(mailing))
        for mailing in sending
        if mailing.owner_id in owners
    ]


def _uncertain(mailings: QuerySet[Mailing]) -> list[Attention]:
    counted = mailings.filter(counts__state=State.UNCERTAIN).annotate(uncertain=Sum("counts__n"))
    return [
        _by_state(mailing, State.UNCERTAIN, _uncertain_sentence(mailing.uncertain))
        for mailing in counted.filter(uncertain__gt=0)[:MOST]
    ]


def _uncertain_sentence(n: int) -> str:
    return ngettext(
        "%(n)s delivery is uncertain: it may have arrived or not.",
        "%(n)s deliveries are uncertain: they may have arrived or not.",
        n,
    ) % {"n": number_format(n, force_grouping=True)}


def _closed_with_mail_left(mailings: QuerySet[Mailing]) -> list[Attention]:
    ended = mailings.filter(status=Status.COMPLETED, status_reason=WINDOW_ENDED, ends_at__gt=db_now() - CLOSED_WITHIN)
    return [_by_state(mailing, State.EXPIRED, str(mailing.why)) for mailing in ended[:MOST]]


KINDS: tuple[Callable[[QuerySet[Mailing]], list[Attention]], ...] = (
    _stopped_by_an_error,
    _held_back,
    _uncertain,
    _closed_with_mail_left,
)


def _by_state(mailing: Mailing, state: Delivery.State, sentence: str) -> Attention:
    """About the mailing's deliveries in a state: the link leads to them."""
    url = f"{reverse('delivery_list', args=[mailing.pk])}?state={state.value}"
    return Attention(mailing, str(state.label), f"state-{state.value}", sentence, url)


def _page(mailing: Mailing) -> str:
    return reverse("mailing_detail", args=[mailing.pk])
