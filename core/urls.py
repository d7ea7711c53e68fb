from __future__ import annotations

from django.urls import path, re_path

from core.views import confirmation, invitations, settings

urlpatterns = [
    path("settings/", settings.account_settings, name="settings"),
    path("language/", settings.set_language, name="set_language"),
    path("account/confirm-email/resend/", confirmation.resend_confirmation, name="resend_confirmation"),
    re_path(
        r"^account/confirm-email/(?P<key>[-:\w]+)/$",
        confirmation.ConfirmEmailView.as_view(),
        name="account_confirm_email",  # allauth's own comes after it
    ),
    path("account/invite/", invitations.invite_user, name="invite_user"),
    path("account/invitation/<str:token>/", invitations.accept_invitation, name="accept_invitation"),
]
