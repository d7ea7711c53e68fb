from __future__ import annotations

from django.urls import path

from core.views import settings

urlpatterns = [
    path("settings/", settings.account_settings, name="settings"),
    path("language/", settings.set_language, name="set_language"),
]
