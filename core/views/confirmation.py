"""Confirming an address: allauth's page with words for every link, and the mail again for whoever did not get it."""

from __future__ import annotations

from typing import Any

from allauth.account import app_settings, views
from allauth.account.models import EmailAddress
from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from core.confirmation import send_confirmation
from core.forms.accounts import ConfirmationForm


class ConfirmEmailView(views.ConfirmEmailView):
    """A GET shows the address and a button, so that a mail scanner confirms nothing; the POST confirms."""

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().post(*args, **kwargs)
        except Http404:  # clicked twice, or left open for days
            return self.get(*args, **kwargs)

    def logout_other_user(self, confirmation: Any) -> None:
        """Whoever is signed in to another account stays so until they confirm."""
        if self.request.method == "POST":
            super().logout_other_user(confirmation)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        confirmed = self.object is None and _is_confirmed(self.kwargs["key"])
        return super().get_context_data(**kwargs) | {"already_confirmed": confirmed}


def _is_confirmed(key: str) -> bool:
    """Whether the link was right once, and has done its work."""
    try:
        pk = signing.loads(key, salt=app_settings.SALT)
    except signing.BadSignature:
        return False
    return EmailAddress.objects.filter(pk=pk, verified=True).exists()


@require_http_methods(["GET", "HEAD", "POST"])
@login_not_required
async def resend_confirmation(request: HttpRequest) -> HttpResponse:
    """The answer is the same for every address; the mail tells its reader how matters stand."""
    form = ConfirmationForm(request.POST or None, initial={"email": await request.session.aget("confirming")})
    if request.method == "POST" and form.is_valid():
        address = form.cleaned_data["email"]
        await request.session.aset("confirming", address)
        if not await sync_to_async(send_confirmation)(request, address):
            messages.warning(
                request, _("%(email)s was sent mails moments ago. Please wait ten minutes.") % {"email": address}
            )
        return redirect("account_email_verification_sent")
    return render(request, "account/resend_confirmation.html", {"form": form})
