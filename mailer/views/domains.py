"""Would mail from a domain pass: the page comes at once, the report when the DNS has answered."""

from __future__ import annotations

from allauth.core import ratelimit
from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core.access import SignedInRequest
from core.people import may_send
from mailer.domains.check import check_domain
from mailer.domains.names import domain_of, is_domain
from mailer.forms.domains import DomainForm


@require_safe
async def domain_page(request: SignedInRequest) -> HttpResponse:
    """The form; with a domain given, the place in which its report appears."""
    await _refuse_who_may_not_send(request)
    form = DomainForm(request.GET if "domain" in request.GET else None, initial={"domain": _our_domain()})
    asked = form.cleaned_data if form.is_bound and form.is_valid() else None
    return render(request, "mailer/domains/page.html", {"form": form, "asked": asked})


@require_POST
@never_cache
async def domain_report(request: SignedInRequest) -> HttpResponse:
    """What the DNS says, within ten seconds: for htmx the report alone, as a page for whoever has no JavaScript."""
    await _refuse_who_may_not_send(request)
    form = DomainForm(request.POST)
    if not form.is_valid():
        return redirect("domain_page")
    asked = form.cleaned_data
    is_allowed = await sync_to_async(ratelimit.consume)(request, action="check_domain", user=request.user)
    report = await check_domain(asked["domain"], selector=asked["selector"]) if is_allowed else None
    context = {"form": form, "report": report, "is_refused": not is_allowed}
    template = "mailer/domains/_report.html" if request.headers.get("HX-Request") else "mailer/domains/page.html"
    return render(request, template, context, status=200 if is_allowed else 429)


async def _refuse_who_may_not_send(request: SignedInRequest) -> None:
    if not await sync_to_async(may_send)(request.user):
        raise Http404


def _our_domain() -> str:
    domain = domain_of(settings.DEFAULT_FROM_EMAIL)
    return domain if is_domain(domain) else ""
