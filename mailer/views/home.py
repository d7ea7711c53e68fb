from __future__ import annotations

from typing import Any, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from core.access import EVERYBODY, SignedInRequest, listed, whose
from core.clock import db_now
from core.models import User
from mailer.models import Attempt, Mailing
from mailer.stats.attention import needs_attention
from mailer.stats.days import Day, last_days
from mailer.stats.figures import overview, public_figures
from mailer.stats.progress import Standing, sender_notice, standings
from mailer.views.mailings import Segments, segments

SHOWN = 5


@login_not_required
@require_safe
async def home(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        context = {"figures": await sync_to_async(public_figures)(), "signup_enabled": settings.SIGNUP_ENABLED}
        return render(request, "mailer/welcome.html", context)
    return render(request, "mailer/home.html", await sync_to_async(_home)(cast("SignedInRequest", request)))


def _home(request: SignedInRequest) -> dict[str, Any]:
    """What the page shows, read in one go."""
    chosen = whose(request, Mailing)
    mailings = listed(request, Mailing.objects.select_related("message", "owner"))
    counted = overview(None if chosen == EVERYBODY else request.user)
    return {
        "whose": chosen,
        "figures": counted.figures,
        "steps": _steps(request.user) if chosen != EVERYBODY else None,
        "attention": needs_attention(mailings),
        "under_way": _under_way(mailings),
        "next_up": list(mailings.filter(status=Mailing.Status.SCHEDULED).order_by("starts_at", "pk")[:SHOWN]),
        "chart": _chart(last_days(counted.hours, timezone.localdate(db_now()))),
        "notice": sender_notice(),
        "zone": timezone.get_current_timezone_name(),
    }


def _steps(user: User) -> dict[str, bool] | None:
    """Which steps to the first mailing are done; None for who has made one."""
    if user.mailings.exists():
        return None
    return {"recipients": user.recipients.exists(), "messages": user.mail_messages.exists()}


def _under_way(mailings: QuerySet[Mailing]) -> list[tuple[Mailing, Standing, Segments]]:
    begun = mailings.filter(status__in=[Mailing.Status.SENDING, Mailing.Status.PAUSED])
    shown = list(begun.order_by("-status", "-pk")[:SHOWN])  # sending before paused
    found = standings([mailing.pk for mailing in shown])
    return [(mailing, found[mailing.pk], segments(found[mailing.pk].counts)) for mailing in shown]


def _chart(days: list[Day]) -> dict[str, Any]:
    """What the drawing, its legend and its table need."""
    statuses = Attempt.Status.choices
    return {
        "days": [day for day in reversed(days) if day.total],
        "drawn": [[day.date.isoformat(), day.success, day.failure, day.uncertain] for day in days],
        "totals": [(status, label, sum(getattr(day, status) for day in days)) for status, label in statuses],
    }
