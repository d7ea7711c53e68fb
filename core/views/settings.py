"""What people choose for themselves: their account's settings, and the language of the page."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views import i18n
from django.views.decorators.http import require_http_methods, require_POST

from core.access import SignedInRequest
from core.async_forms import save_valid
from core.forms.settings import SettingsForm
from core.models import User
from core.preferences import is_spoken


@require_http_methods(["GET", "HEAD", "POST"])
async def account_settings(request: SignedInRequest) -> HttpResponse:
    # A copy: what an invalid form wrote on its object must not show up elsewhere on the page.
    user = await User.objects.aget(pk=request.user.pk)
    form = SettingsForm(request.POST if request.method == "POST" else None, instance=user)
    if request.method == "POST" and await save_valid(form):
        with translation.override(user.language or translation.get_language()):
            messages.success(request, _("Saved."))
        return redirect("settings")
    return render(request, "core/settings.html", {"form": form})


@login_not_required
@require_POST
async def set_language(request: HttpRequest) -> HttpResponse:
    """Django's own, which keeps the choice in a cookie; of who is signed in, their account keeps it too."""
    language = request.POST.get("language", "")
    if isinstance(request.user, User) and is_spoken(language):
        await User.objects.filter(pk=request.user.pk).aupdate(language=language)
    return i18n.set_language(request)
