from __future__ import annotations

from allauth.account.adapter import get_adapter
from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from core.access import SignedInRequest
from core.async_forms import ais_valid
from core.forms.accounts import InvitationForm
from core.invitations import VALID_FOR, InvalidInvitation, UsedInvitation, invite, invited_address


@require_http_methods(["GET", "HEAD", "POST"])
async def invite_user(request: SignedInRequest) -> HttpResponse:
    if not request.user.is_superuser:
        raise Http404
    form = InvitationForm(request.POST or None)
    if request.method == "POST" and await ais_valid(form):
        address = form.cleaned_data["email"]
        await sync_to_async(invite)(address, request.user)
        messages.success(request, _("The invitation is on its way to %(address)s.") % {"address": address})
        return redirect("invite_user")
    return render(request, "account/invite.html", {"form": form, "days": VALID_FOR.days})


@require_safe
@never_cache
@login_not_required
async def accept_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """To the sign-up form, with the address given. Nothing changes but the visitor's own session."""
    try:
        address = await sync_to_async(invited_address)(token)
    except InvalidInvitation:
        return render(request, "account/invitation_over.html", {"days": VALID_FOR.days}, status=410)
    except UsedInvitation:
        return render(request, "account/invitation_over.html", {"used": True}, status=410)
    if (await request.auser()).is_authenticated:
        messages.info(request, _("You have an account already. To use the invitation, sign out first."))
        return redirect("home")
    await sync_to_async(get_adapter().stash_verified_email)(request, address)
    return redirect("account_signup")
