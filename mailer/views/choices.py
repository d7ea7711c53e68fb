"""A person's choices about what was not sent, or is not known: asked first, done once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import aget_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from core.access import SignedInRequest, owned
from mailer.delivery.choices import MOVES, Act, decide, last_decision, needs_new_end
from mailer.delivery.transitions import TransitionRefused
from mailer.forms.mailings import ChoiceForm
from mailer.models import Decision, Delivery, Mailing
from mailer.search import matching


@dataclass(frozen=True)
class Question:
    """What is to be chosen, for which of the mailing's deliveries, and the page to go back to."""

    mailing: Mailing
    choice: str
    among: QuerySet[Delivery]
    back_url: str
    delivery: Delivery | None = None
    search: str = ""


@require_http_methods(["GET", "HEAD", "POST"])
async def choose(request: SignedInRequest, pk: int, choice: str) -> HttpResponse:
    """For all deliveries that the choice is about, or for those of them that ?q= finds."""
    mailing = await owned(request, Mailing.objects.select_related("message"), pk)
    search = request.GET.get("q", "").strip()
    among = matching(Delivery.objects.all(), search, "email", "full_name")
    back_url = reverse("mailing_detail", args=[pk])
    return await _ask_or_do(request, Question(mailing, choice, among, back_url, search=search))


@require_http_methods(["GET", "HEAD", "POST"])
async def choose_one(request: SignedInRequest, pk: int, delivery_pk: int, choice: str) -> HttpResponse:
    mailing = await owned(request, Mailing.objects.select_related("message"), pk)
    delivery = await aget_object_or_404(Delivery, mailing=mailing, pk=delivery_pk)
    among, back_url = Delivery.objects.filter(pk=delivery_pk), reverse("delivery_detail", args=[pk, delivery_pk])
    return await _ask_or_do(request, Question(mailing, choice, among, back_url, delivery))


async def _ask_or_do(request: SignedInRequest, question: Question) -> HttpResponse:
    """POST does it. GET asks first, and so does a POST without the new end that it needs."""
    if question.choice not in MOVES:
        raise Http404
    context = await sync_to_async(_handle)(request, question)
    return render(request, "mailer/mailings/choose.html", context) if context else redirect(question.back_url)


def _handle(request: SignedInRequest, question: Question) -> dict[str, Any] | None:
    """What the page that asks shows, or None where there is nothing to ask (any more)."""
    mailing, choice = question.mailing, question.choice
    seen, needs_end = last_decision(mailing.pk), needs_new_end(mailing, choice)
    form = ChoiceForm(request.POST if request.method == "POST" else None, seen=seen, needs_end=needs_end)
    if form.is_bound and form.is_valid():
        _do(request, question, form.cleaned_data)
        return None
    if "seen" in form.errors:
        form = ChoiceForm(seen=seen, needs_end=needs_end)
    act = Act(mailing.pk, choice, request.user, question.among, seen)
    n = act.found().count()
    if not n:
        messages.info(request, _nothing_left(act))
        return None
    return {"mailing": mailing, "choice": choice, "question": question, "n": n, "form": form}


def _do(request: SignedInRequest, question: Question, answer: dict[str, Any]) -> None:
    act = Act(question.mailing.pk, question.choice, request.user, question.among, answer["seen"])
    try:
        n = decide(act, answer.get("ends_at"))
    except TransitionRefused as refused:
        messages.error(request, str(refused))
        return
    if n == 0:
        messages.info(request, _nothing_left(act))
    elif question.choice == Decision.Choice.TREAT_AS_SENT:
        counted = ngettext("%(n)d delivery counts as sent now.", "%(n)d deliveries count as sent now.", n)
        messages.success(request, counted % {"n": n})
    else:
        queued = ngettext("%(n)d delivery is queued again.", "%(n)d deliveries are queued again.", n)
        messages.success(request, queued % {"n": n})


def _nothing_left(act: Act) -> str:
    if act.about().exists():
        return _(
            "Nothing was queued: the addresses that are left are suppressed, and get no mail until that is lifted."
        )
    return _("There is nothing left to do: it has been done already, or things have changed meanwhile.")
