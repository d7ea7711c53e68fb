from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.access import SignedInRequest, visible_to
from core.models import User
from mailer import stats
from mailer.models import Mailing
from mailer.views.mailings import segments

SHOWN = 5


@require_safe
async def home(request: SignedInRequest) -> HttpResponse:
    return render(request, "mailer/home.html", await sync_to_async(_overview)(request.user))


def _overview(user: User) -> dict[str, Any]:
    """The user's figures, what is under way and what starts next, read in one go."""
    mailings = visible_to(user, Mailing.objects.select_related("message"))
    under_way = list(
        mailings.filter(status__in=[Mailing.Status.SENDING, Mailing.Status.PAUSED]).order_by("-pk")[:SHOWN]
    )
    counts = stats.delivery_counts([mailing.pk for mailing in under_way])
    return {
        "figures": stats.home_figures(user),
        "under_way": [(mailing, segments(counts[mailing.pk])) for mailing in under_way],
        "next_up": list(mailings.filter(status=Mailing.Status.SCHEDULED).order_by("starts_at")[:SHOWN]),
        "notice": stats.sender_notice(),
        "has_messages": user.mail_messages.exists(),
    }
